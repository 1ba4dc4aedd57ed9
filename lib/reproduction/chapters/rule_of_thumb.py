"""What the page "Rule of thumb" shows: a map, and the numbers behind each advice."""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from reproduction.chapters.figures import INK, PALETTE, side_by_side
from reproduction.chapters.fine_tuning import tuned
from reproduction.chapters.tables import NONE, Table, simple_table
from reproduction.checking import frontier
from reproduction.checking.claims import limits
from reproduction.study.stored_runs import Result

ENDS = {"published": "everything subtracted", "equal": "equal forgetting"}
"""Where the map is read."""

LAST = "last layer"
"""The line of the map that is no mask by depth."""

_SHADES = LinearSegmentedColormap.from_list("gap", ["#ffffff", PALETTE["baseline"]])


def mapped(results: Sequence[Result]) -> pd.DataFrame:
    """The map's points, one row a training, what is kept, and where it is read.

    Returns:
        Columns model, seed, affected (fraction of the steps), kept (fraction), name (of what is
        kept), end (a key of :data:`ENDS`), reached, d_t, d_r, strength, and gap: the mean of the
        distances of D_t and D_r to those of the retrained twin of the same seed, points.
    """
    twins = {
        (r.config.model, r.config.seed): r.rows[0]
        for r in results
        if r.config.experiment == "retrained"
    }
    rows = []
    for run in results:
        if run.config.experiment == "rule_of_thumb":
            twin = twins[run.config.model, run.config.seed]
            head = run.config.model_dump(include={"model", "seed"})
            head["affected"] = run.config.affected_fraction
            ends = [("published", {"reached": True, **row}) for row in run.rows[1:]]
            ends += [("equal", record) for record in run.levels]
            rows += [{**head, **_point(end, record, twin)} for end, record in ends]
    return pd.DataFrame(rows, columns=[*_TYPES]).astype(_TYPES)


_TYPES = {
    **dict.fromkeys(("model", "name", "end"), str),
    **dict.fromkeys(("affected", "kept", "d_t", "d_r", "strength", "gap"), float),
    **{"seed": int, "reached": bool},
}


def _point(end: str, record: dict, twin: dict) -> dict:
    name = LAST if record["method"] == "last_layer" else f"{100 * record['kept']:g} %"
    known = {k: record.get(k, math.nan) for k in ("kept", "reached", "d_t", "d_r", "strength")}
    gap = fmean(abs(known[name] - twin[name]) for name in ("d_t", "d_r"))
    return {**known, "name": name, "end": end, "gap": gap}


def map_panels(points: pd.DataFrame, model: str) -> dict[str, pd.DataFrame]:
    """What the map of a model draws: by title, what is kept x steps affected, means over seeds."""
    mine = points[points.model == model]
    readings = {
        "$D_t$, everything subtracted": ("published", "d_t"),
        "gap, everything subtracted": ("published", "gap"),
        "gap, equal forgetting": ("equal", "gap"),
    }
    names = list(dict.fromkeys(mine.name))
    means = mine.groupby(["end", "name", "affected"])[["d_t", "gap"]].mean().unstack()
    return {
        title: means.loc[end, measure].reindex(names)
        for title, (end, measure) in readings.items()
        if len(mine)
    }


def map_figure(points: pd.DataFrame, model: str) -> Figure:
    """Three maps of a model: the paler a field, the nearer to the twin."""

    def draw(axis: Axes, table: pd.DataFrame) -> None:
        axis.imshow(table.to_numpy(), cmap=_SHADES, vmin=0, vmax=60, aspect="auto")
        for (row, column), value in np.ndenumerate(table.to_numpy()):
            text = NONE if math.isnan(value) else f"{value:.1f}"
            axis.text(column, row, text, ha="center", va="center", fontsize=8, color=INK)
        shares = [f"{100 * part:g}" for part in table.columns]
        axis.set_xticks(range(len(shares)), shares)
        axis.set_yticks(range(len(table)), table.index)
        axis.set(xlabel="steps affected (%)")

    panels = map_panels(points, model)
    figure = side_by_side(panels, draw, height=2.9, label="kept of an update", grid=False)
    for axis in figure.axes[1:]:
        axis.set_yticks([])
    return figure


def map_table(points: pd.DataFrame, *, caption: str) -> Table:
    """The numbers of the maps: gap, and in brackets D_t and D_r, means over seeds."""
    parts = sorted(points.affected.unique())
    rows = [
        [model, ENDS[end], name, *(_cell(found[found.affected == part]) for part in parts)]
        for (model, end, name), found in points.groupby(["model", "end", "name"], sort=False)
    ]
    heads = ("Model", "Read", "Kept", *(f"{100 * part:g} % affected" for part in parts))
    return simple_table(rows, headings=heads, caption=caption, labels=3)


def _cell(rows: pd.DataFrame) -> str:
    there = rows[rows.reached]
    count = "" if len(there) == len(rows) else f", {len(there)} of {len(rows)} there"
    if there.empty:
        return NONE + count
    return f"{there.gap.mean():.1f} ({there.d_t.mean():.1f}, {there.d_r.mean():.1f}{count})"


def steps_affected(samples: int, *, of: int, batch_size: int) -> float:
    """The fraction of steps whose batch holds any of ``samples`` random samples, in closed form.

    A batch of ``batch_size`` out of ``of`` samples holds none with probability
    C(of - samples, batch_size) / C(of, batch_size).

    >>> round(steps_affected(1, of=60000, batch_size=128), 5)
    0.00213
    """
    if samples > of - batch_size:
        return 1.0
    logs = np.log1p(-batch_size / (of - np.arange(samples)))
    return 1 - math.exp(logs.sum())


def answer(points: pd.DataFrame) -> str:
    """How near to the twin the last layer alone comes, with few and with many steps affected.

    Args:
        points: of :func:`mapped`.
    """
    if points.empty:
        return "Nothing is stored yet."
    few, many = points.affected.min(), points.affected.max()
    last = points[(points.name == LAST) & (points.end == "equal") & points.reached]
    near, far = (last[last.affected == part].gap.mean() for part in (few, many))
    opinion = (
        "That depends on how many batches held what must go."
        if far > near + 1 or math.isnan(far)
        else "If you stop in time, it depends little on how many batches held what must go."
    )
    return (
        f"**{opinion}** With {100 * few:g} % of the steps affected, taking back the last layer "
        f"until {limits().level:g} % of the class is still recognised ends "
        f"{_gap(points, few, 'equal', LAST)} from a model that never saw it; with "
        f"{100 * many:g} % it ends {_gap(points, many, 'equal', LAST)} from it. Whole updates, "
        f"taken back without stopping, end {_gap(points, few, 'published', '100 %')} from it with "
        f"{100 * few:g} %, and {_gap(points, many, 'published', '100 %')} with {100 * many:g} %."
    )


def _gap(points: pd.DataFrame, affected: float, end: str, name: str) -> str:
    """The mean gap of each model, in words: ``1.2 (MLP) and 3.4 (LeNet) points``."""
    found = points[(points.affected == affected) & (points.end == end) & (points.name == name)]
    there = found[found.reached]
    each = there.groupby("model", sort=False).gap.mean()
    said = " and ".join(f"{value:.1f} ({model})" for model, value in each.items())
    return f"{said} points" if said else "nowhere near, as it does not get there,"


def yes_if(points: pd.DataFrame, least: pd.DataFrame, tables: Sequence[Result]) -> list[str]:
    """When to use it, each with its number.

    Args:
        points: of :func:`mapped`.
        least: of :func:`reproduction.checking.frontier.measured`.
        tables: runs of Tables 1 and 2.
    """
    said = []
    if len(points):
        few = points.affected.min()
        said.append(
            f"**what is to go stands in few batches.** With {100 * few:g} % of the steps affected, "
            f"the last layer alone ends {_gap(points, few, 'equal', LAST)} from a model trained "
            "anew, in the mean of target and retained accuracy."
        )
        whole = max(points[points.name != LAST].kept)
        said.append(
            "**you can measure while you forget.** Stopped at "
            f"{limits().level:g} % of the target images, the whole update ends "
            f"{_gap(points, few, 'equal', f'{100 * whole:g} %')} from the twin; everything "
            f"subtracted, {_gap(points, few, 'published', f'{100 * whole:g} %')}."
        )
    found = frontier.standings(least)
    arm = frontier.best(found)
    if arm is not None:
        sizes = [f"{model} {arms[arm].row_bytes:,.0f}" for model, arms in found.items()]
        said.append(
            "**you record from the first step on.** It is cheap: the smallest rows that held on "
            f"held-out images take so many bytes a step: {', '.join(sizes)}, ids included "
            "([how they were found](frontier.ipynb))."
        )
    return said + _back(tables)


def no_if(points: pd.DataFrame, least: pd.DataFrame, tables: Sequence[Result]) -> list[str]:
    """When not to use it, each with its number.

    Args:
        points: of :func:`mapped`.
        least: of :func:`reproduction.checking.frontier.measured`.
        tables: runs of Tables 1 and 2.
    """
    shares = {n: 100 * steps_affected(n, of=60000, batch_size=128) for n in (1, 100, 600)}
    listed = ", ".join(f"{n} image{'s' * (n > 1)} {part:.1f} %" for n, part in shares.items())
    said = [
        "**what is to go is scattered.** Under plain shuffling so many of MNIST's 60,000 images "
        f"stand in this share of the steps, of 128 images each: {listed}."
    ]
    if len(points):
        many = points.affected.max()
        said[0] += (
            f" With {100 * many:g} % affected and everything subtracted, the whole update ends "
            f"{_gap(points, many, 'published', '100 %')} from the twin; stopped at equal "
            f"forgetting, the last layer alone {_gap(points, many, 'equal', LAST)}."
        )
    alike = least[(least.arm == "last_layers") & ~least.trial & (least.strength > 0)]
    if len(alike):
        said.append(
            "**the features have to forget.** A mask in the last layer moves nothing else: after "
            "the cheapest one, retained images are represented as before to "
            f"{alike[alike.kept == alike.kept.min()].representation.mean():.1f} %, and whatever "
            "the layers below know of the class, they still know."
        )
    return said + _retraining(tables)


def _back(tables: Sequence[Result]) -> list[str]:
    """What brief training on retained data brings back of the target."""
    found = tuned([run for run in tables if run.config.experiment == "amnesiac"])
    if found.empty:
        return []
    mine = found[(found.method == "proposed") & (found.end == "equal")]
    counts = sorted(steps for steps in mine.steps.unique() if steps)
    parts = [
        " to ".join(f"{rows[rows.steps == at].d_t.mean():.1f}" for at in (counts[0], counts[-1]))
        for _, rows in mine.groupby("model", sort=False)
    ]
    listed = ", ".join(f"{m} {part}" for m, part in zip(mine.model.unique(), parts, strict=True))
    return [
        "**training goes on with what is retained.** The class does not come back by itself: after "
        f"{counts[0]:g} to {counts[-1]:g} steps on retained images alone so many percent of it are "
        f"recognised: {listed}."
    ]


def _retraining(tables: Sequence[Result]) -> list[str]:
    """What training anew takes."""
    spent: dict[str, list[float]] = {}
    for run in tables:
        if run.config.experiment == "retrained":
            spent.setdefault(run.config.model, []).append(run.provenance["seconds"])
    if not spent:
        return []
    parts = ", ".join(f"{model} {fmean(seconds):.0f}" for model, seconds in spent.items())
    return [
        "**training anew is cheap.** It is exact, needs no log, and took so many seconds on one "
        f"core here: {parts}."
    ]
