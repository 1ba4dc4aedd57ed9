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
    PARTLY,
    REPRODUCED,
    UNKNOWN,
    Verdict,
    capped,
    combine,
    combine_comparisons,
    judge_bound,
    judge_difference,
    one_seed,
    worse,
)
from reproduction.study.intervals import interval


def select(rows: pd.DataFrame, **where: object) -> pd.DataFrame:
    """The rows that have these values; none where a column is missing."""
    for column, value in where.items():
        rows = rows[rows[column] == value] if column in rows else rows.iloc[:0]
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
    halves = [_indexed(rows, method, on, values) for method in sides]
    if any(half.empty for half in halves):
        return pd.DataFrame()
    left, right = (half.add_suffix(f"_{side}") for side, half in enumerate(halves))
    return left.join(right, how="inner").reset_index()


def _indexed(
    rows: pd.DataFrame, method: str, on: Sequence[str], values: Sequence[str]
) -> pd.DataFrame:
    half = select(rows, method=method)
    if half.empty:
        return half
    half = half.dropna(subset=[*on, *values]).set_index(list(on))[list(values)]
    if not half.index.is_unique:
        twice = half.index[half.index.duplicated()][0]
        raise InputError(
            f"the results hold {method!r} twice for {', '.join(on)} = {twice}; "
            "one row each is expected: remove the run that does not belong"
        )
    return half


def _judge_pairs(pairs: pd.DataFrame, value: str, sign: int = 1) -> Verdict | None:
    """The comparison rule on the columns of ``paired``, D_t among them."""
    if pairs.empty:
        return None
    gain = interval(pairs[f"{value}_0"] - pairs[f"{value}_1"], limits().confidence)
    d_t = [float(pairs[f"d_t_{side}"].mean()) for side in (0, 1)]
    measured = f"{gain}, D_t {d_t[0]:.2f} / {d_t[1]:.2f}"
    return _capped(Verdict(judge_difference(gain, d_t, limits(), sign), measured), pairs)


def _capped(verdict: Verdict, rows: pd.DataFrame) -> Verdict:
    """Label a verdict whose rows come from a single seed; rows without seeds are not sampled."""
    single = "seed" in rows and rows["seed"].nunique() == 1
    return one_seed(verdict) if single else verdict


def _if_known(verdict: Verdict | None, d_t: pd.Series) -> Verdict | None:
    """The verdict, withdrawn where trained models know less of the target data than the limit."""
    unknown = len(d_t) and d_t.mean() < limits().known
    return Verdict(NOT_ATTEMPTED, "", UNKNOWN) if verdict and unknown else verdict


def _comparison(rows: pd.DataFrame, table: int, model: str) -> Verdict | None:
    printed = [paper.cell(table, model, method).d_r for method in ("proposed", "baseline")]
    rows = select(rows, table=table, model=model)
    pairs = paired(rows, ("proposed", "baseline"), ["seed"], ["d_r", "d_t"])
    verdict = _judge_pairs(pairs, "d_r", sign=1 if printed[0] > printed[1] else -1)
    return _if_known(verdict, _trained(rows))


def _trained(rows: pd.DataFrame) -> pd.Series:
    """D_t of the trained models among rows of ``tables.csv``."""
    return select(rows, method="trained")["d_t"] if len(rows) else pd.Series(dtype=float)


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
    trained = _trained(rows)
    if "minus" in case:
        values = [*columns, *{"d_t"}.difference(columns)]
        rows = paired(rows, (case["method"], case["minus"]), ["seed"], values)
        means = [(rows[f"{c}_0"] - rows[f"{c}_1"]).mean() for c in columns if len(rows)]
    else:
        rows = select(rows, method=case["method"])
        rows = rows.dropna(subset=columns) if len(rows) else rows
        means = [rows[column].mean() for column in columns if len(rows)]
    if not means:
        return None
    found = _bounded(claim, float(getattr(np, case.get("pick", "mean"))(means)), label, rows)
    found = _if_forgotten(found, rows["d_t_1"].mean()) if claim.get("forgets") else found
    return _if_known(found, trained)


def _if_forgotten(found: Verdict, d_t: float) -> Verdict:
    """The verdict, lowered where D_t is: a method that forgets nothing keeps all its accuracy."""
    word = judge_bound(d_t, at_most=(limits().forgotten, limits().nearly))
    return replace(
        found, verdict=worse(found.verdict, word), measured=f"{found.measured}, D_t {d_t:.2f}"
    )


def _measure_contrast(data: Measurements, claim: Claim, case: Case) -> Verdict | None:
    """The mean loss over the models of one table minus that of another."""
    halves = [_losses(data, case, table) for table in case["tables"]]
    if any(half.empty for half in halves):
        return None
    means = [float(half.groupby("model").loss.mean().mean()) for half in halves]
    fewest = min(halves, key=lambda half: half["seed"].nunique())
    found = _bounded(claim, means[0] - means[1], "", fewest)
    there = sum(half["model"].nunique() for half in halves)
    total = sum(table in case["tables"] for table, _ in paper.comparisons())
    return found if there == total else capped(found, f"{there} of {total} models")


def _losses(data: Measurements, case: Case, table: int) -> pd.DataFrame:
    """One row a model and seed of a table: what one method loses against another."""
    sides, column = (case["method"], case["minus"]), case["column"]
    rows = select(data["tables"], table=table)
    pairs = paired(rows, sides, ["model", "seed"], [column])
    return pairs if pairs.empty else pairs.assign(loss=pairs[f"{column}_0"] - pairs[f"{column}_1"])


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
    return select(data.get(case["evidence"], pd.DataFrame()), **where)


def _measure_first_forgotten(data: Measurements, claim: Claim, case: Case) -> Verdict | None:
    rows = _runs_of(data, case)
    sides = [case[name] for name in ("method", "minus") if name in case]
    halves = [select(rows, method=side) for side in sides]
    if any(half.empty for half in halves):
        return None
    first = [first_steps(half, getattr(limits(), claim["d_t"])) for half in halves]
    verdict = _first_verdict(claim, case, pd.concat(first, axis=1, join="inner"))
    return _if_known(verdict, select(halves[0], step=0)["d_t"])


def _first_verdict(claim: Claim, case: Case, found: pd.DataFrame) -> Verdict:
    """The verdict on when each side, a column each, first comes down to the limit."""
    means = [float(mean) for mean in found.mean()]
    label = case["model"]
    if not np.isfinite(means).all():  # neither few epochs nor a few more: never
        return _capped(Verdict(NOT_REPRODUCED, f"{label} never"), found.reset_index())
    return _bounded(claim, means[0] - sum(means[1:]), label, found.reset_index())


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
    if rows.empty or rows["share"].nunique() < 2:
        return None
    slope = float(np.polyfit(rows["share"], rows["d_r"], 1)[0])
    fall = -slope * float(rows["share"].max() - rows["share"].min())
    return _bounded(claim, fall, case["dataset"], rows)


def _measure_storage(data: Measurements, claim: Claim, case: Case) -> Verdict | None:
    rows = _runs_of(data, case)
    label = f"{case['model']} on {case['dataset']}"
    return _bounded(claim, float(rows["kept_share"].mean()), label, rows) if len(rows) else None


MEASURES: dict[str, Callable[[Measurements, Claim, Case], Verdict | None]] = {
    "comparison": _measure_comparison,
    "bound": _measure_bound,
    "contrast": _measure_contrast,
    "first_forgotten": _measure_first_forgotten,
    "paired_runs": _measure_paired_runs,
    "degradation": _measure_degradation,
    "storage": _measure_storage,
}


def _judge(data: Measurements, claim: Claim) -> Verdict:
    measure = MEASURES[claim["measure"]]
    return combine([measure(data, claim, case) for case in claim["cases"]])


def _summarise(claim: Claim, judged: dict[str, list[Verdict]]) -> Verdict:
    parts = [verdict for group in claim["claims"] for verdict in judged[group]]
    verdict = combine_comparisons(parts, limits().confidence)
    return Verdict(verdict.verdict, counts(part.verdict for part in parts), verdict.note)


def counts(words: Iterable[str]) -> str:
    """How often each verdict occurs, for example ``reproduced 12, partly 6``."""
    found = Counter(words)
    order = (REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_ATTEMPTED)
    return ", ".join(f"{word} {found[word]}" for word in order if found[word])


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
    ledger, found = claims(), {}
    parts: dict[str, list[Verdict]] = {}
    for claim in sorted(ledger, key=lambda claim: claim["measure"] == "all_of"):
        last = claim["measure"] == "all_of"
        verdict = _summarise(claim, parts) if last else _judge(data, claim)
        found[claim["id"]] = verdict
        parts.setdefault(claim["group"], []).append(verdict)
    return pd.DataFrame([_row(claim, found[claim["id"]]) for claim in ledger])


def _row(claim: Claim, verdict: Verdict) -> dict[str, str]:
    given = {name: claim[name] for name in ("id", "source", "quote", "rule", "chapter")}
    return given | {"caveat": claim.get("caveat", "")} | vars(verdict)
