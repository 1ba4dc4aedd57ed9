"""Accuracy over epochs, steps and shares, from runs to what figures draw."""

from collections.abc import Sequence
from statistics import mean

from reproduction.chapters.figures import Curve, Panel
from reproduction.checking.measurements import METHODS, tidy
from reproduction.study.stored_runs import Result

Points = list[dict[str, float]]
NAMES = ("d_t", "d_r")


def mean_curve(runs: Sequence[Points]) -> Curve:
    """The mean over seeds, point by point; a run that ended earlier stays where it ended."""
    longest = max(len(points) for points in runs)
    steps = [[points[min(step, len(points) - 1)] for points in runs] for step in range(longest)]
    return Curve(*([mean(point[name] for point in step) for step in steps] for name in NAMES))


def by_model(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Results grouped by model, in the order in which the models appear."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result["config"]["model"], []).append(result)
    return groups


def of_dataset(results: Sequence[Result], dataset: str) -> list[Result]:
    """The results on one data set."""
    return [result for result in results if result["config"]["dataset"] == dataset]


def path(result: Result, method: str, order: str = "backward") -> Points:
    """D_t and D_r while a method unlearns, beginning with the trained model.

    Args:
        result: of one of the three families of methods.
        method: ``baseline`` or ``proposed``.
        order: of epochs, where a run has both; gradient steps have one order only.
    """
    points = result["curves"][method]
    return points[order] if isinstance(points, dict) else points


def unlearning(results: Sequence[Result]) -> dict[str, dict[str, Curve]]:
    """For each model the curve of each method, mean over seeds; latest epochs undone first."""
    return {
        model: {method: mean_curve([path(run, method) for run in runs]) for method in METHODS}
        for model, runs in by_model(results).items()
    }


def panels(results: Sequence[Result], order: str) -> list[Panel]:
    """What Figures 1 and 2 draw, a model a panel.

    Args:
        results: of Table 1 or 2: runs of amnesiac unlearning, and retrained models or none.
        order: in which the epochs are undone, ``backward`` or ``forward``.
    """
    retrained = [r for r in results if r["config"]["experiment"] == "retrained"]
    ends = {m: mean_curve([r["rows"] for r in runs]) for m, runs in by_model(retrained).items()}
    amnesiac = [r for r in results if r["config"]["experiment"] == "amnesiac"]
    return [
        _panel(model, runs, order, ends.get(model)) for model, runs in by_model(amnesiac).items()
    ]


def _panel(model: str, runs: list[Result], order: str, retrained: Curve | None) -> Panel:
    # The first point of each curve, the model before the first epoch, is the end of another one.
    training = mean_curve([run["curves"]["training"][1:] for run in runs])
    unlearned = {m: mean_curve([path(run, m, order)[1:] for run in runs]) for m in METHODS}
    return Panel(model, training, unlearned, retrained)


def share_panels(
    results: Sequence[Result], measure: str, titles: dict[str, str]
) -> dict[str, dict[str, dict[float, float]]]:
    """What Figure 4 draws: data set -> strategy -> affected share -> mean accuracy in percent."""
    rows = tidy(results)
    rows = rows[rows.method != "trained"]
    panels: dict[str, dict[str, dict[float, float]]] = {}
    for dataset, title in titles.items():
        found = rows[rows.dataset == dataset]
        strategies = {
            strategy: points.groupby("share")[measure].mean().to_dict()
            for strategy, points in found.groupby("method", sort=False)
        }
        if strategies:
            panels[title] = strategies
    return panels
