"""What the stored runs of a profile say, as plain tables that the claim ledger can read.

Only the profile's own runs count: a run with changed settings is kept, but is not measured by.

============  ===========================================================================
table         what its rows are, made by :func:`tidy`
============  ===========================================================================
figure_1, 2   a method and an order of epochs, after each epoch undone
figure_3      a method and an image: how alike its map is to its map before unlearning
figure_4      a method (trained or a pruning strategy) and a share
same_step     a family and a method, after each step at the naive method's optimizer and rate
storage       a data set and model: kept_share, the entries of an update that are stored
============  ===========================================================================
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pandas as pd

from reproduction.study.results import stored, table_rows
from reproduction.study.stored_runs import Result

METHODS = ("baseline", "proposed")
_FROM_CONFIG = ("dataset", "model", "seed", "target", "share", "partition", "shards", "slices")
COLUMNS = (
    *(*_FROM_CONFIG, "family", "method", "d_t", "d_r"),
    *("order", "step", "image", "similarity", "kept_share"),
)
"""Those that a table has where nothing was run."""

Record = dict[str, Any]
Measurements = dict[str, pd.DataFrame]
"""The module's tables by name, and as ``tables`` the rows of Tables 1 to 6."""


def end_points(result: Result) -> Iterator[Record]:
    """Accuracies of each method of a run."""
    yield from result.rows


def curve_points(result: Result) -> Iterator[Record]:
    """Accuracies during training and while each method unlearns; at step 0 nothing is done yet.

    A step undoes an epoch, in either ``order``; epochs and gradient steps that are done have none.
    """
    for method, curve in result.curves.items():
        orders = curve if isinstance(curve, dict) else {None: curve}
        for order, points in orders.items():
            for step, point in enumerate(points):
                yield {"method": method, "order": order, "step": step, **point}


def stored_share(result: Result) -> Iterator[Record]:
    """The share of an update's entries that a run stores."""
    yield {"kept_share": result.facts["kept_share"]}


def map_similarities(result: Result) -> Iterator[Record]:
    """How alike each image's map is to its map before unlearning, with the model's accuracies."""
    alike = result.similarities
    for row in result.rows:
        if row["method"] in METHODS:
            for image, similarity in zip(alike["image"], alike[row["method"]], strict=True):
                yield {**row, "image": image, "similarity": similarity}


def tidy(
    results: Iterable[Result], records: Callable[[Result], Iterable[Record]] = end_points
) -> pd.DataFrame:
    """Stored runs as one table.

    Args:
        results: of any experiments.
        records: what of a run becomes a row, such as :func:`end_points` or :func:`curve_points`.

    Returns:
        The columns of the records, and of :data:`COLUMNS` what a run's configuration has; all of
        them where there are no rows. ``family`` is the kind of experiment.
    """
    rows = []
    for result in results:
        config = result.config
        named = {name: getattr(config, name) for name in _FROM_CONFIG if hasattr(config, name)}
        named["family"] = config.experiment
        rows += [{**named, **record} for record in records(result)]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=COLUMNS)


def gather(profile: str) -> Measurements:
    """Everything that is stored for a profile."""
    figures = {number: stored(f"figure_{number}", profile) for number in (1, 2, 3, 4)}
    paced = stored("same_step_label_flipping", profile) + stored("same_step_optimization", profile)
    return {
        "tables": table_rows(profile),
        "figure_1": tidy(figures[1], curve_points),
        "figure_2": tidy(figures[2], curve_points),
        "figure_3": tidy(figures[3], map_similarities),
        "figure_4": tidy(figures[4]),
        "same_step": tidy(paced, curve_points),
        # What is kept hangs on the mask's schedule alone: its seeds are no sample.
        "storage": tidy(figures[1] + figures[2], stored_share).drop(columns="seed"),
    }
