"""The claim ledger: each claim of the paper beside what the runs of a profile gave.

The claims, their rules and their tolerances stand in ``book/claims.yaml``; this module only
computes, from the tables of :mod:`reproduction.checking.measurements`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from partial_unlearning.errors import InputError
from reproduction import paper
from reproduction.checking.claims import Case, Claim, claims, limits
from reproduction.checking.measurements import Measurements, gather
from reproduction.checking.verdicts import (
    NONE,
    NOT_ATTEMPTED,
    NOT_REPRODUCED,
    ONE_SEED,
    UNKNOWN,
    WORDS,
    Verdict,
    capped,
    combine,
    judge_bound,
    judge_difference,
    worse,
)
from reproduction.study.intervals import interval


def select(rows: pd.DataFrame, **where: object) -> pd.DataFrame:
    """The rows that have these values."""
    for column, value in where.items():
        rows = rows[rows[column] == value]
    return rows


def paired(
    rows: pd.DataFrame, sides: Sequence[str], on: Sequence[str], values: Sequence[str]
) -> pd.DataFrame:
    """Two methods side by side: one row for each key that both have.

    Args:
        rows: rows with a ``method`` column.
        sides: the two methods.
        on: the columns that make a pair, such as ``seed``.
        values: the columns to keep, suffixed ``_0`` and ``_1`` by side.

    Raises:
        InputError: one method has two rows for the same key.
    """
    on, values = list(on), list(values)
    rows = rows[rows["method"].isin(sides)].dropna(subset=[*on, *values])
    for twice in rows[rows.duplicated(["method", *on])].to_dict("records"):
        raise InputError(
            f"the results hold {twice['method']!r} twice for {', '.join(on)} = "
            f"{[twice[name] for name in on]}; one row each is expected: remove the run that does "
            "not belong"
        )
    left, right = (rows.loc[rows["method"] == side, [*on, *values]] for side in sides)
    return left.merge(right, on=on, suffixes=("_0", "_1"))


def _judge_pairs(pairs: pd.DataFrame, value: str, sign: int = 1) -> Verdict | None:
    """The comparison rule on the columns of ``paired``, D_t among them."""
    if pairs.empty:
        return None
    gain = interval(pairs[f"{value}_0"] - pairs[f"{value}_1"], limits().confidence)
    d_t = [float(pairs[f"d_t_{side}"].mean()) for side in (0, 1)]
    measured = f"{gain}, D_t {d_t[0]:.2f} / {d_t[1]:.2f}"
    return _capped(Verdict(judge_difference(gain, d_t, limits(), sign), measured), pairs)


def _capped(verdict: Verdict, rows: pd.DataFrame) -> Verdict:
    """At most *partly* where all rows are of one seed, which says nothing about spread."""
    single = "seed" in rows and rows["seed"].nunique() == 1
    return capped(verdict, ONE_SEED) if single else verdict


def _if_known(verdict: Verdict | None, trained: pd.DataFrame) -> Verdict | None:
    """The verdict, withdrawn where trained models know less of the target data than the limit."""
    unknown = trained["d_t"].mean() < limits().known
    return Verdict(NOT_ATTEMPTED, "", UNKNOWN) if verdict and unknown else verdict


def _comparison(rows: pd.DataFrame, table: int, model: str) -> Verdict | None:
    printed = [paper.cell(table, model, method).d_r for method in ("proposed", "baseline")]
    rows = select(rows, table=table, model=model)
    pairs = paired(rows, ("proposed", "baseline"), ["seed"], ["d_r", "d_t"])
    verdict = _judge_pairs(pairs, "d_r", sign=1 if printed[0] > printed[1] else -1)
    return _if_known(verdict, select(rows, method="trained"))


def comparison(rows: pd.DataFrame, table: int, model: str) -> Verdict:
    """The verdict on one of the paper's 18 comparisons of proposed with baseline D_r.

    Args:
        rows: rows of ``tables.csv``, of this table or of all.
        table: 1 to 6.
        model: as the paper's tables spell it.

    Raises:
        InputError: the paper has no such comparison, or a seed appears twice.
    """
    return combine([_comparison(rows, table, model)])


# Measures: a case of a claim -> its verdict, or None where the runs have not left the data.


def _measure_comparison(data: Measurements, claim: Claim, case: Case) -> Verdict | None:
    return _comparison(data["tables"], **case)


def _bounded(claim: Claim, value: float, label: str, rows: pd.DataFrame) -> Verdict:
    bounds = {name: claim[name] for name in ("at_most", "at_least") if name in claim}
    return _capped(Verdict(judge_bound(value, **bounds), f"{label} {value:.2f}".strip()), rows)


def _measure_bound(data: Measurements, claim: Claim, case: Case) -> Verdict | None:
    """Means over seeds of some columns, or of their losses, and one number picked from them."""
    columns, label = case["columns"], case["model"]
    rows = select(data["tables"], table=case["table"], model=label)
    trained = select(rows, method="trained")
    if "minus" in case:
        values = [*columns, *{"d_t"}.difference(columns)]
        rows = paired(rows, (case["method"], case["minus"]), ["seed"], values)
        means = [(rows[f"{column}_0"] - rows[f"{column}_1"]).mean() for column in columns]
    else:
        rows = select(rows, method=case["method"]).dropna(subset=columns)
        means = [rows[column].mean() for column in columns]
    if rows.empty:
        return None
    found = _bounded(claim, float(getattr(np, case.get("pick", "mean"))(means)), label, rows)
    found = _if_forgotten(found, rows["d_t_1"].mean()) if claim.get("forgets") else found
    return _if_known(found, trained)


def _if_forgotten(found: Verdict, d_t: float) -> Verdict:
    """The verdict, lowered where D_t is: a method that forgets nothing keeps all its accuracy."""
    word = judge_bound(d_t, at_most=(limits().forgotten, limits().nearly))
    measured = f"{found.measured}, D_t {d_t:.2f}"
    return replace(found, verdict=worse(found.verdict, word), measured=measured)


def _measure_contrast(data: Measurements, claim: Claim, case: Case) -> Verdict | None:
    """The mean loss over the models of one table minus that of another."""
    sides, column = (case["method"], case["minus"]), case["column"]
    tables = [select(data["tables"], table=table) for table in case["tables"]]
    halves = [paired(rows, sides, ["model", "seed"], [column]) for rows in tables]
    if any(half.empty for half in halves):
        return None
    losses = [(half[f"{column}_0"] - half[f"{column}_1"]).groupby(half["model"]) for half in halves]
    means = [float(loss.mean().mean()) for loss in losses]
    fewest = min(halves, key=lambda half: half["seed"].nunique())
    found = _bounded(claim, means[0] - means[1], "", fewest)
    there = sum(half["model"].nunique() for half in halves)
    total = sum(table in case["tables"] for table, _ in paper.comparisons())
    return found if there == total else capped(found, f"{there} of {total} models")


def first_steps(rows: pd.DataFrame, d_t: float) -> pd.Series:
    """After how many epochs or steps each seed's curve first comes down to ``d_t`` percent.

    Infinite where it never does. The trained model, at 0, has undone nothing and does not count.
    """
    rows = rows[rows["step"] >= 1]
    reached = rows.assign(at=rows["step"].where(rows["d_t"] <= d_t, np.inf))
    return reached.groupby("seed")["at"].min()


def _runs_of(data: Measurements, case: Case) -> pd.DataFrame:
    names = ("family", "dataset", "model", "target", "order")
    where = {name: case[name] for name in names if name in case}
    return select(data[case["evidence"]], **where)


def _measure_first_forgotten(data: Measurements, claim: Claim, case: Case) -> Verdict | None:
    """When a method first comes down to the limit, or how much later than another one."""
    rows, label = _runs_of(data, case), case["model"]
    halves = [select(rows, method=case[name]) for name in ("method", "minus") if name in case]
    if any(half.empty for half in halves):
        return None
    limit = getattr(limits(), claim["d_t"])
    first = pd.concat([first_steps(half, limit) for half in halves], axis=1, join="inner")
    means, seeds = [float(mean) for mean in first.mean()], first.reset_index()
    if np.isfinite(means).all():
        verdict = _bounded(claim, means[0] - sum(means[1:]), label, seeds)
    else:  # neither few epochs nor a few more
        verdict = _capped(Verdict(NOT_REPRODUCED, f"{label} never"), seeds)
    return _if_known(verdict, select(halves[0], step=0))


def _partly_affected(rows: pd.DataFrame) -> pd.DataFrame:
    """Without the runs of share 1, in which all of the training is taken back."""
    return rows[rows["share"] < 1] if "share" in rows else rows


def _measure_paired_runs(data: Measurements, claim: Claim, case: Case) -> Verdict | None:
    """Pairs in which both sides have forgotten, averaged first over what are no samples of runs."""
    rows, value = _partly_affected(_runs_of(data, case)), claim["value"]
    sides = case.get("sides") or claim["sides"]
    pairs = paired(rows, sides, claim["on"], [value, "d_t"])
    if pairs.empty:
        return None
    fair = pairs[pairs[["d_t_0", "d_t_1"]].max(axis=1) <= limits().nearly]
    judged = fair.groupby("seed", as_index=False).mean()
    found = _judge_pairs(judged, value) or _capped(Verdict(NOT_REPRODUCED, NONE), pairs)
    return replace(found, measured=f"{found.measured}, {len(fair)} of {len(pairs)} pairs")


def _measure_degradation(data: Measurements, claim: Claim, case: Case) -> Verdict | None:
    """The fall of a straight line through D_r, from the smallest share to the largest below 1."""
    rows = select(_partly_affected(_runs_of(data, case)), method=case["method"])
    if rows["share"].nunique() < 2:
        return None
    slope = float(np.polyfit(rows["share"], rows["d_r"], 1)[0])
    fall = -slope * float(rows["share"].max() - rows["share"].min())
    return _bounded(claim, fall, case["dataset"], rows)


def _measure_storage(data: Measurements, claim: Claim, case: Case) -> Verdict | None:
    rows, label = _runs_of(data, case), f"{case['model']} on {case['dataset']}"
    return _bounded(claim, float(rows["kept_share"].max()), label, rows) if len(rows) else None


MEASURES: dict[str, Callable[[Measurements, Claim, Case], Verdict | None]] = {
    "comparison": _measure_comparison,
    "bound": _measure_bound,
    "contrast": _measure_contrast,
    "first_forgotten": _measure_first_forgotten,
    "paired_runs": _measure_paired_runs,
    "degradation": _measure_degradation,
    "storage": _measure_storage,
}


def counts(words: Iterable[str]) -> str:
    """How often each verdict occurs, for example ``reproduced 12, partly 6``."""
    found = Counter(words)
    return ", ".join(f"{word} {found[word]}" for word in WORDS if found[word])


def verdicts(profile: str) -> pd.DataFrame:
    """Judge every claim by the stored results of a profile.

    Returns:
        One row a claim: id, source, quote, measured, rule, verdict (one of four words), note,
        caveat and chapter.

    Raises:
        InputError: unknown profile.
    """
    return judge(gather(profile))


def judge(data: Measurements) -> pd.DataFrame:
    """Judge every claim; see :func:`verdicts`. One without any measurement is *not attempted*."""
    found: dict[str, Verdict] = {}
    groups: dict[str, list[Verdict]] = {}
    for claim in sorted(claims(), key=lambda claim: claim["measure"] == "all_of"):  # these last
        if claim["measure"] == "all_of":
            parts = [verdict for group in claim["claims"] for verdict in groups[group]]
            measured = counts(part.verdict for part in parts)
            verdict = replace(combine(parts, limits().confidence), measured=measured)
        else:
            measure = MEASURES[claim["measure"]]
            verdict = combine([measure(data, claim, case) for case in claim["cases"]])
        found[claim["id"]] = verdict
        groups.setdefault(claim["group"], []).append(verdict)
    named = ("id", "source", "quote", "rule", "chapter", "caveat")
    return pd.DataFrame(
        {name: claim.get(name, "") for name in named} | vars(found[claim["id"]])
        for claim in claims()
    )
