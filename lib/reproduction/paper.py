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
    return _read(places.book() / "paper" / "tables.csv").copy()


@cache  # a page asks for a hundred cells
def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str).astype({"table": int})


def tables() -> pd.DataFrame:
    """The same rows with percentages as floats: columns ``KEYS`` and then ``MEASURES``."""
    return printed().astype(dict.fromkeys(MEASURES, float))


def cell(table: int, model: str, method: str) -> pd.Series:
    """One printed row, for example ``cell(1, "MLP", "proposed").d_r`` in percent.

    Raises:
        InputError: the paper has no such row.
    """
    frame = tables()
    match = frame[(frame.table == table) & (frame.model == model) & (frame.method == method)]
    if len(match) != 1:
        known = ", ".join(frame[frame.table == table].model.unique()) or "Tables 1 to 6 only"
        raise InputError(
            f"the paper prints no row {method!r} for {model!r} in Table {table}; "
            f"methods are baseline and proposed, models of that table: {known}"
        )
    return match.iloc[0]


def comparisons() -> list[tuple[int, str]]:
    """The 18 (table, model) pairs in which the paper sets its method against the baseline."""
    pairs = printed()[["table", "model"]].drop_duplicates()
    return list(pairs.itertuples(index=False, name=None))


def names(pairs: Iterable[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """What to call (table, model) pairs: the model, with its data set where another has it too."""
    pairs = list(pairs)
    data = printed().set_index("table").dataset.to_dict()
    times = Counter(model for _, model in pairs)
    return {
        (table, model): f"{model} on {TITLES[data[table]]}" if times[model] > 1 else model
        for table, model in pairs
    }
