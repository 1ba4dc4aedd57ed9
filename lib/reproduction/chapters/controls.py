"""What is it that helps? Control arms beside the paper's two methods, at equal forgetting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from reproduction import paper
from reproduction.chapters.tables import NONE, Table, signed, simple_table, spread
from reproduction.checking.claims import limits
from reproduction.checking.comparing import Comparison, How, by_model, of_family
from reproduction.checking.measurements import tidy
from reproduction.checking.samples import Evidence, grouped
from reproduction.study.kinds import TABLES

AMNESIAC = {
    "proposed": "proposed",
    "baseline": "baseline",
    "dense_factors": "no mask, layers scaled",
    "reversed": "schedule turned round",
    "uniform": "one fraction everywhere",
    "last_layer": "last layer only",
    **{f"mask_{n}": f"random mask {n}" for n in range(1, 5)},
    "layer_magnitude": "largest of each layer",
    "global_magnitude": "largest of all",
    "lowest_magnitude": "smallest of each layer",
}
GRADIENT = {
    "proposed": "proposed",
    "baseline": "baseline",
    "reversed": "fractions turned round",
    "uniform": "half of each layer",
    "last_layer": "last layer only",
    "layer_rates": "no mask, rates by layer",
    "same_rate": "at the baseline's rate",
    "baseline_minibatches": "baseline, minibatches",
    "proposed_minibatches": "proposed, minibatches",
}


def arms_of(number: int) -> dict[str, str]:
    """The arms that are compared in a table's models, with their names on pages."""
    return AMNESIAC if TABLES[number].family == "amnesiac" else GRADIENT


@dataclass(frozen=True)
class Contrast:
    """One arm in one model: itself, and its difference to either of the paper's methods.

    Attributes:
        rows: of the arm at the level of the findings, one a seed.
        proposed: arm minus proposed, points of D_r.
        baseline: arm minus baseline.
    """

    rows: pd.DataFrame
    proposed: Comparison
    baseline: Comparison


def _evidence(points: pd.DataFrame) -> Evidence:
    return grouped({"points": points, "fractions": tidy([]), "maps": tidy([])})


def contrasts(
    number: int, points: pd.DataFrame, placement: str = "tables"
) -> dict[str, dict[str, Contrast]]:
    """Every arm that was run, by model and in the order of :func:`arms_of`.

    Args:
        number: of a table.
        points: of :func:`reproduction.chapters.comparison.points_of`, of this table.
        placement: of target images, "tables" or "kept_images".
    """
    evidence = _evidence(points)
    at = (points.end == "train") & (points.level == limits().level)
    mine = points[at & (points.placement == placement)]
    found: dict[str, dict[str, Contrast]] = {}
    for arm in arms_of(number):
        against = [
            by_model(evidence, number, "equal", How((arm, side), placement=placement))
            for side in ("proposed", "baseline")
        ]
        rows = mine[mine.method == arm]
        for model in rows.model.unique():
            sides = (comparison[model] for comparison in against)
            found.setdefault(model, {})[arm] = Contrast(rows[rows.model == model], *sides)
    return found


def remark(evidence: Evidence, numbers: Sequence[int], how: How) -> str:
    """What to know of a control's mean over the networks of these tables.

    ``not``: those that are not in it, because the arm was not run there or misses the level in too
    many trainings. ``the same``: those in which it is the proposed method itself, and counts 0.
    """
    out, same = [], []
    called = paper.names(pair for pair in paper.comparisons() if pair[0] in numbers)
    for table in numbers:
        of, whole = (
            by_model(evidence, table, "equal", each) for each in (how, How(placement=how.placement))
        )
        names = {model: called[table, model] for model in of if whole[model].seeds}
        out += [name for model, name in names.items() if not of[model].pairs]
        same += [name for model, name in names.items() if of[model].low == of[model].high == 0]
    parts = [f"{what} {', '.join(of)}" for what, of in (("not", out), ("the same in", same)) if of]
    return "; ".join(parts)


def answer(points: Mapping[int, pd.DataFrame], placement: str = "tables") -> str:
    """What the proposed method keeps beside the baseline, mean over models, in a sentence.

    Args:
        points: of each of a family's tables.
        placement: of target images.
    """
    evidence, numbers, how = _joined(points), list(points), How(placement=placement)
    models = sum(
        one.pairs > 0 for n in numbers for one in by_model(evidence, n, "equal", how).values()
    )
    whole = of_family(evidence, numbers, "equal", how)
    if not whole.pairs:
        return "No stored runs can be compared yet."
    return (
        f"At equal forgetting the proposed method’s $\\mathcal{{D}}_r$ is {signed(whole.mean)} "
        f"points beside the baseline’s, mean over {models} model{'' if models == 1 else 's'}. "
        "What each control keeps beside the proposed method:"
    )


def mean_table(points: Mapping[int, pd.DataFrame], placement: str = "tables") -> Table:
    """Each control minus the proposed method at equal forgetting, mean over models.

    Args:
        points: of each of a family's tables.
        placement: of target images.
    """
    evidence, numbers = _joined(points), list(points)
    rows = []
    for arm, name in arms_of(numbers[0]).items():
        how = How((arm, "proposed"), placement=placement)
        own = of_family(evidence, numbers, "equal", how)
        if arm not in ("baseline", "proposed") and own.pairs:
            rows.append([name, signed(own.mean), remark(evidence, numbers, how) or NONE])
    return simple_table(
        rows,
        headings=["Control", "d_r minus proposed", "Networks"],
        caption="Each control at equal forgetting, mean over networks. Not: it was not run there, "
        "or seldom forgets enough. The same: it is the proposed method itself, and counts 0",
    )


def what_helps(points: Mapping[int, pd.DataFrame]) -> str:
    """Whether masks or layers make the gain of a part of gradient steps, by the controls' means."""
    evidence, numbers = _joined(points), list(points)
    arms = ("layer_rates", "reversed", "last_layer")
    found = {arm: of_family(evidence, numbers, "equal", How((arm, "proposed"))) for arm in arms}
    if not all(one.pairs for one in found.values()):
        return ""
    masks, turned, last = (signed(found[arm].mean) for arm in arms)
    same = abs(found["layer_rates"].mean) <= 1
    return (
        f"**By these means it is {'not the mask, but' if same else 'the mask, and'} which layers "
        f"move:** without any mask {masks}, with the fractions turned round {turned}, with the "
        f"last layer alone {last}. {_slower(points)}"
    )


def _slower(points: Mapping[int, pd.DataFrame]) -> str:
    """How many steps the masks take at the baseline's own rate, beside the baseline."""
    parts = []
    called = paper.names(pair for pair in paper.comparisons() if pair[0] in points)
    for number, found in points.items():
        at = (found.end == "train") & (found.level == limits().level)
        there = found[at & (found.placement == "tables") & found.reached.astype(bool)]
        steps = there.groupby(["model", "method"], sort=False).strength.median().unstack()
        if {"same_rate", "baseline"} <= set(steps):
            both = steps[["same_rate", "baseline"]].dropna().itertuples()
            parts += [
                f"{each.same_rate:.2g} against {each.baseline:.2g} ({called[number, each.Index]})"
                for each in both
            ]
    if not parts:
        return ""
    return (
        "The paper explains the gain by “slowing down the process”. At the baseline’s rate the "
        f"masks take, in steps (medians), {', '.join(parts)}."
    )


def single_masks(number: int, points: pd.DataFrame) -> str:
    """Where one mask did it all, and what masks keep at the baseline's rate, in a sentence or two.

    Args:
        number: of a table of gradient steps.
        points: of this table.
    """
    at = (points.end == "train") & (points.level == limits().level)
    mine = points[at & (points.placement == "tables") & points.reached.astype(bool)]
    once = [
        f"{(rows.strength <= 1).sum()} of {len(rows)} ({model})"
        for model, rows in mine[mine.method == "proposed"].groupby("model", sort=False)
    ]
    said = (
        "The paper’s mask moves on from epoch to epoch, and has no occasion to where the first "
        "step, or a part of it, is enough: at equal forgetting, of the trainings that get there, "
        f"{', '.join(once)}. "
        if once
        else ""
    )
    same = by_model(_evidence(points), number, "equal", How(("same_rate", "baseline")))
    kept = [f"{_difference(one)} ({model})" for model, one in same.items() if one.pairs]
    if not kept:
        return said
    return (
        f"{said}With the baseline’s own optimizer and rate the part’s difference to it is "
        f"{', '.join(kept)}."
    )


def _joined(points: Mapping[int, pd.DataFrame]) -> Evidence:
    return {k: v for found in points.values() for k, v in _evidence(found).items()}


def _difference(found: Comparison) -> str:
    if not found.pairs:
        return found.finding.word
    bounds = f" [{signed(found.low)}, {signed(found.high)}]" if found.pairs > 1 else ""
    some = f" ({found.pairs} of {found.seeds})" if found.pairs < found.seeds else ""
    return f"{signed(found.mean)}{bounds}{some}"


def control_table(number: int, found: Mapping[str, Mapping[str, Contrast]], caption: str) -> Table:
    """Each arm at equal forgetting; of gradient methods with the steps that it takes.

    Args:
        number: of the table.
        found: of :func:`contrasts`.
        caption: says what the table shows.
    """
    gradient = TABLES[number].family != "amnesiac"
    rows = []
    for model, arms in found.items():
        for arm, one in arms.items():
            there = one.rows[one.rows.reached]
            measures = ("d_t", "d_r", "strength") if gradient else ("d_t", "d_r")
            cells = [spread(there[measure].tolist()) for measure in measures]
            beside = {"proposed": one.proposed, "baseline": one.baseline}
            cells += [NONE if arm == n else _difference(c) for n, c in beside.items()]
            cells.append(f"{len(there)} of {len(one.rows)}")
            rows.append([model, arms_of(number)[arm], *cells])
    heads = ["Model", "Arm", "d_t", "d_r", *(["Steps"] if gradient else [])]
    heads += ["d_r minus proposed", "d_r minus baseline", "Trainings there"]
    return simple_table(rows, headings=heads, caption=caption, labels=2)
