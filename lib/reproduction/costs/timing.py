"""Timing of alternatives side by side, so that other load on the machine meets them alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType


@dataclass(frozen=True)
class Times:
    """Seconds that each side took for one call, a value a round."""

    rounds: dict[str, list[float]]

    def of(self, side: str) -> float:
        """Median seconds of one call."""
        return median(self.rounds[side])

    def ratio(self, side: str, other: str) -> float:
        """How many times as long one side took as another: the median over the rounds."""
        pairs = zip(self.rounds[side], self.rounds[other], strict=True)
        return median(one / another for one, another in pairs)


def alternate(
    sides: dict[str, Callable[[], object]],
    *,
    rounds: int,
    calls: int = 1,
    warmup: int = 1,
    prepare: Mapping[str, Callable[[], object]] = MappingProxyType({}),
) -> Times:
    """Time all sides in turn, so that whatever else goes on meets them alike.

    Args:
        sides: what to time, by name; who goes first changes from round to round.
        rounds: how many values to take.
        calls: of each side in a round, one after the other; for work that is done every few calls.
        warmup: rounds before the first value.
        prepare: for a side, what to do before its calls of a round; it is not timed.
    """
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(warmup + rounds):
        for name in list(sides)[:: -1 if number % 2 else 1]:
            if name in prepare:
                prepare[name]()
            began = time.perf_counter()
            for _ in range(calls):
                sides[name]()
            taken[name].append((time.perf_counter() - began) / calls)
    return Times({name: seconds[warmup:] for name, seconds in taken.items()})
