"""What brief training on retained data brings back after amnesiac unlearning."""

from collections.abc import Iterator, Sequence

import pandas as pd

from reproduction.chapters.settings_tables import at_level
from reproduction.chapters.tables import Table, simple_table, spread
from reproduction.checking.measurements import METHODS, Record, tidy
from reproduction.study.stored_runs import Result

ENDS = {"equal": "equal forgetting", "published": "everything subtracted"}
"""Where fine-tuning begins."""


def _records(result: Result) -> Iterator[Record]:
    """Accuracies of both methods after each number of steps; 0 steps is where it begins."""
    if not result.fine_tuned:
        return
    ends = {row["method"]: row for row in result.rows}
    for method in METHODS:
        yield {**ends[method], "end": "published", "steps": 0}
        start = at_level(result, method)
        if start and start["reached"]:
            yield {**start, "end": "equal", "steps": 0}
    yield from result.fine_tuned


def tuned(results: Sequence[Result]) -> pd.DataFrame:
    """D_t and D_r of both methods, from either end, after each number of steps."""
    return tidy(results, _records)


def tuning_table(points: pd.DataFrame, *, caption: str) -> Table:
    """D_r, and the D_t that comes back, after each number of steps.

    Args:
        points: of :func:`tuned`.
        caption: says what the table shows.
    """
    steps = sorted(points.steps.unique())
    rows = []
    for labels, found in points.groupby(["dataset", "model", "end", "method"], sort=False):
        by_steps = {count: found[found.steps == count] for count in steps}
        cells = [
            spread(by_steps[count][name].tolist()) for name in ("d_r", "d_t") for count in steps
        ]
        data, model, end, method = labels
        rows.append([data, model, ENDS[end], method, *cells])
    heads = [f"{name}, {count:g} steps" for name in ("d_r", "d_t") for count in steps]
    heads = ["Data", "Model", "From", "Method", *heads]
    return simple_table(rows, headings=heads, caption=caption, labels=4)
