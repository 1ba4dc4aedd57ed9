"""Pictures of class activation maps, as in Figure 3."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from reproduction.chapters.figures import SOFT

PALETTE = "jet"
"""Blue low, red high, as the paper has it; its steps are uneven, so read values off the bar."""

WIDTH, ROW = 7.5, 1.45  # inches


def map_grid(
    pictures: Sequence[Mapping[str, Any]], images: Sequence[ArrayLike], columns: Mapping[str, str]
) -> Figure:
    """One row an image: the image, then its map under each model, with the digit's outline.

    Args:
        pictures: of a stored run: ``maps`` and ``predicted`` by model, and the true ``label``.
        images: the images themselves, shape ``(h, w)``, values in 0..1.
        columns: model -> heading, in the order to draw.
    """
    shape = (len(pictures), len(columns) + 1)
    figure, axes = plt.subplots(
        *shape, figsize=(WIDTH, ROW * shape[0] + 0.5), squeeze=False, layout="constrained"
    )
    for line, picture, image in zip(axes, pictures, images, strict=True):
        line[0].imshow(np.asarray(image), cmap="gray", vmin=0, vmax=1)
        _finish(line[0], f"class {picture['label']}")
        for axis, model in zip(line[1:], columns, strict=True):
            shown = axis.imshow(picture["maps"][model], cmap=PALETTE, vmin=0, vmax=1)
            axis.contour(np.asarray(image), levels=[0.5], colors="white", linewidths=0.8)
            _finish(axis, f"taken for {picture['predicted'][model]}")
    for axis, heading in zip(axes[0], ["image", *columns.values()], strict=True):
        axis.set_title(heading)
    bar = figure.colorbar(shown, ax=axes, shrink=0.6, pad=0.015)
    bar.set_label("activation, share of the map's largest")
    bar.outline.set_visible(False)
    plt.close(figure)  # a notebook then shows it once, as the value of the cell
    return figure


def _finish(axis: Axes, note: str) -> None:
    axis.set(xticks=[], yticks=[])
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    axis.set_xlabel(note, fontsize=7.5, color=SOFT)
