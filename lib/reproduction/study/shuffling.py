"""What plain shuffling brings about, in expectation."""

from math import prod


def expected_affected_fraction(samples: int, batch_size: int, request: int) -> float:
    """The fraction of steps that a random request affects under plain shuffling, in expectation.

    A batch of b of N samples holds none of k with chance C(N-b, k) / C(N, k): the hypergeometric
    distribution, close to (1 - b/N)^k where k is small.

    Args:
        samples: N, that are shuffled.
        batch_size: samples a batch; the last one may be smaller.
        request: k, 0..N, samples to forget.

    >>> expected_affected_fraction(12, 4, 1), expected_affected_fraction(12, 4, 9)
    (0.33333333333333337, 1.0)
    """
    full, rest = divmod(samples, batch_size)
    sizes = [batch_size] * full + [rest] * (rest > 0)
    none = [prod((samples - size - n) / (samples - n) for n in range(request)) for size in sizes]
    return 1 - sum(none) / len(none)
