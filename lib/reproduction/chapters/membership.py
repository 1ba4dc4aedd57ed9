"""Membership: can an attack tell that an image was in the training data, after it was forgotten?"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction import paper
from reproduction.chapters.complete import complete_runs
from reproduction.chapters.figures import SOFT, look, side_by_side
from reproduction.chapters.forgotten import METHODS, TWIN, colour
from reproduction.chapters.pictures.dots import Dots, method_dots
from reproduction.chapters.tables import NONE, Table, simple_table
from reproduction.checking.claims import limits
from reproduction.checking.measurements import Record, tidy
from reproduction.study.configs import Config, CrowdConfig
from reproduction.study.experiments import configs_of
from reproduction.study.intervals import Interval, interval
from reproduction.study.profiles import load_profile
from reproduction.study.stored_runs import Result, find

CHANCE = 50.0
"""Percent, the area of an attack that knows nothing."""
SELDOM = 50
"""Percent of requests; a method that comes to its level in fewer is named apart."""
ROWS = (
    *("trained", TWIN, *METHODS),
    *("amnesiac, all subtracted", "partial amnesiac, all subtracted"),
)
DRAWN = ("trained", TWIN, "amnesiac", "partial amnesiac", "label flipping", "loss ascent")
"""Methods that a curve is drawn of; the others lie close to these, and are in the tables."""
RATES = {"auc": "AUC", "tpr_1": "TPR at 1 %", "tpr_01": "TPR at 0.1 %"}


def crowds(results: Iterable[Result]) -> list[Result]:
    """The runs of many models among these."""
    return [result for result in results if result.config.experiment == "crowd"]


def populations(results: Iterable[Result]) -> list[Result]:
    """The population attacks on classes among these."""
    return [result for result in results if result.config.experiment == "membership"]


def crowd_name(config: CrowdConfig) -> str:
    """Model and labels, such as ``MLP, wrong labels``."""
    return f"{config.model}, wrong labels" if config.labels == "wrong" else config.model


def single(results: Iterable[Result]) -> pd.DataFrame:
    """Attacks on single images, a row a run, method and attack.

    ``crowd`` names the run, ``there`` is the percentage of requests in which the method came to
    its level.
    """

    def records(result: Result) -> Iterator[Record]:
        known = {"crowd": crowd_name(result.config), "request": result.config.request}
        known |= {"batches": result.config.batches, "per_side": result.config.models // 2}
        there = {row["method"]: row["reached"] for row in result.levels}
        return ({**known, **a, "there": there.get(a["method"])} for a in result.attacks)

    return tidy(results, records)


def attack_on_the_mlp(attack: str = "LiRA") -> pd.DataFrame:
    """What an attack tells of the MLP's single images, complete data, by method, in percent."""
    points = single(crowds(complete_runs("membership")))
    if points.empty:
        return pd.DataFrame(columns=["auc", "there"])
    return points[(points.crowd == "MLP") & (points.attack == attack)].set_index("method")


def of_classes(results: Iterable[Result]) -> pd.DataFrame:
    """Population attacks on classes, a row a run, method and kind of images told from."""
    return tidy(results, lambda result: result.attacks)


def coverage(experiment: str) -> str:
    """How many runs of the complete data there are, and which are missing."""
    configs = configs_of(experiment, load_profile("full"))
    missing = Counter(_named(config) for config in configs if find("full", config) is None)
    if not missing:
        return f"all {len(configs)} runs on the complete data"
    there = len(configs) - missing.total()
    names = "; ".join(f"{name} ({count})" for name, count in missing.items())
    return f"{there} of {len(configs)} runs on the complete data; missing: {names}"


def _named(config: Config) -> str:
    if isinstance(config, CrowdConfig):
        return f"{crowd_name(config)}, requests of {config.request}, {config.batches}"
    return f"{config.model}, {config.experiment}"


def cases(points: pd.DataFrame, *by: str) -> list[tuple[Any, pd.DataFrame]]:
    """The rows of each value of some columns, in their order; none where nothing is stored."""
    return list(points.groupby(list(by) if by[1:] else by[0], sort=False)) if len(points) else []


def bounds(row: pd.Series, rate: str = "auc") -> str:
    """A rate of one attack in percent with its interval."""
    return f"{row[rate]:.1f} [{row[rate + '_low']:.1f}, {row[rate + '_high']:.1f}]"


def beside_chance(low: float, high: float, chance: float = CHANCE) -> str:
    """What an interval says: above chance, below it, or that it cannot be told from it."""
    if low > chance:
        return "above chance"
    return "below chance" if high < chance else "not told from chance"


def answer(points: pd.DataFrame) -> str:
    """What attacks on single images find in the MLP, before and after unlearning.

    Args:
        points: of :func:`single`, of the complete data.
    """
    right = points[points.crowd == "MLP"] if len(points) else points
    if right.empty:
        return f"Not to be told yet: {coverage('membership')}."
    at = right.set_index(["method", "attack"])
    trained, twin = at.loc["trained", "LiRA"], at.loc[TWIN, "LiRA"]
    left = {m: at.loc[m, "LiRA"] for m in METHODS if (m, "LiRA") in at.index}
    found = [m for m, row in left.items() if row.auc_low > CHANCE]
    often = [m for m, row in left.items() if not row.there < SELDOM] or [*left]
    most, least = (pick(often, key=lambda m: left[m].auc) for pick in (max, min))
    retrained = [m for m in left if at.loc[m, "U-LiRA"].auc_low > CHANCE]
    parts = [
        f"**In the MLP, {len(found)} of {len(left)} methods still give away who was in the "
        f"training data.** An attack with {right.per_side.iloc[0]} models a side tells images "
        f"that an MLP was trained on from others with an AUC of {bounds(trained)} (in so many "
        f"percent of pairs it ranks the right one higher; 50 is chance, and MNIST is hardly "
        f"memorised), and with {bounds(twin)} where the model was retrained "
        f"without them: {beside_chance(twin.auc_low, twin.auc_high)}. At equal forgetting it is "
        f"between {bounds(left[least])} ({least}) and {bounds(left[most])} ({most}), of methods "
        "that get there in most requests."
        f"{_seldom(left)}",
        f"From *retrained* models {len(retrained)} of {len(left)} methods can be told: such models "
        f"differ in more than in the images that were to be forgotten.",
    ]
    parts += [_planted(points), *_hidden(points), f"This rests on {coverage('membership')}."]
    return " ".join(parts)


def _seldom(found: Mapping[str, pd.Series]) -> str:
    """The methods that came to their level in less than half of the requests."""
    few = [f"{name} in {row.there:.0f} %" for name, row in found.items() if row.there < SELDOM]
    return f" Not all forget that much: {', '.join(few)} of the requests." if few else ""


def _hidden(points: pd.DataFrame) -> Iterator[str]:
    """The networks in which the attack finds nothing before unlearning, so that it says nothing."""
    mine = points[(points.attack == "LiRA") & (points.method == "trained")]
    for row in mine[mine.auc_low <= CHANCE].itertuples():
        yield (
            f"In the {row.crowd} ({row.per_side} models a side) the attack cannot be told from "
            f"chance even before anything is forgotten ({row.auc:.1f} [{row.auc_low:.1f}, "
            f"{row.auc_high:.1f}]), so that it says nothing of unlearning there."
        )


def _planted(points: pd.DataFrame) -> str:
    """What the attack finds of images that are surely memorised: those with wrong labels."""
    wrong = points[points.crowd == "MLP, wrong labels"].set_index(["method", "attack"])
    if wrong.empty:
        return "Planted images with wrong labels were not run yet."
    trained, twin = wrong.loc["trained", "LiRA"], wrong.loc[TWIN, "LiRA"]
    return (
        f"Planted images with wrong labels, the check of the check, are found in the trained model "
        f"with an AUC of {bounds(trained)} and in the retrained one with {bounds(twin)}."
    )


def class_answer(points: pd.DataFrame) -> str:
    """What the attack that is in common use says of forgotten classes.

    Args:
        points: of :func:`of_classes`.
    """
    if points.empty:
        return "No run yet."
    said = []
    for kind, name in (("withheld", "withheld images"), ("test", "test images")):
        found = class_intervals(points, kind)
        twins = [f"{n} {spanned(i)}" for (n, m), i in found.items() if m == TWIN]
        methods = {case: one for case, one in found.items() if case[1] in METHODS}
        off = sum(one.n > 1 and not one.low <= CHANCE <= one.high for one in methods.values())
        said.append(
            f"Told from **{name}**, the retrained twin's AUC is {', '.join(twins)}, and "
            f"{off} of {len(methods)} unlearned models (a method on a model) are off chance."
        )
    return " ".join(said)


def class_intervals(
    points: pd.DataFrame, kind: str, rate: str = "auc"
) -> dict[tuple[str, str], Interval]:
    """Mean over trainings with its interval, by model and method.

    Args:
        points: of :func:`of_classes`.
        kind: of images that members are told from, ``withheld`` or ``test``.
        rate: a column, in percent.
    """
    mine = points[points.others == kind]
    return {
        (model, method): interval(rows[rate].tolist(), limits().confidence)
        for (model, method), rows in mine.groupby(["model", "method"], sort=False)
    }


def spanned(found: Interval) -> str:
    """A mean with its bounds where there are any, in percent with one decimal."""
    ends = f" [{found.low:.1f}, {found.high:.1f}]" if found.n > 1 else ""
    return f"{found.mean:.1f}{ends}"


def roc_figure(results: Sequence[Result], attack: str) -> Figure:
    """True against false positive rates on logarithmic axes, a panel a run.

    Args:
        results: of :func:`crowds`.
        attack: a name of it, such as ``LiRA``.
    """

    def draw(axis: Axes, result: Result) -> None:
        rows = {row["method"]: row for row in result.attacks if row["attack"] == attack}
        for order, method in enumerate(DRAWN):  # its colour, whoever else is there
            if method not in rows:
                continue
            true = np.array(rows[method]["curve"])
            false = 100 * 10 ** np.linspace(-3, 0, len(true))
            style = look(
                {"amnesiac": "baseline", "partial amnesiac": "proposed"}.get(method, method), order
            )
            axis.plot(false, true.clip(0.05), label=method, markevery=3, **style)
        axis.plot([0.1, 100], [0.1, 100], color=SOFT, linestyle=(0, (1, 2)), linewidth=1)
        axis.set(xscale="log", yscale="log", xlim=(0.1, 100), ylim=(0.05, 110))
        axis.set(xlabel="false positives (%)", xticks=[0.1, 1, 10, 100], yticks=[0.1, 1, 10, 100])
        axis.set_xticklabels(["0.1", "1", "10", "100"])
        axis.set_yticklabels(["0.1", "1", "10", "100"])

    panels = {crowd_name(result.config): result for result in results}
    return side_by_side(panels, draw, height=3.3, label="true positives (%)")


def area_figure(points: pd.DataFrame, attacks: Sequence[str] = ("LiRA", "U-LiRA")) -> Figure:
    """The area of attacks on every method with its interval, a panel a crowd.

    Args:
        points: of :func:`single`.
        attacks: of which the first is drawn filled.
    """

    def areas(rows: pd.DataFrame) -> dict[str, Interval]:
        ends = zip(rows.method, rows.auc, rows.auc_low, rows.auc_high, rows.per_side, strict=True)
        return {method: Interval(*found) for method, *found in ends}

    panels = {
        crowd: {attack: areas(rows[rows.attack == attack]) for attack in attacks}
        for crowd, rows in cases(points, "crowd")
    }
    return _beside_chance(panels, points)


def _beside_chance(panels: Mapping[str, Dots], points: pd.DataFrame) -> Figure:
    """Areas by method, beside the line of an attack that knows nothing."""

    def chance(axis: Axes, _: Dots) -> None:
        axis.axvline(CHANCE, color=SOFT, linewidth=1, linestyle=(0, (1, 2)))

    there = [m for m in ROWS if len(points) and m in set(points.method)]
    return method_dots(panels, there, label="AUC (%)", colour=tint, behind=chance)


def tint(method: str) -> str:
    """The colour of a method, whether it stops at its level or subtracts all."""
    return colour(method.split(",")[0])


COLUMNS = (
    *(("LiRA", "auc"), ("LiRA", "tpr_1"), ("LiRA", "tpr_01"), ("U-LiRA", "auc")),
    *(("U-LiRA", "tpr_1"), ("U-LiRA", "tpr_01"), ("RMIA", "auc"), ("population", "auc")),
)
"""Of the table of a run: attacks and their rates."""


def crowd_tables(results: Iterable[Result], of: str) -> list[Table]:
    """For each run what models of every method know, and what attacks find in them.

    Args:
        results: of :func:`crowds`.
        of: which data, for the caption.
    """
    heads = ["Method", "Forgotten", "Accuracy", *(f"{a}: {RATES[rate]}" for a, rate in COLUMNS)]
    return [
        simple_table(list(_crowd_rows(result)), headings=heads, caption=f"{_titled(result)}, {of}")
        for result in results
    ]


def _titled(result: Result) -> str:
    return f"{crowd_name(result.config)}, {result.config.models // 2} models a side"


def _crowd_rows(result: Result) -> Iterator[list[str]]:
    levels = {row["method"]: row for row in result.levels}
    found = {(row["method"], row["attack"]): pd.Series(row) for row in result.attacks}
    for method in (m for m in ROWS if m in levels):
        known = levels[method]
        unstopped = method in ("trained", TWIN) or method.endswith("all subtracted")
        there = NONE if unstopped else f"{known['reached']:.0f} %"
        at = ((found.get((method, attack)), rate) for attack, rate in COLUMNS)
        rates = [NONE if row is None else bounds(row, rate) for row, rate in at]
        yield [method, there, f"{known['accuracy']:.1f}", *rates]


def class_table(points: pd.DataFrame, *, caption: str) -> Table:
    """Population attacks on forgotten classes, mean over trainings with its interval.

    Args:
        points: of :func:`of_classes`.
        caption: says what the table shows.
    """
    kinds = ("withheld", "test")
    cells = (
        {
            (rate, kind): class_intervals(points, kind, rate)
            for rate in ("auc", "accuracy", "tpr_1")
            for kind in kinds
        }
        if len(points)
        else {}
    )
    cases = cells["auc", "withheld"] if cells else []
    titles = {row.model: paper.TITLES[row.dataset] for row in points.itertuples()}
    rows = [
        [
            f"{model}, {titles[model]}",
            method,
            *(spanned(found[model, method]) for found in cells.values()),
        ]
        for model, method in cases
    ]
    heads = [f"{name}, {kind}" for name in ("AUC", "Regression", "TPR at 1 %") for kind in kinds]
    return simple_table(rows, headings=["Model", "Method", *heads], caption=caption, labels=2)


def class_figure(points: pd.DataFrame) -> Figure:
    """The area of population attacks on classes, beside images withheld and of the test."""

    def areas(rows: pd.DataFrame, kind: str) -> dict[str, Interval]:
        return {method: found for (_, method), found in class_intervals(rows, kind).items()}

    panels = {
        model: {f"beside {kind} images": areas(rows, kind) for kind in ("withheld", "test")}
        for model, rows in cases(points, "model")
    }
    return _beside_chance(panels, points)
