"""Figures 1 and 2 from the complete data: accuracy while training, and while epochs are undone."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from reproduction import paper
from reproduction.chapters.curves import runs_with
from reproduction.chapters.figures import INK, PALETTE, RETAINED, RULE, SOFT, TARGET
from reproduction.chapters.pictures.svg import Picture, panels, picture
from reproduction.checking.measurements import METHODS, curve_points, tidy
from reproduction.study.stored_runs import Result

ALT = (
    "A panel a model: accuracy on retained and on target data over the epochs of training and then "
    "while epochs are undone, {order}, by the known method and by the paper's, beside "
    "the values that the paper prints for the end."
)
CAPTION = (
    '<span class="sign trained">—</span> training, <span class="sign target">—</span> '
    'the known method, <span class="sign equal">—</span> the paper’s; solid: retained data, '
    "dashed: the class "
    "to forget. Shades reach from the lowest training to the highest. "
    '<span class="sign">×</span> what the paper’s table prints for the end{band}.'
)
BAND = "; grey: its “within 2 to 3 epochs”"

Panel = tuple[str, Mapping[str, pd.DataFrame]]
"""A model, and for each curve the points of all seeds."""


def epochs_picture(results: Sequence[Result], table: int, order: str) -> Picture:
    """The picture of one order of undoing epochs.

    Args:
        results: of amnesiac unlearning.
        table: 1 or 2, whose printed ends are marked.
        order: ``backward`` or ``forward``.
    """
    rows = tidy(runs_with(results, experiment="amnesiac"), curve_points)
    mine = rows[(rows.order == order) | rows.order.isna()] if len(rows) else rows
    contents = {
        model: (model, dict(list(points.groupby("method", sort=False))))
        for model, points in mine.groupby("model", sort=False)
    }
    way = "the latest first" if order == "backward" else "the earliest first"
    caption = CAPTION.format(band=BAND if order == "backward" else "")
    words = {"label": "accuracy (%)", "below": "epochs trained, then undone"}
    return picture(
        lambda narrow: panels(
            contents, lambda axis, of: _panel(axis, of, table, order), narrow=narrow, **words
        ),
        alt=ALT.format(order=way),
        caption=caption,
    )


def _panel(axis: Axes, panel: Panel, table: int, order: str) -> None:
    model, curves = panel
    request = int(curves["training"].step.max())
    if order == "backward":
        axis.axvspan(request + 2, request + 3, color=RULE, alpha=0.5, linewidth=0)
    axis.axvline(request, color=INK, linewidth=0.8)
    axis.text(request - 0.3, 104, "request", fontsize=7, color=SOFT, ha="right")
    curve(axis, curves["training"], 0, PALETTE["trained"])
    for method in METHODS:
        curve(axis, curves[method], request, PALETTE[method])
        printed = paper.cell(table, model, method)
        ends = {"color": PALETTE[method], "markersize": 6, "markeredgewidth": 1.6}
        axis.plot(request + curves[method].step.max() + 0.5, printed.d_r, "x", **ends)
    axis.set(ylim=(-4, 112), yticks=(0, 50, 100), xticks=(0, request, 2 * request))


def curve(axis: Axes, points: pd.DataFrame, start: int, colour: str) -> None:
    """The means over seeds of both accuracies, solid D_r and dashed D_t, with the range of seeds.

    Args:
        axis: to draw on.
        points: with columns ``step``, ``d_t`` and ``d_r``.
        start: where step 0 stands.
        colour: of the lines.
    """
    for measure, style in (("d_r", RETAINED), ("d_t", TARGET)):
        by_step = points.groupby("step")[measure]
        steps = start + np.array(sorted(points.step.unique()))
        axis.plot(steps, by_step.mean(), color=colour, linestyle=style, linewidth=1.5)
        ends = by_step.min(), by_step.max()
        axis.fill_between(steps, *ends, color=colour, alpha=0.13, linewidth=0)
