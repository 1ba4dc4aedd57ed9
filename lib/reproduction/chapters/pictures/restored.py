"""What brief training on the other classes brings back, from the complete data."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from reproduction.chapters.figures import PALETTE
from reproduction.chapters.fine_tuning import ENDS, tuned
from reproduction.chapters.pictures.epochs import curve
from reproduction.chapters.pictures.svg import Picture, panels, picture
from reproduction.checking.measurements import by_network
from reproduction.study.stored_runs import Result

ALT = (
    "A panel a model: accuracy on retained and on target data over steps of training on the other "
    "classes alone, after the known method and after the paper's, from {start}."
)
CAPTION = (
    '<span class="sign target">—</span> the known method, <span class="sign equal">—</span> the '
    "paper’s, from {start}; solid: retained data, dashed: the forgotten class, of which no "
    "image is trained on. Shades reach from the lowest training to the highest."
)


def restored_picture(results: Sequence[Result], end: str) -> Picture:
    """Accuracies after each number of steps.

    Args:
        results: of amnesiac unlearning, of one data set or several.
        end: where fine-tuning begins, a key of :data:`ENDS`.
    """
    points = tuned(results)
    mine = points[points.end == end].rename(columns={"steps": "step"}) if len(points) else points
    contents = by_network(mine) if len(mine) else {}
    words = {"label": "accuracy (%)", "below": "training steps after unlearning"}
    return picture(
        lambda narrow: panels(contents, _panel, narrow=narrow, **words),
        alt=ALT.format(start=ENDS[end]),
        caption=CAPTION.format(start=ENDS[end]),
    )


def _panel(axis: Axes, points: pd.DataFrame) -> None:
    for method, rows in points.groupby("method", sort=False):
        curve(axis, rows, 0, PALETTE[method])
    axis.set(ylim=(-4, 104), yticks=(0, 50, 100), xticks=sorted(points.step.unique()))
