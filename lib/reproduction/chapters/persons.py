"""A person, not a class: what forgetting a few images touches, and what it leaves."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction.chapters.figures import look, side_by_side
from reproduction.chapters.forgotten import METHODS, by_method
from reproduction.chapters.membership import (
    CHANCE,
    ROWS,
    beside_chance,
    bounds,
    cases,
    coverage,
    spanned,
    tint,
)
from reproduction.chapters.pictures.dots import Dots, method_dots
from reproduction.chapters.tables import Table, simple_table, spread
from reproduction.chapters.verdict_box import one_decimal
from reproduction.checking.claims import limits
from reproduction.checking.measurements import Record, tidy
from reproduction.datasets.embedded import SIZES
from reproduction.datasets.sources import official_counts
from reproduction.study.intervals import Interval, interval
from reproduction.study.shuffling import expected_affected_fraction
from reproduction.study.stored_runs import Result

BATCHES = {"shuffled": "plainly shuffled", "together": "a person together"}
"""How batches are made, with the name on pages."""
WHOLE, PART = "amnesiac, all subtracted", "partial amnesiac, all subtracted"
NOTHING, ANOTHER = "trained", "another training"
"""A model of which nothing was taken back, and one that is retrained on other batches."""
FURTHER = (ANOTHER, *(row for row in ROWS if row != "retrained"))


def alone(results: Iterable[Result]) -> list[Result]:
    """The runs on complete trainings among these, each with requests of every size."""
    return [result for result in results if result.config.experiment == "persons"]


def carried_out(results: Iterable[Result]) -> pd.DataFrame:
    """Requests carried out, a row a run, kind of batches, number of images and method."""
    return tidy(alone(results), lambda result: result.levels)


def affected(results: Iterable[Result]) -> pd.DataFrame:
    """Shares of affected steps, a row a run, kind of batches and number of images.

    Beside them stands how many images were ``trained_on``, and the ``batch_size``.
    """

    def records(result: Result) -> Iterator[Record]:
        config = result.config
        official = sum(official_counts(config.dataset)["train"])
        whole = SIZES["train"] if config.source == "sample" else official
        known = {"trained_on": whole - config.unseen, "batch_size": config.training.batch_size}
        return ({**known, **record} for record in result.facts["affected"])

    return tidy(alone(results), records)


def in_turn(results: Iterable[Result]) -> pd.DataFrame:
    """Test accuracy as persons ask one after another, everything subtracted."""
    return tidy(alone(results), lambda result: result.facts["in_turn"])


def over_seeds(
    points: pd.DataFrame, measure: str, by: Sequence[str]
) -> dict[tuple[object, ...], Interval]:
    """Mean over trainings with its interval, by some columns."""
    return {
        key: interval(rows[measure].tolist(), limits().confidence)
        for key, rows in points.groupby(list(by), sort=False)
    }


def _gap(points: pd.DataFrame, images: int, method: str) -> str:
    """Total variation to the twin, percent, under plain shuffling, with its interval."""
    case = points[(points.batches == "shuffled") & (points.images == images)]
    values = case[case.method == method].total_variation.tolist()
    return spanned(interval(values, limits().confidence))


def answer(results: Sequence[Result], attacked: pd.DataFrame) -> str:
    """What happens to one image, and to one in a hundred.

    Args:
        results: of the complete data.
        attacked: of :func:`reproduction.chapters.membership.single`, of the same.
    """
    points = carried_out(results)
    if points.empty:
        return f"Not to be told yet: {coverage('persons')}."
    few, many = min(points.images), max(points.images)
    kept = over_seeds(points, "accuracy", ("batches", "images", "method"))

    def lost(batches: str, images: int, method: str = WHOLE) -> str:
        drop = kept[batches, images, NOTHING].mean - kept[batches, images, method].mean
        return f"{drop:.1f}"

    return (
        f"**Taking back whole steps that saw {_images(few)} costs {lost('shuffled', few)} points "
        f"of test accuracy. With {_images(many)}, plainly shuffled, it costs "
        f"{lost('shuffled', many)}, and the paper’s part {lost('shuffled', many, PART)}; if they "
        f"stood together in training, {lost('together', many)} and "
        f"{lost('together', many, PART)}.** "
        f"{_touched(affected(results))} "
        f"Beside the twin that never saw the {_images(few)}, total variation is "
        f"{_gap(points, few, NOTHING)} % if nothing is done, {_gap(points, few, WHOLE)} % after "
        f"its steps are subtracted, {_gap(points, few, PART)} % after the paper’s part of them is, "
        f"and {_gap(points, few, ANOTHER)} % for another model that "
        f"never saw it either. {_attacked(attacked)} This rests on {coverage('persons')}."
    )


def few_images(results: Sequence[Result]) -> str:
    """What requests of the two smallest sizes touch and cost, plainly shuffled, as a sentence."""
    shares = over_seeds(affected(results), "measured", ("batches", "images"))
    kept = over_seeds(carried_out(results), "accuracy", ("batches", "images", "method"))
    sizes = sorted({images for _, images in shares})[:2]
    if not sizes:
        return ""
    touched = " and ".join(f"{100 * shares['shuffled', n].mean:.1f}" for n in sizes)
    cost = " and ".join(
        one_decimal(kept["shuffled", n, NOTHING].mean - kept["shuffled", n, PART].mean).lstrip("+")
        for n in sizes
    )
    return (
        f" Requests of {' and '.join(map(str, sizes))} images touched {touched} % of an "
        f"{results[0].config.model}’s steps and cost {cost} points of accuracy."
    )


def _images(count: int) -> str:
    return f"{count} image{'s' if count > 1 else ''}"


def _touched(shares: pd.DataFrame) -> str:
    """Which part of the steps the smallest and the largest request touch."""
    found = over_seeds(shares, "measured", ("batches", "images"))
    few, many = min(shares.images), max(shares.images)
    return (
        f"Plainly shuffled, a request of {_images(few)} touches "
        f"{100 * found['shuffled', few].mean:.1f} % of the steps and one of {_images(many)} "
        f"{100 * found['shuffled', many].mean:.1f} %; together, "
        f"{100 * found['together', many].mean:.1f} %."
    )


def _attacked(points: pd.DataFrame) -> str:
    """In which requests an attack on single images still finds something."""
    kinds = {WHOLE: "whole steps were subtracted", PART: "the paper’s part was"}
    mine = points[points.method.isin(kinds)] if len(points) else points
    if mine.empty:
        return "No attack was run yet."
    lira, seen = mine[mine.attack == "LiRA"], mine[mine.attack == "U-LiRA"]
    told = [
        f"{_told(lira[lira.method == m])} after {said}"
        for m, said in kinds.items()
        if m in {*lira.method}
    ]
    return (
        "An attack on single images (LiRA, which ranks one that was trained on above one that was "
        f"not; {CHANCE:g} % of pairs is chance) does better than chance in {' and in '.join(told)}."
        f" Beside retrained models (U-LiRA) it ranks up to {seen.auc.max():.1f} % rightly: whoever "
        "has those sees that something was taken back."
    )


def _told(attacked: pd.DataFrame) -> str:
    """In how many kinds of request an attack is not at chance, the one it tells best with it."""
    above = attacked[(attacked.auc_low > CHANCE) | (attacked.auc_high < CHANCE)]
    said, others = f"{len(above)} of {len(attacked)} kinds of request", attacked.drop(above.index)
    if above.empty:
        return said
    most = above.loc[(above.auc - CHANCE).abs().idxmax()]
    best = f"best for {_images(most.request)} {most.batches}: {bounds(most)} % of pairs"
    sides = f"{' or '.join(map(str, sorted({*others.per_side})))} models a side"
    near = f"; in the others, of {sides}, it may be up to {others.auc_high.max():.1f} %"
    return f"{said} ({best}{near if len(others) else ''})"


def affected_figure(points: pd.DataFrame) -> Figure:
    """Share of affected steps against images in a request: measured, and in closed form.

    Args:
        points: of :func:`affected`.
    """

    def draw(axis: Axes, rows: pd.DataFrame) -> None:
        count, batch = (int(rows[name].iloc[0]) for name in ("trained_on", "batch_size"))
        steps = -(-count // batch)
        asked = np.unique(np.geomspace(1, max(rows.images) * 1.5, 40).round().astype(int))
        lines = {
            "shuffled": [expected_affected_fraction(count, batch, int(k)) for k in asked],
            "together": [np.ceil(k / batch) / steps for k in asked],
        }
        for batches, role in (("shuffled", "baseline"), ("together", "proposed")):
            mine, style = rows[rows.batches == batches], look(role)
            axis.plot(asked, 100 * np.array(lines[batches]), color=style["color"], linewidth=1)
            name = BATCHES[batches]
            style |= {"markersize": 5, "linestyle": "none"}
            axis.plot(mine.images, 100 * mine.measured, label=name, **style)
        axis.set(xscale="log", xlabel="images in the request", ylim=(-3, 103))

    panels = {"": points} if len(points) else {}
    return side_by_side(panels, draw, height=3.0, label="steps affected (%)")


def gap_figure(points: pd.DataFrame) -> Figure:
    """Total variation to the person's twin by method, a panel a size of request.

    Args:
        points: of :func:`carried_out`.
    """

    def logarithmic(axis: Axes, _: Dots) -> None:
        axis.set(xscale="symlog", xlim=(0, 110), xticks=[0, 1, 10, 100])
        axis.set_xticklabels(["0", "1", "10", "100"])

    panels = {
        _images(images): {
            name: by_method(rows[rows.batches == batches], "total_variation")
            for batches, name in BATCHES.items()
        }
        for images, rows in cases(points, "images")
    }
    there = [m for m in FURTHER if len(points) and m in set(points.method)]
    label = "total variation (%)"
    return method_dots(panels, there, label=label, colour=tint, behind=logarithmic)


def request_table(points: pd.DataFrame, *, caption: str) -> Table:
    """Every request by every method, mean and standard deviation over trainings.

    Args:
        points: of :func:`carried_out`.
        caption: says what the table shows.
    """
    measures = {
        "logit_gap": "Surer than the twin by",
        "total_variation": "Total variation",
        "accuracy": "Accuracy",
        "agreement": "Agreement",
    }
    rows = []
    for (images, batches), found in cases(points, "images", "batches"):
        for method in (m for m in FURTHER if m in set(found.method)):
            mine = found[found.method == method]
            cells = [spread(mine[name].tolist()) for name in measures]
            there = f"{int(mine.reached.sum())} of {len(mine)}" if method in METHODS else "–"
            rows.append([str(images), BATCHES[batches], method, *cells, there])
    heads = ["Images", "Batches", "Method", *measures.values(), "Trainings that forgot"]
    return simple_table(rows, headings=heads, caption=caption, labels=3)


def affected_table(points: pd.DataFrame, *, caption: str) -> Table:
    """Share of affected steps, measured and in closed form, by size of request.

    Args:
        points: of :func:`affected`.
        caption: says what the table shows.
    """
    rows = [
        [BATCHES[batches], str(images), f"{100 * found.expected.iloc[0]:.2f}"]
        + [spread((100 * found.measured).tolist())]
        for (batches, images), found in cases(points, "batches", "images")
    ]
    heads = ["Batches", "Images", "In closed form", "Measured"]
    return simple_table(rows, headings=heads, caption=caption, labels=2)


def turn_figure(points: pd.DataFrame) -> Figure:
    """Test accuracy against the number of persons who have asked, a panel a kind of batches.

    Args:
        points: of :func:`in_turn`.
    """

    def draw(axis: Axes, rows: pd.DataFrame) -> None:
        for order, (method, mine) in enumerate(rows.groupby("method", sort=False)):
            means = mine.groupby("persons").accuracy.mean()
            style = look(("baseline", "proposed")[order])
            axis.plot(means.index, means, label=method, **style)
        axis.set(xlabel="persons who have asked", ylim=(-3, 103))

    panels = {BATCHES[name]: rows for name, rows in cases(points, "batches")}
    return side_by_side(panels, draw, height=2.8, label="test accuracy (%)")


def attack_table(points: pd.DataFrame, *, caption: str) -> Table:
    """Attacks on single images by size of request and kind of batches.

    Args:
        points: of :func:`reproduction.chapters.membership.single`.
        caption: says what the table shows.
    """
    rows = []
    mine = points[points.attack.isin(("LiRA", "U-LiRA"))] if len(points) else points
    for (request, batches), found in cases(mine, "request", "batches"):
        at = {(row.method, row.attack): row for _, row in found.iterrows()}
        for method in (m for m in ROWS if (m, "LiRA") in at):
            one, retrained = at[method, "LiRA"], at.get((method, "U-LiRA"))
            cells = [bounds(one), beside_chance(one.auc_low, one.auc_high), bounds(one, "tpr_1")]
            cells.append("–" if retrained is None else bounds(retrained))
            sides = f"{request} ({one.per_side} a side)"
            rows.append([sides, BATCHES[batches], method, *cells])
    heads = ["Images", "Batches", "Method", "LiRA: AUC", "LiRA is", "TPR at 1 %", "U-LiRA: AUC"]
    return simple_table(rows, headings=heads, caption=caption, labels=3)
