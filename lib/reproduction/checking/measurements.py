"""What the stored runs of a profile say, as plain tables that the claim ledger can read.

Only the profile's own runs count: a run with changed settings is kept, but is no evidence.

============  ===========================================================================
table         a row (all have dataset and model; all but storage have seed)
============  ===========================================================================
figure_1, 2   method, order, epochs (undone so far; 0 is the trained model), d_t, d_r
figure_3      target, method, image, similarity (to the map before unlearning), d_t
figure_4      method (trained or a pruning strategy), share, d_t, d_r
same_step     family, method, step (0 is the trained model), d_t, d_r: both sides with the
              optimizer and rate of the naive method
storage       kept_share (entries of an update that the proposed method stores)
============  ===========================================================================
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from partial_unlearning.unlearners.amnesiac import ORDERS

from reproduction.study.experiments import TABLES
from reproduction.study.results import stored, table_rows
from reproduction.study.stored_runs import Result

METHODS = ("baseline", "proposed")
_FROM_CONFIG = ("dataset", "model", "seed", "target", "share")


@dataclass(frozen=True)
class Evidence:
    """The rows of ``tables.csv``, and a table for each other kind of experiment."""

    tables: pd.DataFrame
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def rows(self, name: str) -> pd.DataFrame:
        """One table of the module's list; no rows where nothing was run."""
        return self.frames.get(name, pd.DataFrame())


def _named(result: Result) -> dict[str, Any]:
    config = result["config"]
    return {name: config[name] for name in _FROM_CONFIG if name in config}


def _curve(result: Result, axis: str, order: str | None = None) -> Iterable[dict[str, Any]]:
    for method in METHODS:
        points = result["curves"][method]
        for at, point in enumerate(points if order is None else points[order]):
            yield {**_named(result), "method": method, axis: at, **point}


def _joined(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    found = [frame for frame in frames if len(frame)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def undone_epochs(results: Iterable[Result]) -> pd.DataFrame:
    """Figures 1 and 2: accuracy after each epoch undone, in either order."""
    return pd.DataFrame(
        row | {"order": order}
        for r in results
        for order in ORDERS
        for row in _curve(r, "epochs", order)
    )


def steps(results: Iterable[Result], family: str) -> pd.DataFrame:
    """Label flipping and optimization: accuracy after each step of unlearning."""
    return pd.DataFrame(row for r in results for row in _curve(r, "step")).assign(family=family)


def rows(results: Iterable[Result]) -> pd.DataFrame:
    """The rows of each run, with what its configuration adds."""
    return pd.DataFrame({**_named(r), **row} for r in results for row in r["rows"])


def map_similarities(results: Iterable[Result]) -> pd.DataFrame:
    """Figure 3: how alike each image's map is to its map before unlearning, and the model's D_t."""
    return pd.DataFrame(
        {**_named(r), "method": method, "image": image, "similarity": value, "d_t": row["d_t"]}
        for r in results
        for row in r["rows"]
        if (method := row["method"]) in METHODS
        for image, value in zip(r["similarities"]["image"], r["similarities"][method], strict=True)
    )


def storage(results: Iterable[Result]) -> pd.DataFrame:
    """The share of an update that is kept; it depends on the mask's schedule, not on the seed."""
    kept = (
        {name: _named(r)[name] for name in ("dataset", "model")}
        | {"kept_share": r["facts"]["kept_share"]}
        for r in results
    )
    return pd.DataFrame(kept)


_READ: dict[str, Callable[[str], pd.DataFrame]] = {
    "figure_1": lambda profile: undone_epochs(stored("figure_1", profile)),
    "figure_2": lambda profile: undone_epochs(stored("figure_2", profile)),
    "figure_3": lambda profile: map_similarities(stored("figure_3", profile)),
    "figure_4": lambda profile: rows(stored("figure_4", profile)),
    "same_step": lambda profile: _joined(
        steps(stored(f"same_step_{family}", profile), family)
        for family in ("label_flipping", "optimization")
    ),
    "storage": lambda profile: _joined(
        storage(stored(f"figure_{number}", profile)) for number in (1, 2)
    ),
}


def gather(profile: str) -> Evidence:
    """Everything that is stored for a profile.

    Raises:
        InputError: unknown profile.
    """
    tables = _joined(table_rows(profile, number) for number in TABLES)
    return Evidence(tables, {name: read(profile) for name, read in _READ.items()})
