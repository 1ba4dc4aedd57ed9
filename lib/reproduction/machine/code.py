"""Which code runs here: its commit, its digest, and the packages that results depend on."""

import hashlib
import os
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from reproduction import places

PACKAGES = ("torch", "torchvision", "medmnist", "numpy")
# What a result depends on beside its configuration, which is stored whole; an uncommitted change
# elsewhere does not make it doubtful.
SOURCES = ("lib", "requirements.txt")


def _git(*arguments: str) -> str | None:
    """The output of a git command about this checkout, None without git or a checkout."""
    # Variables such as GIT_DIR, which a hook sets, would have it look at another repository.
    environment = {name: v for name, v in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", places.root(), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, env=environment)
    except OSError:  # there is no git, or it cannot be run
        return None
    return os.fsdecode(done.stdout).strip() if done.returncode == 0 else None


def _checkout(*arguments: str) -> str | None:
    """The same, but None also where the repository is one around this folder."""
    top = _git("rev-parse", "--show-toplevel")
    return _git(*arguments) if top and Path(top).samefile(places.root()) else None


@cache
def code_facts() -> dict[str, Any]:
    """Commit, uncommitted changes and digest of the code, as they were at the first call.

    Asked before a process makes its first run: files that change later are not what it runs.
    """
    status = _checkout("status", "--porcelain", "--", *SOURCES)
    return {
        "commit": _checkout("rev-parse", "HEAD"),
        "dirty": None if status is None else bool(status),
        "code_digest": code_digest(),
    }


def commit_date() -> str | None:
    """The day of the commit that this checkout is at, as 2024-03-13; None outside of one."""
    return _checkout("log", "-1", "--format=%cs")


def code_digest() -> str:
    """SHA-256 over every source file of the library and the pinned requirements.

    It names the code by what it is: a commit's name is lost when a history is rewritten.
    """
    found = hashlib.sha256()
    root = places.root()
    for path in [root / "requirements.txt", *sorted((root / "lib").rglob("*.py"))]:
        content = path.read_bytes()
        found.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return found.hexdigest()


def versions() -> dict[str, str]:
    """The packages that results depend on."""
    return {package: version(package) for package in PACKAGES}
