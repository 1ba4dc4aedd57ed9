"""Stored runs: one JSON file each, found by a hash of its whole configuration."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from partial_unlearning.system.files import write_atomic

from reproduction import places

RECIPE = 3
"""Raised whenever the code changes what a configuration means, so that old runs are not found."""

Config = dict[str, Any]
Result = dict[str, Any]


def run_hash(config: Config) -> str:
    """Twelve hexadecimal digits that name a configuration under the present recipe."""
    text = json.dumps({"recipe": RECIPE, **config}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def run_name(config: Config) -> str:
    """A name that a person can read, made unique by the hash."""
    parts = [config["experiment"], config["dataset"], config["model"], f"seed{config['seed']}"]
    return "-".join([*parts, run_hash(config)])


def run_path(profile: str, config: Config) -> Path:
    """Where the result of a configuration is kept."""
    return places.results() / profile / "runs" / f"{run_name(config)}.json"


def find(profile: str, config: Config) -> Result | None:
    """The stored result of a configuration, None where it was not run yet.

    A file is parsed once a process, however often its result is asked for: do not change it.
    """
    path = run_path(profile, config)
    if not path.exists():
        return None
    state = path.stat()
    return _parsed(path, state.st_mtime_ns, state.st_ino)


@cache
def _parsed(path: Path, modified: int, inode: int) -> Result:
    """The content of a file; when and where it was written tell a later one of the same name."""
    return json.loads(path.read_text())


def save(profile: str, result: Result) -> Path:
    """Keep a result; the file appears whole or not at all."""
    text = json.dumps({"recipe": RECIPE, **result}, indent=1) + "\n"
    return write_atomic(run_path(profile, result["config"]), text)
