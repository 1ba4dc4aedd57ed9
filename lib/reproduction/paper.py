"""What the paper prints: Tables 1 to 6, and the classes behind them."""

from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pandas as pd

from partial_unlearning.errors import InputError
from reproduction import places

KEYS = ["table", "dataset", "family", "model", "method"]
MEASURES = ["d_t", "d_r", "class_a", "class_b", "class_c"]

TITLES = {"mnist": "MNIST", "organamnist": "OrganAMNIST"}
# The class to forget, and the classes behind the columns class_a, class_b and class_c.
TARGET = {"mnist": 3, "organamnist": 2}
SHOWN = {"mnist": (2, 7, 9), "organamnist": (0, 5, 10)}


def printed() -> pd.DataFrame:
    """The 36 rows of Tables 1 to 6 with each number as the text that the paper prints.

    The text keeps the written precision: ``0.5`` and ``0.50`` differ.
    """
    return pd.read_csv(_file(), dtype=str).astype({"table": int})


def _file() -> Path:
    return places.book() / "paper" / "tables.csv"


def tables() -> pd.DataFrame:
    """The same rows with percentages as floats: columns ``KEYS`` and then ``MEASURES``."""
    return printed().astype(dict.fromkeys(MEASURES, float))


def cell(table: int, model: str, method: str) -> pd.Series:
    """One printed row, for example ``cell(1, "MLP", "proposed").d_r`` in percent.

    Raises:
        InputError: the paper has no such row.
    """
    rows = _rows(_file())
    if (table, model, method) not in rows:
        known = dict.fromkeys(name for number, name, _ in rows if number == table)
        raise InputError(
            f"the paper prints no row {method!r} for {model!r} in Table {table}; methods are "
            f"baseline and proposed, models of that table: {', '.join(known) or 'none, 1 to 6 do'}"
        )
    return rows[table, model, method]


@cache  # a page asks for hundreds of cells
def _rows(_: Path) -> dict[tuple[int, str, str], pd.Series]:
    return {(row.table, row.model, row.method): row for _, row in tables().iterrows()}


def comparisons() -> list[tuple[int, str]]:
    """The 18 (table, model) pairs in which the paper sets its method against the baseline."""
    return list(dict.fromkeys((table, model) for table, model, _ in _rows(_file())))


def names(pairs: Iterable[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """What to call (table, model) pairs: the model, with its data set where another has it too."""
    pairs = list(pairs)
    data = printed().set_index("table").dataset.to_dict()
    times = Counter(model for _, model in pairs)
    return {
        (table, model): f"{model} on {TITLES[data[table]]}" if times[model] > 1 else model
        for table, model in pairs
    }
