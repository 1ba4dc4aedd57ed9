"""The register of assumptions: what the paper leaves open, filled in from a profile."""

from typing import Any

import yaml

from reproduction import places
from reproduction.chapters.tables import Table, simple_table
from reproduction.study.profiles import load_profile

FIELDS = ("what", "choice", "how", "otherwise")


def register(profile: str) -> list[dict[str, Any]]:
    """The entries of ``book/assumptions.yaml`` with a profile's own values in them.

    A field may name a value of the profile, such as ``{profile.training.optimizer}``, and a list:
    ``{seeds}``, ``{figure_3_seeds}``, ``{figure_4_seeds}``, ``{sisa_seeds}``, ``{tuning_seeds}``,
    ``{fine_tuning}``.
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
    entries = yaml.safe_load((places.book() / "assumptions.yaml").read_text(encoding="utf-8"))
    return [{name: e[name].format(profile=values, **named) for name in FIELDS} for e in entries]


def register_table(profile: str) -> Table:
    """The register as a table."""
    return simple_table(
        [list(entry.values()) for entry in register(profile)],
        headings=("What", "Our choice", "How it was chosen", "What changes otherwise"),
        caption=f"What the paper leaves open, and what profile {profile} has instead.",
    )
