"""The proposed methods beside their controls: six small rows of dots, a row a control."""

from collections.abc import Iterable, Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction import paper
from reproduction.chapters.controls import Contrast, arms_of, contrasts
from reproduction.chapters.figures import INK, PALETTE, SOFT
from reproduction.chapters.pictures.svg import NARROW, PAGE, WIDE, Picture, picture
from reproduction.chapters.verdict_box import one_decimal
from reproduction.checking.comparing import Comparison
from reproduction.study.kinds import TABLES

SHOWN = {
    "amnesiac": ("baseline", "reversed", "uniform", "mask_1", "dense_factors", "last_layer"),
    "label_flipping": ("baseline", "reversed", "uniform", "layer_rates", "last_layer"),
    "optimization": ("baseline", "reversed", "uniform", "layer_rates", "last_layer"),
}
"""Controls of each family that were meant to tell what helps."""
NAMES = {"baseline": "the known method", "mask_1": "another random mask"}
MARKS = "osv"
LETTER, FAR = 7.5, 26
"""Of labels; points from which on a mark stands at the edge, with its number."""

BEYOND = " An arrow at the edge: the mark lies beyond, at that number."
ALT = (
    "A panel a table: by how many points of accuracy on retained data each "
    "control is above or below the paper's method at equal forgetting, a mark a model."
)
CAPTION = (
    "The line is the paper’s method. A mark right of it: this control keeps more at equal "
    "forgetting, left: less. Bars are 95 % intervals over trainings; those that end at the frame "
    "go on. Hollow: in some trainings one of the two does not forget enough.{beyond} A name at the "
    "edge: that network forgets too seldom under this control to be compared."
)

Found = Mapping[str, Mapping[str, Contrast]]


def controls_picture(
    points: pd.DataFrame, numbers: Iterable[int] = tuple(TABLES), placement: str = "tables"
) -> Picture:
    """Panels of these of Tables 1 to 6.

    Args:
        points: of the complete data.
        numbers: of tables.
        placement: of target images.
    """
    found = {n: contrasts(n, points[points.table == n], placement) for n in numbers}
    caption = CAPTION.format(beyond=BEYOND if _any_beyond(found) else "")
    return picture(lambda narrow: _draw(found, narrow=narrow), alt=ALT, caption=caption)


def _any_beyond(found: Mapping[int, Found]) -> bool:
    """Whether a control lies so far off that an arrow stands for it."""
    return any(
        one.proposed.pairs and abs(one.proposed.mean) > FAR
        for number, models in found.items()
        for arms in models.values()
        for arm, one in arms.items()
        if arm in SHOWN[TABLES[number].family]
    )


def _draw(found: Mapping[int, Found], *, narrow: bool) -> Figure:
    across = 1 if narrow else 2
    rows = -(-len(found) // across)
    size = (NARROW, 1.35 * rows + 0.3) if narrow else (WIDE, 1.55 * rows + 0.3)
    figure = plt.figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, across, sharex=True, squeeze=False)
    for table, axis in zip(found, axes.flat, strict=True):
        _panel(axis, table, found[table])
    figure.supxlabel("points of accuracy on retained data", fontsize=LETTER, color=INK)
    return figure


def _panel(axis: Axes, number: int, found: Found) -> None:
    table = TABLES[number]
    shown = SHOWN[table.family]
    axis.axvline(0, color=PALETTE["proposed"], linewidth=1.4)
    models = [model for of, model in paper.comparisons() if of == number]
    for row, arm in enumerate(shown):
        ones = {m: found[m][arm].proposed for m in models if arm in found.get(m, {})}
        for model, one in ones.items():
            at = models.index(model)
            _mark(axis, row + 0.27 * (at - 1), one, MARKS[at], arm)
        lost = ", ".join(model for model, one in ones.items() if not one.pairs)
        note = {"ha": "right", "va": "center", "fontsize": 6.5, "color": SOFT}
        axis.text(FAR + 2, row, lost, **note)
    labels = [NAMES.get(arm, arms_of(number)[arm]) for arm in shown]
    axis.set_yticks(range(len(shown)), labels, fontsize=LETTER, color=INK)
    axis.set(xlim=(-FAR - 3, FAR + 3), ylim=(len(shown) - 0.5, -0.6))
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelsize=LETTER)
    axis.spines["left"].set_visible(False)
    named = (f"{sign} {model}" for sign, model in zip("●■▼", models, strict=True) if model in found)
    run = "  ".join(named) or "not run yet"
    axis.set_title(f"Table {number}: {run}", fontsize=LETTER, loc="right")


def _mark(axis: Axes, row: float, one: Comparison, marker: str, arm: str) -> None:
    """A mean with its interval; beyond the edge an arrow with the number."""
    if not one.pairs:
        return
    colour = PALETTE["baseline"] if arm == "baseline" else INK
    if abs(one.mean) > FAR:
        side = np.sign(one.mean)
        text = {"textcoords": "offset points", "va": "center", "fontsize": 6.5, "color": SOFT}
        axis.plot(side * FAR, row, "<" if side < 0 else ">", color=colour, markersize=4)
        where = {"xytext": (-4 * side, 0), "ha": "left" if side < 0 else "right"}
        axis.annotate(one_decimal(one.mean), (side * FAR, row), **where, **text)
        return
    if np.isfinite(one.low):
        axis.plot([one.low, one.high], [row, row], color=colour, linewidth=1)
    inside = PAGE if one.pairs < one.seeds else colour
    axis.plot(one.mean, row, marker, color=colour, markerfacecolor=inside, markersize=4)
