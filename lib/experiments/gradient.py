"""Label flipping and optimization-based unlearning, naive and with layer-wise partial updates."""

from copy import deepcopy
from typing import Any

from torch import nn

from lib.data import Dataset
from lib.experiments.common import load_data, measure, point, row
from lib.experiments.store import Config
from lib.experiments.trained import trained_model
from lib.masks import SelectionMask, depth_schedule
from lib.metrics import Accuracy
from lib.state import Layout
from lib.training import make_optimizer
from lib.unlearners.gradient import ASCEND, DESCEND, flipped_labels, retrain_on_target


def unlearn(
    config: Config, method: dict[str, Any], model: nn.Module, data: Dataset
) -> list[Accuracy]:
    """Unlearn a copy of the model by one method; return its accuracy after every step."""
    target = data.train.subset(data.train.of_class(config["target"]))
    copy = deepcopy(model)
    layout = Layout.of(copy)
    fractions = depth_schedule(method["first"], method["last"], len(layout.layers))
    labels, sign = target.labels, ASCEND
    if config["experiment"] == "label_flipping":
        labels = flipped_labels(labels, classes=len(data.classes), seed=config["seed"])
        sign = DESCEND
    path: list[Accuracy] = []
    retrain_on_target(
        copy,
        target.images,
        labels,
        sign=sign,
        optimizer=make_optimizer(method["optimizer"], copy, learning_rate=method["learning_rate"]),
        selection=SelectionMask.draw(layout, fractions, seed=config["seed"]),
        epochs=method["epochs"],
        after_step=lambda _: path.append(measure(config, copy, data)),
    )
    return path


def run(config: Config) -> dict[str, Any]:
    """Unlearn one trained model by both methods.

    Returns:
        ``rows`` (trained, baseline, proposed) and ``curves``: D_t and D_r after every step.
    """
    data = load_data(config)
    model = trained_model(config, data)
    trained = measure(config, model, data)
    paths = {name: unlearn(config, config[name], model, data) for name in ("baseline", "proposed")}
    return {
        "rows": [
            row(config, "trained", trained),
            *(row(config, name, path[-1]) for name, path in paths.items()),
        ],
        "curves": {name: [point(trained), *map(point, path)] for name, path in paths.items()},
    }
