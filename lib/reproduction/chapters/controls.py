"""What is it that helps? Control arms beside the paper's two methods, at equal forgetting."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

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


def answer(points: Mapping[int, pd.DataFrame], placement: str = "tables") -> str:
    """What each arm keeps beside the proposed method and the baseline, mean over models.

    Args:
        points: of each of a family's tables.
        placement: of target images.
    """
    evidence: Evidence = {k: v for found in points.values() for k, v in _evidence(found).items()}
    numbers = list(points)
    how = How(placement=placement)
    each = [c for number in numbers for c in by_model(evidence, number, "equal", how).values()]
    models = sum(comparison.pairs > 0 for comparison in each)

    def over(first: str, second: str) -> Comparison:
        return of_family(evidence, numbers, "equal", How((first, second), placement=placement))

    whole = over("proposed", "baseline")
    if not whole.pairs:
        return "No stored runs can be compared yet."
    parts = []
    for arm, name in arms_of(numbers[0]).items():
        own, base = over(arm, "proposed"), over(arm, "baseline")
        if arm not in ("baseline", "proposed") and own.pairs:
            beside = f" ({signed(base.mean)})" if base.pairs else ""
            parts.append(f"{name} {signed(own.mean)}{beside}")
    return (
        f"At equal forgetting the proposed method keeps {signed(whole.mean)} points of "
        f"$\\mathcal{{D}}_r$ against the baseline, mean over {models} "
        f"model{'' if models == 1 else 's'}, and each control against the proposed method (in "
        f"brackets against the baseline): {'; '.join(parts) or 'none was run'}."
    )


def _difference(found: Comparison) -> str:
    if not found.pairs:
        return found.finding.word
    bounds = f" [{signed(found.low)}, {signed(found.high)}]" if found.pairs > 1 else ""
    return f"{signed(found.mean)}{bounds}"


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
    heads += ["d_r minus proposed", "d_r minus baseline", "Seeds there"]
    return simple_table(rows, headings=heads, caption=caption, labels=2)
