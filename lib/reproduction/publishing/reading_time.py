"""How long a page takes to read, said below its title."""

import re
from collections.abc import Mapping

from nbformat import NotebookNode

WORDS_A_MINUTE = 200
SECONDS_A_PICTURE = 15
"""Of each figure and table."""

_TITLE = re.compile(r"^# .+$", re.MULTILINE)
_SHOWN = re.compile(r"^```\{include\} \S*/(\S+)$", re.MULTILINE)
_UNSEEN = re.compile(r"<(svg|details).*?</\1>|<[^>]*>", re.DOTALL)
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def minutes(text: str, pictures: int) -> int:
    """Whole minutes for a text with so many figures and tables, at least one."""
    words = len(_CODE.sub("", text).split())
    return max(1, round(words / WORDS_A_MINUTE + pictures * SECONDS_A_PICTURE / 60))


def in_page(text: str, pieces: Mapping[str, str]) -> str:
    """A page of Markdown with its reading time below the title.

    It includes some of ``pieces``; one with a drawing counts as a picture, and what is folded away
    as nothing.
    """
    shown = [pieces[name] for name in _SHOWN.findall(text)]
    words = _UNSEEN.sub(" ", "\n".join(shown).replace("```", ""))
    pictures = sum("<svg" in piece for piece in shown)
    return _with_line(text, minutes(f"{text}\n{words}", pictures))


def in_notebook(notebook: NotebookNode) -> NotebookNode:
    """The notebook with its reading time below the title, in place."""
    told = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    shown = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if {"text/html", "image/png", "image/svg+xml"} & set(output.get("data", {}))
    ]
    if told:
        whole = "\n".join(cell.source for cell in told)
        told[0].source = _with_line(told[0].source, minutes(whole, len(shown)))
    return notebook


def _with_line(text: str, count: int) -> str:
    line = f'<p class="reading-time">{count} minute{"" if count == 1 else "s"} to read</p>'
    return _TITLE.sub(lambda title: f"{title[0]}\n\n{line}", text, count=1)
