"""Is it really forgotten? What the chapters of that part have in common."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction.chapters.figures import INK, PALETTE, look, side_by_side
from reproduction.checking.claims import limits
from reproduction.study.experiments import configs_of
from reproduction.study.intervals import Interval, interval
from reproduction.study.profiles import load_profile
from reproduction.study.results import stored

METHODS = (
    *("amnesiac", "partial amnesiac", "label flipping", "partial label flipping"),
    *("loss ascent", "partial loss ascent"),
)
"""The tables' methods; each partial one follows the whole one."""

PUBLISHED = ("amnesiac, published", "partial amnesiac, published")
TWIN, SECOND = "retrained", "retrained, next seed"
ROWS = (*("trained", "trained, placed", TWIN, SECOND, *METHODS, *PUBLISHED, "untrained"),)

Intervals = dict[tuple[str, str], Interval]
"""By model and method."""


def shown(method: str) -> str:
    """A method's name on pages."""
    names = {
        "trained, placed": "trained, target confined",
        TWIN: "retrained",
        SECOND: "retrained, another seed",
        **{name: name.replace("published", "all subtracted") for name in PUBLISHED},
    }
    return names.get(method, method)


def coverage() -> str:
    """How many runs of the complete data there are, of how many."""
    configs = configs_of("forgotten", load_profile("full"))
    there, seeds = len(stored("forgotten", "full")), {config.seed for config in configs}
    if not there:
        return f"no run on the complete data yet, of {len(configs)}"
    known = f"{there} of {len(configs)} runs on the complete data ({len(seeds)} seeds a model)"
    return known if there == len(configs) else f"{known} so far, so that findings may change"


def differences(points: pd.DataFrame, measure: str, reference: str) -> Intervals:
    """Every method's mean difference to another, over seeds in which both are measured."""
    found = {}
    for model, rows in points.groupby("model", sort=False):
        wide = rows.pivot(index="seed", columns="method", values=measure)
        for method in (m for m in ROWS if m in wide):
            pairs = (wide[method] - wide[reference]).dropna().tolist()
            if pairs:
                found[model, method] = interval(pairs, limits().confidence)
    return found


def in_order(found: pd.DataFrame) -> list[str]:
    """The methods of a table, as the pages have them."""
    return [method for method in ROWS if method in set(found.method)]


def dot_figure(
    points: pd.DataFrame, measures: Mapping[str, str], *, label: str, reference: str = TWIN
) -> Figure:
    """A dot a method and measure with its interval over seeds, a panel a model.

    The vertical lines are the reference's means: solid for the first measure, dashed for the next.

    Args:
        points: with a row for each model, seed and method.
        measures: columns of it, the first drawn filled, with their names.
        label: of the axis.
        reference: the method whose means are lines.
    """
    methods = in_order(points)

    def draw(axis: Axes, rows: pd.DataFrame) -> None:
        for order, (measure, name) in enumerate(measures.items()):
            level = rows[rows.method == reference][measure].mean()
            style = {"color": PALETTE["retrained"], "linewidth": 1}
            axis.axvline(level, linestyle=["-", (0, (4, 2))][order], **style)
            axis.plot([], [], "oD"[order], color=INK, label=name, **_filled(order, INK))
            for row, method in enumerate(methods):
                values = rows[rows.method == method][measure].tolist()
                if values:
                    _dot(axis, row + 0.2 * order, values, colour(method), order)
        axis.set_yticks(range(len(methods)), [shown(method) for method in methods])
        axis.set(ylim=(len(methods) - 0.4, -0.6), xlabel=label)

    panels = dict(list(points.groupby("model", sort=False)))
    return side_by_side(panels, draw, height=1.3 + 0.22 * len(methods))


def _filled(order: int, tint: str) -> dict[str, str]:
    return {"markerfacecolor": "white" if order else tint}


def _dot(axis: Axes, row: float, values: list[float], tint: str, order: int) -> None:
    """Mean and interval over seeds; of one seed there is no interval."""
    found = interval(values, limits().confidence)
    bars = [[found.mean - found.low], [found.high - found.mean]]
    ends = bars if np.isfinite(bars).all() else None
    style = {"color": tint, "elinewidth": 1, **_filled(order, tint)}
    axis.errorbar(found.mean, row, xerr=ends, fmt="oD"[order], **style)


def colour(method: str) -> str:
    """Whole methods have the baseline's colour, partial ones the proposed method's."""
    if method.startswith("partial"):
        return PALETTE["proposed"]
    if method in METHODS or method in PUBLISHED:
        return PALETTE["baseline"]
    return PALETTE["retrained"] if method.startswith("retrained") else look(method, 2)["color"]


def signed_interval(found: Interval) -> str:
    """A difference with its bounds, real minus signs."""
    bounds = f" [{found.low:+.1f}, {found.high:+.1f}]" if found.n > 1 else ""
    return f"{found.mean:+.1f}{bounds}".replace("-", "−")
