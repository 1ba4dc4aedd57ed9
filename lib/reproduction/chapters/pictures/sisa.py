"""What shards cost in accuracy, and what a request costs in retraining."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction.chapters.figures import INK, PALETTE, look
from reproduction.chapters.pictures.svg import EMPTY, LETTER, NARROW, WIDE, Picture, apart, picture
from reproduction.chapters.sisa import RANDOM, accuracies, costs
from reproduction.study.stored_runs import Result

ALT = (
    "Left: accuracy on retained data against the number of shards, for random shards and for "
    "shards by class, beside the level of one model. Right: cost of a request in percent of "
    "training again against the samples requested, a line a design."
)
CAPTION = (
    "Left: accuracy before any request; the dashed line is one model on everything. Right: mean "
    "cost of random requests with random shards, named by shards and slices; dotted and dashed "
    "have fewer and more slices."
)


def sisa_picture(results: Sequence[Result]) -> Picture:
    """Both panels.

    Args:
        results: of whole seeds.
    """
    return picture(lambda narrow: _draw(results, narrow=narrow), alt=ALT, caption=CAPTION)


def _draw(results: Sequence[Result], *, narrow: bool) -> Figure:
    size = (NARROW, 4.4) if narrow else (WIDE, 2.7)
    figure = plt.figure(figsize=size, layout="constrained")
    left, right = figure.subplots(*((2, 1) if narrow else (1, 2)))
    if not results:
        left.set_title(EMPTY)
        return figure
    usual = results[0].config.slices
    _accuracy(left, results, usual)
    _cost(right, results, usual)
    return figure


def _accuracy(axis: Axes, results: Sequence[Result], usual: int) -> None:
    d_r = accuracies(results).d_r
    ensembles = d_r.xs(("ensemble", usual), level=("method", "slices"))
    for how, colour in (("iid", PALETTE["proposed"]), ("by class", PALETTE["baseline"])):
        line = ensembles[how]
        axis.plot(line, "o-", color=colour)
        name = "random" if how == "iid" else how
        axis.annotate(name, (line.index[-1], line.iloc[-1]), (0, -11), **_note(colour))
    axis.axhline(d_r.xs("trained", level="method").mean(), color=INK, linestyle="--", linewidth=1)
    axis.set(xlabel="shards", ylabel="retained data (%)", ylim=(0, 104))
    axis.set_xticks(ensembles["iid"].index)


def _note(colour: str) -> dict[str, object]:
    place = {"textcoords": "offset points", "ha": "right"}
    return {**place, "fontsize": LETTER, "color": colour}


def _cost(axis: Axes, results: Sequence[Result], usual: int) -> None:
    random = costs(results).loc["iid"]
    begins: list[tuple[float, str, str]] = []  # of the lines, with names and colours
    counts = sorted(set(random.index.get_level_values("shards")))
    for (shards, slices), found in random.groupby(["shards", "slices"]):
        rows = found.loc[shards, slices].loc[RANDOM]
        style = look("", counts.index(shards))
        dash = "-" if slices == usual else "--" if slices > usual else ":"
        axis.plot(rows.samples, 100 * rows.share, linestyle=dash, **style)
        begins.append((100 * rows.share.iloc[0], f"{shards} × {slices}", style["color"]))
    begins.sort()
    for at, (_, name, colour) in zip(apart([b[0] for b in begins], 6.5), begins, strict=True):
        axis.annotate(name, (rows.samples.iloc[0], at), (-6, -2), **_note(colour))
    axis.set(xscale="log", xlabel="samples requested", ylabel="of training again (%)")
    axis.set(ylim=(0, 104), xlim=(0.3, 1.4 * rows.samples.max()))
    axis.set_xticks(rows.samples, [f"{size:,.0f}" for size in rows.samples])
    axis.minorticks_off()
