"""How few entries of an update are enough: the rule that chooses, and what its choices come to.

**The rule**, written before the runs that it judges. Every mask tries the same fractions of the
weights, on the trainings of the trial seeds and their held-out images. A setting may be taken if on
each of these trainings it comes down to the level of the findings, and its D_r there is at most
:data:`MARGIN` points below that of the paper's mask as Tables 1 and 2 have it. Of these settings a
mask takes the one that keeps the fewest entries. The paper's random masks take part like all
others; what they are measured against is one of their settings. Of our masks the best is the one
that, on the trials alone, keeps the fewest entries over all models (geometric mean).

A setting then *holds* on the judged trainings, whose images took no part, if its mean D_r is less
than the margin below that of the paper's mask, with its whole interval; it *fails* if its whole
interval lies beyond.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from reproduction.checking.claims import limits
from reproduction.checking.measurements import by_network
from reproduction.study.intervals import Interval, interval
from reproduction.study.runs.frontier_masks import BLOCKS
from reproduction.study.stored_runs import Result

MARGIN = 0.5
"""Points of D_r."""

PAPER, TABLES = "paper", "tables"
"""The paper's masks as an arm, and the one of their settings that Tables 1 and 2 have."""

OWN = ("last_layers", "one_layer", "rows", *BLOCKS, "early")
"""Masks of our own that a log can record, known before training or after its first steps."""

AFTER = ("layer_magnitude", "global_magnitude", "salient")
"""Masks that a request makes known."""

VALUE_BYTES = 2
"""Of a bfloat16, as a log stores them; a float32 takes twice as much in every arm."""


def _arm(record: dict) -> dict:
    """Arm and setting of a stored record."""
    name, fraction = record["method"], record["fraction"]
    if name == "proposed":
        return {"arm": PAPER, "setting": TABLES}
    if fraction is None:
        return {"arm": "one_layer", "setting": name}
    return {"arm": PAPER if name == "depth" else name, "setting": f"{100 * fraction:g} %"}


def measured(results: Iterable[Result]) -> pd.DataFrame:
    """Every arm of these runs where it has forgotten enough.

    Returns:
        One row a run and setting, with data, model and seed, whether it is a trial, arm, setting,
        kept, row_bytes (values of a step and the ids of its batch), reached, d_t, d_r, strength,
        representation, and short: points of D_r below the paper's mask of the tables.
    """
    rows = []
    for result in results:
        config, facts = result.config, result.facts
        head = config.model_dump(include={"dataset", "model", "seed"})
        head |= {"trial": config.experiment == "frontier_tuning", "weights": facts["weights"]}
        for record in result.levels:
            size = VALUE_BYTES * record["kept"] + facts["batch_bytes"]
            rows.append(head | record | _arm(record) | {"row_bytes": size})
    found = pd.DataFrame(rows, columns=[*_TYPES]).astype(_TYPES)
    run = ["dataset", "model", "seed", "trial"]
    tables = found[found.setting == TABLES].set_index(run).d_r
    reference = pd.MultiIndex.from_frame(found[run]).map(tables)
    return found.assign(short=reference.to_numpy(dtype=float) - found.d_r)


_TYPES = {
    **dict.fromkeys(("dataset", "model", "arm", "setting"), str),
    **dict.fromkeys(("seed", "weights", "kept", "row_bytes"), int),
    **dict.fromkeys(("trial", "reached"), bool),
    **dict.fromkeys(("d_t", "d_r", "strength", "representation"), float),
}


def limited(points: pd.DataFrame, most: float) -> pd.DataFrame:
    """The same where a strength above ``most`` counts as never there, of the tables' mask too."""
    within = points.reached & (points.strength <= most)
    run = ["dataset", "model", "seed", "trial"]
    tables = points[(points.setting == TABLES) & within].set_index(run).index
    compared = pd.MultiIndex.from_frame(points[run]).isin(tables)
    return points.assign(reached=within, short=points.short.where(within & compared))


def good(points: pd.DataFrame) -> pd.Series:
    """Which rows come down to the level, with D_r within the margin."""
    return points.reached & (points.short <= MARGIN)


def chosen(trials: pd.DataFrame) -> str | None:
    """The setting that the rule takes for an arm of a model, None where none may be taken."""
    may = good(trials).groupby(trials.setting).all()
    left = trials[trials.setting.map(may)]
    return None if left.empty else left.sort_values("kept").setting.iloc[0]


@dataclass(frozen=True)
class Standing:
    """What an arm's choice comes to in a model.

    Attributes:
        arm: of the masks.
        setting: that the rule takes, None where none may be taken; the rest is then empty.
        kept: entries a step.
        row_bytes: bytes a step, ids of the batch among them.
        difference: D_r minus that of the paper's mask of the tables, points.
        rows: of the judged trainings.
        word: "holds", "fails" or "inconclusive".
    """

    arm: str
    setting: str | None
    kept: float = math.nan
    row_bytes: float = math.nan
    difference: Interval | None = None
    rows: pd.DataFrame | None = None
    word: str = "none may be taken"


def _word(difference: Interval) -> str:
    if difference.low > -MARGIN:
        return "holds"
    return "fails" if difference.high < -MARGIN else "inconclusive"


def standing(points: pd.DataFrame, arm: str) -> Standing:
    """The choice of an arm, from all points of one model, and what it comes to."""
    mine = points[points.arm == arm]
    setting = chosen(mine[mine.trial])
    rows = mine[(mine.setting == setting) & ~mine.trial]
    there = rows[rows.reached & rows.short.notna()]
    if setting is None or there.empty:
        return Standing(arm, setting)
    difference = interval((-there.short).tolist(), limits().confidence)
    word = _word(difference) if len(there) == len(rows) else "inconclusive"
    first = rows.iloc[0]
    return Standing(arm, setting, first.kept, first.row_bytes, difference, rows, word)


def standings(points: pd.DataFrame) -> dict[str, dict[str, Standing]]:
    """Every arm that a log can record, by the name of the model."""
    return {
        name: {arm: standing(rows, arm) for arm in (PAPER, *OWN)}
        for name, rows in by_network(points).items()
    }


def factors(found: dict[str, dict[str, Standing]], arm: str, of: str = "kept") -> dict[str, float]:
    """How many times fewer entries, or bytes, an arm keeps than the paper's masks, by model."""
    return {
        name: getattr(arms[PAPER], of) / getattr(arms[arm], of)
        for name, arms in found.items()
        if not math.isnan(arms[arm].kept)
    }


def geometric(values: Iterable[float]) -> float:
    """The geometric mean."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def best(found: dict[str, dict[str, Standing]]) -> str | None:
    """The arm of our own that the rule prefers, of those that have a setting in every model."""
    if not found:
        return None
    each = {arm: factors(found, arm) for arm in OWN}
    whole = {arm: geometric(by.values()) for arm, by in each.items() if len(by) == len(found)}
    return max(whole, key=lambda arm: whole[arm], default=None)


def _least(points: pd.DataFrame, arm: str) -> pd.Series:
    """The fewest entries that an arm may keep on each judged training, taken for itself."""
    mine = points[(points.arm == arm) & ~points.trial]
    return mine[good(mine)].groupby(["dataset", "model", "seed"]).kept.min()


def ratio(points: pd.DataFrame, arm: str) -> Interval | None:
    """By what factor an arm keeps less than the paper's masks if each training is taken for itself.

    Every seed has the geometric mean of its factors over the models; the interval is over seeds.
    None where fewer than two seeds have a factor in every model.
    """
    fewer = (_least(points, PAPER) / _least(points, arm)).dropna()
    by_seed = fewer.map(math.log).groupby("seed").agg(["mean", "size"])
    models = len(points[["dataset", "model"]].drop_duplicates())
    logs: Sequence[float] = by_seed["mean"][by_seed["size"] == models].tolist()
    if len(logs) < 2:
        return None
    found = interval(logs, limits().confidence)
    return Interval(*(math.exp(v) for v in (found.mean, found.low, found.high)), found.n)
