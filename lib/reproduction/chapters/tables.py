"""Tables for pages, all in one style; aligned text where there is no page."""

from collections.abc import Sequence
from statistics import mean, stdev

from reproduction.chapters.shown import Shown
from reproduction.chapters.table_html import EMPTY, METHODS, Fold, Layout, badge, with_symbols
from reproduction.chapters.table_html import table_html as _html
from reproduction.checking.verdicts import NONE, Finding

__all__ = ["METHODS", "NONE", "Fold", "Table", "badge", "signed", "simple_table", "spread"]
__all__ += ["with_symbols"]


class Table(Shown):
    """A table; its text is aligned."""


def signed(value: float) -> str:
    """A difference in points with its sign, a real minus and not a hyphen; +0.00 for what is 0."""
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation over trainings; the value alone for one seed."""
    if not values:
        return NONE
    average = f"{mean(values):.2f}"
    return average if len(values) == 1 else f"{average} ± {stdev(values):.2f}"


def simple_table(
    rows: Sequence[Sequence[object]],
    *,
    headings: Sequence[str],
    caption: str,
    labels: int = 1,
    notes: Sequence[str] = (),
    above: Sequence[str] = (),
    folds: Sequence[Fold | None] = (),
    cards: bool = False,
) -> Table:
    """Any table, in the one style of the book. Columns of dashes beside others are left out.

    Args:
        rows: cells; ``d_t`` and ``d_r`` are shown as symbols, a :class:`Finding` with its sign.
            Without any, the table says that nothing is stored yet.
        headings: one a column.
        caption: says what the table shows.
        labels: how many of the first columns name the row. The first of several becomes the
            heading of its rows where it has more than one.
        notes: lines below the table.
        above: for each column the heading over it and its neighbours, or an empty text.
        folds: for each row what stands folded below it.
        cards: on a phone each row is a card, for tables of words rather than numbers.
    """
    body = [[c if isinstance(c, Finding) else str(c) for c in row] for row in rows]
    told = [at for at in range(labels, len(headings)) if any(str(row[at]) != NONE for row in body)]
    kept = [*range(labels), *(told or range(labels, len(headings)))]
    over = list(above) or [""] * len(headings)
    shown = [[row[at] for at in kept] for row in [headings, *body]]
    table = Layout(
        caption=caption,
        headings=shown[0],
        above=[over[at] for at in kept],
        body=shown[1:],
        labels=labels,
        notes=notes,
        folds=folds,
        cards=cards,
    )
    return Table(_html(table), _plain(table))


def _text(cell: object) -> str:
    """A cell without its markup; of a finding the measurement as well."""
    measured = f", {cell.measured}" if isinstance(cell, Finding) and cell.measured else ""
    return f"{cell}{measured}"


def _plain(table: Layout) -> str:
    heads = [
        f"{over}: {head}" if over else head
        for over, head in zip(table.above, table.headings, strict=True)
    ]
    lines = [heads, *([_text(cell) for cell in row] for row in table.body)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    folded = [
        [f"    {name}: {text}" for name, text in fold.lines] if fold else [] for fold in table.folds
    ]
    below = folded or [[]] * len(table.body)
    told = [line for row, more in zip(aligned[1:], below, strict=True) for line in (row, *more)]
    empty = [] if table.body else [EMPTY]
    return "\n".join([table.caption, aligned[0], *told, *empty, *table.notes])
