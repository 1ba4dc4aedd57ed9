"""Figure 4 in numbers."""

from collections.abc import Mapping, Sequence

import pandas as pd

from reproduction.chapters.comparison import ACCURACIES
from reproduction.chapters.tables import Table, simple_table, spread
from reproduction.checking import measurements as evidence
from reproduction.study.stored_runs import Result


def _rows(results: Sequence[Result]) -> pd.DataFrame:
    """The rows of runs, with the columns that are read here even where there are none."""
    if results:
        return evidence.rows(results)
    return pd.DataFrame(columns=["dataset", "method", "share", *ACCURACIES])


def _lines(rows: pd.DataFrame, where: str, shares: Sequence[float]) -> list[list[str]]:
    """Strategy, measure, source, then mean ± standard deviation over seeds at each share."""
    return [
        [method, measure, where]
        + [spread(found[found.share == share][measure].tolist()) for share in shares]
        for method, found in rows.groupby("method", sort=False)
        for measure in ACCURACIES
    ]


def share_tables(
    results: Sequence[Result], full: Sequence[Result], titles: Mapping[str, str]
) -> list[Table]:
    """For each data set, the accuracy after every strategy at every share.

    Args:
        results: of the experiment ``figure_4``.
        full: the same of the committed full runs, empty where there are none.
        titles: data set -> its name on the page.
    """
    run, committed = _rows(results), _rows(full)
    tables = []
    for dataset, title in titles.items():
        here = run[run.dataset == dataset]
        there = committed[committed.dataset == dataset]
        shares = sorted({*here.share, *there.share})
        lines = _lines(here, "this run", shares) + _lines(there, "full", shares)
        caption = f"{title}: accuracy by affected share" + "; no full runs" * (not len(there))
        heads = ("Strategy", "Accuracy on", "From", *(f"{100 * share:g} %" for share in shares))
        order = {line[0]: at for at, line in reversed(list(enumerate(lines)))}
        lines.sort(key=lambda line: order[line[0]])
        tables.append(simple_table(lines, headings=heads, caption=caption, labels=3))
    return tables
