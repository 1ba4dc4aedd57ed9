"""What the stored runs of a profile say, as plain tables that the claim ledger can read.

Only the profile's own runs count: a run with changed settings is kept, but is not measured by.

============  ===========================================================================
table         what its rows are, made by :func:`tidy`
============  ===========================================================================
figure_1, 2   a method and an order of epochs, after each epoch undone
figure_3      a method and an image: how alike its map is to its map before unlearning
figure_4      a method (trained or a pruning strategy) and a share
same_step     a family of methods and a method, after each step of unlearning; both sides have
              the optimizer and rate of the naive method
storage       a data set and model: kept_share, the entries of an update that are stored
============  ===========================================================================
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from reproduction.study.results import stored, table_rows
from reproduction.study.stored_runs import Result

METHODS = ("baseline", "proposed")
_FROM_CONFIG = ("dataset", "model", "seed", "target", "share")
COLUMNS = [*_FROM_CONFIG, "family", "kept_share", "method", "d_t", "d_r"]
"""Those that every table has, also where nothing was run."""

Record = dict[str, Any]
Measurements = dict[str, pd.DataFrame]
"""The module's tables by name, and as ``tables`` the rows of Tables 1 to 6."""


def end_points(result: Result) -> Iterator[Record]:
    """Accuracies of each method of a run."""
    yield from result["rows"]


def curve_points(result: Result) -> Iterator[Record]:
    """Accuracies while each method unlearns; at step 0, the trained model, nothing is undone.

    A step undoes an epoch, in either ``order``, or descends a gradient, which has no order.
    """
    for method in METHODS:
        curve = result["curves"][method]
        orders = curve if isinstance(curve, dict) else {None: curve}
        for order, points in orders.items():
            for step, point in enumerate(points):
                yield {"method": method, "order": order, "step": step, **point}


def map_similarities(result: Result) -> Iterator[Record]:
    """How alike each image's map is to its map before unlearning, with the model's accuracies."""
    alike = result["similarities"]
    for row in result["rows"]:
        if row["method"] in METHODS:
            for image, similarity in zip(alike["image"], alike[row["method"]], strict=True):
                yield {**row, "image": image, "similarity": similarity}


def tidy(
    results: Iterable[Result], records: Callable[[Result], Iterable[Record]] = end_points
) -> pd.DataFrame:
    """Stored runs as one table.

    Args:
        results: of any experiments.
        records: what of a run becomes a row: :func:`end_points`, :func:`curve_points` or
            :func:`map_similarities`.

    Returns:
        The columns of the records, and of :data:`COLUMNS` what a run's configuration and facts
        have; all of them where there are no rows. ``family`` is the kind of experiment.
    """
    rows = [{**_named(result), **record} for result in results for record in records(result)]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=COLUMNS)


def _named(result: Result) -> Record:
    config, facts = result["config"], result.get("facts", {})
    found = {name: config[name] for name in _FROM_CONFIG if name in config}
    kept = {"kept_share": facts["kept_share"]} if "kept_share" in facts else {}
    return found | {"family": config["experiment"]} | kept


def _stored(profile: str, *experiments: str) -> list[Result]:
    return [result for name in experiments for result in stored(name, profile)]


def _storage(amnesiac: Sequence[Result]) -> pd.DataFrame:
    """What is kept of an update depends on the mask's schedule, and not on the seed."""
    rows = tidy(amnesiac)
    return rows[["dataset", "model", "kept_share"]].drop_duplicates(ignore_index=True)


def gather(profile: str) -> Measurements:
    """Everything that is stored for a profile.

    Raises:
        InputError: unknown profile.
    """
    figures = {number: _stored(profile, f"figure_{number}") for number in (1, 2)}
    paced = _stored(profile, "same_step_label_flipping", "same_step_optimization")
    return {
        "tables": table_rows(profile),
        "figure_1": tidy(figures[1], curve_points),
        "figure_2": tidy(figures[2], curve_points),
        "figure_3": tidy(_stored(profile, "figure_3"), map_similarities),
        "figure_4": tidy(_stored(profile, "figure_4")),
        "same_step": tidy(paced, curve_points),
        "storage": _storage([*figures[1], *figures[2]]),
    }
