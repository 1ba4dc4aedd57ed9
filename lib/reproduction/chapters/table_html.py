"""The HTML of a table: headers that a screen reader can follow, and a box of its own to scroll in.

The first column stays in sight; equal first labels become one heading row of their group. As
cards, on a phone each row stands by itself, each value with its heading before it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import groupby

from reproduction.checking.verdicts import NONE, WORDS, Finding

EMPTY = "nothing stored yet"
METHODS = ("trained", "baseline", "proposed", "retrained")
SYMBOL = re.compile(r"\bd_([tr])\b", re.IGNORECASE)
# A number, with its spread or interval apart, so that a phone can set that below, and a remark.
NUMBER = re.compile(r"([+−-]?\d[\d.,]*|–)((?: ± [\d.]+| \[[^]]*\])?)( ?%)?( \([^)]*\))?$")
BESIDE = 24  # characters that stay on the line of their number
MINUS = re.compile(r"(?:(?<=^)|(?<=[ \[(]))-(?=\d)")
ROLES = {
    **{"table": "table", "thead": "rowgroup", "tbody": "rowgroup", "tfoot": "rowgroup"},
    **{"tr": "row", "td": "cell", 'th scope="col"': "columnheader", 'th scope="row"': "rowheader"},
}


@dataclass(frozen=True)
class Fold:
    """What stands folded away below a row: each line a name and a text; `` | `` parts items."""

    title: str
    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Layout:
    """A table before it becomes HTML or text; all rows have a cell for each heading.

    Attributes:
        above: a heading over several columns, repeated for each of them, or empty ones.
        labels: how many of the first columns name the row.
        folds: one a row, or none.
    """

    caption: str
    headings: Sequence[str]
    above: Sequence[str]
    body: Sequence[Sequence[object]]
    labels: int
    notes: Sequence[str]
    folds: Sequence[Fold | None]
    cards: bool

    @cached_property
    def numeric(self) -> list[bool]:
        """Of each column whether it holds numbers, not labels; they stand flush right."""
        columns = [[row[at] for row in self.body] for at in range(len(self.headings))]
        return [
            at >= self.labels and bool(cells) and all(map(_is_number, cells))
            for at, cells in enumerate(columns)
        ]

    @property
    def grouped(self) -> bool:
        """Whether the first label is the heading of a group, which then holds several rows."""
        firsts = [row[0] for row in self.body]
        return self.labels > 1 and len(set(firsts)) < len(firsts)


def table_html(table: Layout) -> str:
    """A whole table in its box."""
    kind = "comparison cards" if table.cards else "comparison"
    label = escape(SYMBOL.sub(lambda found: f"D {found[1]}", table.caption))
    width = len(table.headings) - table.grouped
    whole = f'<tr><td colspan="{width}">'  # a line of one cell
    below = "".join(f"{whole}<span>{with_symbols(note)}</span></td></tr>" for note in table.notes)
    foot = f"<tfoot>{below}</tfoot>" if below else ""
    html = (
        f'<div class="table-box" role="region" tabindex="0" aria-label="{label}">'
        f'<table class="{kind}"><caption>{with_symbols(table.caption)}</caption>'
        f"<thead>{_head(table)}</thead>"
        f"{_bodies(table, width) or f'<tbody>{whole}{EMPTY}</td></tr></tbody>'}{foot}</table></div>"
    )
    return _with_roles(html) if table.cards else html


def _with_roles(html: str) -> str:
    """Roles said aloud: a browser forgets that rows are rows once they are laid out as cards."""
    for opening, role in ROLES.items():
        html = re.sub(f"<{opening}(?=[ >])", f'<{opening} role="{role}"', html)
    return html


def _head(table: Layout) -> str:
    """The headings, flush right over numbers, those over several columns in a line above."""
    first, second = [], []
    columns = range(int(table.grouped), len(table.headings))
    for title, group in groupby(columns, key=lambda at: table.above[at]):
        cells = [
            _heading(table, at, rows=1 if title or not any(table.above) else 2) for at in group
        ]
        if title:
            first.append(f'<th scope="colgroup" colspan="{len(cells)}">{with_symbols(title)}</th>')
            second += cells
        else:
            first += cells
    return f"<tr>{''.join(first)}</tr>" + (f"<tr>{''.join(second)}</tr>" if second else "")


def _heading(table: Layout, at: int, rows: int) -> str:
    kinds = ["name"] if at == table.grouped else []
    kinds += ["number"] if table.numeric[at] else []
    return _cell("th", table.headings[at], " ".join(kinds), scope="col", span=rows)


def _bodies(table: Layout, width: int) -> str:
    """A body for each group of rows, under its heading."""
    folds = list(table.folds) or [None] * len(table.body)
    rows = list(zip(table.body, folds, strict=True))
    if not table.grouped:
        return f"<tbody>{_lines(table, rows, width)}</tbody>" if rows else ""
    bodies = []
    for label, group in groupby(rows, key=lambda pair: pair[0][0]):
        kind = f"{table.headings[0]} " if table.headings[0] else ""
        title = f"<span><small>{with_symbols(kind)}</small>{with_symbols(str(label))}</span>"
        head = f'<tr class="group"><th scope="rowgroup" colspan="{width}">{title}</th></tr>'
        bodies.append(f"<tbody>{head}{_lines(table, list(group), width)}</tbody>")
    return "".join(bodies)


def _lines(table: Layout, rows: Sequence[tuple[Sequence[object], Fold | None]], width: int) -> str:
    labels = range(int(table.grouped), table.labels)
    body = [row for row, _ in rows]
    # What is folded below a row is of that row alone, which then keeps a label of its own.
    columns = [[1] * len(body) if table.folds else _spans(body, column) for column in labels]
    lines = []
    for (row, fold), sizes in zip(rows, zip(*columns, strict=True), strict=True):
        lines.append(_line(table, row, dict(zip(labels, sizes, strict=True))))
        if fold:
            lines.append(f'<tr class="more"><td colspan="{width}">{_folded(fold)}</td></tr>')
    return "".join(lines)


def _line(table: Layout, row: Sequence[object], spans: dict[int, int]) -> str:
    """One row; ``spans`` has how many rows each of its labels covers, 0 for those above it."""
    cells = []
    kinds = [str(row[at]) for at in spans if row[at] in METHODS]
    for at, span in spans.items():
        text = str(row[at])
        look = ["name"] if at == table.grouped else []
        look += ["method-name"] if text in METHODS else []
        if span:
            scope = "rowgroup" if span > 1 else "row"
            cells.append(_cell("th", text, " ".join(look), scope=scope, span=span))
    for at in range(table.labels, len(row)):
        head = f"{table.above[at]}: {table.headings[at]}".removeprefix(": ")
        label = head if table.cards else ""
        cells.append(_cell("td", row[at], _look(table, at, str(row[at])), label=label))
    if table.labels and spans.get(int(table.grouped)):
        kinds.append("first")
    return f'<tr class="{" ".join(kinds)}">{"".join(cells)}</tr>'


def _spans(body: Sequence[Sequence[object]], column: int) -> list[int]:
    """For each row, how many rows its label covers; 0 where the row above covers this one too."""
    groups = groupby(body, key=lambda row: list(row[: column + 1]))
    sizes = [len(list(group)) for _, group in groups]
    return [size if at == 0 else 0 for size in sizes for at in range(size)]


def _is_number(cell: object) -> bool:
    return bool(NUMBER.match(str(cell)))


def _look(table: Layout, at: int, text: str) -> str:
    """The class of a value: numbers stand flush right, absent ones pale."""
    kinds = ["number"] if table.numeric[at] else []
    return " ".join(kinds + (["none"] if text == NONE else []))


def _cell(
    tag: str, content: object, kind: str, *, scope: str = "", span: int = 1, label: str = ""
) -> str:
    attributes = {"scope": scope, "class": kind, "rowspan": str(span) if span > 1 else ""}
    attributes["data-label"] = SYMBOL.sub(lambda found: f"D{found[1]}", label)
    given = [f' {name}="{escape(value)}"' for name, value in attributes.items() if value]
    inner = _markup(content)
    if label and not isinstance(content, Finding):  # on a card each element would be a line
        inner = f"<span>{inner}</span>"
    return f"<{tag}{''.join(given)}>{inner}</{tag}>"


def _markup(content: object) -> str:
    """HTML of a cell: symbols as the book sets them, a finding with its sign."""
    if isinstance(content, Finding) and content.word in WORDS:
        measured = f'<span class="measured">{_number(content.measured)}</span>'
        note = f"<small>{with_symbols(content.note)}</small>"
        return badge(content.word) + measured * bool(content.measured) + note * bool(content.note)
    text = str(content)
    return badge(text) if text in WORDS else _number(text)


def _number(text: str) -> str:
    """A number with its spread and a remark in small type; any other text as it is."""
    found = NUMBER.match(text)
    if not (found and (found[2] or found[4])):
        return with_symbols(text)
    return f"{with_symbols(found[1])}{_small(found[2])}{found[3] or ''}{_small(found[4])}"


def _small(part: str | None) -> str:
    """A spread or remark in small type; a long one wraps below its number."""
    if not part:
        return ""
    kind = "spread" if len(part) <= BESIDE else "remark"
    return f' <small class="{kind}">{with_symbols(part.strip())}</small>'


def _folded(fold: Fold) -> str:
    lines = []
    for name, text in fold.lines:
        items = text.split(" | ")
        shown = "".join(f"<dd>{with_symbols(item)}</dd>" for item in items)
        lines.append(f"<dt>{with_symbols(name)}</dt>{shown}")
    return f"<details><summary>{escape(fold.title)}</summary><dl>{''.join(lines)}</dl></details>"


def with_symbols(text: str) -> str:
    """Text as HTML, D_t and D_r as the whole book sets them, and a minus before a number."""
    return SYMBOL.sub(r"<i>D<sub>\1</sub></i>", MINUS.sub("−", escape(text)))


def badge(word: str) -> str:
    """A finding with its sign and colour, as HTML."""
    return f'<span class="verdict {word.replace(" ", "-")}">{word}</span>'
