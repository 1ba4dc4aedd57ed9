"""Choosing what the paper leaves open, on held-out training data, by one rule.

The rule: of the settings that forget, the one with the highest held-out D_r; the one with the
lowest held-out D_t if there is none. A setting forgets when at most one in a thousand of the target
images it was given is still recognised, and at most 1 % of the held-out ones. Held-out images of a
small class are few, and say little alone. The rule is the same for every method. The grids are
part of the profile: equally many settings for both methods of Tables 3 to 6, and for partial
amnesiac unlearning and its controls. Conventional amnesiac unlearning has nothing to choose.

The batch protocol is settled before, on conventional amnesiac unlearning alone: of those that
train on all images, as Section 5.2 says, and under which it forgets, as in each of the paper's
baseline cells, the one whose held-out D_r comes nearest to that cell. Protocols that drop target
images are tried beside them, for comparison.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import yaml

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from reproduction import paper
from reproduction.study.configs import Config
from reproduction.study.experiments import base_config, family_settings
from reproduction.study.kinds import TABLES, configured
from reproduction.study.kinds import Table as PaperTable
from reproduction.study.profiles import Grids, Profile, load_profile, read_tuned, tuned_path
from reproduction.study.runner import run_missing
from reproduction.study.stored_runs import Result, find, run_hash

SEED = 1000
"""Of tuning runs: none of a profile's own seeds, so that no published run was tuned on itself."""

MAX_D_T = 1.0
"""Held-out D_t, in percent, up to which a setting may count as one that forgets."""

Setting = dict[str, Any]
Trial = dict[str, Any]


def forgets(trial: Trial) -> bool:
    """Whether a setting forgets both what it was given and what is like it."""
    return trial["forgotten"] and trial["d_t"] <= MAX_D_T


def ranked(trials: Iterable[Trial], nearest: float | None = None) -> list[Trial]:
    """Trials in the order in which the rule prefers them.

    Args:
        trials: of one method, or of batch protocols.
        nearest: for batch protocols, the paper's baseline D_r in percent.
    """

    def order(trial: Trial) -> tuple[bool | float, ...]:
        if nearest is not None:
            drops_images = "share" not in trial["setting"]
            return drops_images, not forgets(trial), abs(trial["d_r"] - nearest)
        return not forgets(trial), 0 if forgets(trial) else trial["d_t"], -trial["d_r"]

    return sorted(trials, key=order)


def _gradient_grid(
    rates: dict[str, list[float]], fractions: Sequence[tuple[float, float]], max_epochs: int
) -> list[Setting]:
    """Every rate of every optimizer with each pair of fractions moved, first and last layer."""
    keys = ("optimizer", "learning_rate", "max_epochs", "first", "last")
    return [
        dict(zip(keys, (name, rate, max_epochs, *ends), strict=True))
        for name, values in rates.items()
        for rate, ends in product(values, fractions)
    ]


def naive_grid(grids: Grids) -> list[Setting]:
    """The settings of the naive methods, which move every weight."""
    return _gradient_grid(grids.learning_rates, [(1.0, 1.0)], grids.max_epochs)


def partial_grid(grids: Grids, family: str) -> list[Setting]:
    """The settings of the layer-wise partial methods."""
    return _gradient_grid(grids.partial_learning_rates, grids.fractions[family], grids.max_epochs)


@dataclass(frozen=True)
class Search:
    """One search for a setting.

    Attributes:
        profile: whose grid is tried.
        number: of the table whose runs use the setting.
        model: that they train.
        sought: what is searched for.
        chosen: the setting that the profile has, None before there is one.
        configs: the runs that try the grid.
        kind: under which name these runs keep their trials.
        nearest: for a batch protocol, the paper's D_r in percent that it has to come near to.
    """

    profile: str
    number: int
    model: str
    sought: str
    chosen: Setting | None
    configs: Sequence[Config]
    kind: str = "trials"
    nearest: float | None = None

    @property
    def trials(self) -> list[Trial]:
        """All that was tried, with the facts of its run, in the rule's order of preference.

        Empty where the profile's grid was not tried, or not all of it.
        """
        runs = [find(self.profile, config) for config in self.configs]
        if None in runs:
            return []
        trials = [trial | run.facts for run in runs for trial in getattr(run, self.kind)]
        return ranked(trials, self.nearest)

    @property
    def best(self) -> Setting:
        """The setting that the rule prefers; something must have been tried."""
        return self.trials[0]["setting"]

    @property
    def obeys_the_rule(self) -> bool:
        """Whether the profile has what the rule prefers; true where nothing was tried."""
        return not self.trials or self.best == self.chosen


def searches_for(
    profile: Profile, table: PaperTable, model: str, settings: Setting
) -> list[Search]:
    """The searches behind a model's row of a table.

    Of amnesiac unlearning these are the batch protocol and then, as soon as there is one, the
    pruning and its controls: a factor, and a stop after some epochs. ``settings`` are those of
    the table's family, as far as they are chosen.
    """
    search = partial(Search, profile.name, table.number, model)
    base = base_config(profile, table.dataset, model, SEED)
    config, grids, family = partial(configured, **base, tuning=True), profile.tuning, table.family
    if family != "amnesiac":
        sides = {"baseline": naive_grid(grids), "proposed": partial_grid(grids, family)}
        return [
            search(side, settings.get(side), [config(f"tune_{family}", family=family, grid=grid)])
            for side, grid in sides.items()
        ]
    protocols = [config("tune_protocol", protocol=protocol) for protocol in grids.protocols]
    printed = paper.cell(table.number, model, "baseline").d_r
    found = [search("protocol", settings.get("protocol"), protocols, nearest=printed)]
    if "protocol" in settings:  # what follows is chosen under it; one run tries all of that
        grid = grids.model_dump(include={"pruning", "scales", "stops"}, mode="json")
        run = config("tune_pruning", protocol=settings["protocol"], grid=grid)
        found += [
            search("pruning", settings.get("pruning"), [run]),
            search("factor", {"scale": settings.get("scale")}, [run], "scales"),
            search("epochs undone", settings.get("stop"), [run], "stops"),
        ]
    return found


def searches(profile_name: str, number: int) -> list[Search]:
    """The searches behind one of Tables 1 to 6, for each model that has settings.

    Raises:
        InputError: unknown profile.
    """
    profile, table = load_profile(profile_name), TABLES[number]
    return [
        search
        for model, known in profile.datasets[table.dataset].models.items()
        if (settings := family_settings(known, table.family)) is not None
        for search in searches_for(profile, table, model, settings)
    ]


def tuning_runs(profile: str) -> list[Result]:
    """Every stored tuning run of a profile's present grids."""
    configs = {
        run_hash(config): config  # searches may share a run
        for number in TABLES
        for search in searches(profile, number)
        for config in search.configs
    }
    return [run for config in configs.values() if (run := find(profile, config)) is not None]


def _choose(profile: Profile, table: PaperTable, model: str, scheduler: str | None) -> Setting:
    """The settings of a family. The runs that depend on no choice have to be stored."""
    first = searches_for(profile, table, model, {})
    if table.family != "amnesiac":
        return {search.sought: search.best for search in first}
    protocol = first[0].best  # settled on the baseline alone, before the pruning and its controls
    _, *later = searches_for(profile, table, model, {"protocol": protocol})
    run_missing(profile.name, list(later[0].configs), jobs=1, scheduler=scheduler)
    pruning, scale, stop = (search.best for search in later)
    return {"protocol": protocol, "pruning": pruning, **scale, "stop": stop}


def _store(profile: str, dataset: str, model: str, family: str, chosen: dict[str, Any]) -> None:
    """Put one family's chosen settings into ``profiles/tuned/NAME.yaml``."""
    tuned = read_tuned(profile)
    tuned.setdefault(dataset, {}).setdefault(model, {})[family] = chosen
    head = f"# Written by: .venv/bin/python -m reproduction tune --profile {profile}\n"
    write_atomic(tuned_path(profile), head + yaml.safe_dump(tuned, sort_keys=True))


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
    profile = load_profile(profile_name)
    known = [(t, m) for t in TABLES.values() for m in profile.datasets[t.dataset].models]
    tuned = [
        (table, name)
        for table, name in known
        if family in (None, table.family)
        and dataset in (None, table.dataset)
        and model in (None, name)
    ]
    if not tuned:
        choices = "; ".join(f"{table.family}, {table.dataset}, {name}" for table, name in known)
        raise InputError(
            f"profile {profile_name} has nothing to tune for the family {family}, the data set "
            f"{dataset} and the model {model} (None is any); choose from {choices}"
        )
    first = [search for table, name in tuned for search in searches_for(profile, table, name, {})]
    configs = [config for search in first for config in search.configs]
    run_missing(profile.name, configs, jobs=jobs, scheduler=scheduler)
    for table, name in tuned:
        chosen = _choose(profile, table, name, scheduler)
        _store(profile_name, table.dataset, name, table.family, chosen)
        yield f"table {table.number}, {name} on {table.dataset}: {chosen}"
