"""Choosing what the paper leaves open, on held-out training data, by one rule.

The rule: of the settings that forget, the one with the highest held-out D_r; the one with the
lowest held-out D_t if there is none. A setting forgets when at most one in a thousand of the target
images it was given is still recognised, and at most 1 % of the held-out ones. Held-out images of a
small class are few, and say little alone. The rule is the same for every method. The grids are
part of the profile: equally many settings for both methods of Tables 3 to 6, and for partial
amnesiac unlearning and its rivals. Conventional amnesiac unlearning has nothing to choose.

The batch protocol is settled before, on conventional amnesiac unlearning alone: of those that
train on all images, as Section 5.2 says, and under which it forgets, as in each of the paper's
baseline cells, the one whose held-out D_r comes nearest to that cell. Protocols that drop target
images are tried beside them, for comparison.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import yaml
from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic

from reproduction import paper
from reproduction.study.experiments import base_config
from reproduction.study.kinds import TABLES, Table, configured
from reproduction.study.profiles import Grids, Profile, load_profile, read_tuned, tuned_path
from reproduction.study.runner import run_missing
from reproduction.study.stored_runs import Config, find

SEED = 1000
"""Of tuning runs: none of a profile's own seeds, so that no published run was tuned on itself."""

MAX_D_T = 1.0
"""Held-out D_t, in percent, up to which a setting may count as one that forgets."""

Trial = dict[str, Any]


def forgets(trial: Trial) -> bool:
    """Whether a setting forgets both what it was given and what is like it."""
    return trial["forgotten"] and trial["d_t"] <= MAX_D_T


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """Trials of a method in the order in which the rule prefers them."""

    def order(trial: Trial) -> tuple[bool, float, float]:
        return not forgets(trial), 0 if forgets(trial) else trial["d_t"], -trial["d_r"]

    return sorted(trials, key=order)


def ranked_protocols(trials: Iterable[Trial], d_r: float) -> list[Trial]:
    """Trials of batch protocols in the order of preference, for a baseline cell of ``d_r``."""

    def order(trial: Trial) -> tuple[bool, bool, float]:
        drops_images = "share" not in trial["setting"]
        return drops_images, not forgets(trial), abs(trial["d_r"] - d_r)

    return sorted(trials, key=order)


def naive_grid(grids: Grids) -> list[dict[str, Any]]:
    """The settings of the naive methods."""
    return [
        {
            "optimizer": name,
            "learning_rate": rate,
            "max_epochs": grids.max_epochs,
            "first": 1.0,
            "last": 1.0,
        }
        for name, rates in grids.learning_rates.items()
        for rate in rates
    ]


def partial_grid(grids: Grids, family: str) -> list[dict[str, Any]]:
    """The settings of the layer-wise partial methods."""
    return [
        {
            "optimizer": name,
            "learning_rate": rate,
            "max_epochs": grids.max_epochs,
            "first": first,
            "last": last,
        }
        for name, rates in grids.partial_learning_rates.items()
        for rate, (first, last) in product(rates, grids.fractions[family])
    ]


def tuning_config(profile: Profile, dataset: str, model: str, **more: object) -> Config:
    """The configuration of a tuning run: held-out images take the place of the test's."""
    return configured(**base_config(profile, dataset, model, SEED), tuning=True, **more)


def protocol_configs(profile: Profile, dataset: str, model: str) -> list[Config]:
    """One run for each batch protocol of the grid."""
    return [
        tuning_config(profile, dataset, model, experiment="tune_protocol", protocol=protocol)
        for protocol in profile.tuning.protocols
    ]


def pruning_config(
    profile: Profile, dataset: str, model: str, protocol: dict[str, float]
) -> Config:
    """The run that tries every way of taking less back under the protocol that was settled."""
    grid = profile.tuning.model_dump(include={"pruning", "scales", "stops"}, mode="json")
    return tuning_config(
        profile, dataset, model, experiment="tune_pruning", protocol=protocol, grid=grid
    )


def descent_configs(profile: Profile, family: str, dataset: str, model: str) -> dict[str, Config]:
    """The runs that try the naive and the partial method of a family."""
    grids = {
        "baseline": naive_grid(profile.tuning),
        "proposed": partial_grid(profile.tuning, family),
    }
    return {
        method: tuning_config(
            profile, dataset, model, experiment=f"tune_{family}", family=family, grid=grid
        )
        for method, grid in grids.items()
    }


WAYS = ("trials", "scales", "stops")
"""Of taking less back: by pruning, which is the paper's, by a factor, by fewer epochs."""


def trials_of(profile: str, configs: list[Config], way: str = "trials") -> list[Trial]:
    """All trials of stored runs, in order; runs that do not exist have none."""
    return [t for config in configs for t in (find(profile, config) or {way: []})[way]]


def _amnesiac_runs(profile: Profile, table: Table, model: str) -> list[Config]:
    return protocol_configs(profile, table.dataset, model)


def _descent_runs(profile: Profile, table: Table, model: str) -> list[Config]:
    return list(descent_configs(profile, table.family, table.dataset, model).values())


def _choose_amnesiac(profile: Profile, table: Table, model: str) -> dict[str, Any]:
    """Settle the protocol on the baseline alone, then choose the pruning and its rivals."""
    candidates = protocol_configs(profile, table.dataset, model)
    printed = paper.cell(table.number, model, "baseline")["d_r"]
    protocol = ranked_protocols(trials_of(profile.name, candidates), printed)[0]["setting"]
    search = pruning_config(profile, table.dataset, model, protocol)
    run_missing(profile.name, [search], jobs=1)
    pruning, scale, stop = (
        ranked(trials_of(profile.name, [search], way))[0]["setting"] for way in WAYS
    )
    return {"protocol": protocol, "pruning": pruning, **scale, "stop": stop}


def _choose_descent(profile: Profile, table: Table, model: str) -> dict[str, Any]:
    configs = descent_configs(profile, table.family, table.dataset, model)
    return {
        method: ranked(trials_of(profile.name, [config]))[0]["setting"]
        for method, config in configs.items()
    }


@dataclass(frozen=True)
class Tuner:
    """How a family is tuned: the runs that depend on no choice, and the choice."""

    runs: Callable[[Profile, Table, str], list[Config]]
    choose: Callable[[Profile, Table, str], dict[str, Any]]


TUNERS = {
    "amnesiac": Tuner(_amnesiac_runs, _choose_amnesiac),
    "label_flipping": Tuner(_descent_runs, _choose_descent),
    "optimization": Tuner(_descent_runs, _choose_descent),
}


def _store(profile: str, dataset: str, model: str, family: str, chosen: dict[str, Any]) -> None:
    """Put one family's chosen settings into ``profiles/tuned/NAME.yaml``."""
    tuned = read_tuned(profile)
    tuned.setdefault(dataset, {}).setdefault(model, {})[family] = chosen
    head = f"# Written by: .venv/bin/python -m reproduction tune --profile {profile}\n"
    write_atomic(tuned_path(profile), head + yaml.safe_dump(tuned, sort_keys=True))


def _check(profile: Profile, family: str | None, dataset: str | None, model: str | None) -> None:
    """Raise InputError for a family, data set or model that the profile does not have."""
    models = {name for settings in profile.datasets.values() for name in settings.models}
    for what, given, known in (
        ("family", family, set(TUNERS)),
        ("data set", dataset, set(profile.datasets)),
        ("model", model, models),
    ):
        if given is not None and given not in known:
            raise InputError(f"unknown {what} {given!r}; choose from {', '.join(sorted(known))}")


def tune(
    profile_name: str,
    *,
    jobs: int,
    family: str | None = None,
    dataset: str | None = None,
    model: str | None = None,
) -> Iterator[str]:
    """Choose and store settings; yield a line for each choice.

    Args:
        profile_name: whose grids and data are used, and whose tuned settings are written.
        jobs: runs at a time.
        family: only this family of methods; all when None.
        dataset: only this data set.
        model: only this model.

    Raises:
        InputError: an unknown name.
    """
    profile = load_profile(profile_name)
    _check(profile, family, dataset, model)
    wanted = [
        (table, name)
        for table in TABLES.values()
        for name in profile.datasets[table.dataset].models
        if family in (None, table.family)
        and dataset in (None, table.dataset)
        and model in (None, name)
    ]
    if not wanted:
        raise InputError(f"profile {profile_name} does not train {model} on {dataset}")
    runs = [c for table, name in wanted for c in TUNERS[table.family].runs(profile, table, name)]
    run_missing(profile.name, runs, jobs=jobs)
    for table, name in wanted:
        chosen = TUNERS[table.family].choose(profile, table, name)
        _store(profile_name, table.dataset, name, table.family, chosen)
        yield f"table {table.number}, {name} on {table.dataset}: {chosen}"
