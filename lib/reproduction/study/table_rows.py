"""``results/<profile>/tables.csv``: the rows of Tables 1 to 6 that were regenerated so far."""

from typing import Any

import pandas as pd
from partial_unlearning.system.files import write_atomic

from reproduction import places
from reproduction.study.experiments import TABLES, Table, configs_of
from reproduction.study.profiles import Profile, load_profile
from reproduction.study.stored_runs import Config, Result, find, run_name

COLUMNS = [
    *("table", "dataset", "family", "model", "method", "seed"),
    *("d_t", "d_r", "class_a", "class_b", "class_c"),
    *("width", "affected_share", "run"),
]


def _rows(table: Table, config: Config, result: Result) -> list[dict[str, Any]]:
    """A stored run's rows by the names of the result contract."""
    share = result.get("facts", {}).get("affected_share")
    return [
        {
            "table": table.number,
            "dataset": table.dataset,
            "family": table.family,
            "model": config["model"],
            "seed": config["seed"],
            "width": config["width"],
            "affected_share": share,
            "run": run_name(config),
            **row,
        }
        for row in result["rows"]
    ]


def collect(profile: Profile) -> pd.DataFrame:
    """Every row of Tables 1 to 6 whose run is stored, at full precision."""
    rows: list[dict[str, Any]] = []
    for table in TABLES.values():
        families = configs_of(f"table_{table.number}", profile)
        compared = {(c["model"], c["seed"]) for c in families if c["experiment"] == table.family}
        for config in families:
            result = find(profile.name, config)
            if result is not None and (config["model"], config["seed"]) in compared:
                rows += _rows(table, config, result)
    return pd.DataFrame(rows, columns=COLUMNS)


def write_tables(profile: Profile) -> None:
    """Write ``tables.csv`` anew: percentages with two decimals."""
    text = collect(profile).to_csv(index=False, float_format="%.2f", lineterminator="\n")
    write_atomic(places.results() / profile.name / "tables.csv", text)


def table_rows(profile: str, number: int) -> pd.DataFrame:
    """The rows of one table, from the stored runs themselves; empty where nothing was run."""
    every = collect(load_profile(profile))
    return every[every["table"] == number].reset_index(drop=True)
