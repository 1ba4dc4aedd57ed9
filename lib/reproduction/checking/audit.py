"""The granularity check: an accuracy over n images can only be k/n.

A printed percentage is read at its written precision. ``98.90`` stands, when truncated, for any
k/n in [0.9890, 0.9891); ``0.5`` for any in [0.005, 0.006). All comparisons are between integers.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd

from reproduction import paper, places
from reproduction.datasets.sources import official_counts
from reproduction.yaml_files import read_yaml


def scaled(text: str) -> tuple[int, int]:
    """The digits of a printed percentage as an integer, and the integer that 100 % would be.

    >>> scaled("98.90"), scaled("0.5"), scaled("0")
    ((9890, 10000), (5, 1000), (0, 100))
    """
    decimals = len(text.partition(".")[2])
    return int(text.replace(".", "")), 100 * 10**decimals


def truncated(text: str, n: int) -> bool:
    """Whether some k of ``n`` images gives ``text`` when further digits are cut off."""
    value, whole = scaled(text)
    k = -(-value * n // whole)  # the smallest count that reaches the printed value
    return k <= n and k * whole < (value + 1) * n


def rounded(text: str, n: int) -> bool:
    """Whether some k of ``n`` gives ``text`` rounded to nearest; halves may go either way."""
    value, whole = scaled(text)
    near = value * n // whole
    return any(k <= n and 2 * abs(k * whole - value * n) <= n for k in (near, near + 1))


RULES: dict[str, Callable[[str, int], bool]] = {"truncated": truncated, "rounded": rounded}


def padded(text: str) -> str:
    """The stricter reading of a short number: ``0.5`` was 0.50, and ``0`` was 0.00."""
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<2}"


def neighbours(text: str, n: int) -> tuple[str, str]:
    """The nearest attainable values below and above a two-decimal ``text``, truncated."""
    value, whole = scaled(padded(text))
    above = -(-value * n // whole)
    hundredths = [k * whole // n for k in (above - 1, above)]
    return tuple(f"{value // 100}.{value % 100:02d}" for value in hundredths)


def chance(text: str, n: int) -> float:
    """The share of all percentages of that precision that ``n`` images can give, truncated.

    It is how often an arbitrary number would pass. Zero passes for every ``n``, so it counts 1.
    """
    value, whole = scaled(text)
    return 1.0 if value == 0 else (min(n, whole) + 1) / (whole + 1)


def size(dataset: str, column: str, label: int, split: str = "test") -> int:
    """Images behind a cell when ``label`` explains it: the class, or for ``d_r`` all the others."""
    counts = official_counts(dataset)[split]
    return sum(counts) - counts[label] if column == "d_r" else counts[label]


def cells(split: str = "test", reading: Callable[[str], str] = str) -> pd.DataFrame:
    """One row a printed number (180), under our reading of its class.

    Args:
        split: the split whose class sizes are tried; data sets without it are left out.
        reading: what to do to the text first: ``str`` (as written) or ``padded``.

    Returns:
        Columns of ``paper.KEYS``, then column, printed, label, n, one boolean a rule of
        ``RULES``, and chance (a share).
    """
    frame = paper.printed().melt(paper.KEYS, paper.MEASURES, "column", "printed")
    frame = frame[[split in official_counts(name) for name in frame.dataset]]
    classes = {d: (target, target, *paper.SHOWN[d]) for d, target in paper.TARGET.items()}
    columns = [paper.MEASURES.index(name) for name in frame.column]
    frame["label"] = [classes[d][at] for d, at in zip(frame.dataset, columns, strict=True)]
    frame["n"] = [size(*key, split) for key in frame[["dataset", "column", "label"]].values]
    pairs = [(reading(text), n) for text, n in frame[["printed", "n"]].values]
    for name, rule in {**RULES, "chance": chance}.items():
        frame[name] = [rule(*pair) for pair in pairs]
    return frame.sort_values(["table", "model"], kind="stable", ignore_index=True)


def impossible() -> pd.DataFrame:
    """The cells that no count of test images gives, with the nearest values that exist."""
    frame = cells().query("not truncated").reset_index(drop=True)
    frame[["below", "above"]] = [neighbours(*pair) for pair in frame[["printed", "n"]].values]
    return frame


def readings() -> pd.DataFrame:
    """How many cells fit under each split, rule and reading of short numbers.

    Returns:
        Columns split, reading, cells, one count a rule, and expected (the count that
        arbitrary numbers would reach under truncation).
    """
    rows = []
    for split in ("test", "train", "val"):
        for name, reading in (("as written", str), ("padded", padded)):
            found = cells(split, reading)
            row = {"split": split, "reading": name, "cells": len(found)}
            rows.append(row | found[[*RULES]].sum().to_dict() | {"expected": found.chance.sum()})
    return pd.DataFrame(rows)


def fitting(frame: pd.DataFrame, column: str) -> pd.Series:
    """How many printed numbers of one ``column`` each class explains, indexed by label.

    Args:
        frame: rows of ``paper.printed()`` of one data set.
        column: one of ``paper.MEASURES``.
    """
    (dataset,) = frame.dataset.unique()
    counts = [
        sum(truncated(text, size(dataset, column, label)) for text in frame[column])
        for label in range(len(official_counts(dataset)["test"]))
    ]
    return pd.Series(counts, name=column)


def solutions(by: str) -> pd.DataFrame:
    """Search all classes for those that explain most of each column.

    Args:
        by: ``table`` for one search a table, ``dataset`` to pool the tables of a data set.

    Returns:
        Columns ``by``, column, cells, fit (the most that one class explains), labels (the
        tuple of classes that reach it) and next (the most that any other class explains).
    """
    rows = []
    for key, frame in paper.printed().groupby(by):
        for column in paper.MEASURES:
            counts = fitting(frame, column)
            best = counts[counts == counts.max()]
            row = {by: key, "column": column, "cells": len(frame), "fit": int(counts.max())}
            rows.append(row | {"labels": tuple(best.index), "next": counts.drop(best.index).max()})
    return pd.DataFrame(rows).astype({"next": "Int64"})


def differences() -> pd.DataFrame:
    """Proposed minus baseline, in points, for the paper's own 18 comparisons."""
    sides = paper.tables().set_index(["table", "model", "method"])[paper.MEASURES]
    gap = sides.xs("proposed", level="method") - sides.xs("baseline", level="method")
    return gap.round(2)


def repeated() -> pd.DataFrame:
    """Rows of one data set that print the same D_r, which chance may explain."""
    frame = paper.printed()
    same = frame.duplicated(["dataset", "d_r"], keep=False)
    return frame[same].sort_values(["dataset", "d_r", "table"], ignore_index=True)


def remarks(kind: str) -> list[dict[str, Any]]:
    """What we noted while reading the paper.

    Args:
        kind: ``contradictions`` for what a reader finds at odds (subject, where, quotes, says and
            our reading), ``silences`` for what the paper leaves open (subject and says).
    """
    path = places.book() / "paper" / "contradictions.yaml"
    return read_yaml(path)[kind]
