"""Exact tests of paired differences, and how many pairs a comparison would take.

If two methods are equally good, a pair's difference is as likely to be positive as negative. The
sign-flip test counts how many of all choices of signs give a sum as large as the one observed.
Several models are strata: the statistic is the sum over models of their mean differences. No test
asks for a distribution, only that pairs do not depend on each other.
"""

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np

RESOLUTION = 0.001
"""Points to which what a pair adds to the statistic is rounded, so that sums are integers.

A difference and its mirror image round alike, so the test of rounded data is exact as well.
"""

Strata = Sequence[Sequence[float]]
"""The differences of each model, in points, a pair each."""


def sign_flip(strata: Strata) -> tuple[float, float]:
    """The exact one-sided p-values of the stratified sign-flip test.

    Args:
        strata: differences of one model or of several; a stratum without pairs counts for nothing.

    Returns:
        The probabilities, over all choices of signs, of a statistic at least as large and at most
        as large as the one observed: 1 and 1 where there are no pairs.
    """
    return _p_values(tuple(_units([stratum for stratum in strata if len(stratum)]).tolist()))


@cache
def _p_values(units: tuple[int, ...]) -> tuple[float, float]:
    """Kept, since one comparison is a part of several claims, and shown on several pages.

    All signs turned give the mirrored sum, so that both tails are told by the small sums.
    """
    positive = sum(unit for unit in units if unit > 0)
    negative = positive - sum(units)
    chances = _chances([abs(unit) for unit in units], min(positive, negative))
    fewer = float(chances.sum())
    more = float(1 - fewer + chances[-1])
    return (fewer, more) if negative <= positive else (more, fewer)


def _units(strata: Strata) -> np.ndarray:
    """What each pair adds to the sum of means, in units of the resolution.

    All are scaled by the largest number of pairs, so that differences of one model are as given.
    """
    largest = max((len(stratum) for stratum in strata), default=0)
    parts = [np.asarray(s, dtype=float) * largest / len(s) / RESOLUTION for s in strata]
    return np.rint(np.concatenate([np.zeros(0), *parts])).astype(np.int64)


def _chances(sizes: Sequence[int], largest: int) -> np.ndarray:
    """How likely each sum up to the largest is of those sizes that draw a plus, by convolution.

    No rounding occurs: multiples of 2^-n are exact up to 52 pairs. The small sizes come first, so
    that the sums stay few for long.
    """
    chances = np.ones(1)
    for size in sorted(sizes):
        without = chances / 2
        chances = np.concatenate([without, np.zeros(size)])[: largest + 1]
        chances[size:] += without[: len(chances[size:])]
    return chances


def equivalence(differences: Sequence[float], margin: float) -> float:
    """The larger p-value of the two shifted tests: small where the difference is short of a margin.

    Args:
        differences: of one model, in points.
        margin: in points; a difference as large as it is one.
    """
    above = sign_flip([[d + margin for d in differences]])[0]
    below = sign_flip([[d - margin for d in differences]])[1]
    return max(above, below)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values after Holm's correction, in the order given, to be compared with alpha."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = largest
    return adjusted


def pairs_needed(mean: float, deviation: float, alpha: float, power: float) -> float:
    """How many pairs a one-sided comparison would take, if they are like those measured.

    The normal approximation of a t test with Guenther's correction, and never fewer than an exact
    test needs to reach ``alpha`` at all.

    Args:
        mean: of the differences measured.
        deviation: their standard deviation.
        alpha: of the test.
        power: the probability wanted of finding the difference.

    Returns:
        A whole number; infinite where the mean is 0.
    """
    if mean == 0:
        return math.inf
    quantile, wanted = NormalDist().inv_cdf(1 - alpha), NormalDist().inv_cdf(power)
    approximate = ((quantile + wanted) * deviation / mean) ** 2 + quantile**2 / 2
    return max(math.ceil(approximate), math.ceil(-math.log2(alpha)))
