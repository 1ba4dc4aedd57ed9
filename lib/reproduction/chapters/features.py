"""What the features still know of a class that the outputs have forgotten."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction.chapters.figures import look, side_by_side
from reproduction.chapters.forgotten import (
    METHODS,
    PUBLISHED,
    SECOND,
    TWIN,
    coverage,
    differences,
    in_order,
    shown,
    signed_interval,
)
from reproduction.chapters.tables import NONE, Table, simple_table, spread
from reproduction.checking.claims import limits
from reproduction.checking.measurements import tidy
from reproduction.study.intervals import Interval, interval
from reproduction.study.stored_runs import Result

Record = dict[str, Any]


def last_hidden(result: Result) -> Iterator[Record]:
    """Each model's probe and CKA where its last layer reads them, and what its outputs say."""
    layers = list(dict.fromkeys(record["layer"] for record in result.layers))
    outputs = {record["method"]: record["d_t"] for record in result.beside}
    for record in result.layers:
        if record["layer"] == layers[-2]:
            yield {**record, "d_t": outputs.get(record["method"], math.nan)}


def by_layer(result: Result) -> Iterator[Record]:
    """Every layer's records, with its ``depth``: 0 are the images, the last are the outputs."""
    layers = list(dict.fromkeys(record["layer"] for record in result.layers))
    for record in result.layers:
        yield {**record, "depth": layers.index(record["layer"])}


def relearned(result: Result) -> Iterator[Record]:
    """Steps until the class is known again, from each number of images, a column each.

    Where it is not, ``steps_N`` has the steps tried; ``never_N`` tells.
    """
    for method in dict.fromkeys(record["method"] for record in result.relearned):
        mine = [record for record in result.relearned if record["method"] == method]
        steps = {f"steps_{record['shown']}": record["steps"] for record in mine}
        never = {f"never_{record['shown']}": not record["reached"] for record in mine}
        yield {"method": method, **steps, **never}


def shown_counts(results: Sequence[Result]) -> list[int]:
    """From how many images the class is relearned."""
    return sorted({record["shown"] for result in results for record in result.relearned})


def excess(points: pd.DataFrame, measure: str) -> Interval:
    """Methods minus their twins, a seed's mean over models and methods, over trainings."""
    wide = points.pivot(index=["seed", "model"], columns="method", values=measure)
    less = wide.reindex(columns=METHODS).sub(wide[TWIN], axis=0)
    seeds = less.stack().groupby("seed").mean()
    return interval(seeds.tolist(), limits().confidence)


def answer(results: Sequence[Result]) -> str:
    """Whether the features hold the class where the outputs do not.

    Args:
        results: of the complete data.
    """
    if not results:
        return inside(results)
    again, back = known_again(results), _returned(results)
    return f"{inside(results)} {again} {back} This rests on {coverage()}."


def inside(results: Sequence[Result]) -> str:
    """What a linear probe finds of the class in the last hidden layer, beside the twin's."""
    if not results:
        return f"Not to be told: {coverage()}."
    points = tidy(results, last_hidden)
    mine, twin = points[points.method.isin(METHODS)], points[points.method == TWIN]
    total = excess(points, "probe")
    return (
        f"{_held(total)} After all six methods, where the outputs recognise "
        f"{mine.d_t.mean():.1f} % of its test images, a linear probe of the last hidden layer "
        f"sorts {mine.probe.mean():.1f} % of images rightly, and {twin.probe.mean():.1f} % "
        f"in a model that never saw it: {signed_interval(total)} points.{_cases(points)}"
    )


def known_again(results: Sequence[Result]) -> str:
    """How soon each network knows the class again from a few images, beside its twin."""
    steps, fewest = tidy(results, relearned), min(shown_counts(results))
    parts, after_all = [], []
    for model, found in steps.groupby("model", sort=False):
        soon = _steps(found[found.method.isin(METHODS)], fewest)
        never = _steps(found[found.method == TWIN], fewest)
        parts.append(f"{soon} ({model}; one that never saw it: {never})")
        part = found[found.method == PUBLISHED[1]]
        after_all += [f"{_steps(part, fewest)} ({model})"] if len(part) else []
    told = f" With all of the paper’s part taken back: after {', '.join(after_all)}."
    return (
        f"Shown {fewest} images of the class, a network that has forgotten it knows it again after "
        f"{', '.join(parts)} steps, median over all six methods at equal forgetting."
        f"{told if after_all else ''}"
    )


def _held(total: Interval) -> str:
    if total.n == 1:
        return "One seed so far."
    if total.low > 0:
        return "**More of the class is left than in a twin.**"
    return "**That more of the class is left than in a twin is not shown.**"


def _cases(points: pd.DataFrame) -> str:
    """In how many cases the features of a method tell more than its twin's."""
    apart = differences(points, "probe", TWIN)
    found = [one for case, one in apart.items() if case[1] in METHODS and one.n > 1]
    more = sum(one.low > 0 for one in found)
    if not found:
        return ""
    return (
        f" The 95 % interval is above zero in {more} of {len(found)} cases (a method on a model)."
    )


def _returned(results: Sequence[Result]) -> str:
    """What is recognised at most after fine-tuning on retained data alone."""
    points = tidy(results, lambda result: result.fine_tuned)
    means = points.groupby(["model", "method", "steps"]).d_t.mean()
    model, method, steps = means.idxmax()
    return (
        f"Training on retained data alone brings back most after {method} on {model}: "
        f"{means.max():.1f} % on average after {steps} steps."
    )


GROUPS: Mapping[str, tuple[str, ...]] = {
    "trained": ("trained",),
    "retrained": (TWIN,),
    "retrained, another seed": (SECOND,),
    "untrained": ("untrained",),
    "the six methods": METHODS,
}


def layer_figure(results: Sequence[Result], measure: str, label: str) -> Figure:
    """A measure from layer to layer; of the methods their mean, from the least to the most.

    Args:
        results: the runs.
        measure: of :func:`by_layer`'s records.
        label: of the axis.
    """

    def draw(axis: Axes, rows: pd.DataFrame) -> None:
        for order, (name, methods) in enumerate(GROUPS.items()):
            means = rows[rows.method.isin(methods)].groupby(["depth", "method"])[measure].mean()
            if means.empty:
                continue
            middle, style = means.groupby("depth").mean(), look(name, order)
            axis.plot(middle.index, middle, label=name, **style)
            if len(methods) > 1:
                low, high = (means.groupby("depth").agg(end) for end in ("min", "max"))
                axis.fill_between(middle.index, low, high, color=style["color"], alpha=0.2)
        last = rows.depth.max()
        names = ["images", *map(str, range(1, last)), "outputs"]
        axis.set_xticks(range(last + 1), names)
        axis.set(xlabel="after layer")

    panels = dict(list(tidy(results, by_layer).groupby("model", sort=False)))
    return side_by_side(panels, draw, height=2.8, label=label)


def feature_table(results: Sequence[Result], *, caption: str) -> Table:
    """Probe and CKA of the last hidden layer, and steps to relearn; the probe beside the twin's."""
    points, steps = tidy(results, last_hidden), tidy(results, relearned)
    counts = shown_counts(results)
    apart = differences(points, "probe", TWIN) if len(points) else {}
    rows = []
    for model, found in points.groupby("model", sort=False):
        for method in in_order(found):
            mine = found[found.method == method]
            again = steps[(steps.model == model) & (steps.method == method)]
            beside = NONE if method == TWIN else signed_interval(apart[model, method])
            cells = [spread(mine.d_t.dropna().tolist())]
            cells += [_steps(again, count) if len(again) else NONE for count in counts]
            cells += [spread(mine.probe.dropna().tolist()), beside]
            cells += [spread(mine[name].tolist()) for name in ("cka_target", "cka_retained")]
            rows.append([model, shown(method), *cells])
    heads = ["Model", "Method", "d_t", *(f"Steps, {count} images" for count in counts)]
    heads += ["Probe", "Probe minus twin's", "CKA, target", "CKA, retained"]
    return simple_table(rows, headings=heads, caption=caption, labels=2)


def _steps(found: pd.DataFrame, count: int) -> str:
    """The median number of steps to relearn from so many images; "more than" where not reached."""
    middle = found[f"steps_{count}"].median()
    never = found[f"never_{count}"].astype(bool)
    censored = math.isinf(found[f"steps_{count}"].mask(never, math.inf).median())
    return f"more than {middle:.0f}" if censored else f"{middle:.0f}"


def returned_table(results: Sequence[Result], *, caption: str) -> Table:
    """Accuracies after brief training on retained data alone, beside where it begins."""
    starts = tidy(results, lambda result: [r for r in result.beside if r["method"] in METHODS])
    points = pd.concat([starts.assign(steps=0), tidy(results, lambda result: result.fine_tuned)])
    steps = sorted(points.steps.unique())
    rows = []
    for model, found in points.groupby("model", sort=False):
        for method in in_order(found):
            mine = found[found.method == method]
            cells = [
                spread(mine[mine.steps == count][name].tolist())
                for name in ("d_t", "d_r")
                for count in steps
            ]
            rows.append([model, method, *cells])
    heads = [f"{name}, {count:g} steps" for name in ("d_t", "d_r") for count in steps]
    return simple_table(rows, headings=["Model", "Method", *heads], caption=caption, labels=2)
