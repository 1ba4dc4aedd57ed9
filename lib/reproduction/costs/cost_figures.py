"""Figures of the chapter on cost: storage against what is kept, and against accuracy."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes

from partial_unlearning.metrics import Accuracy
from reproduction.chapters.figures import (
    INK,
    OTHERS,
    PALETTE,
    RETAINED,
    TARGET,
    WIDTH,
    Panels,
    at_both_widths,
    look,
)
from reproduction.chapters.log_size import in_words, log_bytes
from reproduction.study.runs.setup import point

AT_THE_END = {"textcoords": "offset points", "fontsize": 8, "annotation_clip": False}


def _one_panel(draw: Callable[[Axes], None], height: float) -> Panels:
    """One panel with its legend above."""

    def drawn(width: float) -> Panels:
        size = (width, height)
        figure = plt.figure(figsize=size, layout="constrained", FigureClass=Panels)
        plt.close(figure)
        draw(figure.subplots())
        columns = 3 if width == WIDTH else 1
        figure.legend(fontsize=7.5, loc="outside upper left", ncols=columns)
        return figure

    return at_both_widths(drawn)


def codec_lines(size: int, measured: Mapping[str, tuple[float, float]]) -> Panels:
    """Bits a weight and step against the share kept, for each way to store; measured as dots.

    Args:
        size: weights of the model, which decides how long an index is.
        measured: for each label a share kept and bits found.
    """
    kept = torch.logspace(-3, np.log10(0.999), 200, dtype=torch.float64)
    index = (size - 1).bit_length()
    entropy = -(kept * kept.log2() + (1 - kept) * (1 - kept).log2())  # bits a weight, at the least
    lines = {
        "every weight, float32": (32 + 0 * kept, PALETTE["trained"], "-"),
        "indices + bfloat16": ((index + 16) * kept, OTHERS[1], "-"),
        "bitmask + bfloat16": (1 + 16 * kept, PALETTE["baseline"], "-"),
        "least for unknown positions": (entropy + 16 * kept, INK, (0, (2, 2))),
        "mask from its seed + bfloat16": (16 * kept, PALETTE["proposed"], "-"),
    }

    def draw(axis: Axes) -> None:
        for label, (bits, colour, style) in lines.items():
            axis.plot(kept, bits, label=label, color=colour, linestyle=style)
        colours = cycle((PALETTE["proposed"], PALETTE["baseline"], OTHERS[1]))
        for colour, (label, (share, bits)) in zip(colours, measured.items(), strict=False):
            axis.plot(share, bits, "o", markersize=6, color=colour, label=f"measured: {label}")
        axis.set(xscale="log", yscale="log", ylim=(0.01, 60))
        axis.set(xlabel="share of weights kept", ylabel="bits a weight and step")

    return _one_panel(draw, 3.6)


def storage_curve(points: Mapping[str, tuple[float, Accuracy]], trained: Accuracy) -> Panels:
    """D_t and D_r after the request against bits a weight and step, one dot a pruning.

    Args:
        points: for each label bits and the accuracy after unlearning.
        trained: before unlearning, drawn as levels.
    """
    bits = [b for b, _ in points.values()]

    def draw(axis: Axes) -> None:
        for name, style, fill in (("d_r", RETAINED, PALETTE["proposed"]), ("d_t", TARGET, "white")):
            symbol = f"${name[0].upper()}_{name[-1]}$"
            values = [point(found)[name] for _, found in points.values()]
            drawn = {**look("proposed"), "markerfacecolor": fill, "markersize": 5}
            axis.plot(bits, values, linestyle=style, label=symbol, **drawn)
            level = {"color": PALETTE["trained"], "linewidth": 0.9, "linestyle": style}
            axis.axhline(point(trained)[name], label=f"{symbol} trained", **level)
        for label, (place, found) in points.items():
            over = {"textcoords": "offset points", "fontsize": 7, "ha": "center"}
            axis.annotate(label, (place, found.d_r), (0, 6), **over)
        axis.set(xscale="log", ylim=(-3, 112))
        axis.set(xlabel="bits a weight and step", ylabel="accuracy (%)")
        axis.set_xticks(ticks := [0.25, 0.5, 1, 2, 4, 8], labels=map(str, ticks))
        axis.minorticks_off()

    return _one_panel(draw, 3.2)


def size_lines(measured: Mapping[str, tuple[int, float]]) -> Panels:
    """Bytes a step against the number of weights, for several prunings; real logs as dots.

    Args:
        measured: label -> weights, and bytes of its log a step.
    """
    return _one_panel(partial(_size_lines, measured), 3.6)


SIZES = {
    "32 bits, all": (0.0, 4, PALETTE["trained"], "-"),
    "50 % pruned": (0.5, 2, PALETTE["proposed"], "-"),
    "90 % pruned": (0.9, 2, PALETTE["proposed"], "--"),
    "99 % pruned": (0.99, 2, PALETTE["proposed"], ":"),
}
"""Label -> fraction pruned, bytes of a value, colour, line."""


def _size_lines(measured: Mapping[str, tuple[int, float]], axis: Axes) -> None:
    weights = np.logspace(4, 11, 60)
    for label, (pruned, value_bytes, colour, style) in SIZES.items():
        taken = [log_bytes(n, 1, pruned=pruned, value_bytes=value_bytes) for n in weights]
        axis.plot(weights, taken, color=colour, linestyle=style)
        axis.annotate(label, (weights[-1], taken[-1]), (4, -3), color=colour, **AT_THE_END)
    for marker, (label, place) in zip("os", measured.items(), strict=True):
        axis.plot(*place, marker, color=INK, markersize=5, linestyle="none", label=label)
    axis.set(xscale="log", yscale="log", xlim=(1e4, 1e11), ylim=(1e2, 1e12))
    axis.set(xlabel="weights that are recorded", ylabel="bytes a step")
    axis.set_xticks([1e4, 1e7, 1e10], labels=["10 thousand", "10 million", "10 billion"])
    axis.set_yticks(ticks := [1e3, 1e6, 1e9, 1e12], labels=map(in_words, ticks))
    axis.minorticks_off()
