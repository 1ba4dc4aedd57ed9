"""The verdict rules on rows made by hand, with the answers worked out beforehand."""

import math
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from partial_unlearning.errors import InputError
from partial_unlearning.metrics import FORGOTTEN
from reproduction import paper, places
from reproduction.chapters import claim_pages as ledger
from reproduction.checking import claims, judging, verdicts
from reproduction.checking.measurements import tidy
from reproduction.checking.verdicts import (
    NOT_ATTEMPTED,
    NOT_REPRODUCED,
    PARTLY,
    REPRODUCED,
    Limits,
    Verdict,
    combine,
    judge_bound,
    judge_difference,
)
from reproduction.study.experiments import TABLES
from reproduction.study.intervals import Interval, interval
from reproduction.study.profiles import load_profile

LIMITS = Limits(forgotten=3, erased=1, nearly=10, known=50, confidence=0.95)


def rows(
    proposed: list[float],
    baseline: list[float],
    d_t: tuple[float, float] = (0.0, 0.0),
    table: int = 1,
    model: str = "MLP",
) -> pd.DataFrame:
    """Rows of ``tables.csv``: one seed for each number, d_t of (proposed, baseline)."""
    sides = (("proposed", proposed, d_t[0]), ("baseline", baseline, d_t[1]))
    return pd.DataFrame(
        {"table": table, "model": model, "method": method, "seed": seed, "d_t": target, "d_r": d_r}
        for method, side, target in sides
        for seed, d_r in enumerate(side)
    )


def test_interval_of_three_pairs() -> None:
    found = interval([1.0, 2.0, 3.0], 0.95)
    quantile = 0.95 * math.sqrt(2 / (1 - 0.95**2))  # closed form for 2 degrees of freedom
    half = quantile / math.sqrt(3)
    assert (found.mean, found.n) == (2.0, 3)
    assert found.low == pytest.approx(2 - half, rel=1e-12)
    assert found.high == pytest.approx(2 + half, rel=1e-12)


@pytest.mark.parametrize(
    ("low", "d_t", "verdict"),
    [
        (0.1, (0, 0), REPRODUCED),
        (0.0, (0, 0), PARTLY),  # touching 0 is reaching it
        (-0.1, (0, 0), PARTLY),
        (0.1, (3.0, 3.0), REPRODUCED),
        (0.1, (3.01, 0), PARTLY),
        (0.1, (0, 10.0), PARTLY),
        (0.1, (10.01, 0), NOT_REPRODUCED),
        (-0.1, (4, 0), PARTLY),
        (0.1, (math.nan, 0), NOT_REPRODUCED),
    ],
)
def test_difference_rule_at_its_edges(low: float, d_t: tuple[float, ...], verdict: str) -> None:
    assert judge_difference(Interval(1.0, low, 2.0, 3), d_t, LIMITS) == verdict
    mirrored = Interval(-1.0, -2.0, -low, 3)
    assert judge_difference(mirrored, d_t, LIMITS, sign=-1) == verdict
    assert judge_difference(mirrored, d_t, LIMITS) == NOT_REPRODUCED


def test_no_difference_is_not_reproduced() -> None:
    assert judge_difference(interval([0.0, 0.0], 0.95), (0, 0), LIMITS) == NOT_REPRODUCED


@pytest.mark.parametrize(
    ("value", "most", "least"),
    [
        (5, REPRODUCED, REPRODUCED),
        (5.01, PARTLY, REPRODUCED),
        (15, PARTLY, REPRODUCED),
        (15.01, NOT_REPRODUCED, REPRODUCED),
        (4.99, REPRODUCED, PARTLY),
        (1, REPRODUCED, PARTLY),
        (0.99, REPRODUCED, NOT_REPRODUCED),
        (math.inf, NOT_REPRODUCED, REPRODUCED),
        (math.nan, NOT_REPRODUCED, NOT_REPRODUCED),
    ],
)
def test_bounds_are_inclusive(value: float, most: str, least: str) -> None:
    assert judge_bound(value, at_most=[5, 15]) == most
    assert judge_bound(value, at_least=[5, 1]) == least


def verdict(word: str, note: str = "") -> Verdict:
    return Verdict(word, "x", note)


@pytest.mark.parametrize(
    ("parts", "word", "note"),
    [
        ([REPRODUCED, REPRODUCED], REPRODUCED, ""),
        ([REPRODUCED, NOT_REPRODUCED], PARTLY, ""),
        ([PARTLY, NOT_REPRODUCED, NOT_REPRODUCED], NOT_REPRODUCED, ""),
        ([REPRODUCED, None], PARTLY, "1 of 2 cases"),
        ([NOT_REPRODUCED, None], NOT_REPRODUCED, "1 of 2 cases"),
        ([None, None], NOT_ATTEMPTED, ""),
        ([REPRODUCED, NOT_ATTEMPTED], PARTLY, "1 of 2 cases"),
    ],
)
def test_combine(parts: list[str | None], word: str, note: str) -> None:
    found = combine([verdict(part) if part else None for part in parts])
    assert (found.verdict, found.note) == (word, note)


def test_comparison_over_seeds() -> None:
    found = judging.comparison(rows([94, 95, 96], [50, 52, 51]), 1, "MLP")
    assert (found.verdict, found.note) == (REPRODUCED, "")
    # differences 44, 43, 45: mean 44, sd 1, half width 4.30265 / sqrt(3) = 2.4841
    assert found.measured == "+44.00 [+41.52, +46.48], D_t 0.00 / 0.00"


@pytest.mark.parametrize(("shift", "word"), [(6.36, REPRODUCED), (6.35, PARTLY)])
def test_comparison_where_the_interval_meets_zero(shift: float, word: str) -> None:
    # Differences shift -+ 0.5 have half width 12.7062 * 0.5 = 6.3531.
    frame = rows([50 + shift - 0.5, 50 + shift + 0.5], [50, 50])
    assert judging.comparison(frame, 1, "MLP").verdict == word


@pytest.mark.parametrize(
    ("d_t", "word"),
    [((3.0, 0), REPRODUCED), ((0, 3.1), PARTLY), ((10.0, 0), PARTLY), ((0, 10.1), NOT_REPRODUCED)],
)
def test_comparison_limits_of_d_t(d_t: tuple[float, float], word: str) -> None:
    assert judging.comparison(rows([90, 91], [50, 51], d_t), 1, "MLP").verdict == word


def test_comparison_with_one_seed_is_partly_at_most() -> None:
    found = judging.comparison(rows([94], [50]), 1, "MLP")
    assert str(found) == "partly (one seed)"
    assert found.measured == "+44.00, D_t 0.00 / 0.00"
    assert str(judging.comparison(rows([40], [50]), 1, "MLP")) == "not reproduced (one seed)"


def test_comparison_uses_seeds_that_both_sides_have() -> None:
    assert str(judging.comparison(rows([94, 95], [50]), 1, "MLP")) == "partly (one seed)"
    frame = rows([94], [50])
    frame.loc[frame.method == "baseline", "seed"] = 7
    assert judging.comparison(frame, 1, "MLP").verdict == NOT_ATTEMPTED


def test_comparison_without_rows() -> None:
    frame = rows([94, 95], [50, 51])
    assert judging.comparison(frame, 1, "LeNet").verdict == NOT_ATTEMPTED
    assert judging.comparison(frame[frame.method == "proposed"], 1, "MLP").verdict == NOT_ATTEMPTED
    assert judging.comparison(frame.iloc[:0], 1, "MLP").verdict == NOT_ATTEMPTED


def test_comparison_refuses_a_seed_twice_and_an_unknown_pair() -> None:
    frame = rows([94, 95], [50, 51])
    with pytest.raises(InputError, match="twice"):
        judging.comparison(pd.concat([frame, frame.iloc[:1]]), 1, "MLP")
    with pytest.raises(InputError, match="Table 2"):
        judging.comparison(frame, 2, "MLP")


def test_the_limit_on_forgetting_is_the_papers_own_worst() -> None:
    worst = paper.tables().d_t.max()
    assert worst <= claims.limits().forgotten < worst + 1


def test_the_committed_claims_are_whole() -> None:
    ledger = claims.claims()
    assert len({claim["id"] for claim in ledger}) == len(ledger)
    measures = {claim["measure"] for claim in ledger}
    assert measures == {*judging.MEASURES, "all_of"}
    cases = [case for claim in ledger if "per_model" in claim for case in claim["cases"]]
    pairs = [(case["table"], case["model"]) for case in cases]
    assert all("order" in case for c in ledger if "orders" in c for case in c["cases"])
    assert sorted(pairs) == sorted(paper.comparisons())
    groups = {claim["group"] for claim in ledger}
    assert all(set(claim.get("claims", [])) <= groups for claim in ledger)


def judged(table: pd.DataFrame, **frames: list[dict]) -> pd.DataFrame:
    table = table.reindex(columns=[*paper.KEYS, "seed", *paper.MEASURES])  # as the contract has it
    made = {name: pd.DataFrame(content) for name, content in frames.items()}
    return judging.judge({**NO_RUNS, "tables": table, **made}).set_index("id")


NOTHING = pd.DataFrame()
NO_RUNS = dict.fromkeys(
    ("tables", "figure_1", "figure_2", "figure_3", "figure_4", "same_step", "storage"), tidy([])
)


def test_without_results_nothing_is_attempted() -> None:
    found = judged(NOTHING)
    assert set(found.verdict) == {NOT_ATTEMPTED} and set(found.note) == {""}


def test_tables_give_verdicts_and_their_summary() -> None:
    parts = [
        rows([94, 95], [50, 51], table=table, model=model) for table, model in paper.comparisons()
    ]
    found = judged(pd.concat(parts))
    assert found.verdict["table-4-AlexNet"] == REPRODUCED
    assert found.verdict["superior"] == REPRODUCED
    assert found.measured["superior"] == "reproduced 18"
    assert found.verdict["storage"] == NOT_ATTEMPTED


def test_a_summary_of_part_of_the_cases_is_partly() -> None:
    found = judged(rows([94, 95], [50, 51])).loc["superior"]
    assert (found.verdict, found.note) == (PARTLY, "1 of 18 cases")


@pytest.mark.parametrize(
    ("good", "tried", "word"),
    # Of 12 coins, 10 or more fall alike with 1.9 %, 9 or more with 7.3 %; of 4, all with 6.25 %.
    [(10, 12, PARTLY), (9, 12, NOT_REPRODUCED), (4, 4, NOT_REPRODUCED), (5, 5, PARTLY)],
)
def test_a_summary_asks_for_more_signs_than_coins_give(good: int, tried: int, word: str) -> None:
    parts = [verdict(PARTLY)] * good + [verdict(NOT_REPRODUCED)] * (tried - good)
    found = combine([*parts, verdict(NOT_ATTEMPTED)], 0.95)
    assert (found.verdict, found.note) == (word, f"{tried} of {tried + 1} cases")


def test_a_summary_of_comparisons_that_half_are_reproduced_is_partly() -> None:
    half = [verdict(REPRODUCED), verdict(NOT_REPRODUCED)]
    assert combine(half, 0.95).verdict == PARTLY
    assert combine([verdict(REPRODUCED)] * 3, 0.95).verdict == REPRODUCED
    assert combine([verdict(NOT_ATTEMPTED)], 0.95).verdict == NOT_ATTEMPTED


def test_bound_on_columns_and_losses() -> None:
    table = pd.DataFrame(
        [
            {"method": "trained", "seed": 0, "class_a": 98, "class_b": 96, "class_c": 97},
            {"method": "trained", "seed": 1, "class_a": 98, "class_b": 96, "class_c": 97},
            {"method": "baseline", "seed": 0, "class_a": 80, "class_b": 0, "class_c": 99},
            {"method": "baseline", "seed": 1, "class_a": 80, "class_b": 2, "class_c": 99},
            {"method": "proposed", "seed": 0, "class_a": 97, "class_b": 80, "class_c": 97},
            {"method": "proposed", "seed": 1, "class_a": 97, "class_b": 84, "class_c": 97},
        ]
    ).assign(table=1, model="MLP", d_t=[97.0] * 2 + [0.0] * 4, d_r=90.0)
    found = judged(table)
    assert found.verdict["class-7-eradicated"] == REPRODUCED  # mean 1.00, the bound itself
    assert found.measured["class-7-eradicated"] == "MLP 1.00"
    assert found.measured["minimal-impact-mnist"] == "MLP 14.00, D_t 0.00"  # digit 7: 96 - 82
    assert found.note["minimal-impact-mnist"] == "1 of 3 cases"


@pytest.mark.parametrize(
    ("d_t", "word"), [(3.0, REPRODUCED), (3.1, PARTLY), (10.0, PARTLY), (10.1, NOT_REPRODUCED)]
)
def test_accuracy_kept_by_not_forgetting_does_not_count(d_t: float, word: str) -> None:
    sides = rows([96, 96], [97, 97], d_t=(d_t, 98))
    sides = sides.replace({"method": {"baseline": "trained"}})
    parts = [sides.assign(table=1, model=model) for model in ("MLP", "LeNet", "ResNet9")]
    found = judged(pd.concat(parts)).loc["figure-1-comparable"]
    assert found.verdict == word
    assert found.measured.startswith(f"MLP 1.00, D_t {d_t:.2f}; LeNet 1.00")


def curve(
    method: str, d_t: list[float], orders: tuple[str, ...] = ("backward", "forward")
) -> list[dict]:
    return [
        {"model": model, "method": method, "seed": seed, "step": step, "d_t": value, "d_r": 90}
        | {"order": order}
        for model in ("MLP", "LeNet", "ResNet9")
        for order in orders
        for seed in (0, 1)
        for step, value in enumerate(d_t)
    ]


def test_epochs_until_forgotten() -> None:
    runs = curve("baseline", [97, 40, 5, 1.0]) + curve("proposed", [97, 60, 30, 8, 0.5, 2])
    found = judged(NOTHING, figure_1=runs)
    for order in ("backward", "forward"):
        assert found.verdict[f"figure-1-conventional-{order}"] == REPRODUCED
        measured = found.measured[f"figure-1-conventional-{order}"]
        assert measured == "MLP 3.00; LeNet 3.00; ResNet9 3.00"
        measured = found.measured[f"figure-1-more-epochs-{order}"]
        assert measured == "MLP 1.00; LeNet 1.00; ResNet9 1.00"
    assert found.verdict["figure-2-conventional-backward"] == NOT_ATTEMPTED


def test_each_order_of_epochs_is_judged_by_itself() -> None:
    runs = curve("baseline", [97, 0.5], ("backward",))
    runs += curve("baseline", [97, 40, 30, 20, 10, 0.5], ("forward",))
    found = judged(NOTHING, figure_1=runs)
    assert found.verdict["figure-1-conventional-backward"] == REPRODUCED
    assert found.verdict["figure-1-conventional-forward"] == NOT_REPRODUCED
    assert found.measured["figure-1-conventional-forward"].startswith("MLP 5.00; ")
    assert found.source["figure-1-conventional-forward"] == "Figure 1, forward"


@pytest.mark.parametrize(("known", "word"), [(50, REPRODUCED), (49.9, NOT_ATTEMPTED)])
def test_what_was_never_known_cannot_be_forgotten(known: float, word: str) -> None:
    runs = curve("baseline", [known, 0.5])
    parts = [
        pd.concat([rows([94, 95], [50, 51]), rows([96, 96], [], d_t=(known, 0))]).assign(
            method=["proposed"] * 2 + ["baseline"] * 2 + ["trained"] * 2, table=1, model=model
        )
        for model in ("MLP", "LeNet", "ResNet9")
    ]
    found = judged(pd.concat(parts), figure_1=runs)
    for name in ("figure-1-conventional-forward", "figure-1-comparable", "table-1-MLP"):
        assert found.verdict[name] == word
        assert found.note[name] == (verdicts.UNKNOWN if word == NOT_ATTEMPTED else "")


def test_a_model_that_knew_nothing_of_the_class_does_not_forget_it_at_epoch_0() -> None:
    runs = [row | {"d_t": 0.0} for row in curve("baseline", [0, 0])]
    first = judging.first_steps(pd.DataFrame(runs), 1)
    assert set(first) == {1}


def test_what_is_never_forgotten_reproduces_nothing() -> None:
    runs = curve("baseline", [97, 96]) + curve("proposed", [97, 96])
    found = judged(NOTHING, figure_1=runs).verdict
    assert found["figure-1-conventional-backward"] == NOT_REPRODUCED
    assert found["figure-1-more-epochs-backward"] == NOT_REPRODUCED


def test_never_is_not_a_few_epochs_more() -> None:
    runs = curve("baseline", [97, 0.5]) + curve("proposed", [97, 96])
    found = judged(NOTHING, figure_1=runs).loc["figure-1-more-epochs-backward"]
    assert (found.verdict, found.note) == (NOT_REPRODUCED, "")
    assert found.measured == "MLP never; LeNet never; ResNet9 never"


DECREASING = "random, decreasing with depth"


def strategies(d_t: dict[str, float]) -> list[dict]:
    """Figure 4 with straight lines: D_r = 95 - loss * share - seed, D_t as given at share 0.5."""
    losses = {DECREASING: 0, "layer-wise magnitude": 2, "global magnitude": 3, "amnesiac": 30}
    return [
        {"dataset": name, "method": method, "seed": seed, "share": share}
        | {"d_r": 95 - loss * share - seed, "d_t": d_t.get(method, 0) if share == 0.5 else 0}
        for name in ("mnist", "organamnist")
        for method, loss in losses.items()
        for seed in (0, 1)
        for share in (0.2, 0.3, 0.4, 0.5, 1.0)
    ]


def test_strategies_and_degradation() -> None:
    found = judged(NOTHING, figure_4=strategies({}))
    assert found.verdict["random-decreasing-best"] == REPRODUCED
    assert found.verdict["degradation-mitigated"] == REPRODUCED
    # Share 1 is left out: 30 * (0.5 - 0.2).
    assert found.measured["degradation-with-share"] == "mnist 9.00; organamnist 9.00"
    assert found.verdict["degradation-with-share"] == PARTLY
    # layer-wise: losses 2 * share, mean share 0.35
    assert found.measured["random-decreasing-best"].startswith("+0.70 [")
    assert "D_t 0.00 / 0.00, 8 of 8 pairs" in found.measured["random-decreasing-best"]


def test_strategies_are_compared_where_both_have_forgotten() -> None:
    found = judged(NOTHING, figure_4=strategies({DECREASING: 96}))
    # Without shares 0.5 and 1 the mean share is 0.3: 30 * 0.3 = 9 points above amnesiac.
    assert found.measured["degradation-mitigated"].startswith("+9.00 [")
    assert "D_t 0.00 / 0.00, 6 of 8 pairs" in found.measured["degradation-mitigated"]


def test_strategies_that_never_forget_reproduce_nothing() -> None:
    figure = [row | {"d_t": 50} for row in strategies({})]
    found = judged(NOTHING, figure_4=figure).loc["degradation-mitigated"]
    assert found.verdict == NOT_REPRODUCED
    assert found.measured == "–, 0 of 8 pairs; –, 0 of 8 pairs"


def test_storage_needs_no_seeds() -> None:
    pairs = [("mnist", model) for model in ("MLP", "LeNet", "ResNet9")]
    pairs += [("organamnist", model) for model in ("ConvNet", "AlexNet", "ResNet9")]
    kept = [{"dataset": name, "model": model, "kept_share": 0.5} for name, model in pairs]
    found = judged(NOTHING, storage=kept).loc["storage"]
    assert (found.verdict, found.note) == (REPRODUCED, "")
    assert found.measured.startswith("MLP on mnist 0.50; LeNet on mnist 0.50")


def maps(gains: list[float], d_t: float = 0.0) -> list[dict]:
    """Similarities of five images to targets 3 and 1, one seed for each gain."""
    return [
        {"target": target, "method": method, "seed": seed, "image": image, "d_t": d_t}
        | {"similarity": 0.5 + image / 100 + (gain + image / 10 - 0.2) * (method == "proposed")}
        for target in (3, 1)
        for method in ("proposed", "baseline")
        for seed, gain in enumerate(gains)
        for image in range(5)
    ]


def test_maps_are_judged_over_seeds_and_not_over_images() -> None:
    found = judged(NOTHING, figure_3=maps([0.3])).loc["maps-preserved"]
    assert (found.verdict, found.note) == (PARTLY, "one seed")
    assert found.measured.startswith("+0.30, D_t 0.00 / 0.00, 5 of 5 pairs;")
    found = judged(NOTHING, figure_3=maps([0.2, 0.3, 0.4])).loc["maps-preserved"]
    # mean 0.3, standard deviation 0.1, half width 4.30265 * 0.1 / sqrt(3) = 0.2484
    assert found.verdict == REPRODUCED
    assert found.measured.startswith("+0.30 [+0.05, +0.55]")


def test_maps_kept_by_not_forgetting_do_not_count() -> None:
    found = judged(NOTHING, figure_3=maps([0.2, 0.3, 0.4], d_t=50)).loc["maps-preserved"]
    assert (found.verdict, found.measured) == (NOT_REPRODUCED, "–, 0 of 15 pairs; –, 0 of 15 pairs")


def losses(number: int, loss: float, models: set[str]) -> list[pd.DataFrame]:
    frames = [
        rows([95, 95], [95 - loss, 95 - loss], table=number, model=model)
        for table, model in paper.comparisons()
        if table == number and model in models
    ]
    return [frame.replace({"method": {"proposed": "trained"}}) for frame in frames]


EVERY = {model for _, model in paper.comparisons()}


def test_contrast_needs_every_model_of_both_tables() -> None:
    whole = [*losses(1, 20, EVERY), *losses(2, 60, EVERY)]
    found = judged(pd.concat(whole)).loc["more-highlighted"]
    assert (found.verdict, found.measured, found.note) == (REPRODUCED, "40.00", "")
    part = [*losses(1, 20, EVERY), *losses(2, 60, {"ConvNet"})]
    found = judged(pd.concat(part)).loc["more-highlighted"]
    assert (found.verdict, found.measured, found.note) == (PARTLY, "40.00", "4 of 6 models")
    assert judged(pd.concat(losses(1, 20, EVERY))).verdict["more-highlighted"] == NOT_ATTEMPTED


@pytest.mark.parametrize(("loss", "word"), [(20, NOT_REPRODUCED), (20.5, PARTLY)])
def test_no_contrast_is_not_a_small_one(loss: float, word: str) -> None:
    both = [*losses(1, 20, EVERY), *losses(2, loss, EVERY)]
    assert judged(pd.concat(both)).verdict["more-highlighted"] == word


@pytest.mark.parametrize(
    ("proposed", "word"), [([97, 1], NOT_REPRODUCED), ([97, 9, 1], REPRODUCED)]
)
def test_equally_many_steps_are_not_slower(proposed: list[float], word: str) -> None:
    steps = [
        {"family": TABLES[table].family, "dataset": TABLES[table].dataset, "model": model}
        | {"method": method, "seed": seed, "step": at, "d_t": d_t}
        for table, model in paper.comparisons()
        if table > 2
        for method, way in (("proposed", proposed), ("baseline", [97, 1]))
        for seed in (0, 1)
        for at, d_t in enumerate(way)
    ]
    assert judged(NOTHING, same_step=steps).verdict["flipping-slower"] == word


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_caveats_agree_with_the_profiles(profile: str) -> None:
    settings = load_profile(profile)
    caveats = {claim["id"]: claim.get("caveat", "") for claim in claims.claims()}
    assert f"{len(settings.tuning.pruning)} prunings" in caveats["table-1-MLP"]
    assert len(settings.figure_4.seeds) == 1 and "One seed" in caveats["degradation-mitigated"]
    assert FORGOTTEN == 0.001 and "one in a thousand" in caveats["flipping-erases"]


def test_markdown_has_a_row_a_claim_and_no_stray_bar() -> None:
    frame = judged(NOTHING).reset_index()
    frame.loc[0, "quote"] = "a|b"
    found = {"full": frame, "quick": frame.assign(measured="-0.1", verdict="partly", note="")}
    table, _, below = ledger.to_markdown(found).partition("\n\n")
    lines = table.splitlines()
    assert len(lines) == len(frame) + 2
    assert {line.count("|") for line in lines} == {6}
    assert lines[0] == "| Source | The paper says | Complete data | Profile quick | Chapter |"
    assert lines[2].startswith("| Abstract | “a∣b” [1] | **not attempted** | **partly** -0.1 |")
    assert below.startswith("[1] The batch protocol was calibrated")
    assert below.count("The batch protocol was calibrated") == 1


def test_block_is_replaced_between_its_marks() -> None:
    start, end = ledger.MARKS
    text = f"before\n{start}\nold\n{end}\nafter\n"
    once = ledger.replace_block(text, "new\n")
    assert once == f"before\n{start}\nnew\n{end}\nafter\n"
    assert ledger.replace_block(once, "new\n") == once
    with pytest.raises(InputError, match="claims:end"):
        ledger.replace_block(f"{start} only", "new")


def test_ledger_rewrites_the_readme_or_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = tmp_path / "README.md"
    monkeypatch.setattr(places, "readme", lambda: readme)
    readme.write_text("no marks")
    with pytest.raises(InputError):
        ledger.write_ledger("smoke")
    assert readme.read_text() == "no marks"
    readme.write_text("\n".join(ledger.MARKS))
    frame = ledger.write_ledger("smoke")
    assert f"{len(frame)} claims. Complete data: " in readme.read_text()
    assert f"Profile smoke: {judging.counts(frame.verdict)}." in readme.read_text()


def test_words_are_the_four_of_the_ledger() -> None:
    words = [verdicts.REPRODUCED, verdicts.PARTLY, verdicts.NOT_REPRODUCED, verdicts.NOT_ATTEMPTED]
    assert judging.counts(words + words[:1]) == (
        "reproduced 2, partly 1, not reproduced 1, not attempted 1"
    )


def stated(claim: dict, limits: dict[str, float]) -> set[float]:
    """The numbers that a claim's rule may name: its bounds and the common limits."""
    bounds = [*claim.get("at_most", []), *claim.get("at_least", [])]
    doubt = round(100 * (1 - limits["confidence"]))
    return {*bounds, *limits.values(), 100 * limits["confidence"], doubt}


def test_a_rule_says_its_bounds_and_no_other_number() -> None:
    limits = vars(claims.limits())
    for claim in claims.claims():
        prose = re.sub(r"digit \d|below 1\b|at 1 all|above 0|reaches 0|> 0", "", claim["rule"])
        named = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", prose)}
        assert named <= stated(claim, limits), claim["id"]
        bounds = {*claim.get("at_most", []), *claim.get("at_least", [])}
        if "d_t" in claim:
            bounds.add(limits[claim["d_t"]])
        assert bounds <= named, claim["id"]
        if claim.get("forgets") or claim["measure"] in ("comparison", "paired_runs"):
            assert {limits["forgotten"], limits["nearly"]} <= named, claim["id"]


def test_cases_of_a_claim_on_tables_are_their_models() -> None:
    entry = {"id": "x", "source": "S", "rule": "r", "tables": [1, 4]}
    entry["cases"] = [{"table": "each", "family": "each", "model": "each", "pick": "max"}]
    (claim,) = claims.expanded(entry)
    assert claim["cases"] == [
        {"table": table, "family": TABLES[table].family, "model": model, "pick": "max"}
        for table, model in paper.comparisons()
        if table in (1, 4)
    ]
    apart = claims.expanded(entry | {"per_model": True, "tables": [1]})
    assert [part["id"] for part in apart] == ["x-MLP", "x-LeNet", "x-ResNet9"]
    assert [part["source"] for part in apart] == ["S, MLP", "S, LeNet", "S, ResNet9"]
    assert [len(part["cases"]) for part in apart] == [1, 1, 1]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ([], "book/claims.yaml has the unknown key 'at_mots'; choose from limits, rules, claims"),
        (["limits"], "the part limits of book/claims.yaml has the unknown key 'at_mots'"),
        (["claims", 0], "claim 'efficacy-preserved' has the unknown key 'at_mots'"),
        (["claims", 0, "cases", 0], "a case of claim 'efficacy-preserved' has the unknown key"),
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
