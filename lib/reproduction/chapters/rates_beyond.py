"""What the grid of rates costs the paper's methods: rates beyond its end, tried and judged."""

from collections.abc import Iterable, Sequence

import pandas as pd

from reproduction.chapters.comparison import differences, points_of, with_bounds
from reproduction.chapters.complete import complete, complete_runs
from reproduction.chapters.search_tables import sought
from reproduction.chapters.settings_tables import setting_text
from reproduction.chapters.tables import signed
from reproduction.study.arms import PAPER_ARMS
from reproduction.study.kinds import GRADIENT, KINDS, TABLES
from reproduction.study.searches import RateSearch, Search, ranked
from reproduction.study.stored_runs import Result

ELSEWHERE = (
    "These runs are later ones, on another machine, where the same seed gives another training: "
    "they are no pairs, and no finding is made."
)
"""What no stored run says: which processor it was made on."""


def best_at_the_ends(found: Iterable[Search]) -> str:
    """Which searches end with the first or last rate of the grid, and what lies beyond it."""
    ends = [s for s in found if isinstance(s, RateSearch) and s.scored and s.at_the_end]
    methods = [search for search in ends if search.sought in PAPER_ARMS]
    controls = [search for search in ends if search.sought not in PAPER_ARMS]
    parts = [_methods(methods)] if methods else []
    if controls:
        names = "; ".join(f"{_name(s)} ({setting_text(s.best)})" for s in controls)
        parts.append(
            f"These controls do best there as well, and nothing beyond was tried for them: {names}."
        )
    return " ".join(parts) or "Each rate lies between others that were tried and are worse."


def _name(search: Search) -> str:
    return f"{search.model} {sought(search)}"


def _methods(ends: Sequence[RateSearch]) -> str:
    tried = "; ".join(f"{_name(search)}: {_outcome(search)}" for search in ends)
    return (
        "Where one of the two methods does best at the first or last rate of the grid, rates "
        "beyond were tried too, each while the one before was the best of all. Accuracy on "
        f"everything else in the worst tuning training, beyond and at that end: {tried}."
    )


def _outcome(search: RateSearch) -> str:
    """What the best rate beyond came to, beside the chosen one."""
    if not search.beyond:
        return "not run yet"
    best, chosen = ranked(search.beyond)[0], search.scored[0]
    there = f"{best.score:.2f}" if best.eligible else "does not forget enough"
    rates = [found.setting["learning_rate"] for found in (best, chosen)]
    optimizer = chosen.setting["optimizer"]
    return f"{there} at {rates[0]:g}, {chosen.score:.2f} at {rates[1]:g} ({optimizer})"


def all_judged() -> str:
    """What the comparisons of all tables come to with the rates that do better."""
    return judged(*(n for n, table in TABLES.items() if table.family in GRADIENT)) or "Not run yet."


def judged(*numbers: int) -> str:
    """What comparisons of these tables come to with rates that do better, or nothing."""
    parts = [part for number in numbers for part in _judged(number)]
    if not parts:
        return ""
    return (
        "The tables keep to the grid, which was set before their runs. With the better rate "
        f"beyond, the difference at equal forgetting is {'; '.join(parts)}. {ELSEWHERE}"
    )


def _judged(number: int) -> list[str]:
    """Each model's difference with the better rate, and with the table's own."""
    runs = [run for run in complete_runs("rates_beyond") if table_of(run) == number]
    if not runs:
        return []
    usual, other = _equal(complete().points(number)), _equal(with_these(number, runs))
    return [
        f"{signed(other.loc[model]['mean'])} for {model} in Table {number}, which has "
        f"{_said(usual.loc[model])}"
        for model in dict.fromkeys(run.config.model for run in runs)
    ]


def with_these(number: int, runs: Sequence[Result]) -> pd.DataFrame:
    """The points of a table, with those of these runs in place of the same methods' own."""
    points, own = complete().points(number), points_of(number, runs)
    arms = {(run.config.model, run.config.arm) for run in runs}
    return pd.concat([points[~_of(points, arms)], own[_of(own, arms)]])


def _of(points: pd.DataFrame, arms: set[tuple[str, str]]) -> pd.Series:
    return pd.Series(
        [pair in arms for pair in zip(points.model, points.method, strict=True)],
        index=points.index,
        dtype=bool,
    )


def table_of(run: Result) -> int:
    """The table that a run belongs to."""
    return KINDS[run.config.experiment].tables[run.config.dataset]


def _equal(points: pd.DataFrame) -> pd.DataFrame:
    number = int(points.table.iloc[0])
    found = differences(number, points).query("reading == 'equal'")
    return found.set_index("model")


def _said(row: pd.Series) -> str:
    return f"{with_bounds(row)} ({row.word})"
