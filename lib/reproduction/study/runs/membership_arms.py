"""The paper's methods and their baselines from one trained model, each where it has forgotten."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn

from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.amnesiac import prune
from reproduction.study.configs import ArmsConfig
from reproduction.study.measures.membership import label_logits
from reproduction.study.runs.forgotten import NAMES
from reproduction.study.runs.gradient import gradient_path
from reproduction.study.runs.paths import subtraction
from reproduction.study.runs.setup import pruning_mask
from reproduction.study.runs.strength import Goal, Measure, Point, walk

SUBTRACTED = "all subtracted"
"""Follows the name of an amnesiac method where everything is, whether it was enough or not."""


class Ending(NamedTuple):
    """Where a method ends: flat weights ``(size,)``, and whether it has forgotten enough there."""

    method: str
    weights: Tensor
    reached: bool


def subtracted(config: ArmsConfig, model: nn.Module, update: Tensor) -> dict[str, Tensor]:
    """What each amnesiac method subtracts of the affected updates' sum ``(size,)``.

    Statistics of batch normalisation are left as they were trained.
    """
    update = update * Layout.of(model).is_weight.to(update.device)
    kept = pruning_mask(config.pruning, model, config.seed).kept()
    return {"amnesiac": update, "partial amnesiac": prune(update, kept)}


def endings(
    config: ArmsConfig,
    model: nn.Module,
    update: Tensor,
    request: Split,
    *,
    classes: int,
    measure: Measure,
    level: float,
) -> Iterator[Ending]:
    """Each method where it first has forgotten enough, amnesiac ones also at their own end.

    One that never gets there ends where its path does.

    Args:
        config: which arms there are.
        model: the trained one; stays as it is.
        update: the sum of the affected updates, ``(size,)``.
        request: what is to be forgotten.
        classes: number of classes.
        measure: of flat weights, falling while a model forgets.
        level: enough is forgotten where the measure is at most this.
    """
    layout, goal = Layout.of(model), Goal("request", level)
    updates = subtracted(config, model, update)
    for name, part in updates.items():
        yield Ending(f"{name}, {SUBTRACTED}", layout.vector(model) - part, True)
    paths = {name: subtraction(model, part) for name, part in updates.items()}
    paths |= _gradient_paths(config, model, request, classes)
    for name, path in paths.items():
        found = walk(path, {"request": measure}, [goal])
        assert found.last is not None, "a trained model has finite weights"
        point, _ = found.reached.get(goal, (found.last, 0.0))
        yield Ending(name, point.weights, goal in found.reached)


def _gradient_paths(
    config: ArmsConfig, model: nn.Module, request: Split, classes: int
) -> dict[str, Iterator[Point]]:
    return {
        NAMES[family, arm]: gradient_path(
            model,
            request,
            settings,
            family=family,
            classes=classes,
            seed=config.seed,
            max_steps=config.max_steps,
        )
        for family, arms in config.gradient.items()
        for arm, settings in arms.items()
    }


def mean_logit(model: nn.Module, images: Split) -> float:
    """The mean label logit: how sure a model is of the labels of these images."""
    return label_logits(model, images.images, images.labels).mean().item()
