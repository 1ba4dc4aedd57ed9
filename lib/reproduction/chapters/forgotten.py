"""When a class counts as forgotten while a model unlearns."""

from collections.abc import Sequence

from reproduction.chapters.curves import METHODS, Points, by_model, path
from reproduction.chapters.tables import NONE, Table, simple_table
from reproduction.study.stored_runs import Result

LIMITS = (3, 1)
"""Percent of target data still recognised: the paper's own worst end, and a stricter one."""


def first_at_most(points: Points, limit: float) -> int | None:
    """After how many epochs or steps D_t is first at most ``limit`` percent; None for never."""
    return next((at for at, point in enumerate(points) if at and point["d_t"] <= limit), None)


def _seeds(runs: Sequence[Result], method: str, order: str, limit: float) -> str:
    """One number a seed."""
    found = [first_at_most(path(run, method, order), limit) for run in runs]
    return ", ".join("never" if at is None else str(at) for at in found) or NONE


def forgotten_table(
    results: Sequence[Result],
    full: Sequence[Result],
    *,
    printed: dict[str, str],
    orders: Sequence[str],
    unit: str,
    caption: str,
) -> Table:
    """After how many epochs or steps D_t first falls to each of :data:`LIMITS`.

    Args:
        results: of one family of methods.
        full: committed full runs, empty where there are none; other kinds of runs among them,
            such as retrained models, are left out.
        printed: what the paper says of each method.
        orders: in which epochs are undone; one of any name where there is only one way.
        unit: what is counted.
        caption: says what the table shows.
    """
    kinds = {result["config"]["experiment"] for result in results}
    same = [result for result in full if result["config"]["experiment"] in kinds]
    runs, committed = by_model(results), by_model(same)
    rows = [
        [
            model,
            method,
            *([order] if len(orders) > 1 else []),
            printed[method],
            *(_seeds(committed.get(model, []), method, order, limit) for limit in LIMITS),
            *(_seeds(runs[model], method, order, limit) for limit in LIMITS),
        ]
        for model in runs
        for method in METHODS
        for order in orders
    ]
    ours = [f"{where}: ≤ {limit}" for where in ("full", "this run") for limit in LIMITS]
    order = ["Order"] if len(orders) > 1 else []
    heads = ["Model", "Method", *order, f"paper, {unit}", *ours]
    return simple_table(rows, headings=heads, caption=caption, labels=2 + len(order))
