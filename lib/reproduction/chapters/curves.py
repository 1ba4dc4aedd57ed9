"""Accuracy at falling levels of recognised target images, from runs to what figures draw."""

from collections.abc import Sequence

import pandas as pd

from reproduction.chapters.figures import Curve
from reproduction.checking.measurements import METHODS
from reproduction.study.stored_runs import Result


def runs_with(results: Sequence[Result], **fields: object) -> list[Result]:
    """Those results whose configurations have these values, ``dataset="mnist"`` for example.

    There are none where a profile has no settings for them yet; tables and figures then say so.
    """
    return [r for r in results if all(getattr(r.config, k) == v for k, v in fields.items())]


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
