"""Figure 4 from the complete data: every strategy at every fraction of affected batches."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from reproduction import paper
from reproduction.chapters.figures import look
from reproduction.chapters.fractions import READINGS, STRATEGIES, strategies
from reproduction.chapters.pictures.svg import Picture, apart, panels, picture
from reproduction.study.stored_runs import Result

WORDS = {"d_r": "retained data", "d_t": "the class to forget"}
ALT = (
    "Accuracy on {what} against the percentage of affected batches, a panel a data set, for "
    "the known method and four pruning strategies, {reading}."
)
CAPTION = (
    "Accuracy on {what}, {reading}; bars reach from the lowest training to the highest. The paper "
    "prints no numbers for this figure."
)


def fractions_picture(results: Sequence[Result], measure: str, end: str) -> Picture:
    """Lines of all strategies, named at their ends.

    Args:
        results: of Figure 4.
        measure: ``d_r`` or ``d_t``.
        end: a key of :data:`READINGS`.
    """
    return lines_picture(strategies(results), measure, end)


def lines_picture(points: pd.DataFrame, measure: str, end: str) -> Picture:
    """The same from the points of some strategies.

    Args:
        points: of :func:`strategies`.
        measure: ``d_r`` or ``d_t``.
        end: a key of :data:`READINGS`.
    """
    drawn = points[(points.end == end) & (points.method != "trained") & points[measure].notna()]
    contents = {
        paper.TITLES[name]: rows.assign(value=rows[measure])
        for name, rows in drawn.groupby("dataset", sort=False)
    }
    words = {"what": WORDS[measure], "reading": READINGS[end]}
    return picture(
        lambda narrow: panels(
            contents,
            _panel,
            narrow=narrow,
            label="accuracy (%)",
            below="batches affected (%)",
            height=2.7,
        ),
        alt=ALT.format(**words),
        caption=CAPTION.format(**words),
    )


def _panel(axis: Axes, rows: pd.DataFrame) -> None:
    ends, whole = {}, 100 * rows.affected_fraction.max()
    for order, (method, found) in enumerate(rows.groupby("method", sort=False)):
        by_part = found.groupby("affected_fraction").value
        x, means, style = 100 * by_part.mean().index, by_part.mean(), look(method, order)
        axis.plot(x, means, **style)
        axis.vlines(x, by_part.min(), by_part.max(), color=style["color"], linewidth=1)
        last = "" if x[-1] == whole else f", to {x[-1]:g} %"  # where a line ends before the others
        ends[f"{STRATEGIES.get(method, method)}{last}"] = (means.iloc[-1], style["color"])
    ordered = sorted(ends.items(), key=_height)
    heights = apart([_height(end) for end in ordered])
    for at, (name, (_, colour)) in zip(heights, ordered, strict=True):
        axis.text(104, at, name, va="center", fontsize=7, color=colour)
    room = 175 if any(", to " in name for name in ends) else 150
    axis.set(ylim=(-5, 105), yticks=(0, 50, 100), xlim=(5, room), xticks=(25, 50, 75, 100))


End = tuple[str, tuple[float, str]]
"""A line, where it ends, and its colour."""


def _height(end: End) -> float:
    return end[1][0]
