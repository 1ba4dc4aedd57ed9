"""Notebook sources: jupytext files, and templates that make several notebooks from one file.

``notebooks/templates.yaml`` names what a template makes::

    table_1:
      source: table.py
      parameters: {table: 1}
      substitutions: {title: "Table 1: amnesiac unlearning on MNIST"}

A mark ``{{title}}`` in a markdown cell or in the metadata of any cell is replaced by its text.
"""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jupytext
import yaml
from nbformat import NotebookNode

from partial_unlearning.errors import InputError
from reproduction import places

# The name, the title and the language: papermill asks for all three.
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
MARK = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Source:
    """One notebook to be.

    Attributes:
        name: of the notebook, and of its page.
        path: the jupytext file.
        parameters: values that the template sets.
        substitutions: text for each mark.
    """

    name: str
    path: Path
    parameters: dict[str, Any] = field(default_factory=dict)
    substitutions: dict[str, str] = field(default_factory=dict)


def _templates() -> dict[str, Source]:
    listing = places.notebooks() / "templates.yaml"
    entries = yaml.safe_load(listing.read_text()) if listing.exists() else None
    return {
        name: Source(name, places.notebooks() / entry.pop("source"), **entry)
        for name, entry in (entries or {}).items()
    }


def _contents() -> list[str]:
    """File names without folders, in the order of the table of contents."""
    contents = places.root() / "_toc.yml"
    text = contents.read_text() if contents.exists() else ""
    return [Path(file).stem for file in re.findall(r"file:\s*(\S+)", text)]


def _by_name() -> dict[str, Source]:
    made = _templates()
    templates = {source.path for source in made.values()}
    plain = {
        path.stem: Source(path.stem, path)
        for path in sorted(places.notebooks().glob("*.py"))
        if path not in templates
    }
    return plain | made


def notebook_names() -> list[str]:
    """Names of all notebooks: those in the table of contents in its order, then the others."""
    known = _by_name()
    listed = [name for name in _contents() if name in known]
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
    notebook = jupytext.read(source.path)
    notebook.metadata["kernelspec"] = dict(KERNEL)
    for cell in notebook.cells:
        cell.metadata = _filled(cell.metadata, source)
        if cell.cell_type == "markdown":
            cell.source = _filled(cell.source, source)
    return notebook


def _filled(value: Any, source: Source) -> Any:  # noqa: ANN401 (metadata is any JSON)
    """``value`` with the marks in each of its strings replaced."""
    if isinstance(value, dict):
        return type(value)((key, _filled(item, source)) for key, item in value.items())
    if isinstance(value, list):
        return [_filled(item, source) for item in value]
    if isinstance(value, str):
        return MARK.sub(lambda mark: _text(mark[1], source), value)
    return value


def _text(mark: str, source: Source) -> str:
    if mark not in source.substitutions:
        raise InputError(
            f"{source.path.name} has a mark {{{{{mark}}}}}, for which {source.name} in "
            "notebooks/templates.yaml has no text under 'substitutions'"
        )
    return str(source.substitutions[mark])


def parameter_names(notebook: NotebookNode) -> list[str]:
    """Names assigned in the cell tagged ``parameters``, in their order."""
    code = "\n".join(c.source for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    targets = [
        target
        for statement in ast.parse(code).body
        for target in getattr(statement, "targets", [getattr(statement, "target", None)])
    ]
    return [target.id for target in targets if isinstance(target, ast.Name)]
