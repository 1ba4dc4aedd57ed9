"""What notebooks and the command line ask for: results of experiments, and rows of tables."""

from typing import Any

import pandas as pd

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from reproduction import paper, places
from reproduction.datasets.official import data_named
from reproduction.study.configs import Config
from reproduction.study.experiments import EXPERIMENTS, configs_of
from reproduction.study.kinds import TABLES, Table
from reproduction.study.overrides import LISTS, PARAMETERS, Value, override
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


def refuse_unused(name: str, profile: str, **changes: Value) -> None:
    """Raise InputError for a setting that no run of an experiment has, whatever its value.

    The complete profile is asked as well: it has all experiments, with other values.
    """
    bases = load_profile(profile), load_profile("full")
    usual = [configs_of(name, base) for base in bases]
    for setting, value in changes.items():
        if value is None or setting in LISTS:
            continue
        values = (value, PARAMETERS[setting].example) if setting in PARAMETERS else (value,)
        tried = [[configs_of(name, override(b, {setting: v})) for b in bases] for v in values]
        if all(found == usual for found in tried):
            raise InputError(f"no run of {name} has a setting {setting}; leave it out")


def results(
    name: str, profile: str, *, jobs: int = 1, scheduler: str | None = None, **changes: Value
) -> list[Result]:
    """The results of an experiment, in the order of its configurations.

    Stored results are read. Missing ones are computed and stored, and ``tables.csv`` with them.

    Args:
        name: of the experiment, see :data:`EXPERIMENTS`.
        profile: of the settings.
        jobs: runs at a time.
        scheduler: of a Dask cluster that makes the runs instead.
        changes: settings changed for this call, see :data:`OVERRIDES`.

    Raises:
        InputError: an unknown name or value, or settings that cannot be run.
    """
    _, configs = resolve(name, profile, **changes)
    if run_missing(profile, configs, jobs=jobs, scheduler=scheduler):
        write_tables(profile)
    return [find(profile, config) for config in configs]


def lacks_data(profile: str) -> bool:
    """Whether a profile is of the complete data, and nobody says where these are."""
    return load_profile(profile).source == "complete" and not data_named()


def measured_under(profile: str) -> str:
    """The profile of what a page itself trains or reads images for: one whose data are there."""
    return "quick" if lacks_data(profile) else profile


def of_page(name: str, profile: str, **changes: Value) -> list[Result]:
    """The results that a page shows, as :func:`results`; of the complete data those stored.

    No page starts trainings of hours; :func:`run_everything` does before. With changes it does.
    """
    usual = not any(value is not None for value in changes.values())
    if usual and load_profile(profile).source == "complete":
        return stored(name, profile)
    return results(name, profile, **changes)


def stored(name: str, profile: str) -> list[Result]:
    """Those results of an experiment that exist already; nothing is computed."""
    _, configs = resolve(name, profile)
    return [result for config in configs if (result := find(profile, config)) is not None]


def run_everything(profile: str, *, jobs: int, scheduler: str | None = None) -> None:
    """Compute what is missing of all experiments, and write ``tables.csv``.

    ``jobs`` runs at a time, or as many as a Dask cluster has workers.

    Raises:
        InputError: an unknown profile, settings that cannot be run, or runs that failed.
    """
    run_missing(profile, _everything(profile), jobs=jobs, scheduler=scheduler)
    write_tables(profile)


def _everything(profile: str) -> list[Config]:
    settings = load_profile(profile)
    return [config for name in EXPERIMENTS for config in configs_of(name, settings)]


def standing(profile: str) -> tuple[int, int]:
    """How many runs of a profile are stored, and how many there are; InputError if unknown."""
    found = {run_name(config): find(profile, config) for config in _everything(profile)}
    return sum(map(bool, found.values())), len(found)


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
