"""Figure 3: class activation maps before and after amnesiac and partial amnesiac unlearning."""

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError
from partial_unlearning.metrics import predict
from partial_unlearning.samples import Split
from reproduction import paper
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import MapsConfig
from reproduction.study.intervals import interval
from reproduction.study.runs.grad_cam import class_maps, is_flat, scaled, similarity
from reproduction.study.runs.recorded_training import record_training
from reproduction.study.runs.retrained import retrained_model
from reproduction.study.runs.setup import fresh_model, load_data, pruning_mask, rows_of

COMPARED = ("baseline", "proposed", "retrained", "untrained")
DRAWN = ("trained", "baseline", "proposed", "retrained")
EXAMPLES, EXAMPLE_CLASSES = 4, (8, 1)
"""How many example images are drawn; the classes that the paper shows come first."""


def models_of(config: MapsConfig, data: Dataset) -> dict[str, nn.Module]:
    """The trained model, what either method makes of it, and two models for comparison."""
    model = fresh_model(config, data)
    mask = pruning_mask(config.pruning, model, config.seed)
    recorded = record_training(
        config,
        data,
        model,
        config.target_placement,
        keep_buffers=config.buffers == "keep",
        masks={"proposed": mask},
        by_epoch=False,
    )
    return {
        "trained": model,
        "baseline": recorded.without(recorded.sums.sum(0)),
        "proposed": recorded.without(recorded.pruned["proposed"].sum(0)),
        "retrained": retrained_model(config, data),
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


def example_images(config: MapsConfig, data: Dataset) -> Split:
    """The first test image of each of a few retained classes: nobody picked them by their maps."""
    wanted = dict.fromkeys((*EXAMPLE_CLASSES, *paper.SHOWN[config.dataset]))
    classes = [label for label in wanted if label != config.target][:EXAMPLES]
    return data.evaluation.subset([data.evaluation.of_class(c)[0].item() for c in classes])


def _pictures(images: Split, models: dict[str, nn.Module]) -> list[dict[str, Any]]:
    """For each image its id and class and, by model, the class it is taken for and the map."""
    pictures: list[dict[str, Any]] = [
        {"image": number, "label": label, "predicted": {}, "maps": {}}
        for number, label in zip(images.ids.tolist(), images.labels.tolist(), strict=True)
    ]
    for name in DRAWN:
        taken = predict(models[name], images.images).tolist()
        maps = scaled(class_maps(models[name], images.images, images.labels)).tolist()
        for picture, label, lines in zip(pictures, taken, maps, strict=True):
            picture["predicted"][name] = label
            picture["maps"][name] = [[round(value, 3) for value in line] for line in lines]
    return pictures


def _summary(values: Tensor) -> dict[str, float]:
    """Mean over images with its 95 % interval (Student's t)."""
    return asdict(interval(values.tolist(), confidence=0.95))


def run(config: MapsConfig) -> dict[str, Any]:
    """Train, unlearn by both methods, and compare the maps of many retained test images.

    Returns:
        ``rows`` of accuracies (trained, baseline, proposed, retrained); ``similarities``: the
        image ids and, by method, the similarity of each image's map to that of the trained model;
        ``facts``: by method the mean similarity with its interval over images, and how many maps
        are flat; the paired difference proposed minus baseline; ``maps``: a few examples to
        draw, each scaled to 0..1 by its own largest value.
    """
    data = load_data(config)
    images = compared_images(data, target=config.target, count=config.images)
    models = models_of(config, data)
    maps = {name: class_maps(m, images.images, images.labels) for name, m in models.items()}
    alike = {name: similarity(maps["trained"], maps[name]) for name in COMPARED}
    return {
        "rows": rows_of(config, data, ((name, models[name]) for name in DRAWN)),
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
