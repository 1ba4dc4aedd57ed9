"""What the stored runs of a profile say, as plain tables that the claim ledger can read.

Only the profile's own runs count: a run with changed settings is kept, but is not measured by.
:func:`gather` makes three tables; a row of each is a method of a run where it is read.

=========  =====================================================================================
points     Tables 1 to 6 and their controls; ``trained`` and ``retrained`` beside each table
fractions  Figure 4, a training for each ``affected_fraction``; methods are pruning strategies
maps       Figure 3, with ``similarity``, the mean over images of each map's likeness to before
=========  =====================================================================================

========================  ======================================================================
table, dataset, family    which table, and the kind of run
placement                 ``tables``, or ``kept_images`` of the second placement
model, target, seed       of the run
method                    an arm; ``proposed, 200 steps`` after so many steps of fine-tuning
end, level                ``published``: its own end, all subtracted or at the paper's D_t.
                          ``train``, ``test``: where it first recognises at most ``level``
                          percent of the target images trained on, or of the test's.
                          ``backward``, ``forward``: epochs undone in this order
reached                   whether it gets there; at its own end, whether it has forgotten
d_t, d_r, class_a to _c   test accuracies in percent, missing where it does not get there
worst                     that of the worst retained class
strength                  part of the update subtracted, or number of steps
steps, epochs             until it gets there, one more than all where it never does
passes                    target images passed over, as a part of retraining's images
density                   of the proposed method's updates, the fraction stored
representation            similarity of retained images' activations to before, in percent
finished, run, seconds    when the run ended, its name, and how long it took on one core
========================  ======================================================================
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pandas as pd

from reproduction import paper
from reproduction.checking.claims import limits
from reproduction.study.configs import Config, GradientConfig
from reproduction.study.kinds import GRADIENT, TABLES
from reproduction.study.results import shown, stored
from reproduction.study.stored_runs import Result, run_name

METHODS = ("baseline", "proposed")
_FROM_CONFIG = ("dataset", "model", "seed", "target", "affected_fraction")
_OF_SISA = ("partition", "shards", "slices")
COLUMNS = (
    *("table", "placement", "family", *_FROM_CONFIG, "finished", "run", "seconds"),
    *("method", "end", "level", "reached", "d_t", "d_r", "class_a", "class_b", "class_c"),
    *("worst", "strength", "steps", "epochs", "passes", "density", "similarity", "representation"),
)
"""What every table of :func:`gather` has, empty ones too."""

Record = dict[str, Any]
Measurements = dict[str, pd.DataFrame]
"""The module's tables by name."""


def end_points(result: Result) -> Iterator[Record]:
    """Each method at its own end; a gradient arm that never has the paper's D_t is not there."""
    density = result.facts.get("density", math.nan)
    for row in result.rows:
        unlearned = row["method"] not in ("trained", "retrained")
        reached = not unlearned or row["d_t"] <= limits().forgotten
        stores = density if row["method"] == "proposed" else math.nan
        yield {"end": "published", "reached": reached, "density": stores, **_known(result, row)}
    if not result.rows and getattr(result.config, "published", None) is not None:
        yield {"method": result.config.arm, "end": "published", "reached": False}


def _known(result: Result, row: Record) -> Record:
    """A row with the classes that the paper shows, and the worst of those retained."""
    target = result.config.target
    retained = [value for label, value in enumerate(row["classes"]) if label != target]
    return {**shown(result.config.dataset, row), "worst": min(retained)}


def level_points(result: Result) -> Iterator[Record]:
    """Each method at each level, of the target images trained on and of the test's."""
    for record in result.levels:
        known = _known(result, record) if record["reached"] else record
        yield {**known, "end": record["on"], **_effort(result, record)}


def _effort(result: Result, record: Record) -> Record:
    """Gradient steps, and what they cost: a part of a step passes over all images of one."""
    config, facts = result.config, result.facts
    if not isinstance(config, GradientConfig):
        return {}
    steps = record.get("strength", config.max_steps + 1)
    images = config.batch_size or facts.get("request", math.nan)
    retraining = config.training.epochs * facts.get("retained", math.nan)
    return {"steps": steps, "passes": math.ceil(steps) * images / retraining}


def tuned_points(result: Result) -> Iterator[Record]:
    """Each method after fine-tuning from either end; one that never had that end is not there."""
    steps = sorted({record["steps"] for record in result.fine_tuned})
    found = {(r["method"], r["end"], r["steps"]): r for r in result.fine_tuned}
    for method in METHODS:
        for count in steps:
            for end, at in (("published", "published"), ("equal", "train")):
                record = found.get((method, end, count))
                known = _known(result, record) if record else {}
                head = {"method": f"{method}, {count} steps", "end": at}
                level = result.config.primary if end == "equal" else math.nan
                yield known | head | {"level": level, "reached": record is not None}


def epoch_points(result: Result) -> Iterator[Record]:
    """After how many epochs undone, in either order, each method's test D_t counts as erased.

    The trained model has undone nothing and does not count.
    """
    for method in METHODS:
        for order, curve in result.curves.get(method, {}).items():
            erased = [n for n, at in enumerate(curve) if n and at["d_t"] <= limits().erased]
            epochs = min(erased, default=len(curve))
            yield {"method": method, "end": order, "reached": bool(erased), "epochs": epochs}


def all_points(result: Result) -> Iterator[Record]:
    """Everything that a run of the tables says of its methods."""
    for points in (end_points, level_points, tuned_points, epoch_points):
        yield from points(result)


def curve_points(result: Result) -> Iterator[Record]:
    """Accuracies during training and while each method unlearns; at step 0 nothing is done yet.

    A step undoes an epoch, in either ``order``; epochs of training have none.
    """
    for method, curve in result.curves.items():
        orders = curve if isinstance(curve, dict) else {None: curve}
        for order, points in orders.items():
            for step, point in enumerate(points):
                yield {"method": method, "order": order, "step": step, **point}


def map_similarities(result: Result) -> Iterator[Record]:
    """How alike each method's maps are to those before unlearning, mean over images."""
    for row in end_points(result):
        alike = result.similarities.get(row["method"], [math.nan])
        yield row | {"similarity": sum(alike) / len(alike)}


def tidy(
    results: Iterable[Result], records: Callable[[Result], Iterable[Record]] = end_points
) -> pd.DataFrame:
    """Stored runs as one table.

    Args:
        results: of any experiments.
        records: what of a run becomes a row, such as :func:`end_points` or :func:`curve_points`.

    Returns:
        :data:`COLUMNS`, as far as nothing else is said of them missing, and what else the records
        and the configurations have. ``family`` is the kind of experiment.
    """
    rows = []
    for result in results:
        head = _head(result)
        rows += [head | record for record in records(result)]
    further = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    return pd.DataFrame(rows, columns=[*COLUMNS, *further])


def by_network(points: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each model, named with its data where it was run on several."""
    several = points.groupby("model").dataset.transform("nunique") > 1
    titles = points.model + " on " + points.dataset.map(paper.TITLES)
    return dict(list(points.groupby(points.model.where(~several, titles), sort=False)))


def _head(result: Result) -> Record:
    config = result.config
    names = (*_FROM_CONFIG, *_OF_SISA)
    return {
        **{name: getattr(config, name) for name in names if hasattr(config, name)},
        "family": config.experiment,
        "placement": _placement(config),
        "finished": result.provenance.get("finished"),
        "run": run_name(config),
        "seconds": result.provenance.get("seconds"),
    }


def _placement(config: Config) -> str:
    return "kept_images" if "target_images" in getattr(config, "target_placement", {}) else "tables"


def _of_table(number: int, profile: str) -> pd.DataFrame:
    """The points of a table's runs, its controls and, of amnesiac unlearning, both placements."""
    table = TABLES[number]
    beside = f"controls_{table.family}" if table.family in GRADIENT else "kept_images"
    runs = stored(f"table_{number}", profile) + stored(beside, profile)
    mine = {run_name(run.config): run for run in runs if run.config.dataset == table.dataset}
    return tidy(mine.values(), all_points).assign(table=number)


def _fraction_points(result: Result) -> Iterator[Record]:
    yield from end_points(result)
    yield from level_points(result)


def gather(profile: str) -> Measurements:
    """Everything that is stored for a profile, however little."""
    tables = [_of_table(number, profile) for number in TABLES]
    filled = [table for table in tables if len(table)]
    return {
        "points": pd.concat(filled, ignore_index=True) if filled else tidy([]),
        "fractions": tidy(stored("figure_4", profile), _fraction_points),
        "maps": tidy(stored("figure_3", profile), map_similarities),
    }
