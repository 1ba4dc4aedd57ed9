"""A dot a method with its interval, for one measure or two, a panel a case."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction.chapters.figures import INK, side_by_side
from reproduction.study.intervals import Interval

Dots = Mapping[str, Mapping[str, Interval]]
"""Name of a measure, of two at most -> method -> its interval; the first measure is filled."""


def method_dots(
    panels: Mapping[str, Dots],
    methods: Sequence[str],
    *,
    label: str,
    colour: Callable[[str], str],
    shown: Callable[[str], str] = str,
    behind: Callable[[Axes, Dots], None] = lambda axis, dots: None,
) -> Figure:
    """Rows of dots, a row a method; an interval without bounds is a dot alone.

    Args:
        panels: by title.
        methods: from above; those without a value have an empty row.
        label: of the axis.
        colour: of a method.
        shown: a method's name on pages.
        behind: what to draw into a panel first.
    """

    def draw(axis: Axes, dots: Dots) -> None:
        behind(axis, dots)
        for order, (name, found) in enumerate(dots.items()):
            axis.plot([], [], "oD"[order], color=INK, label=name, **_filled(order, INK))
            for row, method in enumerate(methods):
                if method in found:
                    _dot(axis, row + 0.22 * order, found[method], colour(method), order)
        axis.set_yticks(range(len(methods)), [shown(method) for method in methods])
        axis.set(ylim=(len(methods) - 0.4, -0.6), xlabel=label)

    return side_by_side(panels, draw, height=1.3 + 0.23 * len(methods))


def _filled(order: int, tint: str) -> dict[str, str]:
    return {"markerfacecolor": "white" if order else tint}


def _dot(axis: Axes, row: float, found: Interval, tint: str, order: int) -> None:
    bars = np.maximum([[found.mean - found.low], [found.high - found.mean]], 0)
    ends = bars if np.isfinite(bars).all() else None
    style = {"color": tint, "elinewidth": 1, **_filled(order, tint)}
    axis.errorbar(found.mean, row, xerr=ends, fmt="oD"[order], **style)
