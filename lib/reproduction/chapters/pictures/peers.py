"""Methods at equal forgetting, a row each: what they keep, and how far their answers are."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction.chapters.figures import INK, OTHERS, PALETTE, SOFT
from reproduction.chapters.forgotten import colour
from reproduction.chapters.peers import EXACT, FIELD, METHODS, PAPER, by_model, everywhere
from reproduction.chapters.pictures.svg import LETTER, NARROW, WIDE, Picture, panels, picture
from reproduction.chapters.verdict_box import one_decimal

SHAPES = {EXACT: "^", PAPER: "s", FIELD: "D"}
TICKS = (-100, -10, -1, 0, 1)
ALT = (
    "A row a method, beside the retrained twin: points of accuracy on retained data, and the total "
    "variation of answers to target images. {values}"
)
CAPTION = (
    "Every method where it has forgotten equally much, on the complete data; the line is the "
    'retrained twin, and what is near it is good. <span class="sign">▲</span> exact, '
    '<span class="sign">■</span> the paper’s (in part: blue) and those it starts from, '
    '<span class="sign">◆</span> today’s. Marks are means over {models}, bars reach from the '
    "lowest to the highest; the scale of accuracy is not linear. A method that misses the level in "
    "a training has that network’s name in place of a mark."
)


def peers_picture(found: pd.DataFrame) -> Picture:
    """Accuracy on retained data and answers to target images, both beside the twin's.

    Args:
        found: of :func:`reproduction.chapters.peers.points`.
    """
    means = by_model(found)
    models = list(means.index.unique("model")) if len(means) else []
    names = [name for name in METHODS if name in set(found.method) and name != "retrained"]
    there = set(everywhere(means).index.unique("method")) if models else set()
    said = (
        f"{METHODS[n].label}: {means.loc[n].kept.mean():+.1f} points, "
        f"{means.loc[n].variation_target.mean():.0f} percent"
        for n in names
        if n in there
    )
    return picture(
        lambda narrow: _draw(means, names, models, narrow=narrow),
        alt=ALT.format(values="; ".join(said)),
        caption=CAPTION.format(models=", ".join(models) or "no model"),
    )


def _draw(
    means: pd.DataFrame, names: Sequence[str], models: Sequence[str], *, narrow: bool
) -> Figure:
    if not names:
        return panels({}, lambda axis, content: None, narrow=narrow)
    across = (2, 1) if narrow else (1, 2)
    figure = plt.figure(figsize=(NARROW, 6.4) if narrow else (WIDE, 3.6), layout="constrained")
    kept, far = figure.subplots(*across, sharey=not narrow).flat
    for axis, measure in ((kept, "kept"), (far, "variation_target")):
        _panel(axis, means[measure], names, models)
    kept.set_xscale("symlog", linthresh=1, linscale=0.6)
    kept.margins(x=0.06)
    low, high = kept.get_xlim()
    shown = [tick for tick in TICKS if low <= tick <= high]
    kept.set_xticks(shown, [f"{tick:g}".replace("-", "−") for tick in shown])
    kept.set_xlabel("accuracy on retained data (points)", fontsize=LETTER)
    far.set_xlim(left=-3)
    far.set_xlabel("answers to target images (total variation, %)", fontsize=LETTER)
    return figure


def _panel(axis: Axes, means: pd.Series, names: Sequence[str], models: Sequence[str]) -> None:
    """One measure of all methods, by method and model."""
    axis.axvline(0, color=PALETTE["retrained"], linewidth=1.4)
    for row, name in enumerate(names):
        of = means.loc[name] if name in means.index else means.iloc[:0]
        if len(of) == len(models):
            _mark(axis, row, of, name)
        else:
            there = of.index.get_level_values("model")
            _note(axis, row, ", ".join(model for model in models if model not in there))
    axis.set_yticks(range(len(names)), [METHODS[n].label for n in names], fontsize=LETTER)
    axis.set_ylim(len(names) - 0.5, -0.7)
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    axis.spines["left"].set_visible(False)


def _mark(axis: Axes, row: int, values: pd.Series, name: str) -> None:
    """A mean over models with the lowest and the highest, and its number at the edge."""
    of = METHODS[name]
    own = OTHERS[0] if of.group == FIELD else PALETTE["retrained"]
    own = colour(of.label) if of.group == PAPER else own
    axis.plot([values.min(), values.max()], [row, row], color=own, linewidth=1)
    axis.plot(values.mean(), row, SHAPES[of.group], color=own, markersize=5)
    points = values.name == "kept"
    _note(axis, row, one_decimal(values.mean()) if points else f"{values.mean():.0f}")


def _note(axis: Axes, row: int, text: str) -> None:
    """A word or number at the right edge of a row."""
    where = {"xytext": (4, 0), "xycoords": ("axes fraction", "data"), "ha": "left"}
    look = {"textcoords": "offset points", "va": "center", "fontsize": LETTER - 1, "color": SOFT}
    axis.annotate(text, (1, row), **where, **look)
