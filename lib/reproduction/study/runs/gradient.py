"""Label flipping and optimization-based unlearning, naive and with layer-wise partial updates."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from torch import nn

from partial_unlearning.masks import SelectionMask, depth_schedule
from partial_unlearning.metrics import forgotten
from partial_unlearning.state import Layout
from partial_unlearning.system.files import write_atomic
from partial_unlearning.training import make_optimizer
from partial_unlearning.unlearners.gradient import (
    ASCEND,
    DESCEND,
    flipped_labels,
    unlearn_by_gradient,
)
from reproduction.datasets.sets import Dataset
from reproduction.study.cache import path_file
from reproduction.study.configs import Config, PairConfig
from reproduction.study.profiles import GradientSettings
from reproduction.study.runs.setup import accuracies, load_data, trained_model


def unlearn(
    config: Config,
    family: str,
    method: GradientSettings,
    model: nn.Module,
    data: Dataset,
    each: Callable[[nn.Module], None] = lambda model: None,
) -> tuple[nn.Module, int]:
    """Unlearn a copy of the model by one method, until the target data is forgotten.

    The family is "label_flipping" or "optimization"; ``each`` sees the copy after each step.

    Returns:
        The copy, and how many steps it took.
    """
    target = data.train.subset(data.train.of_class(config.target))
    copy, steps = deepcopy(model), 0
    layout = Layout.of(copy)
    labels, sign = target.labels, ASCEND
    if family == "label_flipping":
        labels, sign = flipped_labels(labels, classes=len(data.classes), seed=config.seed), DESCEND

    def enough(epoch: int) -> bool:
        nonlocal steps
        steps = epoch + 1
        each(copy)
        return forgotten(copy, target.images, target.labels)

    fractions = depth_schedule(method.first, method.last, len(layout.layers))
    unlearn_by_gradient(
        copy,
        target.images,
        labels,
        sign=sign,
        optimizer=make_optimizer(method.optimizer, copy, learning_rate=method.learning_rate),
        selection=SelectionMask.draw(layout, fractions, seed=config.seed),
        max_epochs=method.max_epochs,
        enough=enough,
    )
    return copy, steps


def _path(
    config: PairConfig, method: GradientSettings, model: nn.Module, data: Dataset
) -> list[dict[str, float]]:
    """Accuracies after every step of one method, from the cache or computed now."""
    file = path_file(config, method)
    if file.exists():
        return json.loads(file.read_text())
    path: list[dict[str, float]] = []

    def note(unlearned: nn.Module) -> None:
        path.append(accuracies(config, unlearned, data))

    unlearn(config, config.experiment, method, model, data, note)
    write_atomic(file, json.dumps(path))
    return path


def run(config: PairConfig) -> dict[str, Any]:
    """Unlearn one trained model by both methods.

    Returns:
        ``rows`` (trained, baseline, proposed) and ``curves``: D_t and D_r after every step.
    """
    data = load_data(config)
    model = trained_model(config, data)
    trained = accuracies(config, model, data)
    paths = {
        "baseline": [trained, *_path(config, config.baseline, model, data)],
        "proposed": [trained, *_path(config, config.proposed, model, data)],
    }
    ends = {"trained": trained, **{name: path[-1] for name, path in paths.items()}}
    return {
        "rows": [{"method": name, **end} for name, end in ends.items()],
        "curves": {
            name: [{key: step[key] for key in ("d_t", "d_r")} for step in path]
            for name, path in paths.items()
        },
    }
