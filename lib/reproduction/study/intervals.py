"""Confidence intervals of means."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A mean over ``n`` pairs with its confidence interval, unbounded when ``n`` is 1."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """The mean, and the interval where there is one."""
        bounds = f" [{self.low:+z.2f}, {self.high:+z.2f}]" if self.n > 1 else ""
        return f"{self.mean:+z.2f}{bounds}"  # z: what rounds to 0 is +0.00


def proportion(count: int, n: int, confidence: float) -> tuple[float, float]:
    """The exact (Clopper-Pearson) interval of how often something happens, 0..1."""
    from scipy.special import betaincinv  # slow to import

    tail = (1 - confidence) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return low, high


def interval(values: Sequence[float], confidence: float) -> Interval:
    """Student's t interval of the mean of ``values`` (for pairs: of their differences).

    Args:
        values: one at least.
        confidence: in 0..1, such as 0.95.
    """
    data = np.asarray(values, dtype=float)
    mean, n = float(data.mean()), len(data)
    if n == 1:
        return Interval(mean, -math.inf, math.inf, n)
    from scipy.special import stdtrit  # slow to import, and many pages need no interval

    quantile = stdtrit(n - 1, (1 + confidence) / 2)  # of Student's t
    half = float(quantile * data.std(ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)
