"""When, in epochs undone, amnesiac unlearning has erased the class."""

from collections.abc import Mapping, Sequence

from reproduction.chapters.tables import Table, simple_table
from reproduction.checking.claims import limits
from reproduction.checking.measurements import epoch_points, tidy
from reproduction.study.stored_runs import Result


def epoch_table(results: Sequence[Result], printed: Mapping[str, str], *, caption: str) -> Table:
    """Epochs undone until test D_t is low enough, a number a seed, in either order.

    Args:
        results: of amnesiac unlearning.
        printed: for each method what the paper says.
        caption: says what the table shows.
    """
    rows = []
    points = tidy(results, epoch_points)
    for (model, method, order), found in points.groupby(["model", "method", "end"], sort=False):
        each = found.sort_values("seed").itertuples()
        said = ", ".join(f"{row.epochs:.0f}" if row.reached else "never" for row in each)
        rows.append([model, method, order, printed[method], said])
    heads = ("Model", "Method", "Order", "paper", f"d_t at most {limits().erased:g} %")
    return simple_table(rows, headings=heads, caption=caption, labels=3)
