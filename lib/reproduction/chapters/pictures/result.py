"""All of the paper's comparisons in one picture: what it prints, and what came out here."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction import paper
from reproduction.chapters.figures import INK, PALETTE, RULE, SOFT, apply_style
from reproduction.chapters.pictures.svg import (
    NARROW,
    PAGE,
    SIGNS,
    WIDE,
    Picture,
    picture,
    standing_alone,
    themed,
)
from reproduction.checking.verdicts import NOT_RUN
from reproduction.study.kinds import TABLES

FAMILIES = {
    "amnesiac": "taking updates back",
    "label_flipping": "wrong labels",
    "optimization": "uphill on the loss",
}
"""Families of methods in plain words."""
SMALL, LETTER = 7.5, 8.5
APART = 0.14
"""How far the marks of the two readings stand from their line, so that none hides the other."""

ALT = (
    "Comparisons of the paper, a line each: by how many points of accuracy on retained data "
    "its method is above the known one in the paper, here at the paper's own end, and here where "
    "both have forgotten equally much. The numbers stand in the chapters of Tables 1 to 6."
)
KEY = (
    '<span class="sign">×</span> the paper, <span class="sign own-end">●</span> here at the '
    'paper’s own end, <span class="sign equal">◆</span> here where both have forgotten equally much'
)
CAPTION = (
    f"{KEY}<br>Points of accuracy on everything else, the paper’s method minus the known one; "
    "the numbers are those of ◆: right of the line the paper’s keeps more. Bars are 95 % intervals "
    "over trainings; findings are corrected for the three networks of a table, so that a bar clear "
    "of the line may be inconclusive. A hollow mark: in some trainings a method never forgot the "
    "class, and these are left out."
)


@dataclass(frozen=True)
class Line:
    """One of the 18 comparisons: its two readings, as rows of ``comparisons``."""

    model: str
    published: pd.Series
    equal: pd.Series

    @property
    def run(self) -> bool:
        """Whether there is anything to draw but what the paper prints."""
        return bool(self.equal.word != NOT_RUN or self.published.word != NOT_RUN)


def lines(found: pd.DataFrame) -> dict[int, list[Line]]:
    """The comparisons of each table.

    Args:
        found: of :func:`reproduction.checking.comparing.comparisons`.
    """
    mine = found[found.placement == "tables"].set_index(["table", "model", "reading"])
    by_table: dict[int, list[Line]] = {}
    for table, model in paper.comparisons():
        line = Line(model, *(mine.loc[table, model, at] for at in ("published", "equal")))
        by_table.setdefault(table, []).append(line)
    return by_table


def result_picture(found: pd.DataFrame, *tables: int) -> Picture:
    """The picture of all tables, or of these alone."""
    rows = {number: of for number, of in lines(found).items() if number in (tables or TABLES)}
    return picture(lambda narrow: _draw(rows, narrow=narrow), alt=ALT, caption=CAPTION)


def result_drawing(found: pd.DataFrame) -> str:
    """The picture as SVG for a file of its own."""
    apply_style()
    return standing_alone(themed(_draw(lines(found), narrow=False)))


def _draw(rows: dict[int, list[Line]], *, narrow: bool) -> Figure:
    step, head = (1.75, 1.7) if narrow else (1.0, 1.35)
    height = sum(head + step * len(of_table) for of_table in rows.values()) + 1.1
    figure = plt.figure(figsize=(NARROW if narrow else WIDE, 0.205 * height))
    left, right = (0.01, 0.99) if narrow else (0.1, 0.66)
    axis = figure.add_axes((left, 1.2 / height, right - left, 1 - 1.3 / height))
    axis.set(xlim=_span(rows), ylim=(height - 1.1, 0.1))
    place = 0.0
    for table, of_table in rows.items():
        _title(axis, table, place + head - 0.45, 0 if narrow else -0.17)
        place += head
        axis.plot([0, 0], [place, place + step * len(of_table)], color=INK, linewidth=0.8)
        for line in of_table:
            _line(axis, line, place + step - 0.5, narrow=narrow)
            place += step
    _finish(axis)
    return figure


def _span(rows: dict[int, list[Line]]) -> tuple[float, float]:
    """Of the axis, over everything that is drawn."""
    readings = [one for of in rows.values() for line in of for one in (line.published, line.equal)]
    values = [value for one in readings for value in (one.low, one.high, one["mean"], one.printed)]
    known = [value for value in values if np.isfinite(value)]
    return min(-22, *known) - 2, max(82, *known) + 2


def _title(axis: Axes, table: int, place: float, left: float) -> None:
    of_table = TABLES[table]
    text = f"Table {table}: {FAMILIES[of_table.family]}, {paper.TITLES[of_table.dataset]}"
    where = {"transform": axis.get_yaxis_transform(), "va": "center"}
    axis.text(left, place, text, fontsize=LETTER, weight="bold", **where)


def _line(axis: Axes, line: Line, place: float, *, narrow: bool) -> None:
    """The marks of a comparison, with its model and finding on the line or above it."""
    beside = {"transform": axis.get_yaxis_transform(), "fontsize": LETTER, "va": "center"}
    above = place - 0.72 if narrow else place
    axis.text(0 if narrow else -0.02, above, line.model, ha="left" if narrow else "right", **beside)
    word, numbers = _words(line)
    mark = {"color": PALETTE["proposed"], **beside}
    axis.text(1 if narrow else 1.6, above, numbers, ha="right", **mark)
    where = (0.58, above) if narrow else (1.02, place)
    axis.text(*where, word, ha="right" if narrow else "left", color=SIGNS.get(word, SOFT), **beside)
    axis.axhline(place, color=RULE, linewidth=0.5, zorder=0)
    axis.plot(line.equal.printed, place, "x", color=INK, markersize=5, markeredgewidth=1.3)
    if np.isfinite(line.published["mean"]):
        _mark(axis, line.published, place - APART, "o", SOFT)
    if np.isfinite(line.equal["mean"]):
        _mark(axis, line.equal, place + APART, "D", PALETTE["proposed"])


def _words(line: Line) -> tuple[str, str]:
    """The finding at equal forgetting, and its difference with the interval."""
    one = line.equal
    if not np.isfinite(one["mean"]):
        return one.word if line.run else "not run yet", ""
    bounds = f" [{one.low:.1f}, {one.high:.1f}]" if np.isfinite(one.low) else ""
    return one.word, f"{one['mean']:+.1f}{bounds}".replace("-", "−")


def _mark(axis: Axes, one: pd.Series, place: float, marker: str, colour: str) -> None:
    """A mean with its interval; hollow where seeds had to be left out."""
    if np.isfinite(one.low):
        axis.plot([one.low, one.high], [place, place], color=colour, linewidth=1.6)
    inside = PAGE if one.pairs < one.seeds else colour
    axis.plot(one["mean"], place, marker, color=colour, markerfacecolor=inside, markersize=5)


def _finish(axis: Axes) -> None:
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.grid(visible=True, axis="x")
    axis.set(yticks=[], xticks=(-20, 0, 20, 40, 60, 80))
    axis.set_xticklabels(["−20", "0", "+20", "+40", "+60", "+80"], fontsize=SMALL)
    axis.tick_params(length=0)
