"""What the chapter on Figure 4 shows: every strategy at every fraction of affected batches."""

from collections.abc import Iterator, Sequence
from itertools import chain

import pandas as pd

from reproduction import paper
from reproduction.chapters.tables import NONE, Table, simple_table, spread
from reproduction.checking.claims import limits
from reproduction.checking.measurements import Record, end_points, level_points, tidy
from reproduction.study.stored_runs import Result

READINGS = {"published": "as published", "train": "equal forgetting"}
"""Where strategies are read: everything subtracted, and at the level of the findings."""
STRATEGIES = {
    "amnesiac": "everything",
    "random, decreasing with depth": "random, falling",
    "layer-wise magnitude": "largest of layer",
    "global magnitude": "largest of all",
}
"""Stored names -> those on the page, in pictures and tables."""
NAMED = (
    "Everything: the known method; falling: less is pruned with depth, the paper's "
    "strategy; largest of layer, of all: layer-wise and global magnitude pruning."
)


def _records(result: Result) -> Iterator[Record]:
    for record in chain(end_points(result), level_points(result)):
        if record["end"] == "published" or record["level"] == limits().level:
            yield record


def strategies(results: Sequence[Result]) -> pd.DataFrame:
    """The points of all strategies, and of the trained model, under both readings."""
    return tidy(results, _records)


def fraction_tables(points: pd.DataFrame) -> list[Table]:
    """For each data set the numbers behind both figures.

    Args:
        points: of :func:`strategies`.
    """
    return [
        _table(paper.TITLES[name], rows) for name, rows in points.groupby("dataset", sort=False)
    ]


def _table(title: str, points: pd.DataFrame) -> Table:
    parts = sorted(points.affected_fraction.unique())
    rows = []
    for method, mine in points.groupby("method", sort=False):
        for end, reading in READINGS.items():
            read = mine[mine.end == end]
            for measure in ("d_t", "d_r") if len(read) else ():
                cells = [_cell(read[read.affected_fraction == part], measure) for part in parts]
                rows.append([STRATEGIES.get(method, method), reading, measure, *cells])
    heads = ["Strategy", "Read", "Measure", *(f"{100 * part:g} %" for part in parts)]
    caption = f"Accuracy in percent at each fraction of affected batches, {title}. {NAMED}"
    return simple_table(rows, headings=heads, caption=caption, labels=3)


def _cell(rows: pd.DataFrame, measure: str) -> str:
    """The mean over the trainings in which the strategy gets there, and how many, if not all."""
    there = rows[measure].dropna().tolist()
    if not len(rows):
        return NONE
    return spread(there) if len(there) == len(rows) else f"{spread(there)} ({len(there)} there)"
