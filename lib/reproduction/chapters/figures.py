"""Figures: one style, and one colour, line and marker for each method throughout the book."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib_inline.backend_inline import set_matplotlib_formats
from numpy.typing import ArrayLike

INK, SOFT, RULE = "#1f2730", "#5a6472", "#d5dbe1"
# Dark enough for small text on white, and distinct without red or green cones (tests measure both).
PALETTE = {
    "trained": "#23272d",
    "baseline": "#b34700",
    "proposed": "#0a62a9",
    "retrained": "#890f67",
}
MARKERS = {"trained": "o", "baseline": "s", "proposed": "D", "retrained": "^"}
# Strategies of Figure 4 that are the methods of every other figure.
SAME = {"amnesiac": "baseline", "random, decreasing with depth": "proposed"}
# For curves that are not one of the four methods, such as further pruning strategies.
OTHERS = ("#1d6b45", "#7d5a00", "#5a6472", "#7a3fa0")
TARGET, RETAINED = (0, (4, 2)), "-"
TICKS = (0, 1, 3, 10, 30, 100)
DPI = 160
WIDTH = 7.5  # inches, about the text column: letters come out at their size on every figure
NARROW_WIDTH = 3.7  # inches, a phone's
NARROW = "application/x-narrow-svg"  # what a notebook calls the figure for a phone
D_T, D_R = "$D_t$", "$D_r$"


@dataclass(frozen=True)
class Curve:
    """Accuracy on target and retained data after each epoch or step, in percent."""

    d_t: Sequence[float]
    d_r: Sequence[float]


def apply_style() -> None:
    """Set the look of every figure made after this call, whatever a ``matplotlibrc`` says.

    Figures are SVG without a ground: sharp at any size, and pages turn their colours in the dark.
    """
    plt.rcdefaults()
    plt.rcParams.update(
        {
            "figure.dpi": DPI,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
            "font.size": 9,
            "text.color": INK,
            "axes.edgecolor": SOFT,
            "axes.labelcolor": INK,
            "axes.titlesize": 10,
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": RULE,
            "grid.linewidth": 0.6,
            "xtick.color": SOFT,
            "ytick.color": SOFT,
            "lines.linewidth": 1.7,
            "lines.markersize": 3.5,
            "legend.frameon": False,
            "mathtext.fontset": "dejavusans",  # D_t as in the tables and the text
            "svg.hashsalt": "partial-unlearning",  # the same bytes each time
        }
    )
    if get_ipython() is not None:
        set_matplotlib_formats("svg", metadata={"Date": None}, facecolor="none")


def svg(figure: Figure) -> str:
    """A figure as SVG, the same bytes each time."""
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()


class Panels(Figure):
    """Panels in a row, and the same in a column that fits a phone.

    Attributes:
        narrow: the column; the build puts it beside the row, and a page shows one of them.
    """

    narrow: Figure | None = None

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        bundle = {"image/svg+xml": svg(self)}
        return bundle if self.narrow is None else bundle | {NARROW: svg(self.narrow)}


def at_both_widths(draw: Callable[[float], Panels]) -> Panels:
    """What ``draw`` makes of a width in inches: for a page, and beside it for a phone."""
    figure = draw(WIDTH)
    figure.narrow = draw(NARROW_WIDTH)
    return figure


LONG = 24  # characters of an entry that has a line of its own on a phone
MOST = 4
"""Panels with axes in one row; of more the labels would overlap: they stand in rows of three."""


def side_by_side(
    panels: Mapping[str, Any],
    draw: Callable[[Axes, Any], None],
    *,
    height: float,
    label: str = "",
    grid: bool = True,
    legend: bool | Sequence[Artist] = True,
    across: int = 1,
) -> Panels:
    """Panels by title, with one vertical axis and one legend; a word if there are none.

    Args:
        panels: what ``draw`` draws, by title.
        draw: draws one panel.
        height: of a row, in inches.
        label: of the vertical axis.
        grid: whether panels have a grid and share their vertical axis.
        legend: its entries, or whether there is one, with those of the first panel.
        across: how many panels stand beside one another on a phone.
    """
    if not panels:
        return _nothing()

    def arranged(columns: int, size: tuple[float, float]) -> Panels:
        figure = plt.figure(figsize=size, layout="constrained", FigureClass=Panels)
        plt.close(figure)  # a notebook then shows it once, as the value of the cell
        axes = figure.subplots(-(-len(panels) // columns), columns, sharey=grid, squeeze=False)
        for number, (title, content) in enumerate(panels.items()):
            axis = axes.flat[number]
            axis.grid(visible=grid)
            draw(axis, content)
            axis.set_title(title)
            axis.set_ylabel("" if number % columns else label)
        for axis in axes.flat[len(panels) :]:
            axis.axis("off")
        entries = axes.flat[0].get_legend_handles_labels()[0] if legend is True else legend
        if entries:
            _legend(figure, entries, 3 if columns > across or size[0] == WIDTH else 2)
        return figure

    abreast = 3 if grid and len(panels) > MOST else len(panels)
    rows = -(-len(panels) // abreast)
    figure = arranged(abreast, (WIDTH, height if rows == 1 else 0.3 + rows * min(height, 2.6)))
    rows = -(-len(panels) // across)
    figure.narrow = arranged(across, (NARROW_WIDTH, 0.3 + rows * min(height, 2.6)))
    return figure


def _nothing() -> Panels:
    """A figure that says that there is nothing to draw."""
    figure = plt.figure(figsize=(WIDTH, 1), layout="constrained", FigureClass=Panels)
    plt.close(figure)
    axis = figure.subplots()
    axis.axis("off")
    axis.text(0.5, 0.5, "nothing stored yet", ha="center", va="center", color=SOFT)
    return figure


def _legend(figure: Figure, handles: Sequence[Artist], most: int) -> None:
    long = max(len(str(handle.get_label())) for handle in handles) > LONG
    columns = min(len(handles), 1 if long and figure.get_figwidth() < WIDTH else most)
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, columnspacing=1.2)


def look(method: str, order: int = 0) -> dict[str, str]:
    """Colour and marker of a curve; ``order`` tells curves apart that are none of the methods."""
    method = SAME.get(method, method)
    colour = PALETTE.get(method, OTHERS[order % len(OTHERS)])
    return {"color": colour, "marker": MARKERS.get(method, "o^vP"[order % 4])}


def frontiers(panels: Mapping[str, Mapping[str, Curve]], primary: int) -> Figure:
    """D_r against D_t where methods have forgotten more and more, from right to left.

    Args:
        panels: for each model the curve of each method, a point a level.
        primary: which point is ringed: the level that findings rest on.
    """

    def draw(axis: Axes, curves: Mapping[str, Curve]) -> None:
        for order, (name, curve) in enumerate(curves.items()):
            style = look(name, order)
            axis.plot(curve.d_t, curve.d_r, label=name, **style)
            ring = {"markersize": 9, "markerfacecolor": "none", "color": style["color"]}
            at = slice(primary, primary + 1)  # empty where the curve does not get there
            axis.plot(curve.d_t[at], curve.d_r[at], "o", **ring)
        axis.set_xscale("symlog", linthresh=1)
        axis.set(xlabel=f"target data {D_T} (%)", xticks=TICKS, xticklabels=map(str, TICKS))

    return side_by_side(panels, draw, height=3.0, label=f"retained data {D_R} (%)")


def mask_pictures(masks: Mapping[str, ArrayLike], *, side: int = 48, word: str = "kept") -> Figure:
    """A corner of the mask of each layer, kept weights dark, with the share that is kept.

    Args:
        masks: for each layer a boolean array of at least one dimension, True where kept.
        side: at most so many rows and columns are drawn.
        word: for what the dark entries are.
    """
    colours = ListedColormap(["#eef2f5", PALETTE["proposed"]])

    def draw(axis: Axes, mask: ArrayLike) -> None:
        flat = np.asarray(mask, dtype=bool)
        rows = flat.reshape(len(flat), -1)[:side, :side]
        axis.imshow(rows, cmap=colours, vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        axis.set(xlabel=f"{100 * flat.mean():.0f} % {word}", xticks=[], yticks=[])

    return side_by_side(masks, draw, height=2.4, grid=False, across=2)


def layer_bars(schedules: Mapping[str, Sequence[float]], label: str) -> Figure:
    """One value in 0..1 for each layer, from the first to the last, for each schedule."""

    def draw(axis: Axes, values: Sequence[float]) -> None:
        layers = range(1, len(values) + 1)
        axis.bar(layers, 100 * np.array(values), color=PALETTE["proposed"], width=0.65)
        axis.set(ylim=(0, 100), xlabel="layer", xticks=layers)
        axis.grid(visible=False, axis="x")

    return side_by_side(schedules, draw, height=2.4, label=f"{label} (%)")
