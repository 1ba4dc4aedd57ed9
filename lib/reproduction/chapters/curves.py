"""Accuracy over epochs, steps and shares, from runs to what figures draw."""

from collections.abc import Sequence

import pandas as pd

from reproduction.chapters.figures import Curve, Difference, Panel
from reproduction.checking.measurements import METHODS, curve_points, tidy
from reproduction.study.stored_runs import Result


def runs_with(results: Sequence[Result], **fields: object) -> list[Result]:
    """Those results whose configurations have these values, ``dataset="mnist"`` for example.

    There are none where a profile has no settings for them yet; tables and figures then say so.
    """
    return [r for r in results if all(getattr(r.config, k) == v for k, v in fields.items())]


def mean_curve(rows: pd.DataFrame) -> Curve:
    """The mean over seeds, step by step; a run that ended earlier stays where it ended."""
    seeds = rows.pivot(index="step", columns="seed", values=["d_t", "d_r"]).ffill()
    return Curve(*(seeds[name].mean(axis=1).tolist() for name in ("d_t", "d_r")))


def _mean_curves(rows: pd.DataFrame, order: str) -> dict[str, Curve]:
    """The curve of each method; gradient steps and training have one order only."""
    rows = rows[(rows.order == order) | rows.order.isna()]
    return {method: mean_curve(found) for method, found in rows.groupby("method", sort=False)}


def frontier_panels(
    points: pd.DataFrame, levels: Sequence[float], methods: Sequence[str] = METHODS
) -> dict[str, dict[str, Curve]]:
    """For each model, each method's mean accuracies at each level it reaches in every seed.

    Args:
        points: of one table and placement.
        levels: percent of the target images trained on, from many to few.
        methods: whose curves are drawn, as far as they were run.
    """
    at_levels = points[(points.end == "train") & points.method.isin(methods)]
    found: dict[str, dict[str, Curve]] = {}
    for (model, method), rows in at_levels.groupby(["model", "method"], sort=False):
        by_level = rows.groupby("level")
        means = by_level[["d_t", "d_r"]].mean()[by_level.reached.all()].reindex(levels).dropna()
        found.setdefault(model, {})[method] = Curve(means.d_t.tolist(), means.d_r.tolist())
    return found


def difference_panels(found: pd.DataFrame, titles: dict[str, str]) -> dict[str, dict]:
    """What the figure of differences draws: by the title of a reading, for each model.

    Args:
        found: of :func:`reproduction.chapters.comparison.differences`, of one placement.
        titles: reading -> title of its panel.
    """
    run = found[found["mean"].notna()]
    return {
        title: {
            row.model: Difference(row["mean"], row.low, row.high, _shown(row), row.word)
            for _, row in run[run.reading == reading].iterrows()
        }
        for reading, title in titles.items()
    }


def _shown(row: pd.Series) -> float | None:
    """The paper's number belongs to the paper's own end."""
    return row.printed if row.reading == "published" else None


def panels(results: Sequence[Result], order: str) -> dict[str, Panel]:
    """What Figures 1 and 2 draw, by model.

    Args:
        results: of Table 1 or 2: runs of amnesiac unlearning, and retrained models or none.
        order: in which the epochs are undone, ``backward`` or ``forward``.
    """
    ends = tidy(runs_with(results, experiment="retrained")).assign(step=0).groupby("model")
    retrained = {model: mean_curve(found) for model, found in ends}
    rows = tidy(runs_with(results, experiment="amnesiac"), curve_points)
    if rows.empty:
        return {}
    # The first point of each curve, the model before the first epoch, is the end of another one.
    found = {
        model: _mean_curves(points, order)
        for model, points in rows[rows.step >= 1].groupby("model", sort=False)
    }
    return {m: Panel(c.pop("training"), c, retrained.get(m)) for m, c in found.items()}
