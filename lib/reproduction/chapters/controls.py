"""What is it that helps? Control arms beside the paper's two methods, at equal forgetting."""

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reproduction.chapters.figures import INK, NOTE, OTHERS, PALETTE, WIDTH
from reproduction.chapters.tables import NONE, Table, signed, simple_table, spread
from reproduction.checking.claims import limits
from reproduction.checking.comparing import Comparison, How, by_model, of_family
from reproduction.checking.measurements import tidy
from reproduction.checking.samples import Evidence, grouped
from reproduction.study.kinds import TABLES

AMNESIAC = {
    "baseline": "everything (baseline)",
    "dense_factors": "all entries, times what each layer keeps",
    "reversed": "schedule turned round",
    "uniform": "one fraction in all layers",
    "last_layer": "last layer only",
    **{f"mask_{n}": f"another random mask ({n})" for n in range(1, 5)},
    "layer_magnitude": "largest entries of each layer",
    "global_magnitude": "largest entries of all",
    "lowest_magnitude": "smallest entries of each layer",
}
GRADIENT = {
    "baseline": "all weights (baseline)",
    "reversed": "fractions turned round",
    "uniform": "half of each layer",
    "last_layer": "last layer only",
    "layer_rates": "all weights, rates by layer",
    "same_rate": "proposed, at the baseline's rate",
    "baseline_minibatches": "all weights, minibatches",
    "proposed_minibatches": "proposed, minibatches",
}


def arms_of(number: int) -> dict[str, str]:
    """The arms that stand beside the proposed method of a table, with their names on pages."""
    return AMNESIAC if TABLES[number].family == "amnesiac" else GRADIENT


@dataclass(frozen=True)
class Contrast:
    """One arm in one model: itself, and its difference to either of the paper's methods.

    Attributes:
        rows: of the arm at the level of the findings, one a seed.
        proposed: arm minus proposed, points of D_r.
        baseline: arm minus baseline; of the baseline itself, 0.
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

    def over(first: str, second: str) -> Comparison:
        return of_family(evidence, numbers, "equal", How((first, second), placement=placement))

    whole = over("proposed", "baseline")
    if not whole.pairs:
        return "Nothing that can be compared is stored yet."
    parts = []
    for arm, name in arms_of(numbers[0]).items():
        own, base = over(arm, "proposed"), over(arm, "baseline")
        if arm != "baseline" and own.pairs:
            beside = f" ({signed(base.mean)})" if base.pairs else ""
            parts.append(f"{name} {signed(own.mean)}{beside}")
    return (
        f"At equal forgetting the proposed method keeps {signed(whole.mean)} points of "
        f"$\\mathcal{{D}}_r$ against the baseline, mean over models, and each control against the "
        f"proposed method (in brackets against the baseline): {'; '.join(parts) or 'none was run'}."
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
            beside = NONE if arm == "baseline" else _difference(one.baseline)
            cells += [_difference(one.proposed), beside, f"{len(there)} of {len(one.rows)}"]
            rows.append([model, arms_of(number)[arm], *cells])
    heads = ["Model", "Arm", "d_t", "d_r", *(["Steps"] if gradient else [])]
    heads += ["d_r minus proposed", "d_r minus baseline", "Seeds there"]
    return simple_table(rows, headings=heads, caption=caption, labels=2)


def control_figure(number: int, found: Mapping[str, Mapping[str, Contrast]]) -> Figure:
    """Each arm's D_r minus that of the proposed method, a panel a model, with its interval."""
    arms = [arm for arm in arms_of(number) if any(arm in of_model for of_model in found.values())]
    shape, height = (1, max(len(found), 1)), 1.2 + 0.22 * len(arms)
    figure, axes = plt.subplots(
        *shape, figsize=(WIDTH, height), sharey=True, squeeze=False, layout="constrained"
    )
    plt.close(figure)  # a notebook then shows it once, as the value of the cell
    axes[0, 0].set_yticks(range(len(arms)), [arms_of(number)[arm] for arm in arms])
    axes[0, 0].set_ylim(len(arms) - 0.5, -0.5)
    for axis, (model, of_model) in zip(axes[0], found.items(), strict=False):
        axis.axvline(0, color=PALETTE["proposed"], linewidth=1.2)
        for arm, one in of_model.items():
            difference, row = one.proposed, arms.index(arm)
            if not difference.pairs:
                axis.annotate(difference.finding.word, (0, row), (0, -3), **NOTE)
                continue
            mean = difference.mean
            ends = [[mean - difference.low], [difference.high - mean]]
            bars = ends if np.isfinite(ends).all() else None
            colour = PALETTE["baseline"] if arm == "baseline" else OTHERS[2]
            axis.errorbar(mean, row, xerr=bars, fmt="o", color=colour, ecolor=INK, elinewidth=0.9)
        axis.set(title=model)
    figure.supxlabel(r"$D_r$, arm minus proposed (points)", fontsize=9)
    return figure
