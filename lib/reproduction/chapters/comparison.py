"""The paper's two methods beside each other: printed, as published, and at equal forgetting."""

from collections.abc import Sequence
from itertools import chain, product

import pandas as pd

from reproduction import paper
from reproduction.chapters.tables import METHODS, NONE, Table, signed, simple_table, spread
from reproduction.checking.claims import limits
from reproduction.checking.comparing import comparisons
from reproduction.checking.measurements import all_points, tidy
from reproduction.checking.samples import grouped
from reproduction.checking.verdicts import Finding
from reproduction.datasets.sources import class_names
from reproduction.study.kinds import TABLES
from reproduction.study.stored_runs import Result

ACCURACIES = ("d_t", "d_r")
CLASSES = ("class_a", "class_b", "class_c")
READINGS = ("The paper", "As published", "At equal forgetting")
PLACEMENTS = {"tables": "placed as for the table", "kept_images": "100 kept, plainly shuffled"}


def class_name(dataset: str, label: int) -> str:
    """A class by its name: ``digit 3``, or the organ."""
    name = class_names(dataset)[label]
    return f"digit {name}" if name.isdigit() else name


def points_of(number: int, results: Sequence[Result]) -> pd.DataFrame:
    """What runs of one of Tables 1 to 6 say of their methods, as the ledger's table ``points``."""
    return tidy(results, all_points).assign(table=number)


def differences(number: int, points: pd.DataFrame) -> pd.DataFrame:
    """The comparisons of a table, as :func:`comparisons` makes them; those of models not run too.

    Args:
        number: 1 to 6.
        points: of this table, or of all.
    """
    nothing = tidy([])
    found = comparisons(grouped({"points": points, "fractions": nothing, "maps": nothing}))
    return found[found.table == number]


def _printed(number: int, model: str, method: str, measures: Sequence[str]) -> list[str]:
    if method not in ("baseline", "proposed"):
        return [NONE] * len(measures)
    cell = paper.cell(number, model, method)
    return [f"{cell[measure]:.2f}" for measure in measures]


def _ours(rows: pd.DataFrame, measures: Sequence[str]) -> list[str]:
    return [spread(rows[measure].dropna().tolist()) for measure in measures]


def accuracy_table(
    number: int, points: pd.DataFrame, measures: Sequence[str], *, caption: str
) -> Table:
    """Each method's accuracies: printed, as published, and at equal forgetting.

    Args:
        number: 1 to 6.
        points: of this table.
        measures: columns of ``points``, such as :data:`ACCURACIES` or :data:`CLASSES`.
        caption: says what the table shows.
    """
    dataset = TABLES[number].dataset
    shown = (class_name(dataset, label) for label in paper.SHOWN[dataset])
    names = dict(zip(CLASSES, shown, strict=True))
    points = points[points.placement == "tables"]
    models = [m for table, m in paper.comparisons() if table == number and m in set(points.model)]
    rows, notes = [], []
    for model, method in product(models, METHODS):
        mine = points[(points.model == model) & (points.method == method)]
        own = mine[mine.end == "published"]
        equal = mine[(mine.end == "train") & (mine.level == limits().level)]
        cells = [_printed(number, model, method, measures)]
        cells += [_ours(end[end.reached], measures) for end in (own, equal)]
        rows.append([model, method, *chain(*cells)])
        notes += [
            f"{model}, {method}, {reading.lower()}: mean of the {end.reached.sum()} of {len(end)} "
            "trainings that come far enough down."
            for reading, end in zip(READINGS[1:], (own, equal), strict=True)
            if not end.reached.all()
        ]
    heads = [names.get(measure, measure) for measure in measures]
    above = [reading for reading in READINGS for _ in measures]
    return simple_table(
        rows,
        headings=["Model", "Method", *heads * len(READINGS)],
        above=["", "", *above],
        notes=notes,
        caption=caption,
        labels=2,
    )


def difference_table(found: pd.DataFrame, *, caption: str) -> Table:
    """By how many points of D_r the proposed method is above the baseline, read in two ways.

    Args:
        found: of :func:`differences`.
        caption: says what the table shows.
    """
    rows = []
    for (placement, model), readings in found.groupby(["placement", "model"], sort=False):
        by_reading = readings.set_index("reading")
        printed = signed(by_reading.printed.iloc[0]) if placement == "tables" else NONE
        cells = [_finding(by_reading.loc[name]) for name in ("equal", "published")]
        if placement != "tables":  # the paper's sizes are of its own placement
            cells = [Finding(one.word, "", one.measured) for one in cells]
        rows.append([PLACEMENTS[placement], model, *cells, printed])
    heads = ["Target images", "Model", *reversed(READINGS)]
    one = found.placement.nunique() == 1
    rows, heads = [row[one:] for row in rows], heads[one:]
    return simple_table(rows, headings=heads, caption=caption, labels=2 - one)


def _finding(row: pd.Series) -> Finding:
    """The finding with the difference and its interval."""
    measured = "" if pd.isna(row["mean"]) else with_bounds(row)
    return Finding(row.word, row.note if measured else "", measured)


def with_bounds(row: pd.Series) -> str:
    """The difference of a row of :func:`differences` with its interval; a dash where none is."""
    if pd.isna(row["mean"]):
        return NONE
    bounds = f" [{signed(row.low)}, {signed(row.high)}]" if row.pairs > 1 else ""
    return f"{signed(row['mean'])}{bounds}"
