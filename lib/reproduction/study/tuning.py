"""The command ``tune``: makes the runs of the searches, and stores what the rule prefers."""

from collections.abc import Iterator
from typing import Any

import yaml

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from reproduction.study.arms import gradient_arm
from reproduction.study.configs import Config
from reproduction.study.kinds import TABLES, Table
from reproduction.study.profiles import Profile, load_profile, read_tuned, tuned_path
from reproduction.study.runner import run_missing
from reproduction.study.searches import Search, pruning_search, searches_of
from reproduction.study.stored_runs import Result, find, run_hash

Row = tuple[Table, str]
"""A table and one of its models."""


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


def _choose(profile: Profile, table: Table, model: str) -> dict[str, Any]:
    """The settings of a model's row, by the name of the family; all its runs have to be stored."""
    found = searches_of(profile, table, model)
    if table.family != "amnesiac":
        chosen = {
            s.sought: gradient_arm(table.family, s.sought).model_dump() | s.best for s in found
        }
        return {table.family: chosen}
    placements = (found[0].best, {"target_images": profile.tuning.kept_images})
    prunings = [pruning_search(profile, table, model, placement) for placement in placements]
    return {p.sought: {"target_placement": p.placement, "pruning": p.best} for p in prunings}


def _store(profile: str, dataset: str, model: str, chosen: dict[str, Any]) -> None:
    """Put chosen settings into ``profiles/tuned/NAME.yaml``."""
    tuned = read_tuned(profile)
    settings = tuned.setdefault(dataset, {}).setdefault(model, {})
    settings |= chosen
    head = f"# Written by: .venv/bin/python -m reproduction tune --profile {profile}\n"
    write_atomic(tuned_path(profile), head + yaml.safe_dump(tuned, sort_keys=True))


def _rows(profile: Profile, **named: str | None) -> list[Row]:
    """The rows that have this family, data set and model, where None is any.

    Raises:
        InputError: there are none.
    """
    known = [(t, m) for t in TABLES.values() for m in profile.datasets[t.dataset].models]
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
            f"profile {profile.name} has nothing to tune for {named} (None is any); "
            f"choose from {choices}"
        )
    return rows


def tune(
    profile_name: str,
    *,
    jobs: int,
    family: str | None = None,
    dataset: str | None = None,
    model: str | None = None,
) -> Iterator[str]:
    """Choose and store a profile's settings, ``jobs`` runs at a time; yield a line for each choice.

    Only for the family of methods, the data set and the model that are named.

    Raises:
        InputError: an unknown profile, or nothing that has these names.
    """
    profile = load_profile(profile_name)
    rows = _rows(profile, family=family, dataset=dataset, model=model)
    sought = [search for row in rows for search in searches_of(profile, *row)]
    run_missing(profile_name, _configs(sought, "first"), jobs=jobs)
    run_missing(profile_name, _configs(sought, "second"), jobs=jobs)
    for table, name in rows:
        chosen = _choose(profile, table, name)
        _store(profile_name, table.dataset, name, chosen)
        yield f"table {table.number}, {name} on {table.dataset}: {chosen}"


def _configs(sought: list[Search], stage: str) -> list[Config]:
    return [config for search in sought for config in getattr(search, stage)()]
