"""What the page "Rule of thumb" shows: a map of what is kept and how many steps are affected."""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from reproduction.chapters.figures import INK, PALETTE, side_by_side
from reproduction.chapters.pictures.svg import PAGE
from reproduction.chapters.tables import NONE, Table, simple_table
from reproduction.checking.claims import limits
from reproduction.study.stored_runs import Result

ENDS = {"published": "everything subtracted", "equal": "equal forgetting"}
"""Where the map is read."""

LAST = "last layer"
"""The line of the map that is no mask by depth."""

DARK = 40
"""Points from which on a field is so dark that its number is white."""

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
            ink = PAGE if value > DARK else INK
            axis.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
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
    """The numbers of the maps: gap, and in brackets D_t and D_r, means over trainings."""
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


def answer(points: pd.DataFrame) -> str:
    """How near to the twin the last layer alone comes, with few and with many steps affected.

    Args:
        points: of :func:`mapped`.
    """
    if points.empty:
        return "Nothing is stored yet."
    few, many = points.affected.min(), points.affected.max()
    last = points[(points.name == LAST) & (points.end == "equal")]
    gaps = last.where(last.reached).gap.groupby(last.affected).mean()
    return (
        f"**{_opinion(gaps)}** With {100 * few:g} % of the steps affected, taking back the last "
        f"layer until {limits().level:g} % of the class is still recognised ends "
        f"{_gap(points, few, 'equal', LAST)} from a model that never saw it (the mean of the "
        "distances of $D_t$ and $D_r$); with "
        f"{100 * many:g} % it ends {_gap(points, many, 'equal', LAST)} from it. Whole updates, "
        f"stopped there too, end {_gap(points, few, 'equal', '100 %')} from it with "
        f"{100 * few:g} %; taken back without stopping, "
        f"{_gap(points, few, 'published', '100 %')} with {100 * few:g} %, and "
        f"{_gap(points, many, 'published', '100 %')} with {100 * many:g} %. The library’s command "
        "does not stop: there the last layer alone ends "
        f"{_gap(points, few, 'published', LAST)} with {100 * few:g} %, and "
        f"{_gap(points, many, 'published', LAST)} with {100 * many:g} %. Each number is a mean of "
        f"{points.seed.nunique()} trainings."
    )


def _opinion(gaps: pd.Series) -> str:
    """Whether the mean gap depends on the fraction of the steps affected, its index."""
    short = gaps[gaps.index < 1]
    if not _alike(short):
        return "How near you come depends on how many batches held what must go."
    low, high = 100 * short.index.min(), 100 * short.index.max()
    tried = "" if _alike(gaps) else f", from {low:g} to {high:g} % of them"
    return (
        "If you take back the last layer alone and stop in time, it hardly matters how many "
        f"batches held what must go{tried}."
    )


def _alike(gaps: pd.Series) -> bool:
    """Whether they are known, and lie within a point."""
    return bool(gaps.notna().all() and gaps.max() - gaps.min() <= 1)


def _gap(points: pd.DataFrame, affected: float, end: str, name: str) -> str:
    """The mean gap of each model, in words: ``1.2 (MLP) and 3.4 (LeNet) points``."""
    found = points[(points.affected == affected) & (points.end == end) & (points.name == name)]
    there = found[found.reached]
    each = there.groupby("model", sort=False).gap.mean()
    said = " and ".join(f"{value:.1f} ({model})" for model, value in each.items())
    return f"{said} points" if said else "nowhere near, as it does not get there,"
