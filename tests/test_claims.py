"""Findings on rows made by hand, with the answers worked out beforehand."""

import math
import re
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from partial_unlearning.errors import InputError
from reproduction import paper, places
from reproduction.chapters import claim_pages
from reproduction.checking import claims, comparing, judging, verdicts
from reproduction.checking.comparing import ALONE, How, by_model
from reproduction.checking.measurements import COLUMNS, tidy
from reproduction.checking.samples import grouped, sample
from reproduction.checking.verdicts import (
    BY_CONSTRUCTION,
    CONFIRMED,
    CONTRADICTED,
    INCONCLUSIVE,
    MIXED,
    NO_DIFFERENCE,
    NONE,
    NOT_COMPARABLE,
    NOT_RUN,
    Finding,
    combine,
    judge_bound,
    judge_tests,
    size_beside,
)
from reproduction.study.intervals import Interval, interval, proportion
from reproduction.study.profiles import load_profile

LIMITS = claims.limits()
TEN = range(10)

Row = dict[str, Any]


def row(method: str, seed: int, d_r: float = math.nan, d_t: float = 0.5, **own: object) -> Row:
    """A row of ``points`` at equal forgetting, or elsewhere; Table 1, MLP, unless it says other."""
    place = {"placement": "tables", "table": 1, "model": "MLP", "end": "train", "level": 1.0}
    base = {"method": method, "seed": seed, "d_r": d_r, "d_t": d_t, "worst": d_r, "reached": True}
    return {**place, **base, "affected_fraction": math.nan, **own}


def at_end(method: str, seed: int, d_r: float, d_t: float = 0.5, **own: object) -> Row:
    """The same as published."""
    return row(method, seed, d_r, d_t, **{"end": "published", "level": math.nan, **own})


def sides(differences: Sequence[float], d_t: Sequence[float] = (0.5, 0.5), **own: object) -> list:
    """A seed for each difference: the baseline has D_r 80, the proposed method so much more."""
    return [
        made
        for seed, difference in enumerate(differences)
        for made in (
            row("proposed", seed, 80 + difference, d_t[0], **own),
            row("baseline", seed, 80.0, d_t[1], **own),
        )
    ]


def never(method: str, seed: int, **own: object) -> Row:
    return row(method, seed, d_t=math.nan, reached=False, **own)


def data(
    points: Iterable[Row] = (), fractions: Iterable[Row] = (), maps: Iterable[Row] = ()
) -> dict[str, pd.DataFrame]:
    parts = {"points": [*points], "fractions": [*fractions], "maps": [*maps]}
    return {
        name: pd.DataFrame(rows).reindex(columns=[*COLUMNS]) if rows else tidy([])
        for name, rows in parts.items()
    }


def judged(points: Iterable[Row] = (), **frames: Iterable[Row]) -> pd.DataFrame:
    return judging.judge(grouped(data(points, **frames))).set_index("id")


# The rules themselves


@pytest.mark.parametrize(
    ("p_for", "p_against", "p_equivalent", "word"),
    [
        (0.025, 1, 1, CONFIRMED),
        (0.0251, 1, 1, INCONCLUSIVE),
        (1, 0.025, 1, CONTRADICTED),
        (1, 0.0251, 0.05, NO_DIFFERENCE),
        (0.5, 0.6, 0.051, INCONCLUSIVE),
        (0.01, 1, 0.01, CONFIRMED),  # a small difference is a difference
    ],
)
def test_words_of_tests_at_their_edges(
    p_for: float, p_against: float, p_equivalent: float, word: str
) -> None:
    assert judge_tests(p_for, p_against, p_equivalent, LIMITS) == word


@pytest.mark.parametrize(
    ("low", "high", "most", "least"),
    [
        (3, 5, CONFIRMED, INCONCLUSIVE),
        (3, 5.01, INCONCLUSIVE, INCONCLUSIVE),
        (5.01, 6, CONTRADICTED, CONFIRMED),
        (5, 6, INCONCLUSIVE, CONFIRMED),
        (3, 4.99, CONFIRMED, CONTRADICTED),
        (-math.inf, math.inf, INCONCLUSIVE, INCONCLUSIVE),
    ],
)
def test_bounds_are_inclusive(low: float, high: float, most: str, least: str) -> None:
    found = Interval((low + high) / 2, low, high, 5)
    assert judge_bound(found, at_most=5) == most
    assert judge_bound(found, at_least=5) == least


@pytest.mark.parametrize(
    ("printed", "said"),
    [(4.0, "not told from"), (6.0, "not told from"), (6.1, "smaller than"), (3.9, "larger than")],
)
def test_size_beside_the_paper(printed: float, said: str) -> None:
    assert said in size_beside(Interval(5, 4, 6, 10), printed)


def test_cases_that_agree_have_one_word_and_others_are_named() -> None:
    good, bad = Finding(CONFIRMED, "", "+1"), Finding(CONTRADICTED, "why", "-1")
    assert combine({"a": good, "b": good}) == Finding(CONFIRMED, "", "a +1; b +1")
    mixed = combine({"a": good, "b": bad, "c": good})
    assert str(mixed) == "mixed: a confirmed, b contradicted, c confirmed"
    assert combine({"a": bad, "b": bad}).note == "a: why; b: why"
    many = combine({**dict.fromkeys("cdefghi", good), "a": bad, "b": good})
    assert many.note == f"{CONFIRMED} 8 of 9, a {bad.word}"


def test_cases_that_were_not_run_say_nothing() -> None:
    good, none = Finding(CONFIRMED, "", "+1"), Finding(NOT_RUN)
    assert combine({"a": none, "b": good}) == Finding(CONFIRMED, "", "b +1")
    assert combine({"a": none, "b": none}).word == NOT_RUN
    assert combine({"": bad_of_one()}) == bad_of_one()


def bad_of_one() -> Finding:
    return Finding(CONTRADICTED, "why", "-1")


def test_interval_of_three_seeds() -> None:
    found = interval([1.0, 2.0, 3.0], 0.95)
    half = 0.95 * math.sqrt(2 / (1 - 0.95**2)) / math.sqrt(3)  # closed form for 2 degrees
    assert (found.mean, found.n) == (2.0, 3)
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half), rel=1e-12)


# Comparisons


def compared(points: Iterable[Row], reading: str = "equal", how: How = How()) -> Any:  # noqa: ANN401, B008
    return by_model(grouped(data(points)), 1, reading, how)["MLP"]


def test_a_comparison_by_hand() -> None:
    found = compared(sides([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]))
    assert found.p_for == 3 / 128  # Holm: three models, of which two were not run
    assert (found.p_against, found.pairs, found.mean) == (1.0, 7, 4.0)
    half = 2.4469119 * math.sqrt(14 / 3 / 7)  # t of 6 degrees; variance 28 / 6
    assert (found.low, found.high) == pytest.approx((4 - half, 4 + half), rel=1e-6)
    assert str(found.finding) == "confirmed (size: smaller than the paper)"  # it prints 42.54
    assert found.finding.measured == "+4.00 [+2.00, +6.00], p 0.0234, 7 pairs, D_t 0.50 / 0.50"


def test_six_pairs_are_too_few_after_holms_correction() -> None:
    assert compared(sides([5.0] * 6)).finding.word == INCONCLUSIVE  # 3 / 64
    assert compared(sides([5.0] * 7)).finding.word == CONFIRMED  # 3 / 128


def test_holm_counts_the_models_of_the_table() -> None:
    strong = [sides([5.0] * 10, model=model) for model in ("LeNet", "ResNet9")]
    weak = sides([5.0] * 6)
    found = compared([*weak, *strong[0], *strong[1]])
    assert found.p_for == 1 / 64  # the largest of the three is not corrected
    assert found.finding.word == CONFIRMED


def test_the_opposite_is_contradicted() -> None:
    assert compared(sides([-5.0] * 7)).finding.word == CONTRADICTED


def test_no_difference_is_inside_the_margin() -> None:
    near = [0.3, -0.3, 0.2, -0.2, 0.1, -0.1, 0.0]
    assert compared(sides(near)).finding.word == NO_DIFFERENCE  # both shifted p are 1/128
    assert compared(sides([10 * d for d in near])).finding.word == INCONCLUSIVE


def test_margins_are_those_of_the_data_set() -> None:
    near = [2.4, -1.0] * 5  # 1/32 and 1/1024 once shifted by 2; 122/1024 as they are
    organs = sides(near, table=2, model="ConvNet")
    found = by_model(grouped(data(organs)), 2, "equal", How())["ConvNet"]
    assert found.finding.word == NO_DIFFERENCE
    assert compared(sides(near)).finding.word == INCONCLUSIVE  # the margin is 1 here


def test_inconclusive_says_how_many_seeds_it_would_take() -> None:
    # Mean 1, sd 2.108: alpha .025 / 3 has the quantile 2.394: (2.394 + .8416)^2 * 4.444 + 2.866.
    found = compared(sides([3.0, -1.0] * 5))
    assert found.finding.note == "would take 50 pairs, 10 are there"


@pytest.mark.parametrize(("runs", "cost"), [(("a", "a"), "2"), (("a", "b"), "4")])
def test_what_more_pairs_cost_counts_a_run_that_both_sides_share_once(
    runs: tuple, cost: str
) -> None:
    points = sides([3.0, -1.0] * 5)
    for n, point in enumerate(points):
        point |= {"run": f"{runs[n % 2]}{point['seed']}", "seconds": 120.0}
    said = f"would take 50 pairs, 10 are there, {cost} core minutes each"
    assert compared(points).finding.note == said


def test_a_seed_on_which_a_side_never_gets_there_is_named_and_left_out() -> None:
    points = sides([5.0] * 8)
    points[1] = never("baseline", 0)
    found = compared(points)
    assert (found.pairs, found.finding.word) == (7, CONFIRMED)
    assert found.finding.measured.endswith("; baseline never there on seed 0")


def test_with_more_than_half_censored_methods_are_not_comparable() -> None:
    points = sides([5.0] * 12)
    half = [
        never("baseline", seed) if at % 2 and seed < 6 else made
        for at, (seed, made) in enumerate((made["seed"], made) for made in points)
    ]
    assert compared(half).pairs == 6
    more = [
        never("baseline", 6) if (made["seed"], made["method"]) == (6, "baseline") else made
        for made in half
    ]
    found = compared(more).finding
    assert str(found) == "not comparable (baseline never there on seeds 0, 1, 2, 3, 4, 5, 6)"


def test_fewer_than_five_pairs_left_are_not_comparable() -> None:
    points = [row("trained", seed, 98.0, 97.0, end="published") for seed in range(1, 6)]
    points += [row("trained", 0, 98.0, 49.9, end="published"), *sides([5.0] * 6)]
    assert compared(points).pairs == 5
    points = [
        made | {"d_t": 49.0} if made["seed"] == 1 and made["method"] == "trained" else made
        for made in points
    ]
    assert str(compared(points).finding) == "not comparable (class not known on seeds 0, 1)"


@pytest.mark.parametrize(("known", "pairs"), [(50.0, 6), (49.9, 5)])
def test_what_was_never_known_cannot_be_forgotten(known: float, pairs: int) -> None:
    trained = [row("trained", 0, 98.0, known, end="published")]
    assert compared([*trained, *sides([5.0] * 6)]).pairs == pairs


def test_few_seeds_are_inconclusive_and_none_are_not_run() -> None:
    found = compared(sides([5.0])).finding
    assert (found.word, found.measured) == (
        INCONCLUSIVE,
        "+5.00, p 1, 1 pair, D_t 0.50 / 0.50",
    )
    assert compared([]).finding == Finding(NOT_RUN)
    assert compared([row("proposed", 0, 90.0), row("baseline", 1, 80.0)]).finding.word == NOT_RUN


def test_a_seed_twice_is_refused() -> None:
    points = sides([5.0, 5.0])
    with pytest.raises(InputError, match="'proposed' twice for seed 0"):
        compared([*points, points[0]])


def test_levels_ends_and_placements_are_kept_apart() -> None:
    points = sides([5.0] * 7)
    points += sides([-5.0] * 7, level=5.0)
    points += sides([-5.0] * 7, end="test")
    points += sides([-5.0] * 7, placement="kept_images")
    points += [made | {"end": "published", "level": math.nan} for made in sides([7.0] * 7)]
    assert compared(points).mean == 5.0
    assert compared(points, "test").mean == -5.0
    assert compared(points, "published").mean == 7.0
    assert compared(points, how=How(placement="kept_images")).mean == -5.0


def test_other_sides_and_columns_have_no_printed_size() -> None:
    points = [
        made | {"method": made["method"].replace("baseline", "reversed")}
        for made in sides([5.0] * 7)
    ]
    found = compared(points, how=How(("proposed", "reversed")))
    assert str(found.finding) == "confirmed"


def test_where_test_d_t_differ_both_matchings_have_to_agree() -> None:
    equal = sides([5.0] * 7, d_t=(1.6, 1.0))
    ledger = judged([*equal, *sides([6.0] * 7, end="test")])
    assert ledger.equal["table-1-MLP"] == CONFIRMED
    assert "; on test images +6.00 [" in ledger.equal_measured["table-1-MLP"]
    ledger = judged([*equal, *sides([-5.0] * 7, end="test")])
    assert ledger.equal["table-1-MLP"] == MIXED
    assert ledger.equal_note["table-1-MLP"] == (
        "on the images trained on confirmed, on those of the test contradicted"
    )
    ledger = judged([*sides([5.0] * 7, d_t=(1.5, 1.0)), *sides([-5.0] * 7, end="test")])
    assert ledger.equal["table-1-MLP"] == CONFIRMED  # half a point is not apart


def test_beside_a_comparison_stand_all_levels_and_the_worst_class() -> None:
    points = [made for seed in TEN for made in sides_of(seed)]
    measured = judged(points).equal_measured["table-1-MLP"]
    # The levels 1 and 5 give +5 and +2; 7 is none of the rule's.
    assert "over levels +3.50 [+3.50, +3.50]; worst class +9.00 [+9.00, +9.00]" in measured


def sides_of(seed: int) -> list[Row]:
    points = []
    for level, difference in ((1.0, 5.0), (5.0, 2.0), (7.0, 100.0)):
        points.append(row("proposed", seed, 80 + difference, level=level, worst=69.0))
        points.append(row("baseline", seed, 80.0, level=level, worst=60.0))
    return points


# Families


def test_a_family_by_hand() -> None:
    # Means 2 and -1: of the signs of (2, 2) and (1): 3 1 ... sums 2+-1, 0+-1 twice, -2+-1.
    points = [*sides([2.0, 2.0]), *sides([-1.0], model="LeNet")]
    found = comparing.of_family(grouped(data(points)), [1], "equal", How())
    assert found.mean == 0.5
    assert found.p_for == 4 / 8  # 3, 1, and 0 + 1 twice, of eight
    assert found.finding.measured == "+0.50, p 0.5, 3 pairs, D_t 0.50 / 0.50, models: 2"


def test_a_family_leaves_out_and_names_models_that_cannot_be_compared() -> None:
    points = [*sides([5.0] * 7), *[never("baseline", s, model="LeNet") for s in TEN]]
    points += [row("proposed", s, 90.0, model="LeNet") for s in TEN]
    ledger = judged(points)
    assert ledger.equal["table-1-all"] == CONFIRMED
    assert ledger.equal_note["table-1-all"] == f"without Table 1 LeNet; {ALONE}"
    assert ledger.equal["amnesiac"] == CONFIRMED
    assert ledger.equal["table-2-all"] == NOT_RUN


def test_a_summary_names_its_claims() -> None:
    points = [
        made
        for table, model in paper.comparisons()
        for made in sides([5.0 if table != 4 else -5.0] * 7, table=table, model=model)
    ]
    ledger = judged(points)
    assert str(ledger.equal["superior"]) == MIXED
    assert ledger.equal_note["partial-updates-superior"] == (
        "Table 3 confirmed, Table 4 contradicted, Table 5 confirmed, Table 6 confirmed"
    )
    assert ledger.coverage["superior"] == "6 of 6 claims"
    assert ledger.equal["flipping"] == INCONCLUSIVE


# As published


def test_bounds_read_references_at_their_own_end() -> None:
    points = [at_end("trained", s, 98.0, 97.0) for s in TEN]
    points += [row("proposed", s, 95.0 + s / 10) for s in TEN]
    points += [at_end("proposed", s, 90.0) for s in TEN]
    ledger = judged(points)
    # 98 - 95.45 = 2.55; sd of s / 10 is .3028, half 2.2622 * .3028 / sqrt 10 = .2166
    assert ledger.equal["figure-1-comparable"] == CONFIRMED
    assert ledger.equal_measured["figure-1-comparable"] == (
        "MLP +2.55 [+2.33, +2.77], 10 trainings, D_t 97.00 / 0.50"
    )
    assert ledger.published["figure-1-comparable"] == CONTRADICTED  # 8 points
    assert ledger.coverage["figure-1-comparable"] == "1 of 3 cases, 10 trainings"


def test_bound_on_columns_and_losses() -> None:
    classes = [{"class_a": 97, "class_b": 50 + s, "class_c": 99} for s in (0, 1, 2)]
    points = [at_end("trained", s, 98, 97, class_a=98, class_b=96, class_c=97) for s in (0, 1, 2)]
    points += [at_end("proposed", s, 95, **classes[s]) for s in (0, 1, 2)]
    points += [at_end("baseline", s, 50, class_a=10, class_b=0, class_c=99) for s in (0, 1, 2)]
    ledger = judged(points)
    assert ledger.published["class-7-eradicated"] == CONFIRMED
    assert ledger.equal["class-7-eradicated"] == NOT_RUN
    # digit 7 loses 46, 45, 44: half width 4.3027 / sqrt 3 = 2.48
    measured = ledger.published_measured["minimal-impact-mnist"]
    assert measured == "MLP +45.00 [+42.52, +47.48], 3 trainings, D_t 97.00 / 0.50"


def test_the_median_of_the_classes_shown() -> None:
    shown = {"class_a": 0.0, "class_b": 60.0, "class_c": 40.0}
    points = [at_end("baseline", s, 20, table=2, model="ConvNet", **shown) for s in (0, 1, 2)]
    ledger = judged(points)
    assert ledger.published_measured["majority-poor"].startswith("ConvNet +40.00")
    assert ledger.published["majority-poor"] == CONFIRMED


def loss(table: int, lost: float, seeds: Iterable[int] = TEN) -> list[Row]:
    return [
        made
        for number, model in paper.comparisons()
        if number == table
        for s in seeds
        for made in (
            at_end("trained", s, 95.0, 97.0, table=table, model=model),
            at_end("baseline", s, 95.0 - lost - s, table=table, model=model),
        )
    ]


def test_a_contrast_is_made_in_each_seed_that_all_models_have() -> None:
    ledger = judged([*loss(1, 20), *loss(2, 60, range(7))])
    assert ledger.published["more-highlighted"] == CONFIRMED
    assert ledger.published_measured["more-highlighted"] == "+40.00 [+40.00, +40.00], 7 trainings"
    part = [made for made in loss(2, 60) if made["model"] == "ConvNet"]
    assert judged([*loss(1, 20), *part]).published["more-highlighted"] == NOT_RUN


@given(st.integers(1, 40), st.data())
def test_the_interval_of_a_proportion_is_exact(n, data):
    count = data.draw(st.integers(0, n))
    exact = binomtest(count, n).proportion_ci(0.95, method="exact")
    assert proportion(count, n, 0.95) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_erasing_has_to_succeed_in_every_seed() -> None:
    there = [row("baseline", s, 80.0) for s in TEN]
    assert judged(there).equal["conventional-erases"] == CONFIRMED
    ledger = judged([*there[:9], never("baseline", 9)])
    assert ledger.equal["conventional-erases"] == INCONCLUSIVE
    measured = ledger.equal_measured["conventional-erases"]
    assert measured == "Table 1 MLP in 9 of 10 trainings (of all that could be, 55% to 100%, exact)"
    assert judged([never("baseline", s) for s in TEN]).equal["conventional-erases"] == CONTRADICTED
    assert judged(there[:1]).equal["conventional-erases"] == INCONCLUSIVE


def test_erasing_as_published_is_a_bound_on_d_t_that_censors_nobody() -> None:
    points = [at_end("baseline", s, 50.0, 2.0 + s / 10) for s in (0, 1, 2)]
    points += [at_end("proposed", s, 90.0, 30.0 + s, reached=False) for s in (0, 1, 2)]
    ledger = judged(points)
    assert ledger.published["conventional-erases-fully"] == CONFIRMED
    assert ledger.published["proposed-erases-fully"] == CONTRADICTED


def epochs(method: str, counts: Sequence[int], order: str = "backward", of: int = 8) -> list[Row]:
    return [
        row(method, s, d_t=math.nan, end=order, level=math.nan, epochs=n, reached=n <= of)
        for s, n in enumerate(counts)
    ]


def test_each_order_of_epochs_is_judged_by_itself() -> None:
    points = epochs("baseline", [2, 3] * 5) + epochs("baseline", [5, 9] * 5, "forward")
    ledger = judged(points)
    assert ledger.published["figure-1-conventional-backward"] == CONFIRMED
    assert ledger.published["figure-1-conventional-forward"] == CONTRADICTED
    assert ledger.equal["figure-1-conventional-forward"] == NONE
    assert ledger.source["figure-1-conventional-forward"] == "Figure 1, forward"


def test_later_counts_one_that_never_gets_there_as_one_more_than_all() -> None:
    points = epochs("baseline", [2] * 8) + epochs("proposed", [3, 3, 3, 3, 4, 9, 9, 9])
    ledger = judged(points)
    assert ledger.published["figure-1-more-epochs-backward"] == CONFIRMED  # 3 / 256
    assert "+3.38" in ledger.published_measured["figure-1-more-epochs-backward"]


def test_where_neither_gets_there_nothing_is_later() -> None:
    points = epochs("baseline", [2] * 7 + [9]) + epochs("proposed", [4] * 7 + [9])
    ledger = judged(points)
    assert "7 pairs" in ledger.published_measured["figure-1-more-epochs-backward"]
    assert "never there on seed 7" in ledger.published_measured["figure-1-more-epochs-backward"]
    assert ledger.published["figure-1-more-epochs-forward"] == NOT_RUN


def test_slower_steps_are_tested_at_the_same_rate() -> None:
    place = {"table": 3}
    points = [row("baseline", s, 80.0, steps=1.5, **place) for s in range(7)]
    points += [row("same_rate", s, 80.0, steps=2.5 + s, **place) for s in range(6)]
    points += [never("same_rate", 6, steps=241.0, **place)]
    ledger = judged(points)
    assert ledger.equal["flipping-slower"] == CONFIRMED


def test_fine_tuning_adds_to_a_methods_own_end_and_brings_the_class_back() -> None:
    points = [at_end("baseline", s, 50.0, 0.0) for s in (0, 1, 2)]
    points += [at_end("baseline, 200 steps", s, 90.0 + s, 12.0) for s in (0, 1, 2)]
    ledger = judged(points)
    assert ledger.published["fine-tuning-needed"] == CONFIRMED
    assert ledger.published_measured["fine-tuning-needed"] == (
        "Table 1 MLP +41.00 [+38.52, +43.48], 3 trainings, D_t 12.00 / 0.00"
    )
    assert ledger.published["no-fine-tuning"] == NOT_RUN


# Figures 3 and 4

DECREASING = "random, decreasing with depth"


def strategies(reached: Iterable[float] = (0.2, 0.3, 0.4, 0.5, 1.0)) -> list[Row]:
    """Figure 4 with straight lines: D_r = 95 - loss * fraction - seed."""
    losses = {"trained": 0, DECREASING: 2, "layer-wise magnitude": 2, "amnesiac": 30}
    return [
        at_end(
            method,
            seed,
            95 - loss * fraction - seed,
            97.0 if method == "trained" else 0.5,
            dataset="mnist",
            affected_fraction=fraction,
            table=math.nan,
            reached=method != DECREASING or fraction in set(reached),
        )
        for method, loss in losses.items()
        for seed in range(5)
        for fraction in (0.2, 0.3, 0.4, 0.5, 1.0)
    ]


def test_strategies_are_averaged_over_the_fractions_below_one() -> None:
    ledger = judged(fractions=strategies())
    # mean fraction .35: 28 * .35 = 9.8 points above amnesiac, 0 above layer-wise, 0.7 lost
    assert ledger.published_measured["degradation-mitigated"].startswith("MNIST +9.80 [+9.80")
    assert ledger.published["degradation-mitigated"] == CONFIRMED
    assert ledger.published_measured["figure-4-comparable"].startswith("MNIST +0.70")
    assert ledger.published_measured["degradation-with-share"].startswith("MNIST +9.00 [+9.00")
    assert ledger.published["degradation-with-share"] == CONFIRMED
    measured = ledger.published_measured["random-decreasing-best"]
    assert measured.startswith("MNIST against layer-wise magnitude +0.00 [")


def test_fractions_at_which_a_strategy_is_censored_are_left_out_and_named() -> None:
    measured = judged(fractions=strategies([0.2, 0.3, 0.4])).published_measured
    assert measured["degradation-mitigated"].startswith("MNIST +8.40 [")  # 28 * .3
    assert (
        f"{DECREASING} never there on seeds 0, 1, 2, 3, 4 at 50 %"
        in (measured["degradation-mitigated"])
    )
    found = judged(fractions=strategies([0.2]))
    assert found.published["degradation-mitigated"] == NOT_COMPARABLE


def test_maps_are_judged_over_seeds() -> None:
    maps = [
        at_end(method, seed, 90.0, target=target, similarity=0.5 + gain * (method == "proposed"))
        for target in (3, 1)
        for method in ("proposed", "baseline")
        for seed, gain in enumerate((0.2, 0.3, 0.4))
    ]
    ledger = judged(maps=maps)
    # mean 0.3, sd 0.1, half width 4.30265 * 0.1 / sqrt 3 = 0.2484
    assert ledger.published["maps-preserved"] == CONFIRMED
    assert ledger.published_measured["maps-preserved"].startswith("target 3 +0.30 [+0.05, +0.55]")


# The ledger and its file


def test_without_results_nothing_is_run() -> None:
    ledger = judged()
    constant = {BY_CONSTRUCTION, verdicts.NOT_TESTABLE, NONE, NOT_RUN}
    assert {*ledger.equal, *ledger.published} == constant
    assert set(ledger.first_run) == {NONE}


def test_the_ledger_has_the_dates_of_the_rule_and_of_the_first_run() -> None:
    points = sides([5.0] * 2, finished="2026-12-02T00:00:00Z")
    points[0]["finished"] = "2026-12-01T00:00:00Z"
    ledger = judged(points)
    assert ledger.first_run["table-1-MLP"] == ledger.first_run["superior"] == "2026-12-01T00:00:00Z"
    assert ledger.committed["table-1-MLP"] < ledger.first_run["table-1-MLP"]
    assert ledger.coverage["table-1-MLP"] == "1 of 1 cases, 2 trainings"


def test_comparisons_as_a_table() -> None:
    frame = comparing.comparisons(grouped(data(sides([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]))))
    assert len(frame) == 3 * (18 + 6)
    (found,) = frame[frame.pairs > 0].to_dict("records")
    assert (found["table"], found["model"], found["reading"]) == (1, "MLP", "equal")
    assert (found["mean"], found["word"], found["d_t_0"]) == (4.0, CONFIRMED, 0.5)
    assert found["printed"] == pytest.approx(42.54)


def test_samples_refuse_nothing_but_say_what_they_left_out() -> None:
    rows = grouped(data([*sides([5.0]), never("baseline", 1), row("proposed", 1, 90.0)]))
    found = sample(rows["tables", 1, "MLP"], ("proposed", "baseline"), ("train", 1), ["d_r"])
    assert (found.values, found.seeds, found.runs) == ({0: 5.0}, 2, 2)
    assert found.left_out == "baseline never there on seed 1"
    assert not found.comparable


def test_words_are_counted_in_their_order() -> None:
    assert judging.counts([NOT_RUN, CONFIRMED, MIXED, CONFIRMED]) == (
        "confirmed 2, mixed 1, not run 1"
    )


def test_the_committed_claims_are_whole() -> None:
    ledger = claims.claims()
    ids = [claim["id"] for claim in ledger]
    assert len(set(ids)) == len(ids)
    assert {claim["measure"] for claim in ledger} == set(claims.rules())
    assert {*judging.MEASURES, "family", "all_of", "stated"} == set(claims.rules())
    pairs = [
        (case["table"], case["model"])
        for claim in ledger
        if claim.get("per_model") and claim.get("placement") is None
        for case in claim["cases"]
    ]
    assert sorted(pairs) == sorted(paper.comparisons())
    for claim in ledger:
        assert set(claim["at"]) <= set(claims.READINGS) and claim["at"], claim["id"]
        assert set(claim.get("claims", ())) <= set(ids), claim["id"]
        assert claim["paper"] in ("pass", "fail", "cannot be said"), claim["id"]
        bounded = claim["measure"] == "bound"
        assert len({"at_most", "at_least"} & set(claim)) == bounded, claim["id"]
        assert set(claim["columns"]) <= set(COLUMNS), claim["id"]
        named = {(c["table"], c["model"]) for c in claim["cases"] if "table" in c}
        assert named <= set(paper.comparisons()), claim["id"]


def test_the_papers_differences_all_have_one_direction() -> None:
    assert all(comparing.printed(*pair) > 0 for pair in paper.comparisons())


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_limits_agree_with_the_profiles(profile: str) -> None:
    at = load_profile(profile).comparison
    assert at.primary == LIMITS.level and set(LIMITS.levels) <= set(at.levels)
    assert LIMITS.level in at.test_levels
    worst = paper.tables().d_t.max()
    assert worst <= LIMITS.forgotten < worst + 1


def test_the_rules_were_written_before_the_runs_that_are_stored() -> None:
    ledger = judging.findings("full")
    late = ledger[(ledger.first_run != NONE) & (ledger.first_run < ledger.committed)]
    assert late.empty, late[["id", "committed", "first_run"]]


def numbers(prose: str) -> set[float]:
    return {float(number) for number in re.findall(r"\d+(?:\.\d+)?", prose)}


def stated(claim: claims.Claim) -> set[float]:
    """The numbers that a claim's own keys hold."""
    steps = numbers(" ".join(case.get("method", "") for case in claim["cases"]))
    return {claim[name] for name in ("at_most", "at_least") if name in claim} | steps


def limits_stated() -> set[float]:
    known = vars(LIMITS)
    single = {value for value in known.values() if isinstance(value, int | float)}
    return {*single, *LIMITS.margins.values(), 100 * LIMITS.confidence}


def test_a_rule_says_its_bounds_and_no_other_number() -> None:
    common = {LIMITS.level, LIMITS.erased, LIMITS.alpha}
    for claim in claims.claims():
        if claim["rule"] in claims.rules().values():
            continue
        named = numbers(re.sub(r"digit \d", "", claim["rule"]))
        assert stated(claim) <= named <= stated(claim) | common, claim["id"]


def test_the_common_rules_say_the_limits_and_no_other_number() -> None:
    for measure, rule in claims.rules().items():
        assert numbers(rule) <= limits_stated(), measure
    named = numbers(claims.rules()["comparison"])
    assert named >= limits_stated() - {LIMITS.confidence}  # it says per cent


def in_paper(claim: claims.Claim) -> str:
    """What the paper's own numbers come to under a claim's rule, one run each."""
    if claim["measure"] in ("comparison", "family"):
        words = {_compared_in_paper(claim, case) for case in claim["cases"]}
    elif claim["measure"] == "all_of":
        by_id = {other["id"]: other for other in claims.claims()}
        words = {in_paper(by_id[name]) for name in claim["claims"]}
    elif claim["measure"] == "bound" and all(map(_is_printed, claim["cases"])):
        columns, pick = claim["columns"], {"median": median}.get(claim.get("pick"), max)
        if not set(columns) <= set(paper.MEASURES):
            return "cannot be said"
        words = {_bounded(pick(_printed(case, columns)), claim) for case in claim["cases"]}
    else:
        return "cannot be said"
    return next(word for word in ("fail", "cannot be said", "pass") if word in words)


def _is_printed(case: claims.Case) -> bool:
    sides = {case.get("method"), case.get("minus", "baseline")}
    return "table" in case and sides <= {"proposed", "baseline"}


def _printed(case: claims.Case, columns: list[str]) -> list[float]:
    cell = paper.cell(case["table"], case["model"], case["method"])
    return [float(cell[column]) for column in columns]


def _bounded(value: float, bounds: claims.Claim) -> str:
    kept = value <= bounds["at_most"] if "at_most" in bounds else value >= bounds["at_least"]
    return "pass" if kept else "fail"


def _compared_in_paper(claim: claims.Claim, case: claims.Case) -> str:
    """Where its two D_t differ by more than the rule allows, nothing; else the sign."""
    if not _is_printed(case) or claim["columns"] != ["d_r"] or case["minus"] != "baseline":
        return "cannot be said"
    ours, theirs = (paper.cell(case["table"], case["model"], m) for m in comparing.PAPER_SIDES)
    if round(abs(ours.d_t - theirs.d_t), 2) > LIMITS.apart:
        return "cannot be said"
    return "pass" if ours.d_r > theirs.d_r else "fail"


@pytest.mark.parametrize("claim", claims.claims(), ids=lambda claim: claim["id"])
def test_the_papers_own_numbers_under_a_rule(claim: claims.Claim) -> None:
    assert claim["paper"] == in_paper(claim)


def test_cases_of_a_claim_on_tables_are_their_models() -> None:
    entry = {"id": "x", "source": "S", "measure": "bound", "tables": [1, 4], "paper": "pass"}
    entry |= {"method": "proposed", "rule": "r"}
    (claim,) = claims.expanded(entry)
    assert claim["cases"] == [
        {"method": "proposed", "table": table, "model": model}
        for table, model in paper.comparisons()
        if table in (1, 4)
    ]
    apart = claims.expanded(entry | {"per_model": True, "tables": [1]})
    assert [part["id"] for part in apart] == ["x-MLP", "x-LeNet", "x-ResNet9"]
    assert [part["source"] for part in apart] == ["S, MLP", "S, LeNet", "S, ResNet9"]
    assert [len(part["cases"]) for part in apart] == [1, 1, 1]
    (some,) = claims.expanded(
        entry | {"tables": [1], "models": ["LeNet"], "cases": [{"minus": "baseline"}]}
    )
    assert some["cases"] == [
        {"method": "proposed", "minus": "baseline", "table": 1, "model": "LeNet"}
    ]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ([], "book/claims.yaml has the unknown key 'at_mots'; choose from committed, limits"),
        (["limits"], "the part limits of book/claims.yaml has the unknown key 'at_mots'"),
        (["claims", 0], "claim 'efficacy-preserved' has the unknown key 'at_mots'"),
        (["claims", 7, "cases", 0], "a case of claim 'fewer-resources' has the unknown key"),
    ],
)
def test_a_key_that_nothing_reads_is_an_error(path: list[str | int], message: str) -> None:
    document = yaml.safe_load((places.book() / "claims.yaml").read_text())
    assert claims.checked(document) is document
    part = document
    for step in path:
        part = part[step]
    part["at_mots"] = [1, 2]
    with pytest.raises(InputError, match=message):
        claims.checked(document)


def test_block_is_replaced_between_its_marks() -> None:
    start, end = claim_pages.MARKS
    text = f"before\n{start}\nold\n{end}\nafter\n"
    once = claim_pages.replace_block(text, "new\n")
    assert once == f"before\n{start}\nnew\n{end}\nafter\n"
    assert claim_pages.replace_block(once, "new\n") == once
    with pytest.raises(InputError, match=":end"):
        claim_pages.replace_block(f"{start} only", "new")
