"""How long a page takes to read, said below its title."""

import re
from collections.abc import Mapping

from nbformat import NotebookNode

WORDS_A_MINUTE = 200
SECONDS_A_PICTURE = 15
"""Of each figure, and of each table of numbers, which nobody reads cell by cell."""

_TITLE = re.compile(r"^# .+$", re.MULTILINE)
_SHOWN = re.compile(r"^```\{include\} \S*/(\S+)$", re.MULTILINE)
_UNSEEN = re.compile(r"<(svg|details).*?</\1>|<[^>]*>", re.DOTALL)
_TABLE = re.compile(r'<table class="comparison">.*?</table>', re.DOTALL)  # not of cards: of words
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def minutes(text: str, pictures: int) -> int:
    """Whole minutes for a text with so many figures and tables, at least one."""
    words = len(_CODE.sub("", text).split())
    return max(1, round(words / WORDS_A_MINUTE + pictures * SECONDS_A_PICTURE / 60))


def in_page(text: str, pieces: Mapping[str, str]) -> str:
    """A page of Markdown with its reading time below the title.

    It includes some of ``pieces``; one with a drawing counts as a picture, and what is folded away
    as nothing. A reference made of docstrings, which is looked up and not read, has none.
    """
    if "\n.. auto" in text:
        return text
    shown = [pieces[name] for name in _SHOWN.findall(text)]
    words = _words("\n".join(shown).replace("```", ""))
    return _with_line(text, minutes(f"{text}\n{words}", sum(map(_pictures, shown))))


def in_notebook(notebook: NotebookNode) -> NotebookNode:
    """The notebook with its reading time below the title, in place.

    Words of its cards are read too, those that are folded away not.
    """
    told = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    shown = [o.get("data", {}) for cell in notebook.cells for o in cell.get("outputs", [])]
    pages = [data["text/html"] for data in shown if "text/html" in data]
    drawn = [data for data in shown if {"image/png", "image/svg+xml"} & set(data)]
    pictures = len(drawn) + sum(map(_pictures, pages))
    if told:
        whole = "\n".join([*(cell.source for cell in told), *map(_words, pages)])
        told[0].source = _with_line(told[0].source, minutes(whole, pictures))
    return notebook


def _words(html: str) -> str:
    """What a reader sees of HTML at first, and reads."""
    return _UNSEEN.sub(" ", _TABLE.sub(" ", html))


def _pictures(html: str) -> int:
    """How many tables of numbers it has, and one for its drawing."""
    return len(_TABLE.findall(html)) + ("<svg" in html)


def _with_line(text: str, count: int) -> str:
    line = f'<p class="reading-time">{count} minute{"" if count == 1 else "s"} to read</p>'
    return _TITLE.sub(lambda title: f"{title[0]}\n\n{line}", text, count=1)
