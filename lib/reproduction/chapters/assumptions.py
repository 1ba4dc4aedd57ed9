"""The register of assumptions: what the paper leaves open, filled in from a profile."""

from collections.abc import Collection
from typing import Any

import pandas as pd

from reproduction import places
from reproduction.chapters.comparison import differences, points_of, with_bounds
from reproduction.chapters.complete import complete, complete_runs
from reproduction.chapters.rates_beyond import all_judged
from reproduction.chapters.tables import Table, simple_table
from reproduction.study.kinds import KINDS
from reproduction.study.profiles import VARIATIONS, load_profile
from reproduction.yaml_files import read_yaml

FIELDS = ("what", "choice", "how", "otherwise")


def register(profile: str) -> list[dict[str, Any]]:
    """The entries of ``book/assumptions.yaml`` with a profile's own values in them.

    A field may name a value of the profile, such as ``{profile.training.optimizer}``, and a list:
    ``{seeds}``, ``{figure_3_seeds}``, ``{figure_4_seeds}``, ``{sisa_seeds}``, ``{tuning_seeds}``,
    ``{fine_tuning}``; or what another assumption came to: ``{tried_optimizer}``, ``{tried_width}``,
    ``{tried_rates}``.
    """
    values = load_profile(profile)
    lists = {
        "seeds": values.seeds,
        "figure_3_seeds": values.figure_3.seeds,
        "figure_4_seeds": values.figure_4.seeds,
        "sisa_seeds": values.sisa.seeds,
        "tuning_seeds": values.tuning.seeds,
        "fine_tuning": values.comparison.fine_tuning,
    }
    named = {name: ", ".join(map(str, found)) for name, found in lists.items()}
    named |= {f"tried_{name}": tried(name) for name in VARIATIONS}
    named["tried_rates"] = all_judged()
    entries = read_yaml(places.book() / "assumptions.yaml")
    return [{name: e[name].format(profile=values, **named) for name in FIELDS} for e in entries]


def tried(name: str) -> str:
    """What amnesiac unlearning came to on the complete data under another assumption.

    Args:
        name: one of :data:`VARIATIONS`.
    """
    runs = complete_runs(f"variation_{name}")
    parts = []
    for dataset, model in dict.fromkeys((run.config.dataset, run.config.model) for run in runs):
        mine = [r for r in runs if (r.config.dataset, r.config.model) == (dataset, model)]
        number = KINDS["amnesiac"].tables[dataset]
        seeds = [run.config.seed for run in mine]
        other = _difference(number, model, points_of(number, mine))
        usual = _difference(number, model, complete().points(number), seeds)
        parts.append(f"{model} {other} (in the tables, same {len(mine)} trainings: {usual})")
    if not parts:
        return "Not run yet."
    return f"At equal forgetting proposed minus baseline D_r is then {'; '.join(parts)}."


def _difference(
    number: int, model: str, points: pd.DataFrame, seeds: Collection[int] | None = None
) -> str:
    """Proposed minus baseline D_r in points with its interval, on these seeds or on all.

    Where it cannot be told, why.
    """
    mine = points if seeds is None else points[points.seed.isin(seeds)]
    found = differences(number, mine).query("placement == 'tables' and reading == 'equal'")
    row = found.set_index("model").loc[model]
    return f"not compared ({row.note})" if row.pairs == 0 else with_bounds(row)


def register_table(profile: str) -> Table:
    """The register as a table."""
    return simple_table(
        [list(entry.values()) for entry in register(profile)],
        headings=("What", "Our choice", "How it was chosen", "What changes otherwise"),
        caption=f"What the paper leaves open, and what profile {profile} has instead.",
        cards=True,
    )
