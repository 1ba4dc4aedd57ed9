"""How settings were chosen: the stored trials on held-out images, the chosen one first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from reproduction import paper
from reproduction.chapters.settings_tables import fractions_text, protocol_text, pruning_text
from reproduction.chapters.tables import NONE, simple_table
from reproduction.chapters.tables import Table as PageTable
from reproduction.study.experiments import family_settings
from reproduction.study.kinds import TABLES, Table
from reproduction.study.profiles import ModelSettings, Profile, load_profile
from reproduction.study.stored_runs import Config, Result, find
from reproduction.study.tuning import (
    Trial,
    descent_configs,
    forgets,
    protocol_configs,
    pruning_config,
    ranked,
    ranked_protocols,
)


@dataclass(frozen=True)
class Search:
    """One search for a setting.

    Attributes:
        number: of the table whose runs use the setting.
        model: that they train.
        sought: what was searched for.
        chosen: the setting that the profile has.
        trials: all that was tried, in the rule's order of preference; empty where the profile's
            grid was not tried, or not all of it.
    """

    number: int
    model: str
    sought: str
    chosen: dict[str, Any]
    trials: list[Trial]

    @property
    def obeys_the_rule(self) -> bool:
        """Whether the profile has what the rule prefers; true where nothing was tried."""
        return not self.trials or self.trials[0]["setting"] == self.chosen


def _trials(profile: str, configs: list[Config], way: str = "trials") -> list[Trial]:
    """The trials of stored runs, with the facts of each run; none unless every run is stored."""
    found: list[Result | None] = [find(profile, config) for config in configs]
    return [
        trial | result.get("facts", {})
        for result in found
        if result is not None and None not in found
        for trial in result[way]
    ]


def _amnesiac(profile: Profile, table: Table, model: str, chosen: dict[str, Any]) -> list[Search]:
    printed = paper.cell(table.number, model, "baseline")["d_r"]
    protocols = _trials(profile.name, protocol_configs(profile, table.dataset, model))
    nearest = ranked_protocols(protocols, printed)
    search = pruning_config(profile, table.dataset, model, chosen["protocol"])
    found = [Search(table.number, model, "protocol", chosen["protocol"], nearest)]
    for way, what, setting in (
        ("trials", "pruning", chosen["pruning"]),
        ("scales", "factor", {"scale": chosen["scale"]}),
        ("stops", "epochs undone", chosen["stop"]),
    ):
        trials = ranked(_trials(profile.name, [search], way))
        found.append(Search(table.number, model, what, setting, trials))
    return found


def _descent(profile: Profile, table: Table, model: str, chosen: dict[str, Any]) -> list[Search]:
    configs = descent_configs(profile, table.family, table.dataset, model)
    return [
        Search(
            table.number, model, name, chosen[name], ranked(_trials(profile.name, [configs[name]]))
        )
        for name in configs
    ]


_SEARCHES: dict[str, Callable[[Profile, Table, str, dict[str, Any]], list[Search]]] = {
    "amnesiac": _amnesiac,
    "label_flipping": _descent,
    "optimization": _descent,
}


def searches(profile: str, number: int) -> list[Search]:
    """The searches behind one of Tables 1 to 6, for each model that has settings.

    Raises:
        InputError: unknown profile.
    """
    resolved, table = load_profile(profile), TABLES[number]
    models: dict[str, ModelSettings] = resolved.datasets[table.dataset].models
    return [
        search
        for model, settings in models.items()
        if (chosen := family_settings(settings, table.family)) is not None
        for search in _SEARCHES[table.family](resolved, table, model, chosen)
    ]


def _configs(profile: Profile, table: Table, model: str) -> list[Config]:
    """The configurations of every tuning run behind one model's row of a table."""
    chosen = family_settings(profile.datasets[table.dataset].models[model], table.family)
    if chosen is None:
        return []
    if table.family == "amnesiac":
        search = pruning_config(profile, table.dataset, model, chosen["protocol"])
        return [*protocol_configs(profile, table.dataset, model), search]
    return list(descent_configs(profile, table.family, table.dataset, model).values())


def tuning_runs(profile: str) -> list[Result]:
    """Every stored tuning run of a profile's present grids."""
    resolved = load_profile(profile)
    configs = [
        config
        for table in TABLES.values()
        for model in resolved.datasets[table.dataset].models
        for config in _configs(resolved, table, model)
    ]
    return [result for config in configs if (result := find(profile, config)) is not None]


def setting_text(setting: dict[str, Any]) -> str:
    """Any setting that is searched for, in words."""
    if "strategy" in setting:
        return pruning_text(setting)
    if "optimizer" in setting:
        moved = f"weights moved: {fractions_text(setting)}"
        return f"{setting['optimizer']}, {setting['learning_rate']:g}, {moved}"
    if "scale" in setting:
        return f"times {setting['scale']:g}"
    if "order" in setting:
        end = {"backward": "last", "forward": "first"}[setting["order"]]
        return f"the {end} {setting['epochs']} of the run's epochs"
    return protocol_text(setting)


def protocol_table(profile: str, number: int) -> PageTable:
    """Held-out accuracy of conventional amnesiac unlearning under every batch protocol tried."""
    rows = []
    for search in (s for s in searches(profile, number) if s.sought == "protocol"):
        printed = paper.cell(number, search.model, "baseline")["d_r"]
        rows += [_protocol_row(search, trial, printed) for trial in search.trials] or [
            [search.model, setting_text(search.chosen), *[NONE] * 4, f"{printed:.2f}", NONE]
        ]
    headings = (
        "Model",
        "Target data in",
        "Batches affected",
        "Forgets",
        "d_t",
        "d_r",
        "d_r in the paper",
        "Gap",
    )
    caption = (
        f"Batch protocols tried for Table {number} on held-out images, conventional amnesiac "
        "unlearning, the chosen one first; dashes where none was tried."
    )
    return simple_table(rows, headings=headings, caption=caption, labels=2)


def _protocol_row(search: Search, trial: Trial, printed: float) -> list[str]:
    gap = f"{trial['d_r'] - printed:+.2f}".replace("-", "−")
    share = f"{100 * trial['affected_share']:.1f} %"
    measured = [f"{trial['d_t']:.2f}", f"{trial['d_r']:.2f}", f"{printed:.2f}", gap]
    return [search.model, setting_text(trial["setting"]), share, _forgets(trial), *measured]


def _forgets(trial: Trial) -> str:
    return "yes" if forgets(trial) else "no"


def trial_table(profile: str, number: int, *, top: int) -> PageTable:
    """The ``top`` settings of each search by the rule: held-out D_t and D_r."""
    rows = [
        row
        for search in searches(profile, number)
        if search.sought != "protocol"
        for row in _trial_rows(search, top)
    ]
    headings = ("Model", "For", "Rank", "Setting", "Forgets", "d_t", "d_r")
    caption = (
        f"Table {number}: the best {top} settings of each search on held-out images, by the rule; "
        "the first one is used. Dashes where no trials are stored."
    )
    return simple_table(rows, headings=headings, caption=caption, labels=2)


def choice_tables(profile: str, number: int, *, top: int) -> list[PageTable]:
    """All that is known of how the settings of one of Tables 1 to 6 were chosen."""
    trials = trial_table(profile, number, top=top)
    if TABLES[number].family == "amnesiac":
        return [protocol_table(profile, number), trials]
    return [trials]


def grid_table(profile: str) -> PageTable:
    """What tuning tries under a profile, each grid with its size."""
    grids = load_profile(profile).tuning
    steps = f"each until forgotten, {grids.max_epochs} steps at most"
    rows = [
        ("Batch protocol", *_listed(map(protocol_text, grids.protocols))),
        ("Pruning, first → last layer", *_listed(f"{a:g} → {b:g}" for a, b in grids.pruning)),
        ("Naive methods", *_rates(grids.learning_rates, [], steps)),
        *(
            (f"Partial {family.replace('_', ' ')}", *_rates(rates, fractions, steps))
            for rates in [grids.partial_learning_rates]
            for family, fractions in grids.fractions.items()
        ),
    ]
    caption = f"The grids of profile {profile}"
    return simple_table(rows, headings=("Search", "Settings", "Tried"), caption=caption)


def _listed(values: Iterable[str]) -> tuple[int, str]:
    found = list(values)
    return len(found), "; ".join(found)


def _rates(
    rates: dict[str, list[float]], fractions: list[tuple[float, float]], steps: str
) -> tuple[int, str]:
    """The number of settings, and what they are made of."""
    size = sum(map(len, rates.values())) * max(1, len(fractions))
    parts = [f"{name}: {', '.join(f'{r:g}' for r in values)}" for name, values in rates.items()]
    parts += [f"fractions {' or '.join(f'{a:g} → {b:g}' for a, b in fractions)}"] * bool(fractions)
    return size, "; ".join([*parts, steps])


def _trial_text(trial: Trial) -> str:
    text, steps = setting_text(trial["setting"]), trial.get("steps")
    return text if steps is None else f"{text}; {steps} step{'s' * (steps > 1)}"


def _trial_rows(search: Search, top: int) -> list[list[str]]:
    if not search.trials:
        return [[search.model, search.sought, NONE, setting_text(search.chosen), *[NONE] * 3]]
    total = len(search.trials)
    return [
        [search.model, search.sought, f"{rank} of {total}", _trial_text(trial)]
        + [_forgets(trial), f"{trial['d_t']:.2f}", f"{trial['d_r']:.2f}"]
        for rank, trial in enumerate(search.trials[:top], start=1)
    ]
