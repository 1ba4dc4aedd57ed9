"""The model that the gradient families start from, before anything is forgotten."""

from typing import Any

from reproduction.study.configs import Config
from reproduction.study.runs.setup import load_data, rows_of, trained_model


def run(config: Config) -> dict[str, Any]:
    """Measure the plainly trained model: ``rows`` with the one row ``trained``."""
    data = load_data(config)
    return {"rows": rows_of(config, data, [("trained", trained_model(config, data))])}
