"""How settings were chosen: the stored trials on held-out images, the chosen one first."""

from collections.abc import Iterable
from statistics import mean

from reproduction import paper
from reproduction.chapters.controls import GRADIENT
from reproduction.chapters.peers import METHODS
from reproduction.chapters.settings_tables import setting_text
from reproduction.chapters.tables import NONE, Table, simple_table
from reproduction.study.kinds import TABLES
from reproduction.study.peer_searches import PeerSearch
from reproduction.study.profiles import load_profile
from reproduction.study.searches import PlacementSearch, Scored, Search
from reproduction.study.tuning import searches


def sought(search: Search) -> str:
    """What a search is for, as pages name it."""
    if isinstance(search, PeerSearch):
        return METHODS[search.sought].label
    prunings = {"amnesiac": "pruning", "kept_images": "pruning, few images kept"}
    return (prunings | GRADIENT)[search.sought]


def _rank(search: Search, rank: int, found: Scored) -> list[str]:
    """A setting's rank, on how many trainings it was tried, and whether it may be taken."""
    tried = f"{len(found.trials)} of {len(search.seeds)}"
    return [f"{rank} of {len(search.scored)}", tried, "yes" if found.eligible else "no"]


def placement_table(profile: str, number: int) -> Table:
    """What every placement leaves known, and what of the baseline, on held-out images."""
    rows = []
    for search in searches(profile, number):
        if isinstance(search, PlacementSearch):
            printed = paper.cell(number, search.model, "baseline").d_r
            for rank, found in enumerate(search.scored, start=1):
                means = {
                    name: mean(trial[name] for trial in found.trials)
                    for name in ("trained_d_t", "plain_d_t", "trained_d_r", "plain_d_r", "d_r")
                }
                cells = [f"{value:.2f}" for value in means.values()]
                labels = [search.model, setting_text(found.setting)]
                gap = mean(abs(trial["d_r"] - printed) for trial in found.trials)
                cells += [f"{printed:.2f}", f"{gap:.2f}"]
                rows.append([*labels, *_rank(search, rank, found), *cells])
    heads = ("Model", "Target data in", "Rank", "Trainings", "May be taken")
    heads += ("Trained d_t", "shuffled d_t", "Trained d_r", "shuffled d_r")
    heads += ("Baseline d_r", "in the paper", "Distance")
    caption = (
        f"Placements tried for Table {number} on held-out images, the chosen one first; means over "
        "trainings, of the distance too, beside plain shuffling of the same images."
    )
    return simple_table(rows, headings=heads, caption=caption, labels=2)


def trial_table(profile: str, number: int, *, top: int) -> Table:
    """The ``top`` settings of each search by the rule, with every held-out D_r at the level."""
    found = [s for s in searches(profile, number) if not isinstance(s, PlacementSearch)]
    return search_table(found, top=top, what=f"Table {number}")


def search_table(found: Iterable[Search], *, top: int, what: str) -> Table:
    """The same of any searches for settings that are read at the level; ``what`` they are for."""
    rows = [
        [search.model, sought(search), *cells]
        for search in found
        for cells in _trial_cells(search, top)
    ]
    heads = ("Model", "For", "Setting", "Rank", "Trainings", "May be taken", "Worst d_r", "All d_r")
    caption = (
        f"{what}: the best {top} settings of each search on held-out images, by the rule; "
        "the first one is used. Dashes where not all trials are stored."
    )
    return simple_table(rows, headings=heads, caption=caption, labels=2)


def _trial_cells(search: Search, top: int) -> list[list[str]]:
    if not search.scored:
        return [[setting_text(search.chosen) if search.chosen else NONE, *[NONE] * 5]]
    rows = []
    for rank, found in enumerate(search.scored[:top], start=1):
        each = [f"{t['d_r']:.2f}" if t["reached"] else "not there" for t in found.trials]
        score = f"{found.score:.2f}" if found.eligible else NONE
        text = setting_text(found.setting)
        rows.append([text, *_rank(search, rank, found), score, ", ".join(each)])
    return rows


def choice_tables(profile: str, number: int, *, top: int) -> list[Table]:
    """All that is known of how the settings of one of Tables 1 to 6 were chosen."""
    trials = trial_table(profile, number, top=top)
    placed = TABLES[number].family == "amnesiac"
    return [placement_table(profile, number), trials] if placed else [trials]


def grid_table(profile: str) -> Table:
    """What tuning tries under a profile, each grid with its size."""
    grids = load_profile(profile).tuning
    rates = grids.learning_rates
    parts = [f"{name}: {', '.join(f'{r:g}' for r in values)}" for name, values in rates.items()]
    placements = [setting_text({"affected_fraction": part}) for part in grids.affected_fractions]
    rows = [
        ("Placement of target images", len(placements), "; ".join(placements)),
        ("Pruning, first → last layer", len(grids.pruning), "; ".join(_pairs(grids.pruning))),
        ("Rates, the same for every arm", sum(map(len, rates.values())), "; ".join(parts)),
    ]
    caption = f"The grids of profile {profile}"
    return simple_table(rows, headings=("Search", "Settings", "Tried"), caption=caption)


def _pairs(pairs: Iterable[tuple[float, float]]) -> list[str]:
    """What holds for the first and for the last layer, each."""
    return [f"{first:g} → {last:g}" for first, last in pairs]
