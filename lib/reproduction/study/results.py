"""What notebooks and the command line ask for: results of experiments, and rows of tables."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from partial_unlearning.system.files import write_atomic
from reproduction import places
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
    *("width", "affected_share", "run"),
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


def stored(name: str, profile: str, **changes: Value) -> list[Result]:
    """Those results of an experiment that exist already; nothing is computed."""
    _, configs = resolve(name, profile, **changes)
    return [result for config in configs if (result := find(profile, config)) is not None]


def run_everything(profile: str, *, jobs: int) -> None:
    """Compute what is missing of all experiments, and write ``tables.csv``.

    Args:
        profile: of the settings.
        jobs: runs at a time.

    Raises:
        InputError: an unknown profile, or settings that cannot be run.
    """
    settings = load_profile(profile)
    configs = [config for name in EXPERIMENTS for config in configs_of(name, settings)]
    run_missing(profile, configs, jobs=jobs)
    write_tables(profile)


def _rows(table: Table, config: Config, result: Result) -> list[dict[str, Any]]:
    """A stored run's rows by the names of the result contract."""
    share = result.facts.get("affected_share")
    return [
        {
            "table": table.number,
            "dataset": table.dataset,
            "family": table.family,
            "model": config.model,
            "seed": config.seed,
            "width": config.width,
            "affected_share": share,
            "run": run_name(config),
            **row,
        }
        for row in result.rows
    ]


def _frame(profile: str, tables: Iterable[Table]) -> pd.DataFrame:
    """The rows of tables whose run is stored.

    Only the profile's own runs count; runs with changed settings are none of its rows.
    """
    settings = load_profile(profile)
    rows: list[dict[str, Any]] = []
    for table in tables:
        configs = configs_of(f"table_{table.number}", settings)
        compared = {(c.model, c.seed) for c in configs if c.experiment == table.family}
        for config in configs:
            result = find(profile, config)
            if result is not None and (config.model, config.seed) in compared:
                rows += _rows(table, config, result)
    return pd.DataFrame(rows, columns=COLUMNS).astype({"width": float, "affected_share": float})


def table_rows(profile: str, number: int) -> pd.DataFrame:
    """The rows of one table at full precision, from the stored runs; none where nothing was run."""
    return _frame(profile, [TABLES[number]])


def every_row(profile: str) -> pd.DataFrame:
    """The rows of Tables 1 to 6 at full precision, from the stored runs."""
    return _frame(profile, TABLES.values())


def write_tables(profile: str) -> None:
    """Write ``results/<profile>/tables.csv`` anew: percentages with two decimals."""
    text = every_row(profile).to_csv(index=False, float_format="%.2f", lineterminator="\n")
    write_atomic(places.results() / profile / "tables.csv", text)
