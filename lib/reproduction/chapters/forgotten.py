"""Is it really forgotten? What the chapters of that part have in common."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction.chapters.figures import PALETTE, look
from reproduction.chapters.pictures.dots import Dots, method_dots
from reproduction.checking.claims import limits
from reproduction.checking.measurements import tidy
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

NO_POINTS = pd.Series(dtype=float)
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
    known = f"{there} of {len(configs)} runs on the complete data ({len(seeds)} trainings a model)"
    return known if there == len(configs) else f"{known} so far, so that findings may change"


def brought_back() -> pd.Series:
    """Mean D_t after steps on the other classes, by their number, model and method."""
    points = tidy(stored("forgotten", "full"), lambda result: result.fine_tuned)
    return points.groupby(["steps", "model", "method"]).d_t.mean() if len(points) else NO_POINTS


def differences(points: pd.DataFrame, measure: str, reference: str) -> Intervals:
    """Every method's mean difference to another, over trainings in which both are measured."""
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
    """A dot a method and measure with its interval over trainings, a panel a model.

    The vertical lines are the reference's means: solid for the first measure, dashed for the next.

    Args:
        points: with a row for each model, seed and method.
        measures: columns of it, the first drawn filled, with their names.
        label: of the axis.
        reference: the method whose means are lines.
    """

    def level(axis: Axes, dots: Dots) -> None:
        for order, found in enumerate(dots.values()):
            style = {"color": PALETTE["retrained"], "linewidth": 1}
            axis.axvline(found[reference].mean, linestyle=["-", (0, (4, 2))][order], **style)

    panels = {
        model: {name: by_method(rows, measure) for measure, name in measures.items()}
        for model, rows in points.groupby("model", sort=False)
    }
    rows = in_order(points)
    return method_dots(panels, rows, label=label, colour=colour, shown=shown, behind=level)


def by_method(rows: pd.DataFrame, measure: str) -> dict[str, Interval]:
    """Every method's mean with its interval over trainings."""
    values = rows.groupby("method", sort=False)[measure]
    return {method: interval(v.tolist(), limits().confidence) for method, v in values}


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
