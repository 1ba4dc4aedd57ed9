"""Label flipping and optimization-based unlearning: the path of one arm's gradient steps."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from partial_unlearning.masks import SelectionMask, depth_schedule
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.gradient import (
    ASCEND,
    DESCEND,
    flipped_labels,
    gradient_step,
)
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import GradientConfig, GradientTrials
from reproduction.study.profiles import GradientArm, GradientSettings
from reproduction.study.runs.optimizers import make_optimizer
from reproduction.study.runs.paths import Scale, evenly, goals_of
from reproduction.study.runs.setup import load_data, trained_model
from reproduction.study.runs.strength import Point


def fractions_of(arm: GradientArm, layers: int) -> list[float]:
    """The fraction of each layer that moves, or of the learning rate it moves at."""
    if arm.form == "last_layer":
        return [0.0] * (layers - 1) + [1.0]
    return depth_schedule(arm.fraction_first, arm.fraction_last, layers)


def _layer_rates(layout: Layout, fractions: list[float]) -> Tensor:
    """The fraction of its layer for each entry of the flat vector, ``(size,)``."""
    sizes = torch.tensor(layout.layer_sizes)
    return torch.tensor(fractions, dtype=torch.float32).repeat_interleave(sizes)


def _batches(count: int, batch_size: int | None, seed: int) -> Iterator[Tensor]:
    """Positions of the target images of each step: all, or the next few in a random order."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(count, generator=generator) if batch_size else torch.arange(count)
        yield from order.split(batch_size or count)


def gradient_path(
    model: nn.Module,
    target: Split,
    method: GradientSettings,
    *,
    family: str,
    classes: int,
    seed: int,
    max_steps: int,
) -> Iterator[Point]:
    """The trained weights and those after each step of a method, on a copy of the model.

    Args:
        model: the trained one.
        target: the images to forget.
        method: its arm, optimizer and rate.
        family: "label_flipping" or "optimization".
        classes: number of classes.
        seed: of masks, flipped labels and minibatches.
        max_steps: after which the path ends.
    """
    copy = deepcopy(model).eval()
    layout, labels, sign = Layout.of(copy), target.labels, ASCEND
    if family == "label_flipping":
        labels, sign = flipped_labels(labels, classes=classes, seed=seed), DESCEND
    fractions = fractions_of(method, len(layout.layers))
    by_rate = method.form == "rates"
    moving = [1.0] * len(fractions) if by_rate else fractions
    selection = SelectionMask.draw(layout, moving, seed=seed)
    rates = _layer_rates(layout, fractions if by_rate else [1.0] * len(fractions))
    optimizer = make_optimizer(method.optimizer, copy, learning_rate=method.learning_rate)
    before = layout.vector(copy)
    yield Point(0, before)
    batches = _batches(len(target), method.batch_size, seed)
    for step, where in zip(range(max_steps), batches, strict=False):
        gradient_step(
            copy,
            target.images[where],
            labels[where],
            sign=sign,
            optimizer=optimizer,
            positions=selection.at(step),
        )
        after = layout.vector(copy)
        if by_rate:  # the same as a learning rate for each layer: neither optimizer decays weights
            after = torch.lerp(before, after, rates.to(after.device))
            layout.load(copy, after)
        yield Point(step + 1, after)
        before = after


def arm_path(
    config: GradientConfig | GradientTrials,
    data: Dataset,
    model: nn.Module,
    request: Tensor,
    method: GradientSettings,
    family: str,
) -> Iterator[Point]:
    """The path of a method of a family of gradient steps, with seed and length of a run.

    Args:
        config: of the run.
        data: its data set.
        model: the trained one.
        request: ids of the images to forget.
        method: its arm, optimizer and rate.
        family: "label_flipping" or "optimization".
    """
    return gradient_path(
        model,
        data.train.subset(request),
        method,
        family=family,
        classes=len(data.classes),
        seed=config.seed,
        max_steps=config.max_steps,
    )


def run(config: GradientConfig) -> dict[str, Any]:
    """Unlearn a trained model by one arm.

    Returns:
        ``rows``: the arm where it has the paper's D_t on test images; ``levels``: where it has
        forgotten enough; ``facts``: how many images are to be forgotten, and kept.
    """
    data = load_data(config)
    model = trained_model(config, data)
    request = data.train.of_class(config.target)
    path = arm_path(config, data, model, request, config, config.experiment)
    own_end = [] if config.published is None else [config.published]
    goals = goals_of(config.levels, [*config.test_levels, *own_end])
    scale = Scale(config, model, data, evenly(request, config.target_images))
    records = scale.records(config.arm, path, goals)
    ends = [r for r in records if r["on"] == "test" and r["level"] in own_end and r["reached"]]
    kept = ("method", "d_t", "d_r", "classes")
    facts = {"request": len(request), "retained": len(data.train) - len(request)}
    rows = [{name: end[name] for name in kept} for end in ends]
    return {"rows": rows, "levels": records, "facts": facts}
