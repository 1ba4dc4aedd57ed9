"""The paper's numbers beside ours, as rows of the tables that chapters show."""

from collections.abc import Sequence
from functools import cache

import pandas as pd

from reproduction import paper
from reproduction.chapters.tables import METHODS, Row, Table, comparison_table, simple_table, spread
from reproduction.checking import claims
from reproduction.checking import measurements as evidence
from reproduction.datasets.sets import load
from reproduction.study.experiments import TABLES
from reproduction.study.results import COLUMNS, table_rows
from reproduction.study.stored_runs import Result

ACCURACIES = ("d_t", "d_r")
CLASSES = ("class_a", "class_b", "class_c")


def of_kind(results: Sequence[Result], *experiments: str) -> list[Result]:
    """Those results that were made by one of ``experiments``.

    There are none where a profile has no settings for them yet; tables and figures then say so.
    """
    return [result for result in results if result["config"]["experiment"] in experiments]


def run_rows(results: Sequence[Result], number: int) -> pd.DataFrame:
    """The rows of runs as ``tables.csv`` would have them for one of Tables 1 to 6."""
    return evidence.rows(results).assign(table=number) if results else pd.DataFrame(columns=COLUMNS)


@cache
def class_name(dataset: str, label: int) -> str:
    """A class by its name: ``digit 3``, or the organ."""
    name = load(dataset, source="sample").classes[label]
    return f"digit {name}" if name.isdigit() else name


def _values(rows: pd.DataFrame, model: str, method: str, measure: str) -> list[float]:
    """One value a seed, empty where the method was not run."""
    if rows.empty:
        return []
    return rows[(rows.model == model) & (rows.method == method)][measure].dropna().tolist()


def _printed(number: int, model: str, method: str, measure: str) -> float | None:
    """The paper's cell; it prints nothing of the trained and the retrained model."""
    if method not in ("baseline", "proposed"):
        return None
    return float(paper.cell(number, model, method)[measure])


def comparison_rows(
    number: int, run: pd.DataFrame, full: pd.DataFrame, measures: Sequence[str]
) -> list[Row]:
    """Each method's accuracy on each of ``measures``, model after model in the paper's order.

    The verdict on a model stands where its claim is: beside the proposed method's D_r.
    """
    dataset = TABLES[number].dataset
    names = dict(zip(CLASSES, (class_name(dataset, c) for c in paper.SHOWN[dataset]), strict=True))
    models = [m for table, m in paper.comparisons() if table == number and m in set(run.model)]
    return [
        Row(
            (model, method, names.get(measure, measure)),
            paper=_printed(number, model, method, measure),
            full=_values(full, model, method, measure),
            run=_values(run, model, method, measure),
            verdict=str(claims.comparison(run, number, model))
            if (method, measure) == ("proposed", "d_r")
            else "",
        )
        for model in models
        for method in METHODS
        for measure in measures
    ]


def comparison(
    number: int, results: Sequence[Result], measures: Sequence[str], *, caption: str
) -> Table:
    """One of Tables 1 to 6: paper | full | this run | difference | verdict.

    Args:
        number: 1 to 6.
        results: of the experiment ``table_<number>``.
        measures: names of columns of ``tables.csv``, such as :data:`ACCURACIES`.
        caption: says what the table shows.
    """
    rows = comparison_rows(number, run_rows(results, number), table_rows("full", number), measures)
    return comparison_table(rows, caption=caption)


def coverage(number: int) -> str:
    """Which models of a table have full runs, and which have none, as a sentence."""
    full = table_rows("full", number)
    proposed = full[full.method == "proposed"]
    seeds = {
        model: proposed[proposed.model == model].seed.nunique()
        for table, model in paper.comparisons()
        if table == number
    }
    there = [f"{m} ({n} seed{'s' * (n > 1)})" for m, n in seeds.items() if n]
    missing = [model for model, n in seeds.items() if not n]
    return (
        f"Runs on the complete data (column full): {', '.join(there) or 'none'}; "
        f"not run: {', '.join(missing) or 'none'}."
    )


def every_method(number: int, results: Sequence[Result], *, caption: str) -> Table:
    """D_t and D_r of every method of a table's runs, ablations among them: full and this run."""
    full, run = table_rows("full", number), run_rows(results, number)
    rows = [
        (
            model,
            method,
            *(
                spread(_values(where, model, method, measure))
                for where in (full, run)
                for measure in ACCURACIES
            ),
        )
        for model, method in dict.fromkeys(zip(run.model, run.method, strict=True))
    ]
    heads = ("Model", "Method", "full: d_t", "full: d_r", "this run: d_t", "this run: d_r")
    return simple_table(rows, headings=heads, caption=caption, labels=2)
