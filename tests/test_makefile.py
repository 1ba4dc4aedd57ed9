"""Which Python `make` takes: the first that runs and fits, or the one that is named."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reproduction import places

MAKE = shutil.which("make")
RUNS = f'exec "{sys.executable}" "$@"'
FAILS = "exit 127"  # a launcher with nothing behind it
OLD = 'case "$1" in --version) echo Python 3.10.1;; *) exit 1;; esac'

pytestmark = pytest.mark.skipif(MAKE is None, reason="no make here")


def made(folder: Path, pythons: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    """What `make` says where only these commands can be found."""
    for name, body in pythons.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    venv = folder / "venv"
    return subprocess.run(
        [MAKE, "-f", places.ROOT / "Makefile", f"VENV={venv}", *arguments, f"{venv}/bin/python"],
        env={"PATH": str(folder)} | {"HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("pythons", "taken"),
    [
        ({"python3.11": RUNS, "python3.12": RUNS}, "python3.11"),
        ({"python3.11": FAILS, "python3.12": RUNS}, "python3.12"),
        ({"python3.13": RUNS, "python3": RUNS}, "python3.13"),
        ({"python3.11": FAILS, "python3": OLD, "python": RUNS}, "python"),
    ],
)
def test_the_first_that_runs_and_fits_is_taken(tmp_path, pythons, taken):
    result = made(tmp_path, pythons, "--dry-run")
    assert f"{taken} -m venv {tmp_path}/venv" in result.stdout.splitlines()


def test_another_can_be_named_and_it_says_which_is_used(tmp_path):
    result = made(tmp_path, {"python3.11": FAILS, "mine": RUNS}, "PYTHON=mine")
    version = ".".join(map(str, sys.version_info[:3]))
    assert result.stdout == f"making {tmp_path}/venv with mine, Python {version}\n"
    assert (tmp_path / "venv" / "bin" / "pip").exists()


@pytest.mark.parametrize(
    ("pythons", "arguments", "said"),
    [
        ({"python3.12": FAILS, "python3": OLD}, [], "none of python3.11 python3.12 python3.13 "),
        ({"python3.11": RUNS, "old": OLD}, ["PYTHON=old"], "old is not one that runs"),
        ({"python3.11": RUNS}, ["PYTHON=absent"], "absent is not one that runs"),
    ],
)
def test_where_none_fits_it_says_what_to_do(tmp_path, pythons, arguments, said):
    result = made(tmp_path, pythons, *arguments)
    assert result.returncode == 2
    assert said in result.stderr.splitlines()[0]
    assert "from 3.11 to 3.13" in result.stderr and "make PYTHON=/path/to/" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_lab_installs_its_extra_first_and_only_when_asked(tmp_path):
    (tmp_path / "venv").mkdir()
    for made_before in ("venv/.installed", "venv/bin/python"):
        (tmp_path / made_before).parent.mkdir(exist_ok=True)
        (tmp_path / made_before).touch()
    command = [MAKE, "--dry-run", "--no-print-directory", f"VENV={tmp_path}/venv", "lab"]
    said = subprocess.run(command, cwd=places.ROOT, capture_output=True, text=True, check=True)
    installs, opens = said.stdout.splitlines()[-2:]
    assert installs.endswith('--editable ".[lab]"') and opens.endswith("-m jupyterlab  notebooks")
    assert "jupyterlab" not in (places.ROOT / "requirements.txt").read_text()
