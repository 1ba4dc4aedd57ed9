"""How settings were chosen: the stored trials on held-out images, the chosen one first."""

from collections.abc import Iterable

from reproduction.chapters.settings_tables import setting_text
from reproduction.chapters.tables import NONE, Table, signed, simple_table
from reproduction.study import tuning
from reproduction.study.kinds import TABLES
from reproduction.study.profiles import load_profile
from reproduction.study.tuning import Search, Trial, searches


def _accuracies(trial: Trial) -> list[str]:
    """Whether a setting forgets, held-out D_t and D_r."""
    forgets = "yes" if tuning.forgets(trial) else "no"
    return [forgets, f"{trial['d_t']:.2f}", f"{trial['d_r']:.2f}"]


def protocol_table(profile: str, number: int) -> Table:
    """Held-out accuracy of conventional amnesiac unlearning under every batch protocol tried."""
    found = [search for search in searches(profile, number) if search.sought == "protocol"]
    headings = (
        *("Model", "Target data in", "Batches affected", "Forgets"),
        *("d_t", "d_r", "d_r in the paper", "Gap"),
    )
    caption = (
        f"Batch protocols tried for Table {number} on held-out images, conventional amnesiac "
        "unlearning, the chosen one first; dashes where none was tried."
    )
    rows = [row for search in found for row in _protocol_rows(search)]
    return simple_table(rows, headings=headings, caption=caption, labels=2)


def _protocol_rows(search: Search) -> list[list[str]]:
    printed = f"{search.nearest:.2f}"
    if not search.trials:
        return [[search.model, setting_text(search.chosen), *[NONE] * 4, printed, NONE]]
    return [
        [search.model, setting_text(trial["setting"]), f"{100 * trial['affected_share']:.1f} %"]
        + [*_accuracies(trial), printed, signed(trial["d_r"] - search.nearest)]
        for trial in search.trials
    ]


def trial_table(profile: str, number: int, *, top: int) -> Table:
    """The ``top`` settings of each search by the rule: held-out D_t and D_r."""
    found = [search for search in searches(profile, number) if search.sought != "protocol"]
    headings = ("Model", "For", "Rank", "Setting", "Forgets", "d_t", "d_r")
    caption = (
        f"Table {number}: the best {top} settings of each search on held-out images, by the rule; "
        "the first one is used. Dashes where no trials are stored."
    )
    rows = [row for search in found for row in _trial_rows(search, top)]
    return simple_table(rows, headings=headings, caption=caption, labels=2)


def _trial_rows(search: Search, top: int) -> list[list[str]]:
    labels, trials = [search.model, search.sought], search.trials
    if not trials:
        return [[*labels, NONE, setting_text(search.chosen), *[NONE] * 3]]
    return [
        [*labels, f"{rank} of {len(trials)}", _trial_text(trial), *_accuracies(trial)]
        for rank, trial in enumerate(trials[:top], start=1)
    ]


def _trial_text(trial: Trial) -> str:
    text, steps = setting_text(trial["setting"]), trial.get("steps")
    if steps is None:
        return text
    return f"{text}; {steps} step{'' if steps == 1 else 's'}"


def choice_tables(profile: str, number: int, *, top: int) -> list[Table]:
    """All that is known of how the settings of one of Tables 1 to 6 were chosen."""
    trials = trial_table(profile, number, top=top)
    if TABLES[number].family == "amnesiac":
        return [protocol_table(profile, number), trials]
    return [trials]


def grid_table(profile: str) -> Table:
    """What tuning tries under a profile, each grid with its size."""
    grids = load_profile(profile).tuning
    steps = f"each until forgotten, {grids.max_epochs} steps at most"
    protocols = "; ".join(map(setting_text, grids.protocols))
    naive = f"{_rates(grids.learning_rates)}; {steps}"
    rows = [
        ("Batch protocol", len(grids.protocols), protocols),
        ("Pruning, first → last layer", len(grids.pruning), "; ".join(_pairs(grids.pruning))),
        ("Naive methods", len(tuning.naive_grid(grids)), naive),
    ]
    for family, fractions in grids.fractions.items():
        rates = _rates(grids.partial_learning_rates)
        tried = f"{rates}; fractions {' or '.join(_pairs(fractions))}; {steps}"
        size = len(tuning.partial_grid(grids, family))
        rows.append((f"Partial {family.replace('_', ' ')}", size, tried))
    caption = f"The grids of profile {profile}"
    return simple_table(rows, headings=("Search", "Settings", "Tried"), caption=caption)


def _pairs(pairs: Iterable[tuple[float, float]]) -> list[str]:
    """What holds for the first and for the last layer, each."""
    return [f"{first:g} → {last:g}" for first, last in pairs]


def _rates(rates: dict[str, list[float]]) -> str:
    """The rates tried with each optimizer."""
    parts = [f"{name}: {', '.join(f'{r:g}' for r in values)}" for name, values in rates.items()]
    return "; ".join(parts)
