"""What notebooks and the command line ask for: results of experiments, and rows of tables."""

from typing import Any

import pandas as pd

from partial_unlearning.system.files import write_atomic
from reproduction import paper, places
from reproduction.study.configs import Config
from reproduction.study.experiments import EXPERIMENTS, configs_of
from reproduction.study.kinds import TABLES, Table
from reproduction.study.overrides import Value, override
from reproduction.study.profiles import Profile, load_profile
from reproduction.study.runner import run_missing
from reproduction.study.stored_runs import Result, find, run_name

COLUMNS = [
    *("table", "dataset", "family", "model", "method", "seed"),
    *("d_t", "d_r", "class_a", "class_b", "class_c"),
    *("width", "affected_fraction", "run"),
]


def resolve(name: str, profile: str, **changes: Value) -> tuple[Profile, list[Config]]:
    """The profile with changes applied, and the configurations of an experiment under it."""
    resolved = override(load_profile(profile), changes)
    return resolved, configs_of(name, resolved)


def results(name: str, profile: str, *, jobs: int = 1, **changes: Value) -> list[Result]:
    """The results of an experiment, in the order of its configurations.

    Stored results are read. Missing ones are computed and stored, and ``tables.csv`` with them.

    Args:
        name: of the experiment, see :data:`EXPERIMENTS`.
        profile: of the settings.
        jobs: runs at a time.
        changes: settings changed for this call, see :data:`OVERRIDES`.

    Raises:
        InputError: an unknown name or value, or settings that cannot be run.
    """
    _, configs = resolve(name, profile, **changes)
    if run_missing(profile, configs, jobs=jobs):
        write_tables(profile)
    return [find(profile, config) for config in configs]


def stored(name: str, profile: str) -> list[Result]:
    """Those results of an experiment that exist already; nothing is computed."""
    _, configs = resolve(name, profile)
    return [result for config in configs if (result := find(profile, config)) is not None]


def run_everything(profile: str, *, jobs: int) -> None:
    """Compute what is missing of all experiments, ``jobs`` at a time, and write ``tables.csv``.

    Raises:
        InputError: an unknown profile, or settings that cannot be run.
    """
    settings = load_profile(profile)
    configs = [config for name in EXPERIMENTS for config in configs_of(name, settings)]
    run_missing(profile, configs, jobs=jobs)
    write_tables(profile)


def _rows(table: Table, result: Result) -> list[dict[str, Any]]:
    """A stored run's rows by the names of the result contract."""
    config = result.config
    shared = {
        **config.model_dump(include={"dataset", "model", "seed", "width"}),
        "table": table.number,
        "family": table.family,
        "affected_fraction": result.facts.get("affected_fraction"),
        "run": run_name(config),
    }
    return [shared | shown(config.dataset, row) for row in result.rows]


def shown(dataset: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row with the accuracies of the three classes that the paper's tables show."""
    names = ("class_a", "class_b", "class_c")
    printed = zip(names, paper.SHOWN[dataset], strict=True)
    return row | {name: row["classes"][label] for name, label in printed}


def table_rows(profile: str, *numbers: int) -> pd.DataFrame:
    """The rows of these of Tables 1 to 6, or of all, at full precision, from the stored runs.

    Only the profile's own runs count; runs with changed settings are none of its rows.
    """
    rows = [
        row
        for number in numbers or TABLES
        for result in stored(f"table_{number}", profile)
        for row in _rows(TABLES[number], result)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"width": float, "affected_fraction": float})


def write_tables(profile: str) -> None:
    """Write ``results/<profile>/tables.csv`` anew: percentages with two decimals."""
    text = table_rows(profile).to_csv(index=False, float_format="%.2f", lineterminator="\n")
    write_atomic(places.results() / profile / "tables.csv", text)
