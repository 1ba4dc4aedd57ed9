"""Unlearning as a path from the trained model, and where the path first forgets enough.

Every method has a strength: the part l of an update that is subtracted, or a number of gradient
steps. Between two points of its path the weights lie on a straight line, w(l) = w0 + l (w1 - w0),
so that methods are compared where they have forgotten equally much, and none overshoots.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

HALVINGS = 12
"""Of the interval in which a level is crossed, at most: to 1/4096 of a segment."""

CLOSE = 0.95
"""A point counts as at its level from this part of the level on."""

Measure = Callable[[Tensor], float]
"""Of flat weights ``(size,)``, the share of target images that are still recognised, in percent."""


class Point(NamedTuple):
    """Weights on the path, flat ``(size,)``, and the strength that led there."""

    strength: float
    weights: Tensor


class Goal(NamedTuple):
    """At most ``level`` percent of the target images recognised, ``on`` those trained or tested."""

    on: str
    level: float


@dataclass
class Segment:
    """The straight line between two points of a path, with what was measured on it.

    Attributes:
        start: before any goal that lies on this segment is reached.
        end: after.
        measure: of the weights.
        values: position l on the line, 0..1 -> measured.
    """

    start: Point
    end: Point
    measure: Measure
    values: dict[float, float] = field(default_factory=dict)

    def at(self, position: float) -> Point:
        """The point at l: the ends themselves, not rounded, at 0 and 1."""
        if position in (0.0, 1.0):
            return self.end if position else self.start
        between = torch.lerp(self.start.weights, self.end.weights, position)
        step = self.end.strength - self.start.strength
        return Point(self.start.strength + position * step, between)

    def crossing(self, level: float) -> tuple[Point, float]:
        """The first point found by halving that is at or just below the level, and its value.

        The end must be at or below the level. Where a path goes up and down again between points
        that were measured, the first of those below the level counts.
        """
        for _ in range(HALVINGS):
            high = min(place for place, value in self.values.items() if value <= level)
            lower = [place for place in self.values if place < high]
            if not lower or 0 < CLOSE * level <= self.values[high]:
                break
            middle = (max(lower) + high) / 2
            self.values[middle] = self.measure(self.at(middle).weights)
        high = min(place for place, value in self.values.items() if value <= level)
        return self.at(high), self.values[high]


@dataclass
class Walk:
    """What was found along a path.

    Attributes:
        reached: goal -> the point where it is first met, and the share recognised there.
        lowest: for the images trained and tested, the least share recognised at any point.
        last: the last point that was looked at.
    """

    reached: dict[Goal, tuple[Point, float]] = field(default_factory=dict)
    lowest: dict[str, float] = field(default_factory=dict)
    last: Point | None = None


def walk(path: Iterable[Point], measures: Mapping[str, Measure], goals: Sequence[Goal]) -> Walk:
    """Follow a path until every goal is met, or to its end.

    A path that leaves the finite numbers ends there; what it did not reach stays unreached.

    Args:
        path: from the trained model, at strength 0, on.
        measures: by the images that a goal may be ``on``.
        goals: looked for.
    """
    found, before, values_before = Walk(), None, {}
    for point in path:
        if not point.weights.isfinite().all():
            break
        values = {on: measure(point.weights) for on, measure in measures.items()}
        found.lowest = {on: min(v, found.lowest.get(on, v)) for on, v in values.items()}
        found.last = point
        ends = (before or point, point)
        segments = {
            on: Segment(*ends, measures[on], {0.0: values_before.get(on, v), 1.0: v})
            for on, v in values.items()
        }
        for goal in goals:
            if goal not in found.reached and values[goal.on] <= goal.level:
                found.reached[goal] = segments[goal.on].crossing(goal.level)
        if len(found.reached) == len(set(goals)):
            break
        before, values_before = point, values
    return found
