"""Figure 3: class activation maps before and after amnesiac and partial amnesiac unlearning."""

from copy import deepcopy
from dataclasses import asdict
from typing import Any

import torch
from partial_unlearning.batching import shuffled_plan
from partial_unlearning.errors import InputError
from partial_unlearning.masks import build_mask, keep_all
from partial_unlearning.metrics import predict
from partial_unlearning.recorders.recorders import RunningSums, UpdateRecorder
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.amnesiac import forget
from torch import Tensor, nn

from reproduction.checking.verdicts import interval
from reproduction.datasets.sets import Dataset
from reproduction.study.runs.grad_cam import class_maps, is_flat, scaled, similarity
from reproduction.study.runs.setup import (
    fresh_model,
    load_data,
    make_plan,
    measure,
    recorded,
    row,
    target_ids,
    train,
)
from reproduction.study.stored_runs import Config

REFERENCE, COMPARED = "trained", ("baseline", "proposed", "retrained", "untrained")
DRAWN = ("trained", "baseline", "proposed", "retrained")
CONFIDENCE = 0.95
EXAMPLES, EXAMPLE_CLASSES = 4, (8, 1)
"""How many example images are drawn; the classes that the paper shows come first."""


def _retrained(config: Config, data: Dataset) -> nn.Module:
    """A model from the same initial weights that never saw the target class."""
    retained = data.train.without(data.train.of_class(config["target"]))
    training = config["training"]
    plan = shuffled_plan(
        retained.ids.cpu(),
        batch_size=training["batch_size"],
        epochs=training["epochs"],
        seed=config["seed"],
    )
    return train(config, fresh_model(config, data), retained, plan)


def models_of(config: Config, data: Dataset) -> dict[str, nn.Module]:
    """The trained model, what either method makes of it, and two models for comparison."""
    plan = make_plan(config, data, config["protocol"])
    affected = plan.affected(target_ids(config, data, plan))
    steps = [step for epoch in affected for step in epoch]
    model = fresh_model(config, data)
    layout = Layout.of(model)
    pruning = config["pruning"]
    mask = build_mask(
        pruning["strategy"],
        layout,
        sparsity_first=pruning["first"],
        sparsity_last=pruning["last"],
        seed=config["seed"],
    )
    masks = {"baseline": keep_all(layout), "proposed": mask}
    logs = {name: RunningSums(layout.size, [steps]) for name in masks}
    recorders = [
        UpdateRecorder(recorded(config, layout, masks[name]), logs[name]) for name in masks
    ]
    train(config, model, data.train, plan, recorders)
    return {
        "trained": model,
        **{name: forget(deepcopy(model), log, steps) for name, log in logs.items()},
        "retrained": _retrained(config, data),
        "untrained": fresh_model(config, data),
    }


def compared_images(data: Dataset, *, target: int, count: int) -> Split:
    """Test images of retained classes, at even distances over the official order.

    Raises:
        InputError: fewer than 2 or more than there are images are asked for.
    """
    retained = data.evaluation.without(data.evaluation.of_class(target))
    if not 2 <= count <= len(retained):
        raise InputError(f"{count} images of retained classes, expected 2..{len(retained)}")
    return retained.subset(retained.ids[torch.arange(count) * len(retained) // count])


def example_images(config: Config, data: Dataset) -> Split:
    """The first test image of each of a few retained classes: nobody picked them by their maps."""
    wanted = dict.fromkeys((*EXAMPLE_CLASSES, *config["columns"]))
    classes = [label for label in wanted if label != config["target"]][:EXAMPLES]
    return data.evaluation.subset([data.evaluation.of_class(c)[0].item() for c in classes])


def _pictures(images: Split, models: dict[str, nn.Module]) -> list[dict[str, Any]]:
    """For each image its id and class and, by model, the class it is taken for and the map."""
    shown = {name: models[name] for name in DRAWN}
    maps = {name: scaled(class_maps(m, images.images, images.labels)) for name, m in shown.items()}
    taken = {name: predict(model, images.images).tolist() for name, model in shown.items()}
    return [
        {
            "image": images.ids[i].item(),
            "label": images.labels[i].item(),
            "predicted": {name: taken[name][i] for name in DRAWN},
            "maps": {name: _rounded(maps[name][i]) for name in DRAWN},
        }
        for i in range(len(images))
    ]


def _rounded(picture: Tensor) -> list[list[float]]:
    return [[round(value, 3) for value in line] for line in picture.tolist()]


def _summary(values: Tensor) -> dict[str, float]:
    """Mean over images with its 95 % interval (Student's t)."""
    return asdict(interval(values.tolist(), CONFIDENCE))


def run(config: Config) -> dict[str, Any]:
    """Train, unlearn by both methods, and compare the maps of many retained test images.

    Args:
        config: that of amnesiac unlearning with ``images``, how many maps to compare.

    Returns:
        ``rows`` of accuracies (trained, baseline, proposed, retrained); ``similarities``: the
        image ids and, by method, the similarity of each image's map to that of the trained model;
        ``facts``: by method the mean similarity with its interval over images, and how many maps
        are flat; the paired difference proposed minus baseline; ``maps``: a few examples to
        draw, each scaled to 0..1 by its own largest value.
    """
    data = load_data(config)
    images = compared_images(data, target=config["target"], count=config["images"])
    models = models_of(config, data)
    maps = {name: class_maps(m, images.images, images.labels) for name, m in models.items()}
    alike = {name: similarity(maps[REFERENCE], maps[name]) for name in COMPARED}
    return {
        "rows": [row(config, name, measure(config, models[name], data)) for name in DRAWN],
        "similarities": {
            "image": images.ids.tolist(),
            **{name: [round(value, 5) for value in alike[name].tolist()] for name in COMPARED},
        },
        "facts": {
            "similarity": {name: _summary(values) for name, values in alike.items()},
            "difference": _summary(alike["proposed"] - alike["baseline"]),
            "flat_maps": {name: int(is_flat(m).sum()) for name, m in maps.items()},
        },
        "maps": _pictures(example_images(config, data), models),
    }
