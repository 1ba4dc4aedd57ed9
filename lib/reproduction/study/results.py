"""What notebooks and the command line ask for: the results of an experiment under a profile."""

from reproduction.study.experiments import configs_of
from reproduction.study.overrides import Value, override
from reproduction.study.profiles import Profile, load_profile
from reproduction.study.runner import run_missing
from reproduction.study.stored_runs import Config, Result, find
from reproduction.study.table_rows import write_tables


def resolve(name: str, profile: str, **changes: Value) -> tuple[Profile, list[Config]]:
    """The profile with changes applied, and the configurations of an experiment under it."""
    resolved = override(load_profile(profile), changes)
    return resolved, configs_of(name, resolved)


def results(name: str, profile: str, *, jobs: int = 1, **changes: Value) -> list[Result]:
    """The results of an experiment, in the order of its configurations.

    Stored results are read, missing ones computed and stored.

    Args:
        name: of the experiment, see :data:`EXPERIMENTS`.
        profile: of the settings.
        jobs: runs at a time.
        changes: settings changed for this call, see :data:`OVERRIDES`.

    Raises:
        InputError: an unknown name or value, or settings that cannot be run.
    """
    _, configs = resolve(name, profile, **changes)
    run_missing(profile, configs, jobs=jobs)
    write_tables(load_profile(profile))  # of the profile itself: changed runs are not its rows
    return [find(profile, config) for config in configs]


def stored(name: str, profile: str, **changes: Value) -> list[Result]:
    """Those results of an experiment that exist already; nothing is computed."""
    _, configs = resolve(name, profile, **changes)
    return [result for config in configs if (result := find(profile, config)) is not None]
