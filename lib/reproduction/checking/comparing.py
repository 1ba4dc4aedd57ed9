"""Comparisons of two methods of unlearning: at equal forgetting, and at the paper's own ends."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from statistics import fmean, stdev

import pandas as pd

from reproduction import paper
from reproduction.checking.claims import limits, models_of
from reproduction.checking.exact_tests import equivalence, holm, pairs_needed, sign_flip
from reproduction.checking.samples import COUNTED, Evidence, Reading, Sample, sample
from reproduction.checking.verdicts import (
    CONFIRMED,
    INCONCLUSIVE,
    MIXED,
    NOT_COMPARABLE,
    NOT_RUN,
    Finding,
    judge_tests,
    size_beside,
)
from reproduction.study.intervals import interval
from reproduction.study.kinds import TABLES

PAPER_SIDES = ("proposed", "baseline")
ALONE = "one network only, so not corrected for several; its own line is, and may say less"
PLACEMENTS = {"amnesiac": ("tables", "kept_images")}

Model = tuple[int, str]
"""A table and one of its models."""


@dataclass(frozen=True)
class How:
    """What is compared: two methods, in a column, under a placement of target images."""

    sides: tuple[str, str] = PAPER_SIDES
    column: str = "d_r"
    placement: str = "tables"


@dataclass(frozen=True)
class Comparison:
    """One model's comparison, or that of several models as strata.

    Attributes:
        finding: what it comes to.
        mean: of the differences, in points; of several models the mean of their means.
        low: where the t interval of one model begins.
        high: where it ends.
        pairs: that it rests on.
        p_for: of a difference in the paper's direction, corrected where it is one model's.
        p_against: of the opposite.
        p_equivalent: of a difference short of the margin, 1 where there is no margin.
        d_t: mean test D_t of each side, percent.
        seeds: that both sides have; more than pairs where some were left out.
    """

    finding: Finding
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    pairs: int = 0
    p_for: float = 1.0
    p_against: float = 1.0
    p_equivalent: float = 1.0
    d_t: tuple[float, ...] = (math.nan, math.nan)
    seeds: int = 0


def where_read(reading: str) -> Reading:
    """The rows of a reading: ``equal``, ``test`` (on test images), ``published``, or an order."""
    ends = {"equal": "train", "test": "test"}
    return ends.get(reading, reading), limits().level if reading in ends else None


def _samples(evidence: Evidence, table: int, reading: str, how: How) -> dict[Model, Sample]:
    """The differences in each of the paper's models of a table; empty where nothing was run."""
    return {
        (table, model): sample(
            evidence.get((how.placement, table, model), {}),
            how.sides,
            where_read(reading),
            [how.column],
        )
        for model in models_of(table)
    }


def _tests(samples: Mapping[Model, Sample], how: How) -> tuple[float, float, float]:
    """The p-values for, against, and of equivalence.

    The last is the largest of any model, lest opposite differences cancel; 1 of what is counted.
    """
    strata = [[*found.values.values()] for found in samples.values()]
    if how.column in COUNTED:
        return *sign_flip(strata), 1.0
    margins = [limits().margins[TABLES[table].dataset] for table, _ in samples]
    return *sign_flip(strata), max(map(equivalence, strata, margins))


def by_model(evidence: Evidence, table: int, reading: str, how: How) -> dict[str, Comparison]:
    """The comparison in each model of a table, corrected for their number by Holm."""
    samples = _samples(evidence, table, reading, how)
    raw = {
        key: _tests({key: found}, how) if found.comparable else (1.0, 1.0, 1.0)
        for key, found in samples.items()
    }
    fors, againsts, equivalents = zip(*raw.values(), strict=True)
    p_values = zip(holm(fors), holm(againsts), equivalents, strict=True)
    return {
        key[1]: _compared(key, found, p, len(samples), how)
        for (key, found), p in zip(samples.items(), p_values, strict=True)
    }


def _compared(
    key: Model, found: Sample, p_values: Sequence[float], models: int, how: How
) -> Comparison:
    """A model's comparison, with what its finding needs to be read."""
    if not found.comparable:
        return Comparison(_not_compared({key: found}), seeds=found.seeds)
    word, difference = judge_tests(*p_values, limits()), found.interval
    note = ""
    if word == CONFIRMED and (how.sides, how.column) == (PAPER_SIDES, "d_r"):
        note = size_beside(difference, printed(*key))
    elif word == INCONCLUSIVE and difference.n > 1:
        spread, alpha = stdev(found.values.values()), limits().alpha / models
        needed = pairs_needed(difference.mean, spread, alpha, limits().power)
        note = _would_take(needed, found)
    parts = [f"{difference}, {_described(p_values, difference.n, found.d_t)}", found.left_out]
    finding = Finding(word, note, "; ".join(filter(None, parts)))
    bounds = difference.mean, difference.low, difference.high, difference.n
    return Comparison(finding, *bounds, *p_values, found.d_t, found.seeds)


def _would_take(needed: float, found: Sample) -> str:
    """How many pairs of trainings would tell, beside those that are there, and what they cost."""
    if not math.isfinite(needed):
        return "the mean is 0"
    cost = "" if math.isnan(found.minutes) else f", {found.minutes:.0f} core minutes each"
    return f"would take {needed:.0f} pairs, {len(found.values)} are there{cost}"


def _not_compared(samples: Mapping[Model, Sample]) -> Finding:
    """Why: nothing was run, or who was censored so often."""
    run = {key: found.left_out for key, found in samples.items() if found.seeds}
    if len(run) < 2:
        return Finding(NOT_COMPARABLE, *run.values()) if run else Finding(NOT_RUN)
    said = (f"Table {table} {model}: {why}" for (table, model), why in run.items())
    return Finding(NOT_COMPARABLE, "; ".join(said))


@cache
def printed(table: int, model: str) -> float:
    """The paper's own difference of D_r, in points."""
    proposed, baseline = (paper.cell(table, model, method).d_r for method in PAPER_SIDES)
    return float(proposed - baseline)


def _described(p_values: Sequence[float], pairs: int, d_t: Sequence[float]) -> str:
    known = [f"{value:.2f}" for value in d_t if not math.isnan(value)]
    shown = f", D_t {' / '.join(known)}" if known else ""
    return f"p {min(p_values[:2]):.3g}, {pairs} pair{'' if pairs == 1 else 's'}{shown}"


def of_family(evidence: Evidence, tables: Sequence[int], reading: str, how: How) -> Comparison:
    """The comparison over all models of these tables, stratified by model and not corrected."""
    samples: dict[Model, Sample] = {}
    for table in tables:
        samples |= _samples(evidence, table, reading, how)
    usable = {key: found for key, found in samples.items() if found.comparable}
    if not usable:
        return Comparison(_not_compared(samples))
    out = {key: found for key, found in samples.items() if key not in usable and found.seeds}
    left_out = [f"without {', '.join(f'Table {t} {m}' for t, m in out)}"] if out else []
    note = "; ".join(left_out + [ALONE] * (len(usable) == 1 < len(samples)))
    p_values, pairs = _tests(usable, how), sum(len(found.values) for found in usable.values())
    mean = fmean(found.interval.mean for found in usable.values())
    d_t = tuple(map(fmean, zip(*(found.d_t for found in usable.values()), strict=True)))
    measured = f"{mean:+.2f}, {_described(p_values, pairs, d_t)}, models: {len(usable)}"
    finding = Finding(judge_tests(*p_values, limits()), note, measured)
    return Comparison(finding, mean, math.nan, math.nan, pairs, *p_values, d_t)


def matched(equal: Comparison, on_test: Comparison) -> Finding:
    """The finding at equal forgetting, which has to hold on test images where D_t differ there."""
    first, second = equal.finding, on_test.finding
    if not abs(equal.d_t[0] - equal.d_t[1]) > limits().apart:
        return first
    measured = f"{first.measured}; on test images {second.measured or second.note}"
    if first.word == second.word:
        return Finding(first.word, first.note, measured)
    note = f"on the images trained on {first.word}, on those of the test {second.word}"
    return Finding(MIXED, note, measured)


def beside(evidence: Evidence, table: int, model: str, how: How) -> str:
    """The secondary comparisons at equal forgetting: over all levels, and in the worst class."""
    rows = evidence.get((how.placement, table, model), {})
    at = [sample(rows, how.sides, ("train", level), [how.column]) for level in limits().levels]
    seeds = sorted({seed for found in at for seed in found.values})
    over = [fmean(found.values[seed] for found in at if seed in found.values) for seed in seeds]
    worst = sample(rows, how.sides, where_read("equal"), ["worst"])
    several = sum(bool(found.values) for found in at) > 1  # controls have the primary one alone
    levels = f"over levels {interval(over, limits().confidence)}" if several else ""
    return "; ".join(
        filter(None, [levels, f"worst class {worst.interval}" if worst.values else ""])
    )


def comparisons(evidence: Evidence) -> pd.DataFrame:
    """Every comparison of the paper's two methods, for tables and figures.

    A finding at equal forgetting is that of the ledger, which asks test images too where it must.

    Returns:
        One row a table, model, placement and reading (``equal``, ``test``, ``published``), with
        printed (the paper's difference), the fields of :class:`Comparison`, d_t_0 (proposed) and
        d_t_1 (baseline) for its ``d_t``, and word, note and measured for its finding.
    """
    rows = []
    for number, table in TABLES.items():
        for at, reading in product(
            PLACEMENTS.get(table.family, ("tables",)), ("equal", "test", "published")
        ):
            how = How(placement=at)
            on_test = by_model(evidence, number, "test", how)
            for model, found in by_model(evidence, number, reading, how).items():
                if reading == "equal":
                    found = replace(found, finding=matched(found, on_test[model]))
                head = {"table": number, "model": model, "placement": at, "reading": reading}
                fields = vars(found) | dict(zip(("d_t_0", "d_t_1"), found.d_t, strict=True))
                row = head | {"printed": printed(number, model)} | fields | vars(found.finding)
                rows.append({n: v for n, v in row.items() if n not in ("d_t", "finding")})
    return pd.DataFrame(rows)
