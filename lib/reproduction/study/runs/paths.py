"""What an arm knows where it has forgotten enough: the records of a path."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from partial_unlearning.metrics import predict
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import Config
from reproduction.study.runs.setup import accuracies, measure
from reproduction.study.runs.strength import Goal, Measure, Point, Walk, walk

POINTS = 16
"""Of a subtraction's path, at which it is looked whether a level was crossed."""

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Where a subtraction's path is looked at that goes on beyond the whole of the update."""

Record = dict[str, Any]


def evenly(ids: Tensor, count: int | None) -> Tensor:
    """At most so many ids, at even distances; all of them when None."""
    if count is None or count >= len(ids):
        return ids
    return ids[torch.arange(count, device=ids.device) * len(ids) // count]


def subtraction(model: nn.Module, update: Tensor) -> Iterator[Point]:
    """W - l * update for l from 0 to 1, flat; nothing is subtracted from the model itself.

    Args:
        model: the trained one.
        update: zero where nothing is to be taken back, ``(size,)``.
    """
    trained = Layout.of(model).vector(model)
    for number in range(POINTS + 1):
        yield Point(number / POINTS, torch.add(trained, update, alpha=-number / POINTS))


def stretched(model: nn.Module, update: Tensor) -> Iterator[Point]:
    """As :func:`subtraction`, but on beyond 1: the little that is kept stands for all of it."""
    trained = Layout.of(model).vector(model)
    for strength in STRENGTHS:
        yield Point(strength, torch.add(trained, update, alpha=-strength))


class Activations:
    """What a model's last layer is given, image after image, while it is to be kept.

    Args:
        model: that ends in a fully connected layer.
    """

    def __init__(self, model: nn.Module) -> None:
        self.last = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
        self._parts: list[Tensor] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what the layer is given within this block."""
        keep = self.last.register_forward_pre_hook(lambda _, given: self._parts.append(given[0]))
        try:
            yield
        finally:
            keep.remove()

    def take(self) -> Tensor:
        """What was kept since the last time, ``(images, width)``."""
        parts, self._parts = self._parts, []
        return torch.cat(parts)


class Scale:
    """A copy of a model that weighs flat weights: what it recognises, and its accuracies.

    Args:
        config: of the run.
        model: whose architecture the weights belong to.
        data: to measure on.
        request: ids of the target images that were trained on and decide on a level.
    """

    def __init__(self, config: Config, model: nn.Module, data: Dataset, request: Tensor) -> None:
        self.config, self.data, self.model = config, data, deepcopy(model)
        self.layout = Layout.of(model)
        tested = data.evaluation.subset(data.evaluation.of_class(config.target))
        self.target = {"train": data.train.subset(request), "test": tested}
        self.hidden = Activations(self.model)
        with self.hidden.kept():
            measure(config, self.model, data)
        self.before = self.hidden.take()

    def load(self, weights: Tensor) -> nn.Module:
        """The model with these weights, until the next ones are loaded."""
        self.layout.load(self.model, weights)
        return self.model

    def _share(self, weights: Tensor, images: Split) -> float:
        hits = predict(self.load(weights), images.images) == images.labels
        return 100 * hits.double().mean().item()

    def recognised(self, on: str) -> Measure:
        """The share of target images recognised, of those trained on or of the test's."""
        return lambda weights: self._share(weights, self.target[on])

    def walk(self, path: Iterable[Point], goals: list[Goal]) -> Walk:
        """Follow a path with these goals; only what a goal is on is measured."""
        return walk(path, {goal.on: self.recognised(goal.on) for goal in goals}, goals)

    def record(self, arm: str, goal: Goal, found: Walk) -> Record:
        """How an arm stands at a goal; without accuracies where it does not get there."""
        head = {"method": arm, "on": goal.on, "level": goal.level}
        if goal not in found.reached:
            return {**head, "reached": False, "lowest": round(found.lowest[goal.on], 4)}
        point, value = found.reached[goal]
        with self.hidden.kept():
            known = accuracies(self.config, self.load(point.weights), self.data)
        alike = round(self._alike(self.hidden.take()), 4)
        where = {"strength": point.strength, "recognised": round(value, 4)}
        return {**head, "reached": True, **where, **known, "representation": alike}

    def _alike(self, now: Tensor) -> float:
        """How alike retained test images are represented as before, mean cosine in percent."""
        retained = self.data.evaluation.labels != self.config.target
        return 100 * cosine_similarity(now[retained], self.before[retained]).mean().item()

    def records(self, arm: str, path: Iterable[Point], goals: list[Goal]) -> list[Record]:
        """The records of an arm at all its goals."""
        found = self.walk(path, goals)
        return [self.record(arm, goal, found) for goal in goals]


def goals_of(levels: Iterable[float], test_levels: Iterable[float] = ()) -> list[Goal]:
    """Goals on trained target images, and on those of the test."""
    on_test = [Goal("test", level) for level in dict.fromkeys(test_levels)]
    return [Goal("train", level) for level in levels] + on_test
