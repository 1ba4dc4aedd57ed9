"""The command ``tune``: makes the runs of the searches, and stores what the rule prefers."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import yaml

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from reproduction.study.arms import SAME_RATE, gradient_arm
from reproduction.study.configs import Config
from reproduction.study.kinds import TABLES, Table
from reproduction.study.peer_searches import FAMILY, peer_rows, peer_searches
from reproduction.study.profiles import Profile, load_profile, read_tuned, tuned_path
from reproduction.study.runner import run_missing
from reproduction.study.searches import (
    FURTHER,
    PruningSearch,
    RateSearch,
    Search,
    pruning_search,
    searches_of,
)
from reproduction.study.stored_runs import Result, find, run_hash

Row = tuple[Table, str]
"""A table, or the methods beside the paper's on a data set, and one of the models."""


def searches(profile_name: str, number: int) -> list[Search]:
    """The searches behind one of Tables 1 to 6.

    Raises:
        InputError: unknown profile.
    """
    profile, table = load_profile(profile_name), TABLES[number]
    models = profile.datasets[table.dataset].models
    return [search for model in models for search in searches_of(profile, table, model)]


def tuning_runs(profile: str) -> list[Result]:
    """Every stored tuning run of a profile's present grids."""
    configs = {
        run_hash(config): config  # searches may share a run
        for number in TABLES
        for search in searches(profile, number)
        for config in search.configs
    }
    return [run for config in configs.values() if (run := find(profile, config)) is not None]


def _sought(profile: Profile, table: Table, model: str) -> list[Search]:
    """The searches of a row, as far as it is known yet which they are."""
    if table.family == FAMILY:
        return [*peer_searches(profile, table.dataset, model)]
    return searches_of(profile, table, model)


def _settled(profile: Profile, table: Table, model: str) -> list[Search]:
    """All searches of a row, that for a pruning too; all its runs have to be stored."""
    found = _sought(profile, table, model)
    if table.family != "amnesiac":
        return found
    placements = (found[0].best, {"target_images": profile.tuning.kept_images})
    return [found[0], *(pruning_search(profile, table, model, place) for place in placements)]


def _settings(family: str, settled: list[Search]) -> dict[str, Any]:
    """What goes into the profile: by the name of the family, what its searches prefer."""
    if family == "amnesiac":
        prunings = [search for search in settled if isinstance(search, PruningSearch)]
        return {p.sought: {"target_placement": p.placement, "pruning": p.best} for p in prunings}
    rates = {search.sought: search.best for search in settled}
    if family == FAMILY:
        return {family: rates}
    rates[SAME_RATE] = rates["baseline"]
    further = {s.sought: s.better_beyond for s in settled if isinstance(s, RateSearch)}
    beyond = {name: rate for name, rate in further.items() if rate}
    arms = {name: gradient_arm(family, name).model_dump(exclude_defaults=True) for name in rates}
    return {
        key: {name: arms[name] | rate for name, rate in found.items()}
        for key, found in ((family, rates), (f"{family}_beyond", beyond))
    }


def _store(profile: str, dataset: str, model: str, chosen: dict[str, Any]) -> None:
    """Put chosen settings into ``profiles/tuned/NAME.yaml``."""
    tuned = deepcopy(read_tuned(profile))
    settings = tuned.setdefault(dataset, {}).setdefault(model, {})
    settings |= chosen
    for family in [name for name, found in settings.items() if not found]:
        del settings[family]  # nothing does better beyond the grid
    head = f"# Written by: .venv/bin/python -m reproduction tune --profile {profile}\n"
    write_atomic(tuned_path(profile), head + yaml.safe_dump(tuned, sort_keys=True))


def _rows(profile: Profile, **named: str | None) -> list[Row]:
    """The rows that have this family, data set and model, where None is any.

    Raises:
        InputError: there are none.
    """
    known = [(t, m) for t in TABLES.values() for m in profile.datasets[t.dataset].models]
    known += peer_rows(profile)
    rows = [
        (table, model)
        for table, model in known
        if named["family"] in (None, table.family)
        and named["dataset"] in (None, table.dataset)
        and named["model"] in (None, model)
    ]
    if not rows:
        choices = "; ".join(f"{table.family}, {table.dataset}, {model}" for table, model in known)
        raise InputError(
            f"profile {profile.name} has nothing to tune for "
            f"{', '.join(f'{name} {given}' for name, given in named.items() if given)}; "
            f"choose from {choices}"
        )
    return rows


def tune(
    profile_name: str,
    *,
    jobs: int,
    scheduler: str | None = None,
    family: str | None = None,
    dataset: str | None = None,
    model: str | None = None,
) -> Iterator[str]:
    """Choose and store a profile's settings, ``jobs`` runs at a time; yield a line for each choice.

    A Dask cluster that has a ``scheduler`` makes the runs instead. Only for the family of methods,
    the data set and the model that are named.

    Raises:
        InputError: an unknown profile, nothing that has these names, or runs that failed.
    """
    rows = _rows(load_profile(profile_name), family=family, dataset=dataset, model=model)
    workers = {"jobs": jobs, "scheduler": scheduler}
    # Methods beside the paper's are tried under the placement that is chosen: they come last.
    for last in (False, True):
        part = [row for row in rows if (row[0].family == FAMILY) is last]
        yield from _tuned(load_profile(profile_name), part, **workers)


def _tuned(profile: Profile, rows: list[Row], *, jobs: int, scheduler: str | None) -> Iterator[str]:
    """Make the runs of these rows, and store what they come to; yield a line for each choice."""
    sought = [search for row in rows for search in _sought(profile, *row)]
    for stage in ("first", "second", *["further"] * FURTHER):
        run_missing(profile.name, _configs(sought, stage), jobs=jobs, scheduler=scheduler)
    for table, name in rows:
        settled = _settled(profile, table, name)
        _store(profile.name, table.dataset, name, _settings(table.family, settled))
        chosen = "; ".join(f"{search.sought} {search.best}" for search in settled)
        what = f"table {table.number}" if table.number else table.family
        yield f"{what}, {name} on {table.dataset}: {chosen}"


def _configs(sought: list[Search], stage: str) -> list[Config]:
    return [config for search in sought for config in getattr(search, stage)()]
