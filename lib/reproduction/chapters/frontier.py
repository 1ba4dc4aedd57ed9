"""What the chapter on better masks shows: bytes a step against accuracy at equal forgetting."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction.chapters.figures import INK, MARKERS, OTHERS, PALETTE, SOFT, side_by_side
from reproduction.chapters.tables import NONE, Table, signed, simple_table
from reproduction.checking.claims import limits
from reproduction.checking.frontier import (
    AFTER,
    MARGIN,
    OWN,
    PAPER,
    TABLES,
    VALUE_BYTES,
    Standing,
    best,
    factors,
    geometric,
    limited,
    ratio,
    standings,
)
from reproduction.checking.measurements import by_network
from reproduction.study.intervals import interval
from reproduction.study.runs.frontier_masks import BLOCKS

NAMES = {
    PAPER: "the paper's masks",
    "last_layers": "last layers",
    "one_layer": "one layer alone",
    "rows": "whole outputs",
    **{name: name for name in BLOCKS},
    "early": "largest in the first steps",
    "layer_magnitude": "largest of each layer",
    "global_magnitude": "largest of all",
    "salient": "largest against all updates",
}
"""The arms, with their names on pages."""

_LOOK = {
    PAPER: {  # wide, as the last layers lie on it in a model of two layers
        **{"color": PALETTE["proposed"], "marker": MARKERS["proposed"]},
        **{"markersize": 6, "linewidth": 3},
    },
    "last_layers": {"color": OTHERS[0], "marker": "o"},
    "one_layer": {"color": INK, "marker": "x", "linestyle": "none", "markersize": 5},
    "rows": {"color": OTHERS[1], "marker": "^"},
    **{
        name: {"color": SOFT, "marker": "v", "markersize": size, "linestyle": style}
        for name, size, style in zip(BLOCKS, (2.5, 4, 6), (":", "-.", "-"), strict=True)
    },
    "early": {"color": OTHERS[3], "marker": "P"},
    "layer_magnitude": {"color": OTHERS[1], "marker": "^", "linestyle": "--"},
    "global_magnitude": {"color": SOFT, "marker": "v", "linestyle": "--"},
    "salient": {"color": OTHERS[3], "marker": "P", "linestyle": "--"},
}
BARRED = (PAPER, "last_layers")
"""Arms whose intervals are drawn: more would hide one another."""

LOWEST = -12
"""Points of D_r: what lies deeper is left out of the figures; the table has it."""


def _times(value: float) -> str:
    """A factor with two digits."""
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def _fewer(by_model: Mapping[str, float]) -> str:
    """How many times fewer entries each model's mask keeps, in words."""
    parts = []
    for model, factor in by_model.items():
        times = _times(max(factor, 1 / factor))
        said = f"{times} times {'fewer' if factor > 1 else 'more'}"
        parts.append(f"{model} {'as many' if times == '1.0' else said}")
    return ", ".join(parts)


def answer(points: pd.DataFrame) -> str:
    """By what factor the best of our own keeps fewer entries than the paper's masks.

    Args:
        points: of :func:`reproduction.checking.frontier.measured`.
    """
    found = standings(points)
    arm = best(found)
    if arm is None:
        return _none_dominates(points, found)
    each, whole = factors(found, arm), factors(found, arm, of="row_bytes")
    factor = geometric(each.values())
    over = f"{len(each)} model{'' if len(each) == 1 else 's'}"
    if factor <= 1:
        return (
            f"No: the best mask of our own, {NAMES[arm]}, needs {_times(1 / factor)} times the "
            "entries a step that the paper's masks need if they are searched as hard (geometric "
            f"mean over {over}). {_beside_tables(points, found, arm)}"
        )
    ends = f"{_times(min(each.values()))} to {_times(max(each.values()))}"
    return (
        f"{_settled(found, arm)}: keeping the {NAMES[arm]} needs **{_times(factor)} times fewer "
        f"entries a step** than the paper's masks, searched as hard (geometric mean; {ends} over "
        f"{over}; "
        f"{_times(geometric(whole.values()))} times fewer bytes with the ids of the batch). "
        f"Whether it keeps as much accuracy on retained data, to within half a point of the masks "
        f"of Tables 1 and 2 at {limits().level:g} % of the target images still recognised: "
        f"{_findings(found, arm)}. {_beside_tables(points, found, arm)}{_apart(points, arm)}"
    )


def _none_dominates(points: pd.DataFrame, found: Mapping[str, Mapping[str, Standing]]) -> str:
    """That none of our own may be taken in every model; where none may, and the best elsewhere."""
    if not found:
        return "Nothing is stored yet."
    without = [m for m, arms in found.items() if all(arms[own].setting is None for own in OWN)]
    rest = {model: arms for model, arms in found.items() if model not in without}
    lead = "**No: no mask of our own saves entries in every network.**"
    return f"{lead}{_without(points, without)}{_elsewhere(rest)}"


def _without(points: pd.DataFrame, models: Sequence[str]) -> str:
    """In which models no mask of our own may be taken, and up to which size they were tried."""
    if not models:
        return ""
    whole = by_network(points)
    mine = {m: whole[m].assign(share=100 * whole[m].kept / whole[m].weights) for m in models}
    tables = {m: rows.share[rows.setting == TABLES].mean() for m, rows in mine.items()}
    tried = max(rows.share[rows.setting.str.endswith("%")].max() for rows in mine.values())
    listed = ", ".join(f"{m} (the mask of the tables keeps {tables[m]:.0f} %)" for m in models)
    judged = {m: rows[~rows.trial & rows.arm.isin(OWN)] for m, rows in mine.items()}
    most = max(_highest(rows) for rows in judged.values())
    drawn = f", where they keep up to {signed(most)} points" if math.isfinite(most) else ""
    return (
        f" None may be taken in {listed}, at up to {tried:.0f} % of the entries: the rule asks for "
        f"{MARGIN:g} points of the paper's mask on each held-out tuning training. The picture has "
        f"the judged trainings all the same{drawn}."
    )


def _highest(rows: pd.DataFrame) -> float:
    """The largest mean difference to the paper's mask of what comes down on every training."""
    kinds = rows.groupby(["arm", "setting"])
    means = -kinds.short.mean()[kinds.reached.all()]
    return float(means.max())


def _elsewhere(found: Mapping[str, Mapping[str, Standing]]) -> str:
    """The best of our own in the models where one may be taken."""
    arm = best(found)
    if arm is None:
        return ""
    each = factors(found, arm)
    return (
        f" Elsewhere the {NAMES[arm]} keep fewer entries a step than the paper's masks, searched "
        f"as hard: {_fewer(each)}. Whether they keep as much accuracy on retained data, to "
        f"within half a point of the masks of Tables 1 and 2 at {limits().level:g} % of the target "
        f"images still recognised: {_findings(found, arm)}."
    )


def _settled(found: Mapping[str, Mapping[str, Standing]], arm: str) -> str:
    """Yes where the accuracy is shown to be kept in every model."""
    return "Yes" if all(arms[arm].word == "holds" for arms in found.values()) else "Not settled yet"


def _findings(found: Mapping[str, Mapping[str, Standing]], arm: str) -> str:
    """The finding in each model with its difference in points."""
    return ", ".join(
        f"{model} {arms[arm].word} ({signed(arms[arm].difference.mean)})"
        for model, arms in found.items()
    )


def _beside_tables(
    points: pd.DataFrame, found: Mapping[str, Mapping[str, Standing]], arm: str
) -> str:
    """By what factor an arm keeps less than the paper's masks as the tables have them."""
    tables = points[points.setting == TABLES]
    kept = {model: rows.kept.mean() for model, rows in by_network(tables).items()}
    each = {model: kept[model] / arms[arm].kept for model, arms in found.items()}
    return f"Beside the masks that Tables 1 and 2 use: {_fewer(each)}."


def _apart(points: pd.DataFrame, arm: str) -> str:
    """The factor where each training is taken for itself, with its interval."""
    own = ratio(points, arm)
    if own is None:
        return ""
    return (
        f" If each training chooses on its own test images, the factor is {_times(own.mean)} "
        f"[{_times(own.low)}, {_times(own.high)}] over {own.n} trainings."
    )


def frontier_figure(points: pd.DataFrame, arms: Sequence[str]) -> Figure:
    """D_r minus that of the paper's mask of the tables against bytes of values a step.

    The mask of the tables is ringed; the band is the margin. An arm has no point where it does not
    come down to the level on every judged training.

    Args:
        points: of :func:`reproduction.checking.frontier.measured`.
        arms: that are drawn.
    """
    judged = points[~points.trial]
    there = judged[judged.reached & judged.arm.isin(arms)]
    highest = -there.groupby(["dataset", "model", "arm", "setting"]).short.mean().min()
    top = max(2, math.ceil(highest) if math.isfinite(highest) else 2) + 1

    def draw(axis: Axes, rows: pd.DataFrame) -> None:
        axis.axhspan(-MARGIN, MARGIN, color=PALETTE["proposed"], alpha=0.12, linewidth=0)
        for arm in arms:
            _line(axis, arm, rows[rows.arm == arm])
        tables = rows[rows.setting == TABLES].kept.mean() * VALUE_BYTES
        ring = {"markersize": 10, "markerfacecolor": "none", "color": PALETTE["proposed"]}
        axis.plot(tables, 0, "o", **ring)
        axis.set_xscale("log")
        axis.set(xlabel="bytes of values a step", ylim=(LOWEST, top))

    label = r"$D_r$ minus the paper's (points)"
    return side_by_side(by_network(judged), draw, height=3.6, label=label)


def _line(axis: Axes, arm: str, rows: pd.DataFrame) -> None:
    """Mean differences of an arm's settings; of the two that matter with intervals over seeds."""
    at: list[tuple[float, float, float]] = []
    for _, found in rows[rows.setting != TABLES].groupby("setting"):
        if found.reached.all():
            mean = interval((-found.short).tolist(), limits().confidence)
            half = mean.high - mean.mean
            size = found.kept.mean() * VALUE_BYTES
            at.append((size, mean.mean, half if math.isfinite(half) else 0.0))
    if at:
        sizes, means, halves = zip(*sorted(at), strict=True)
        look = {"label": NAMES[arm], "elinewidth": 0.9, **_LOOK[arm]}
        axis.errorbar(sizes, means, yerr=halves if arm in BARRED else None, **look)


def choice_table(points: pd.DataFrame, *, caption: str) -> Table:
    """What each arm that a log can record takes, and what that comes to on the judged trainings."""
    found = standings(points)
    by_arm = {arm: factors(found, arm) for arm in (PAPER, *OWN)}
    rows = [
        [model, _kept(one), *_cells(one), _factor(by_arm[arm], model), one.word]
        for model, arms in found.items()
        for arm, one in arms.items()
    ]
    heads = ("Model", "Kept", "Entries", "Bytes", "λ", "d_t")
    heads += ("d_r − paper's", "Features", "Paper's entries over these", "Half a point")
    return simple_table(rows, headings=heads, caption=caption, labels=2)


def _factor(by_model: Mapping[str, float], model: str) -> str:
    return _times(by_model[model]) if model in by_model else NONE


def _kept(one: Standing) -> str:
    """The arm; with its layer where it has chosen one."""
    return f"{NAMES[one.arm]}, {one.setting}" if str(one.setting)[:5] == "layer" else NAMES[one.arm]


def _cells(one: Standing) -> list[str]:
    """Entries, bytes, strength, D_t, the difference, and how alike features are."""
    if one.rows is None or one.difference is None:
        return [NONE] * 6
    there = one.rows[one.rows.reached]
    bounds = f" [{signed(one.difference.low)}, {signed(one.difference.high)}]"
    difference = signed(one.difference.mean) + (bounds if one.difference.n > 1 else "")
    sizes = [f"{one.kept:,.0f}", f"{one.row_bytes:,.0f}"]
    measures = [f"{there.strength.mean():.2f}", f"{there.d_t.mean():.2f}"]
    alike = f"{there.representation.mean():.1f} %"
    return [*sizes, *measures, difference, alike]


def plain_table(points: pd.DataFrame, *, caption: str) -> Table:
    """The same choice where no more than all that is kept may be subtracted, l <= 1.

    A judged training that would need more is not there, and nothing is compared with the paper's
    mask where that one is not.
    """
    found = standings(limited(points, 1.0))
    rows = []
    for model, arms in found.items():
        for arm, one in arms.items():
            cells = _cells(one)
            factor = _factor(factors({model: arms}, arm), model)
            there = NONE if one.rows is None else f"{one.rows.reached.sum()} of {len(one.rows)}"
            rows.append([model, _kept(one), *cells[:2], there, cells[4], factor, one.word])
    heads = (
        "Model",
        "Kept",
        "Entries",
        "Bytes",
        "Trainings there",
        "d_r − paper's",
        "Paper's entries over these",
    )
    heads += ("Half a point",)
    return simple_table(rows, headings=heads, caption=caption, labels=2)


def grid_table(points: pd.DataFrame, *, caption: str) -> Table:
    """Every arm at every setting on the judged trainings: mean D_r minus the paper's."""
    judged = points[~points.trial & (points.arm != "one_layer") & (points.setting != TABLES)]
    parts = (judged.kept / judged.weights).groupby(judged.setting).mean()
    settings = parts.sort_values(ascending=False).index.tolist()
    rows = []
    for model, found in by_network(judged).items():
        for arm in (name for name in NAMES if name in set(found.arm)):
            mine = found[found.arm == arm]
            cells = [_mean(mine[mine.setting == setting]) for setting in settings]
            known = "with the request" if arm in AFTER else "early"
            rows.append([model, NAMES[arm], known, *cells])
    heads = ("Model", "Kept", "Known", *settings)
    return simple_table(rows, headings=heads, caption=caption, labels=2)


def _mean(rows: pd.DataFrame) -> str:
    """The mean difference, and on how many trainings the arm gets there, if not on all."""
    there = rows[rows.reached]
    if there.empty:
        return NONE
    count = "" if len(there) == len(rows) else f" ({len(there)} of {len(rows)})"
    return signed(-there.short.mean()) + count
