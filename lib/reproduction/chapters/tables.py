"""Tables for pages: HTML with a caption, headers that a screen reader can follow, own scrolling."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from statistics import mean, stdev

from reproduction.checking.verdicts import NOT_ATTEMPTED, NOT_REPRODUCED, PARTLY, REPRODUCED

NONE = "–"
EMPTY = "nothing stored yet"
METHODS = ("trained", "baseline", "proposed", "retrained")
SYMBOL = re.compile(r"\bd_([tr])\b", re.IGNORECASE)
VALUES = ("paper", "full", "this run", "difference", "verdict")
NUMBER = re.compile(r"[+−-]?\d[\d.,]*( ± [\d.]+)?( ?%)?$")
VERDICTS = (NOT_ATTEMPTED, NOT_REPRODUCED, PARTLY, REPRODUCED)


@dataclass(frozen=True)
class Row:
    """One line of a comparison; accuracies in percent.

    Attributes:
        labels: what is measured, from coarse to fine, such as ``("MLP", "baseline", "d_t")``.
        paper: the printed number, None where the paper has none.
        full: one value a seed of the committed full runs, empty where there are none.
        run: one value a seed of this run, empty where it has none.
        verdict: as the claim ledger words it, such as ``"partly (one seed)"``.
    """

    labels: tuple[str, ...]
    paper: float | None = None
    full: Sequence[float] = ()
    run: Sequence[float] = ()
    verdict: str = ""

    @property
    def cells(self) -> list[str]:
        """The texts under ``VALUES``."""
        printed = NONE if self.paper is None else f"{self.paper:.2f}"
        return [printed, spread(self.full), spread(self.run), self.difference, self.verdict]

    @property
    def difference(self) -> str:
        """This run minus the paper, in points, signed."""
        if self.paper is None or not self.run:
            return NONE
        return f"{mean(self.run) - self.paper:+.2f}".replace("-", "−")


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


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation over seeds; the value alone for one seed."""
    if not values:
        return NONE
    sd = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{mean(values):.2f}{sd}"


def comparison_table(
    rows: Sequence[Row],
    *,
    caption: str,
    headings: Sequence[str] = ("Model", "Method", "Measure"),
) -> Table:
    """The paper's numbers beside ours: paper | full | this run | difference | verdict.

    Args:
        rows: in the order to show; equal neighbouring labels are joined.
        caption: says what the table shows, for whom all columns may not be in view.
        headings: one for each label of a row.
    """
    heads = [*headings, *VALUES]
    body = [[*row.labels, *row.cells] for row in rows]
    return simple_table(body, headings=heads, caption=caption, labels=len(headings))


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
    texts = zip(*body, strict=True) if body else [()] * len(headings)
    columns = zip(headings, texts, strict=True)
    head = "".join(_cell("th", name, _look_of_all(texts), scope="col") for name, texts in columns)
    html = (
        f'<div class="table-box" role="region" tabindex="0" aria-label="{escape(caption)}">'
        f'<table class="comparison"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{_filled(body, labels, len(headings))}"
        f"</tbody>{_foot(notes, len(headings))}</table></div>"
    )
    return Table(html, "\n".join([_plain(headings, body, caption), *notes]))


def _foot(notes: Sequence[str], columns: int) -> str:
    lines = "".join(f'<tr><td colspan="{columns}">{with_symbols(note)}</td></tr>' for note in notes)
    return f"<tfoot>{lines}</tfoot>" * bool(notes)


def _filled(body: Sequence[Sequence[str]], labels: int, columns: int) -> str:
    """The rows of the body, or one that says there are none."""
    empty = f'<tr><td colspan="{columns}">{EMPTY}</td></tr>'
    return "".join(_lines(body, labels)) or empty


def _lines(body: Sequence[Sequence[str]], labels: int) -> Iterator[str]:
    """The rows of the body; a label equal to the one above it spans both rows."""
    spans = [_spans(body, column) for column in range(labels)]
    for row, here in zip(body, zip(*spans, strict=True), strict=True):
        names = [_label(text, span) for text, span in zip(row, here, strict=False) if span]
        values = [_cell("td", text, _look(text)) for text in row[labels:]]
        kinds = [name for name in row[:labels] if name in METHODS] + ["first"] * bool(here[0])
        yield f'<tr class="{" ".join(kinds)}">{"".join(names + values)}</tr>'


def _spans(body: Sequence[Sequence[str]], column: int) -> list[int]:
    """For each row, how many rows its label covers; 0 where the row above covers this one too."""
    groups = groupby(body, key=lambda row: list(row[: column + 1]))
    sizes = [len(list(group)) for _, group in groups]
    return [span for size in sizes for span in [size, *[0] * (size - 1)]]


def _label(text: str, span: int) -> str:
    kind = "method-name" if text in METHODS else ""
    return _cell("th", text, kind, scope="rowgroup" if span > 1 else "row", span=span)


def _look(text: str) -> str:
    """The class of a value: numbers stand flush right, absent ones pale."""
    if text == NONE:
        return "number none"
    return "number" if NUMBER.match(text) else ""


def _look_of_all(texts: Sequence[str]) -> str:
    """The class of a heading: flush right over numbers."""
    return "number" if texts and all(_look(text).startswith("number") for text in texts) else ""


def _cell(tag: str, text: str, kind: str, *, scope: str = "", span: int = 1) -> str:
    attributes = [f'scope="{scope}"'] * bool(scope) + [f'class="{kind}"'] * bool(kind)
    attributes += [f'rowspan="{span}"'] * (span > 1)
    return f"<{' '.join([tag, *attributes])}>{_markup(text)}</{tag}>"


def _markup(text: str) -> str:
    """HTML of a cell: symbols as the paper sets them, a verdict with its sign."""
    word = next((word for word in VERDICTS if text == word or text.startswith(f"{word} (")), "")
    if word:
        note = text.removeprefix(word).strip(" ()")
        return verdict_badge(word) + f"<small>{escape(note)}</small>" * bool(note)
    return with_symbols(text)


def with_symbols(text: str) -> str:
    """Text as HTML, D_t and D_r as the paper sets them."""
    return SYMBOL.sub(r"<i>D</i><sub>\1</sub>", escape(text))


def verdict_badge(verdict: str) -> str:
    """A verdict with its sign and colour, as HTML."""
    return f'<span class="verdict {verdict.replace(" ", "-")}">{verdict}</span>'


def _plain(headings: Sequence[str], body: Sequence[Sequence[str]], caption: str) -> str:
    lines = [list(headings), *body]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    aligned = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "\n".join([caption, *aligned, *([] if body else [EMPTY])])
