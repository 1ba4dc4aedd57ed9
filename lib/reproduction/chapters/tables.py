"""Tables for pages: HTML with a caption, headers that a screen reader can follow, own scrolling."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from statistics import mean, stdev

from reproduction.checking.verdicts import NONE, WORDS

EMPTY = "nothing stored yet"
METHODS = ("trained", "baseline", "proposed", "retrained")
SYMBOL = re.compile(r"\bd_([tr])\b", re.IGNORECASE)
NUMBER = re.compile(r"[+−-]?\d[\d.,]*( ± [\d.]+)?( ?%)?$")
FINDING = re.compile(rf"({'|'.join(WORDS)})(?:(?:: | \()(.*?)\)?)?$")


@dataclass(frozen=True)
class Table:
    """A table that a notebook shows: HTML on the page, aligned text elsewhere."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        """The same cells as plain text."""
        return self.text


def signed(value: float) -> str:
    """A difference in points with its sign, a real minus and not a hyphen."""
    return f"{value:+.2f}".replace("-", "−")


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation over seeds; the value alone for one seed."""
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
) -> Table:
    """Any table, in the same style.

    Args:
        rows: cells; ``d_t`` and ``d_r`` are shown as symbols. Without any, the table says that
            nothing is stored yet.
        headings: one a column.
        caption: says what the table shows.
        labels: how many of the first columns name the row.
        notes: lines below the table.
    """
    body = [[str(cell) for cell in row] for row in rows]
    spans = zip(*(_spans(body, column) for column in range(labels)), strict=True)
    lines = [_line(row, labels, sizes) for row, sizes in zip(body, spans, strict=True)]
    whole = f'<tr><td colspan="{len(headings)}">'  # a line of one cell
    empty = f"{whole}{EMPTY}</td></tr>"
    below = "".join(f"{whole}{with_symbols(note)}</td></tr>" for note in notes)
    foot = f"<tfoot>{below}</tfoot>" if notes else ""
    html = (
        f'<div class="table-box" role="region" tabindex="0" aria-label="{escape(caption)}">'
        f'<table class="comparison"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{_head(headings, body)}</tr></thead>"
        f"<tbody>{''.join(lines) or empty}</tbody>{foot}</table></div>"
    )
    return Table(html, "\n".join([_plain(headings, body, caption), *notes]))


def _head(headings: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """The headings, flush right over numbers."""
    cells = []
    for at, name in enumerate(headings):
        numbers = body and all(_look(row[at]).startswith("number") for row in body)
        cells.append(_cell("th", name, "number" if numbers else "", scope="col"))
    return "".join(cells)


def _line(row: Sequence[str], labels: int, spans: Sequence[int]) -> str:
    """One row; ``spans`` has how many rows each of its labels covers, 0 for those above it."""
    cells, kinds = [], [name for name in row[:labels] if name in METHODS]
    for text, span in zip(row[:labels], spans, strict=True):
        kind, scope = "method-name" if text in METHODS else "", "rowgroup" if span > 1 else "row"
        if span:
            cells.append(_cell("th", text, kind, scope=scope, span=span))
    cells += [_cell("td", text, _look(text)) for text in row[labels:]]
    if spans[0]:
        kinds.append("first")
    return f'<tr class="{" ".join(kinds)}">{"".join(cells)}</tr>'


def _spans(body: Sequence[Sequence[str]], column: int) -> list[int]:
    """For each row, how many rows its label covers; 0 where the row above covers this one too."""
    groups = groupby(body, key=lambda row: list(row[: column + 1]))
    sizes = [len(list(group)) for _, group in groups]
    return [size if at == 0 else 0 for size in sizes for at in range(size)]


def _look(text: str) -> str:
    """The class of a value: numbers stand flush right, absent ones pale."""
    if text == NONE:
        return "number none"
    return "number" if NUMBER.match(text) else ""


def _cell(tag: str, text: str, kind: str, *, scope: str = "", span: int = 1) -> str:
    attributes = {"scope": scope, "class": kind, "rowspan": str(span) if span > 1 else ""}
    given = [f' {name}="{value}"' for name, value in attributes.items() if value]
    return f"<{tag}{''.join(given)}>{_markup(text)}</{tag}>"


def _markup(text: str) -> str:
    """HTML of a cell: symbols as the paper sets them, a finding with its sign."""
    if found := FINDING.match(text):
        word, note = found.groups()
        return badge(word) + (f"<small>{with_symbols(note)}</small>" if note else "")
    return with_symbols(text)


def with_symbols(text: str) -> str:
    """Text as HTML, D_t and D_r as the paper sets them."""
    return SYMBOL.sub(r"<i>D</i><sub>\1</sub>", escape(text))


def badge(word: str) -> str:
    """A finding with its sign and colour, as HTML."""
    return f'<span class="verdict {word.replace(" ", "-")}">{word}</span>'


def _plain(headings: Sequence[str], body: Sequence[Sequence[str]], caption: str) -> str:
    lines = [list(headings), *body]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "\n".join([caption, *aligned, *([] if body else [EMPTY])])
