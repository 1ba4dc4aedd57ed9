"""Timing of alternatives side by side, so that other load on the machine meets them alike."""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pandas as pd


def alternate(
    sides: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    calls: int = 1,
    warmup: int = 1,
    prepare: Mapping[str, Callable[[], object]] = MappingProxyType({}),
) -> pd.DataFrame:
    """Time all sides in turn, so that whatever else goes on meets them alike.

    Args:
        sides: what to time, by name; who goes first changes from round to round.
        rounds: how many values to take.
        calls: of each side in a round, one after the other; for work that is done every few calls.
        warmup: rounds before the first value.
        prepare: for a side, what to do before its calls of a round; it is not timed.

    Returns:
        Seconds of one call, a column a side and a row a round.
    """
    taken = pd.DataFrame(index=range(warmup + rounds), columns=list(sides), dtype=float)
    for number in taken.index:
        for name in list(sides)[:: -1 if number % 2 else 1]:
            if name in prepare:
                prepare[name]()
            began = time.perf_counter()
            for _ in range(calls):
                sides[name]()
            taken.loc[number, name] = (time.perf_counter() - began) / calls
    return taken[warmup:]


def ratio(taken: pd.DataFrame, side: str, other: str) -> float:
    """How many times as long one side took as another: the median over the rounds."""
    return (taken[side] / taken[other]).median()
