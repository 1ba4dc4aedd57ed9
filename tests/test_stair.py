"""An import goes down the stair: to a lower floor of its own room, or to the library."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import matplotlib
import pytest

from reproduction import places
from reproduction.chapters.stair import STAIR, line_count, stair_figure

matplotlib.use("agg")

LIB = places.ROOT / "lib"
POSITION = {
    (room, part): (storey, number)
    for storey, (room, floors) in enumerate(STAIR.items())
    for number, parts in enumerate(floors)
    for part in parts
}


@dataclass(frozen=True)
class Import:
    """One line that imports a module of ``lib``; modules are named by their paths below it."""

    importer: Path
    line: int
    imported: Path


def part(module: Path) -> tuple[str, str]:
    """Room, and module or package in it: ``reproduction/study/runs/sisa`` is in ``study``."""
    room, *rest = module.parts
    return room, rest[0]


def resolved(lib: Path, name: str) -> Path | None:
    """The module that a dotted name means or lies in, None for a module that is not of ``lib``."""
    path = Path(*name.split("."))
    for found in (path, path.parent):
        if (lib / found / "__init__.py").exists():
            return found / "__init__"
        if len(found.parts) > 1 and (lib / found.with_suffix(".py")).exists():
            return found
    return None


def imports(lib: Path) -> Iterator[Import]:
    for file in sorted(lib.glob("*/**/*.py")):
        importer = file.relative_to(lib).with_suffix("")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}:{node.lineno} is relative: write the whole name"
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                imported = resolved(lib, name)
                if imported is not None:
                    yield Import(importer, node.lineno, imported)


def upward(lib: Path) -> list[str]:
    """Every import that does not go down, nor stays in its own module or package."""
    return [
        f"lib/{found.importer}.py:{found.line} imports {'.'.join(found.imported.parts)}"
        for found in imports(lib)
        if part(found.importer) != part(found.imported)
        and POSITION[part(found.importer)] <= POSITION[part(found.imported)]
    ]


def test_no_import_goes_up():
    assert upward(LIB) == []


def test_every_module_has_one_floor_and_every_floor_its_modules():
    files = [file.relative_to(LIB).with_suffix("") for file in LIB.glob("*/**/*.py")]
    assert {part(module) for module in files} == set(POSITION)
    parts = [part for floors in STAIR.values() for parts in floors for part in parts]
    assert len(POSITION) == len(parts), "a part stands on two floors"


def test_no_module_imports_itself_through_others():
    graph: dict[Path, set[Path]] = {}
    for found in imports(LIB):
        graph.setdefault(found.importer, set()).add(found.imported)
    assert len(list(TopologicalSorter(graph).static_order())) > 50


STUDY, CHECKING = "reproduction/study/a.py", "reproduction/checking/a.py"
PAPER, PLACES = "reproduction/paper.py", "reproduction/places.py"
STATE = "partial_unlearning/state.py"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (STUDY, "from reproduction.checking import b", "reproduction.checking.b"),
        (STUDY, "import json, reproduction.checking.b", "reproduction.checking.b"),
        (STUDY, "from reproduction.checking.b import f", "reproduction.checking.b"),
        (STUDY, "from reproduction.study import c", None),
        (CHECKING, "from reproduction import study", None),
        (PAPER, "from reproduction.machine import d", "reproduction.machine.d"),
        (STATE, "from reproduction import study", "reproduction.study.__init__"),
        (STATE, "import partial_unlearning", "partial_unlearning.__init__"),
        (STATE, "import torch, json", None),
        (PLACES, "from partial_unlearning.masks import Mask", None),
    ],
)
def test_an_upward_import_is_refused_with_its_place(tmp_path, file, text, said):
    for name in ("study/a", "study/c", "checking/a", "checking/b", "machine/d", "paper", "places"):
        made = tmp_path / "reproduction" / f"{name}.py"
        made.parent.mkdir(parents=True, exist_ok=True)
        for module in (made, made.parent / "__init__.py"):
            module.write_text("")
    library = tmp_path / "partial_unlearning"
    library.mkdir()
    for name in ("__init__", "state", "masks"):
        (library / f"{name}.py").write_text("")
    (tmp_path / file).write_text(f'"""Where it stands."""\n\ndef late():\n    {text}\n')
    assert upward(tmp_path) == ([f"lib/{file}:4 imports {said}"] if said else [])


def test_a_relative_import_is_refused(tmp_path):
    (tmp_path / "reproduction").mkdir()
    (tmp_path / "reproduction" / "paper.py").write_text("from . import places\n")
    with pytest.raises(AssertionError, match=r"paper.py:1 is relative"):
        upward(tmp_path)


def test_the_picture_shows_every_floor_with_its_size():
    (axis,) = stair_figure().axes
    shown = [text.get_text() for text in axis.texts]
    for room, floors in STAIR.items():
        for parts, purpose in floors.items():
            assert {", ".join(parts), purpose, f"{line_count(room, parts):,}"} <= set(shown)
        lines = sum(len(file.read_text().splitlines()) for file in (LIB / room).rglob("*.py"))
        assert f"lib/{room}: {lines:,} lines" in shown
