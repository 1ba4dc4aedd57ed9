"""The picture of a demonstration: who is still recognised when one person after another asks."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap

from reproduction.chapters.figures import INK, NARROW_WIDTH, PALETTE, WIDTH, Panels

SHADES = LinearSegmentedColormap.from_list("kept", ["#ffffff", PALETTE["proposed"]])


def outcome(rows: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """What the requests did, on average: to who asked, before and after; and to the others.

    Args:
        rows: percent recognised of each person before any request, then after that of person 0, 1
            and so on.

    Returns:
        Percent of who asked before, and after; the change of everybody else in points.

    >>> outcome([[90, 100], [10, 96], [90, 0]])
    (95.0, 5.0, -2.0)
    """
    before, after = np.array(rows[0]), np.array(rows[1:])
    own = np.eye(len(before), dtype=bool)
    others = (after - before)[~own].mean()
    return float(before.mean()), float(after[own].mean()), float(others)


def request_map(found: Mapping[str, Sequence[float]]) -> Panels:
    """A row a model and a column a person: how many of the person's pictures are recognised.

    Args:
        found: name of a row -> percent for each person, from 0 on.
    """
    figure = _drawn(found, WIDTH)
    figure.narrow = _drawn(found, NARROW_WIDTH)
    return figure


def _drawn(found: Mapping[str, Sequence[float]], width: float) -> Panels:
    values = np.array(list(found.values()))
    rows, people = values.shape
    size = (width, 0.7 + 0.3 * rows)
    figure = plt.figure(figsize=size, layout="constrained", FigureClass=Panels)
    plt.close(figure)
    axis = figure.subplots()
    axis.imshow(values, cmap=SHADES, vmin=0, vmax=100, aspect="auto")
    for row, column in np.ndindex(rows, people):
        shown = values[row, column]
        colour = "white" if shown > 55 else INK
        axis.text(column, row, f"{shown:.0f}", ha="center", va="center", color=colour, fontsize=7.5)
    axis.set(xticks=range(people), yticks=range(rows), yticklabels=found)
    axis.xaxis.tick_top()
    axis.xaxis.set_label_position("top")
    axis.set_xlabel("new pictures of person …, % recognised")
    axis.grid(visible=False)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure
