"""Stored runs: one JSON file each, found by a hash of its whole configuration."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import SerializeAsAny

from partial_unlearning.system.files import write_atomic
from reproduction import places
from reproduction.study.configs import Config
from reproduction.study.profiles import Settings

RECIPE = 4
"""Raised whenever the code changes what a configuration means, so that old runs are not found."""

Row = dict[str, Any]
_READ: dict[tuple[Path, int, int], "Result"] = {}


class Result(Settings):
    """What a run measured; each kind of run has some of the fields, and only those are stored."""

    recipe: int = RECIPE
    config: SerializeAsAny[Config]
    rows: list[Row] = []
    curves: dict[str, Any] = {}
    trials: list[Row] = []
    levels: list[Row] = []
    fine_tuned: list[Row] = []
    beside: list[Row] = []
    layers: list[Row] = []
    relearned: list[Row] = []
    similarities: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    maps: list[Row] = []
    attacks: list[Row] = []
    provenance: dict[str, Any]


def run_hash(config: Config) -> str:
    """Twelve hexadecimal digits that name a configuration under the present recipe."""
    return hash_of(config.model_dump(mode="json"))


def hash_of(fields: dict[str, Any]) -> str:
    """Twelve hexadecimal digits that name values under the present recipe."""
    text = json.dumps({"recipe": RECIPE, **fields}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def run_name(config: Config) -> str:
    """A name that a person can read, made unique by the hash."""
    arm = [config.arm] if hasattr(config, "arm") else []
    parts = [config.experiment, *arm, config.dataset, config.model, f"seed{config.seed}"]
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
    file = path, state.st_mtime_ns, state.st_ino  # a later one of the same name is another
    if file not in _READ:
        parsed = json.loads(path.read_text(encoding="utf-8"))
        _READ[file] = Result.model_validate(parsed | {"config": config})
    return _READ[file]


def save(profile: str, result: Result) -> Path:
    """Keep a result; the file appears whole or not at all."""
    stored = {"recipe": RECIPE} | result.model_dump(mode="json", include=result.model_fields_set)
    return write_atomic(run_path(profile, result.config), json.dumps(stored, indent=1) + "\n")
