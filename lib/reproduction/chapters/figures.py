"""Figures: one style, and one colour, line and marker for each method throughout the book."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
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
NOTE = {"textcoords": "offset points", "ha": "center", "fontsize": 7.5, "color": SOFT}
DPI = 160
WIDTH = 7.5  # inches, about the text column: letters come out at their size on every figure


@dataclass(frozen=True)
class Curve:
    """Accuracy on target and retained data after each epoch or step, in percent."""

    d_t: Sequence[float]
    d_r: Sequence[float]


@dataclass(frozen=True)
class Difference:
    """A mean difference in points with its interval, what the paper prints, and the finding."""

    mean: float
    low: float
    high: float
    printed: float | None
    word: str


@dataclass(frozen=True)
class Panel:
    """One model of a figure like the paper's Figure 1.

    Attributes:
        training: after each epoch of training.
        unlearning: for each method, after each epoch of unlearning.
        retrained: the end of a training without the target data, drawn as a level to reach.
    """

    training: Curve
    unlearning: Mapping[str, Curve]
    retrained: Curve | None = None


def apply_style() -> None:
    """Set the look of every figure made after this call, whatever a ``matplotlibrc`` says."""
    plt.rcdefaults()
    plt.rcParams.update(
        {
            "figure.dpi": DPI,
            "figure.facecolor": "white",
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
            "mathtext.fontset": "cm",
        }
    )


def side_by_side(
    panels: Mapping[str, Any],
    draw: Callable[[Axes, Any], None],
    *,
    height: float,
    label: str = "",
    grid: bool = True,
    legend: bool = True,
) -> Figure:
    """Panels by title, with one vertical axis and the legend of the first; a word if none are."""
    figure = plt.figure(figsize=(WIDTH, height if panels else 1), layout="constrained")
    plt.close(figure)  # a notebook then shows it once, as the value of the cell
    axes = figure.subplots(1, max(len(panels), 1), sharey=grid, squeeze=False)[0]
    if not panels:
        axes[0].axis("off")
        axes[0].text(0.5, 0.5, "nothing stored yet", ha="center", va="center", color=SOFT)
        return figure
    for axis, (title, content) in zip(axes, panels.items(), strict=True):
        axis.grid(visible=grid)
        draw(axis, content)
        axis.set_title(title)
    axes[0].set_ylabel(label)
    handles = axes[0].get_legend_handles_labels()[0]
    if handles and legend:
        _legend(figure, handles, min(len(handles), 3))
    return figure


def _legend(figure: Figure, handles: Sequence[Artist], columns: int) -> None:
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)


def look(method: str, order: int = 0) -> dict[str, str]:
    """Colour and marker of a curve; ``order`` tells curves apart that are none of the methods."""
    method = SAME.get(method, method)
    colour = PALETTE.get(method, OTHERS[order % len(OTHERS)])
    return {"color": colour, "marker": MARKERS.get(method, "o^vP"[order % 4])}


def epoch_curves(panels: Mapping[str, Panel]) -> Figure:
    """Accuracy while training, then while unlearning; a dashed line marks the request (Figure 1).

    Solid lines are the retained data, dashed ones the target data.

    Args:
        panels: by model.
    """
    figure = side_by_side(panels, _epoch_panel, height=2.8, label="accuracy (%)")
    if not panels:
        return figure
    methods = ["trained", *next(iter(panels.values())).unlearning]
    if any(panel.retrained for panel in panels.values()):
        methods.append("retrained")
    entries = [Line2D([], [], label=method, **look(method)) for method in methods]
    entries.append(Line2D([], [], color=INK, linestyle=RETAINED, label=r"retained data $D_r$"))
    entries.append(Line2D([], [], color=INK, linestyle=TARGET, label=r"target data $D_t$"))
    _legend(figure, entries, 3 if len(entries) > 5 else 5)
    return figure


def _epoch_panel(axis: Axes, panel: Panel) -> None:
    request = len(panel.training.d_r)
    _draw(axis, "trained", np.arange(1, request + 1), panel.training)
    for method, curve in panel.unlearning.items():
        # Each curve leaves from where training ended.
        joined = Curve([panel.training.d_t[-1], *curve.d_t], [panel.training.d_r[-1], *curve.d_r])
        _draw(axis, method, request + np.arange(len(joined.d_r)), joined)
    if panel.retrained is not None:
        level = {"color": PALETTE["retrained"], "linewidth": 1.1}
        ends = (request, axis.get_xlim()[1])
        axis.plot(ends, panel.retrained.d_r[-1:] * 2, linestyle=RETAINED, **level)
        axis.plot(ends, panel.retrained.d_t[-1:] * 2, linestyle=TARGET, **level)
    axis.axvline(request, color=INK, linewidth=1, linestyle=(0, (5, 3)))
    axis.annotate(
        "request", (request, 103), (3, 0), textcoords="offset points", fontsize=7.5, color=SOFT
    )
    axis.set(xlabel="epoch", ylim=(-3, 110), yticks=range(0, 101, 20))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw(axis: Axes, method: str, x: ArrayLike, curve: Curve) -> None:
    axis.plot(x, curve.d_r, linestyle=RETAINED, **look(method))
    axis.plot(x, curve.d_t, linestyle=TARGET, markerfacecolor="white", **look(method))


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
        axis.set(xlabel=r"target data $D_t$ (%)", xticks=TICKS, xticklabels=map(str, TICKS))

    return side_by_side(panels, draw, height=3.0, label=r"retained data $D_r$ (%)")


def difference_figure(panels: Mapping[str, Mapping[str, Difference]]) -> Figure:
    """By how many points of D_r a method is above another, a line a model, with its interval.

    Args:
        panels: by reading, for each model; each panel has a scale of its own.
    """
    models = list(dict.fromkeys(model for panel in panels.values() for model in panel))

    def draw(axis: Axes, found: Mapping[str, Difference]) -> None:
        axis.axvline(0, color=INK, linewidth=1)
        for model, one in found.items():
            row = models.index(model)
            ends = [[one.mean - one.low], [one.high - one.mean]]
            bars = ends if np.isfinite(ends).all() else None
            style = {"color": PALETTE["proposed"], "marker": "D", "markersize": 5, "capsize": 3}
            axis.errorbar(one.mean, row, xerr=bars, **style)
            if one.printed is not None:
                axis.plot(one.printed, row, "x", color=INK, markersize=7, label="the paper")
            axis.annotate(one.word, (one.mean, row), (0, 8), **NOTE)
        axis.set(xlabel=r"$D_r$, proposed minus baseline (points)")
        axis.set(yticks=range(len(models)), ylim=(len(models) - 0.4, -0.8))
        axis.set_yticklabels(models)
        handles = axis.get_legend_handles_labels()[0][:1]
        axis.legend(handles=handles, loc="lower right", fontsize=8)

    height = 1.1 + 0.55 * len(models)
    return side_by_side(panels if models else {}, draw, height=height, legend=False)


def share_lines(panels: Mapping[str, Mapping[str, Mapping[float, float]]], measure: str) -> Figure:
    """Accuracy against the percentage of affected batches (Figure 4).

    Args:
        panels: for each data set, for each strategy, the accuracy in percent at each share in 0..1.
        measure: what the accuracy is of, for the axis.
    """

    def draw(axis: Axes, lines: Mapping[str, Mapping[float, float]]) -> None:
        for order, (name, points) in enumerate(lines.items()):
            shares, values = zip(*sorted(points.items()), strict=True)
            axis.plot(100 * np.array(shares), values, label=name, **look(name, order))
        axis.set(xlabel="affected batches (%)", ylim=(-3, 103))

    return side_by_side(panels, draw, height=3.0, label=f"{measure} (%)")


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

    return side_by_side(masks, draw, height=2.4, grid=False)


def layer_bars(schedules: Mapping[str, Sequence[float]], label: str) -> Figure:
    """One value in 0..1 for each layer, from the first to the last, for each schedule."""

    def draw(axis: Axes, values: Sequence[float]) -> None:
        layers = range(1, len(values) + 1)
        axis.bar(layers, 100 * np.array(values), color=PALETTE["proposed"], width=0.65)
        axis.set(ylim=(0, 100), xlabel="layer", xticks=layers)
        axis.grid(visible=False, axis="x")

    return side_by_side(schedules, draw, height=2.4, label=f"{label} (%)")
