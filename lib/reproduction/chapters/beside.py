"""Beside the twin: outputs of unlearned models against those of a retrained one."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from reproduction.chapters.figures import INK, PALETTE, side_by_side
from reproduction.chapters.forgotten import (
    METHODS,
    PUBLISHED,
    SECOND,
    coverage,
    differences,
    in_order,
    shown,
    signed_interval,
)
from reproduction.chapters.tables import Table, simple_table, spread

ACCURACIES = {"d_t": "d_t", "d_r": "d_r", "average_gap": "Average gap", "tow": "ToW"}
"""Measures of accuracies, with their names."""

ON_TARGET = {
    "agreement_target": "Agreement",
    "divergence_target": "KL",
    "total_variation_target": "Total variation",
    "misplaced": "Sent elsewhere",
}
ON_RETAINED = {
    "agreement_retained": "Agreement",
    "divergence_retained": "KL",
    "total_variation_retained": "Total variation",
}
"""Measures of answers to test images, with their names."""


def answer(points: pd.DataFrame) -> str:
    """How far outputs are from the twin's, beside those of another retrained model.

    Args:
        points: of the complete data, one row for each model, seed and method.
    """
    if points.empty:
        return f"Not to be told: {coverage()}."
    by_model = points.groupby(["method", "model"])[["total_variation_target", "tow"]].mean()
    near = by_model.groupby("method").mean()
    mine = near.reindex(METHODS)
    apart, floor = mine.total_variation_target.mean(), near.total_variation_target[SECOND]
    best = mine.tow[mine.tow.round(2) == mine.tow.max().round(2)]  # alike as printed
    return (
        f"At equal forgetting, answers to images of the forgotten class differ from the retrained "
        f"model's by **{apart:.0f} %** (total variation, mean over methods and models), where "
        f"those of a second retrained model differ by **{floor:.0f} %**. {_cases(points)} By ToW, "
        f"which is 1 at the twin, {' and '.join(best.index)} {'come' if len(best) > 1 else 'comes'}"
        f" nearest ({best.max():.2f}, mean over models, where it gets there); "
        f"the known method, amnesiac unlearning, has {mine.tow['amnesiac']:.2f} there and "
        f"{near.tow[PUBLISHED[0]]:.2f} with everything subtracted."
        f"{_thin(points)} This rests on {coverage()}."
    )


def _thin(points: pd.DataFrame) -> str:
    """The cases that rest on less than half of the trainings, as a sentence."""
    seeds = points.groupby("model").seed.nunique()
    there = points[points.method.isin(METHODS)].groupby(["model", "method"], sort=False).size()
    few = [
        f"{method} in {model} on {count} of {seeds[model]}"
        for (model, method), count in there.items()
        if 2 * count < seeds[model]
    ]
    return f" Some rest on few trainings that get there: {', '.join(few)}." if few else ""


def _cases(points: pd.DataFrame) -> str:
    """In how many cases a method is farther from the twin than a second retrained model."""
    found = [
        {
            case: one
            for case, one in differences(points, f"total_variation_{kind}", SECOND).items()
            if case[1] in METHODS and one.n > 1
        }
        for kind in ("target", "retained")
    ]
    if not found[0]:
        return "One seed cannot tell more."
    target, retained = (sum(one.low > 0 for one in of_kind.values()) for of_kind in found)
    worst = max(found[0], key=lambda case: found[0][case].mean)
    return (
        f"A method is farther off than that in {target} of {len(found[0])} cases (a method on a "
        f"model, 95 % intervals over trainings), most of all {worst[1]} on {worst[0]} "
        f"({signed_interval(found[0][worst])} points); on retained images in {retained}."
    )


def beside_table(points: pd.DataFrame, measures: Mapping[str, str], *, caption: str) -> Table:
    """Every model beside its twin, mean and standard deviation over trainings.

    Args:
        points: one row for each model, seed and method.
        measures: columns of it, with their headings.
        caption: says what the table shows.
    """
    seeds = points.groupby("model").seed.nunique()
    rows = []
    for model, found in points.groupby("model", sort=False):
        for method in in_order(found):
            mine = found[found.method == method]
            cells = [spread(mine[name].tolist()) for name in measures]
            rows.append([model, shown(method), *cells, f"{len(mine)} of {seeds[model]}"])
    heads = ["Model", "Method", *measures.values(), "Trainings there"]
    return simple_table(rows, headings=heads, caption=caption, labels=2)


def destination_figure(points: pd.DataFrame, target: str = "target") -> Figure:
    """Into which classes test images of the target class are put, mean over seeds, a row a model.

    Args:
        points: with ``destinations``, percent by class.
        target: the word under the column of the class itself.
    """
    paint = LinearSegmentedColormap.from_list("share", ["#ffffff", PALETTE["retrained"]])
    models = list(points.groupby("model", sort=False))

    def draw(axis: Axes, rows: pd.DataFrame) -> None:
        methods = in_order(rows)
        shares = [np.mean(rows[rows.method == m].destinations.tolist(), axis=0) for m in methods]
        axis.imshow(shares, cmap=paint, vmin=0, vmax=100, aspect="auto")
        for row, line in enumerate(shares):
            for column, share in enumerate(line):
                if share >= 0.5:
                    ink = "white" if share > 50 else INK
                    place = {"ha": "center", "va": "center", "fontsize": 6, "color": ink}
                    axis.text(column, row, f"{share:.0f}", **place)
        first = rows.model.iloc[0] == models[0][0]
        axis.set_yticks(range(len(methods)), [shown(m) for m in methods] if first else [])
        axis.set_xticks(range(len(shares[0])))
        axis.tick_params(length=0)
        axis.set(xlabel=f"class ({rows.target.iloc[0]} is the {target})")

    return side_by_side(dict(models), draw, height=3.3, grid=False)
