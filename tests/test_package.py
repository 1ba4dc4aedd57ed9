"""The library by itself: what is installed, what is imported when, and its two front doors."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from setuptools import find_packages

import partial_unlearning
from reproduction import places

PROJECT = tomllib.loads((places.ROOT / "pyproject.toml").read_text())


def python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


def test_the_wheel_holds_the_library_alone():
    found = PROJECT["tool"]["setuptools"]["packages"]["find"]
    where = places.ROOT / found["where"][0]
    packages = find_packages(where, include=found["include"])
    folders = {path.parent for path in (where / "partial_unlearning").rglob("*.py")}
    assert set(packages) == {".".join(folder.relative_to(where).parts) for folder in folders}
    shipped = PROJECT["tool"]["setuptools"]["package-data"]
    assert shipped == {"partial_unlearning": ["py.typed", "*.pyi"]}
    assert (where / "partial_unlearning" / "py.typed").exists()


def test_the_library_needs_what_it_imports_and_no_more():
    folder = places.ROOT / "lib" / "partial_unlearning"
    trees = [ast.parse(path.read_text()) for path in folder.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    imported = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
    needed = {line.split(">=")[0].replace("-", "_") for line in PROJECT["project"]["dependencies"]}
    assert imported - {"partial_unlearning"} == needed


def test_importing_the_library_does_not_load_torch():
    code = "import sys, partial_unlearning; print('torch' in sys.modules)"
    assert python("-c", code).stdout == "False\n"


def test_every_public_name_is_there_for_python_and_for_type_checkers():
    names = set(partial_unlearning.__all__)
    assert all(getattr(partial_unlearning, name) is not None for name in names)
    stub = ast.parse(Path(partial_unlearning.__file__).with_suffix(".pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    typed = [alias for node in imports for alias in node.names]
    assert {alias.asname for alias in typed} == names - {"__version__"}
    with pytest.raises(AttributeError, match="attribute forgets"):
        _ = partial_unlearning.forgets


def test_the_console_command_is_the_module(tmp_path):
    assert PROJECT["project"]["scripts"] == {
        "partial-unlearning": "partial_unlearning.__main__:main"
    }
    helped = python("-m", "partial_unlearning", "--help")
    assert helped.returncode == 0
    assert "forget" in helped.stdout and "log" in helped.stdout
    failed = python("-m", "partial_unlearning", "log", "info", str(tmp_path))
    assert failed.returncode == 2
    assert failed.stderr.startswith(f"error: {tmp_path}/zarr.json is missing")
    assert "Traceback" not in failed.stderr
