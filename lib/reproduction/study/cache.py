"""What several runs need is made once and kept in ``results/cache``.

The folder may be deleted at any time: everything in it is computed anew when it is missing. A
file is named by a hash of all that its content depends on.
"""

from pathlib import Path
from typing import Any

from reproduction import places
from reproduction.study.stored_runs import Config, run_hash

# All that plain training depends on.
_TRAINING = ("dataset", "source", "tuning", "target", "model", "width", "seed", "training")


def _named(kind: str, config: Config, depends_on: dict[str, Any], suffix: str) -> Path:
    parts = [kind, config["dataset"], config["model"], run_hash(depends_on)]
    return places.results() / "cache" / f"{'-'.join(parts)}{suffix}"


def weights_file(config: Config) -> Path:
    """The plainly trained model that a run starts from."""
    depends_on = {key: config[key] for key in _TRAINING if key in config}
    return _named("trained", config, depends_on, ".safetensors")


def path_file(config: Config, method: dict[str, Any]) -> Path:
    """Accuracy after every step of one gradient method, a row of ``tables.csv`` each."""
    keys = (*_TRAINING, "columns", "experiment")
    depends_on = {key: config[key] for key in keys if key in config}
    return _named(config["experiment"], config, {**depends_on, "method": method}, ".json")
