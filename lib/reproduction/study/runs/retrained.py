"""The reference of all unlearning: a model trained from the same seed without the target data."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from partial_unlearning.batching import shuffled_plan
from partial_unlearning.training import Callback
from reproduction.datasets.sets import Dataset
from reproduction.study.cache import twin_file
from reproduction.study.configs import Config
from reproduction.study.runs.setup import (
    cached,
    fresh_model,
    history_of,
    keep,
    load_data,
    point,
    rows_of,
    train,
)


def retrained_model(config: Config, data: Dataset, callbacks: Sequence[Callback] = ()) -> nn.Module:
    """A model from the same initial weights that never saw the target class."""
    retained = data.train.without(data.train.of_class(config.target))
    size, epochs = config.training.batch_size, config.training.epochs
    plan = shuffled_plan(retained.ids.cpu(), batch_size=size, epochs=epochs, seed=config.seed)
    return train(config, fresh_model(config, data), retained, plan, callbacks)


def twin(config: Config, data: Dataset) -> nn.Module:
    """The same model, from the cache or trained now."""
    return cached(twin_file(config), config, data, retrained_model)


def run(config: Config) -> dict[str, Any]:
    """Train on the retained data alone and measure.

    Returns:
        ``rows`` with the one row ``retrained`` and the ``curves`` of its training.
    """
    data = load_data(config)
    history = history_of(config, data)
    model = retrained_model(config, data, [history])
    keep(twin_file(config), config, model)
    return {
        "rows": rows_of(config, data, [("retrained", model)]),
        "curves": {"training": [point(measured) for measured in history.curve]},
    }
