"""What brief training on retained data brings back after amnesiac unlearning."""

from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from reproduction.chapters.figures import RETAINED, TARGET, WIDTH, look
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


def tuning_figure(points: pd.DataFrame, end: str) -> Figure:
    """Accuracy against steps of fine-tuning, a panel a model; solid D_r, dashed D_t.

    Args:
        points: of :func:`tuned`.
        end: where fine-tuning begins, a key of :data:`ENDS`.
    """
    models = list(points[points.end == end].groupby(["dataset", "model"], sort=False))
    shape = (1, max(len(models), 1))
    figure, axes = plt.subplots(
        *shape, figsize=(WIDTH, 2.6), sharey=True, squeeze=False, layout="constrained"
    )
    plt.close(figure)  # a notebook then shows it once, as the value of the cell
    for axis, ((_, model), found) in zip(axes[0], models, strict=False):
        for method, rows in found.groupby("method", sort=False):
            means = rows.groupby("steps")[["d_t", "d_r"]].mean()
            style = look(method)
            axis.plot(means.index, means.d_r, linestyle=RETAINED, label=method, **style)
            axis.plot(means.index, means.d_t, linestyle=TARGET, markerfacecolor="white", **style)
        axis.set(title=model, xlabel="steps", ylim=(-3, 103))
    axes[0, 0].set_ylabel("accuracy (%)")
    axes[0, 0].legend(fontsize=7.5)
    return figure
