"""Notebook sources: jupytext files, and templates that make several notebooks from one file.

``notebooks/templates.yaml`` names what a template makes::

    table_1:
      source: table.py
      parameters: {table: 1}
      substitutions: {title: "Table 1: amnesiac unlearning on MNIST"}

A mark ``{{title}}`` in a cell or its metadata is replaced by its text.
"""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

from partial_unlearning.errors import InputError
from reproduction import places
from reproduction.yaml_files import read_yaml

# The name, the title and the language: papermill asks for all three.
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
OWN = "## The same on this machine"
MARK = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Source:
    """A notebook and page to be: its jupytext file, and what the template says of it.

    Attributes:
        parameters: values that make this page of the template, so that nobody may change them.
    """

    name: str
    path: Path
    parameters: dict[str, Any] = field(default_factory=dict)
    substitutions: dict[str, str] = field(default_factory=dict)


def _by_name() -> dict[str, Source]:
    folder = places.notebooks()
    entries = read_yaml(folder / "templates.yaml")
    made = {
        name: Source(name, folder / entry.pop("source"), **entry) for name, entry in entries.items()
    }
    templates = {source.path for source in made.values()}
    plain = {p.stem: Source(p.stem, p) for p in sorted(folder.glob("*.py")) if p not in templates}
    return plain | made


def notebook_names() -> list[str]:
    """Names of all notebooks: those in the table of contents in its order, then the others."""
    contents = (places.root() / "_toc.yml").read_text(encoding="utf-8")
    pages = [Path(file).stem for file in re.findall(r"file:\s*(\S+)", contents)]
    known = _by_name()
    listed = [name for name in pages if name in known]
    return listed + [name for name in known if name not in listed]


def find(names: Sequence[str]) -> list[Source]:
    """The sources of ``names`` in the order of the book; of all notebooks when none is named.

    Raises:
        InputError: a name is unknown.
    """
    known = _by_name()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"unknown notebook {', '.join(unknown)}; "
            f"the notebooks are: {', '.join(notebook_names())}"
        )
    return [known[name] for name in notebook_names() if not names or name in names]


def read(source: Source) -> NotebookNode:
    """The notebook of ``source``: not executed, its marks replaced.

    Raises:
        InputError: a mark has no text.
    """
    text = nbformat.writes(jupytext.read(source.path))
    notebook = nbformat.reads(MARK.sub(partial(_filled, source), text), as_version=4)
    notebook.metadata["kernelspec"] = dict(KERNEL)
    return notebook


def _filled(source: Source, mark: re.Match) -> str:
    """The text for a mark, as it stands inside a string of a notebook's JSON."""
    if mark[1] not in source.substitutions:
        raise InputError(
            f"{source.path.name} has a mark {mark[0]}, for which {source.name} in "
            "notebooks/templates.yaml has no text under 'substitutions'"
        )
    return json.dumps(str(source.substitutions[mark[1]]), ensure_ascii=False)[1:-1]


def without_own(notebook: NotebookNode) -> None:
    """Take out what a page shows of its own profile's runs, beside the complete data.

    That is from the heading :data:`OWN` to the next text, and cells tagged ``this-machine``.
    """
    kept, inside = [], False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            before, inside = cell.source.partition(OWN)[:2]
            cell.source = before.rstrip()
        own = inside and cell.cell_type == "code"
        if cell.source and not own and "this-machine" not in cell.metadata.get("tags", []):
            kept.append(cell)
    notebook.cells = kept


def parameters(source: Source, notebook: NotebookNode) -> dict[str, Any]:
    """The parameters of a page that a person may change, with what its notebook assigns.

    They stand in the cell tagged ``parameters``; those that a template sets are not among them.
    """
    cells = [c.source for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    lines = [line for line in ast.parse("\n".join(cells)).body if isinstance(line, ast.Assign)]
    assigned = {line.targets[0].id: ast.literal_eval(line.value) for line in lines}
    return {name: value for name, value in assigned.items() if name not in source.parameters}
