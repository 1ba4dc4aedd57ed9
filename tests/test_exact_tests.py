"""Exact tests: against p-values counted by hand, a slow twin, and properties."""

import math
from fractions import Fraction
from itertools import product
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reproduction.checking.exact_tests import equivalence, holm, pairs_needed, sign_flip

unhurried = settings(deadline=None)  # the machine may be busy

# Multiples of 1/8 and few pairs: sums are exact, and the twin below stays quick.
differences = st.lists(st.integers(-40, 40).map(lambda n: n / 8), min_size=1, max_size=5)


def twin(strata: list[list[float]]) -> tuple[float, float]:
    """The same p-values by trying every choice of signs, in fractions."""
    parts = [(Fraction(d), len(stratum)) for stratum in strata for d in stratum]
    observed = sum(d / n for d, n in parts)
    flipped = [
        sum(sign * abs(d) / n for sign, (d, n) in zip(signs, parts, strict=True))
        for signs in product((1, -1), repeat=len(parts))
    ]
    count = len(flipped)
    return sum(s >= observed for s in flipped) / count, sum(s <= observed for s in flipped) / count


@pytest.mark.parametrize(
    ("values", "greater", "less"),
    [
        ([2.0], 1 / 2, 1),  # signs: +2, -2
        ([1.0, 2.0, 3.0], 1 / 8, 1),  # only +++ gives 6
        ([1.0, 2.0, -3.0], 5 / 8, 5 / 8),  # 0 is reached by ++- and --+; 6, 4, 2 lie above
        ([-1.0, 2.0, 3.0], 2 / 8, 7 / 8),  # 4; of 6 4 2 0 0 -2 -4 -6
        ([0.0, 0.0], 1, 1),  # all sums are the same
        ([0.5] * 7, 1 / 128, 1),
        ([-0.5] * 7, 1, 1 / 128),
        ([], 1, 1),
    ],
)
def test_p_values_counted_by_hand(values: list[float], greater: float, less: float) -> None:
    assert sign_flip([values]) == (greater, less)


def test_strata_weigh_equally_however_many_pairs_they_have() -> None:
    # Means 1 and -1 cancel: of the sums +-1 +-(0, 1, 1, ...)
    # means of [2, 2]: 2, 0, 0, -2; with +-2 of the other: 4 2 2 0 0 -2 -2 -4; observed 0.
    assert sign_flip([[2.0, 2.0], [-2.0]]) == (5 / 8, 5 / 8)
    assert sign_flip([[2.0, 2.0], []]) == sign_flip([[2.0, 2.0]])


@unhurried
@given(st.lists(differences, min_size=1, max_size=1))
def test_one_stratum_agrees_with_the_slow_twin(strata: list[list[float]]) -> None:
    assert sign_flip(strata) == twin(strata)


@unhurried
@given(st.integers(1, 4), st.data())
def test_strata_of_equal_size_agree_with_the_slow_twin(size: int, data: st.DataObject) -> None:
    stratum = st.lists(st.integers(-40, 40).map(lambda n: n / 8), min_size=size, max_size=size)
    strata = data.draw(st.lists(stratum, min_size=2, max_size=3 if size < 4 else 2))
    assert sign_flip(strata) == twin(strata)


def test_strata_of_unequal_size_agree_with_the_slow_twin() -> None:
    strata = [[1.5, 0.25, -0.5, 2.0], [0.75, -1.25], [0.5, 3.0]]
    assert sign_flip(strata) == twin(strata)


@unhurried
@given(differences)
def test_mirrored_differences_swap_the_p_values(values: list[float]) -> None:
    greater, less = sign_flip([values])
    assert sign_flip([[-d for d in values]]) == (less, greater)
    assert greater + less >= 1


@unhurried
@given(differences, st.randoms())
def test_the_order_of_pairs_does_not_matter(values: list[float], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    assert sign_flip([shuffled]) == sign_flip([values])


@unhurried
@given(differences, st.integers(2, 5))
def test_the_unit_of_measurement_does_not_matter(values: list[float], factor: int) -> None:
    assert sign_flip([[factor * d for d in values]]) == sign_flip([values])


def test_fifty_one_pairs_are_exact() -> None:
    strata = [[1.0] * n for n in (10, 10, 7, 10, 7, 7)]
    assert sign_flip(strata) == (2.0**-51, 1.0)


def test_equivalence_is_the_larger_of_two_shifted_tests() -> None:
    # d + 1 = (1.1, 0.9, 1.2, 0.8, 1.0): all signs alike, 1/32; d - 1 all negative, 1/32.
    assert equivalence([0.1, -0.1, 0.2, -0.2, 0.0], 1.0) == 1 / 32
    # d - 1 = (-0.9, 0.5): sums -1.4 -0.4 0.4 1.4, observed -0.4, so 2/4; d + 1: 1/4.
    assert equivalence([0.1, 1.5], 1.0) == 2 / 4


def test_a_difference_at_the_margin_is_not_equivalent() -> None:
    assert equivalence([1.0] * 8, 1.0) == 1.0
    assert equivalence([-1.0] * 8, 1.0) == 1.0


@unhurried
@given(differences, st.floats(0, 3), st.floats(0, 3))
def test_a_wider_margin_is_easier(values: list[float], one: float, other: float) -> None:
    narrow, wide = sorted((round(one, 2), round(other, 2)))
    assert equivalence(values, wide) <= equivalence(values, narrow)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])  # 3p, then 2p, then p
    assert holm([0.01]) == [0.01]
    assert holm([]) == []
    assert holm([0.5, 0.6]) == [1.0, 1.0]


p_values = st.lists(st.floats(0, 1), min_size=1, max_size=6)


@unhurried
@given(p_values)
def test_holm_lies_between_no_correction_and_bonferroni(values: list[float]) -> None:
    for raw, corrected in zip(values, holm(values), strict=True):
        assert raw <= corrected <= min(1.0, len(values) * raw)


@unhurried
@given(p_values)
def test_holm_keeps_the_order(values: list[float]) -> None:
    corrected = holm(values)
    pairs = sorted(zip(values, corrected, strict=True))
    assert [c for _, c in pairs] == sorted(corrected)


@unhurried
@given(p_values, st.floats(0, 0.99))
def test_holm_rejects_what_its_steps_reject(values: list[float], alpha: float) -> None:
    rejected = set()
    for rank, at in enumerate(sorted(range(len(values)), key=lambda n: values[n])):
        if (len(values) - rank) * values[at] > alpha:
            break
        rejected.add(at)
    assert {at for at, p in enumerate(holm(values)) if p <= alpha} == rejected


def test_pairs_that_a_comparison_would_take() -> None:
    quantile, power = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.8)
    # (1.96 + 0.84)^2 * (2 / 1)^2 + 1.96^2 / 2 = 31.4 + 1.9
    assert pairs_needed(1.0, 2.0, 0.025, 0.8) == 34
    assert pairs_needed(-1.0, 2.0, 0.025, 0.8) == 34
    assert math.ceil(4 * (quantile + power) ** 2 + quantile**2 / 2) == 34


def test_an_exact_test_needs_enough_pairs_to_reach_alpha_at_all() -> None:
    assert pairs_needed(5.0, 0.0, 0.025, 0.8) == 6  # 2^-6 < 0.025 < 2^-5
    assert pairs_needed(5.0, 0.01, 0.025 / 3, 0.8) == 7  # 1/128


def test_no_number_of_pairs_shows_a_difference_of_nothing() -> None:
    assert pairs_needed(0.0, 1.0, 0.025, 0.8) == math.inf
