"""Methods beside each other: the paper's numbers and ours, and ours against controls."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from statistics import mean

import pandas as pd

from reproduction import paper
from reproduction.chapters.curves import runs_with
from reproduction.chapters.tables import METHODS, NONE, Table, signed, simple_table, spread
from reproduction.checking import judging, measurements
from reproduction.checking.claims import limits
from reproduction.checking.measurements import curve_points, tidy
from reproduction.datasets.sources import class_names
from reproduction.study.kinds import TABLES
from reproduction.study.results import table_rows
from reproduction.study.stored_runs import Result

ACCURACIES = ("d_t", "d_r")
CLASSES = ("class_a", "class_b", "class_c")
CONTROLS = ("baseline", "scaled", "stopped")
"""Simpler ways of taking less of the training back than by pruning."""


def class_name(dataset: str, label: int) -> str:
    """A class by its name: ``digit 3``, or the organ."""
    name = class_names(dataset)[label]
    return f"digit {name}" if name.isdigit() else name


def _values(rows: pd.DataFrame, model: str, method: str, measure: str) -> list[float]:
    """One value a seed, empty where the method was not run."""
    return judging.select(rows, model=model, method=method)[measure].dropna().tolist()


def cells(printed: float | None, full: Sequence[float], run: Sequence[float]) -> list[str]:
    """What the paper prints, full runs and this run, a value a seed, and this run minus the paper.

    All in percent; None where the paper has no number.
    """
    gap = NONE if printed is None or not run else signed(mean(run) - printed)
    return [NONE if printed is None else f"{printed:.2f}", spread(full), spread(run), gap]


def comparison_rows(
    number: int, run: pd.DataFrame, full: pd.DataFrame, measures: Sequence[str]
) -> list[list[str]]:
    """Each method's accuracy on each of ``measures``, model after model in the paper's order.

    The verdict on a model stands where its claim is: beside the proposed method's D_r.
    """
    dataset = TABLES[number].dataset
    names = dict(zip(CLASSES, (class_name(dataset, c) for c in paper.SHOWN[dataset]), strict=True))
    models = [m for table, m in paper.comparisons() if table == number and m in set(run.model)]
    rows = []
    for model, method, measure in product(models, METHODS, measures):
        in_paper = method in measurements.METHODS
        printed = float(paper.cell(number, model, method)[measure]) if in_paper else None
        sides = (_values(side, model, method, measure) for side in (full, run))
        judged = (method, measure) == ("proposed", "d_r")
        verdict = str(judging.comparison(run, number, model)) if judged else ""
        rows.append([model, method, names.get(measure, measure), *cells(printed, *sides), verdict])
    return rows


def comparison(
    number: int, results: Sequence[Result], measures: Sequence[str], *, caption: str
) -> Table:
    """One of Tables 1 to 6: paper | full | this run | difference | verdict.

    Args:
        number: 1 to 6.
        results: of the experiment ``table_<number>``.
        measures: names of columns of ``tables.csv``, such as :data:`ACCURACIES`.
        caption: says what the table shows.
    """
    run = tidy(results).assign(table=number)
    rows = comparison_rows(number, run, table_rows("full", number), measures)
    heads = ("Model", "Method", "Measure", "paper", "full", "this run", "difference", "verdict")
    return simple_table(rows, headings=heads, caption=caption, labels=3)


def coverage(number: int) -> str:
    """Which models of a table have full runs, and which have none, as a sentence."""
    full = table_rows("full", number)
    seeds = full[full.method == "proposed"].groupby("model").seed.nunique()
    models = [model for table, model in paper.comparisons() if table == number]
    stored = [f"{m} ({seeds[m]} seed{'' if seeds[m] == 1 else 's'})" for m in models if m in seeds]
    missing = [model for model in models if model not in seeds]
    return (
        f"Runs on the complete data (column full): {', '.join(stored) or 'none'}; "
        f"not run: {', '.join(missing) or 'none'}."
    )


def every_method(number: int, results: Sequence[Result], *, caption: str) -> Table:
    """D_t and D_r of every method of a table's runs, ablations among them: full and this run."""
    full, run = table_rows("full", number), tidy(results)
    rows = [
        [*key, *(spread(_values(side, *key, name)) for side in (full, run) for name in ACCURACIES)]
        for key in dict.fromkeys(zip(run.model, run.method, strict=True))
    ]
    heads = ("Model", "Method", "full: d_t", "full: d_r", "this run: d_t", "this run: d_r")
    return simple_table(rows, headings=heads, caption=caption, labels=2)


def controls_table(results: Sequence[Result], *, caption: str) -> Table:
    """How often and by how much the proposed method keeps more than each control.

    Only runs count in which both sides forget the class, by the limit of the book's verdicts.
    """
    measured, key = tidy(results), ["model", "dataset", "seed"]
    rows = []
    for control in CONTROLS:
        pairs = judging.paired(measured, ("proposed", control), key, ACCURACIES)
        pairs = pairs[pairs[["d_t_0", "d_t_1"]].max(axis=1) <= limits().forgotten]
        gains = pairs.d_r_0 - pairs.d_r_1
        named = zip(pairs.model, pairs.dataset, gains, strict=True)
        each = ", ".join(f"{model} on {data}: {gain:+.2f}" for model, data, gain in named)
        rows.append([control, f"{(gains > 0).sum()} of {len(gains)}", each or NONE])
    headings = ("Against", "Proposed keeps more", "Difference in d_r, points")
    return simple_table(rows, headings=headings, caption=caption)


def share_tables(
    results: Sequence[Result], full: Sequence[Result], titles: Mapping[str, str]
) -> list[Table]:
    """Figure 4 in numbers: for each data set, the accuracy after every strategy at every share.

    Args:
        results: of the experiment ``figure_4``.
        full: the same of the committed full runs, empty where there are none.
        titles: data set -> its name on the page.
    """
    return [
        _share_table(*(tidy(runs_with(runs, dataset=dataset)) for runs in (results, full)), title)
        for dataset, title in titles.items()
    ]


def _share_table(run: pd.DataFrame, full: pd.DataFrame, title: str) -> Table:
    """Mean ± standard deviation over seeds; both sources of a strategy stand together."""
    shares = sorted({*run.share, *full.share})
    lines = [
        [method, measure, source]
        + [spread(judging.select(rows, share=share)[measure].tolist()) for share in shares]
        for method in dict.fromkeys([*run.method, *full.method])
        for source, found in (("this run", run), ("full", full))
        if len(rows := judging.select(found, method=method))
        for measure in ACCURACIES
    ]
    heads = ("Strategy", "Accuracy on", "From", *(f"{100 * share:g} %" for share in shares))
    caption = f"{title}: accuracy by affected share{'' if len(full) else '; no full runs'}"
    return simple_table(lines, headings=heads, caption=caption, labels=3)


def forgotten_table(
    results: Sequence[Result],
    full: Sequence[Result],
    *,
    printed: Mapping[str, str],
    unit: str,
    caption: str,
    orders: Sequence[str] = (),
) -> Table:
    """After how many epochs or steps D_t first falls to what counts as forgotten, one a seed.

    Args:
        results: of one family of methods.
        full: the same of the committed full runs, empty where there are none.
        printed: what the paper says of each method.
        unit: what is counted.
        caption: says what the table shows.
        orders: in which epochs are undone; none where there is only one way.
    """
    run, committed = tidy(results, curve_points), tidy(full, curve_points)
    lowest = [limits().forgotten, limits().erased]
    rows, by_order = [], [{"order": order} for order in orders] or [{}]
    for model, method, order in product(dict.fromkeys(run.model), measurements.METHODS, by_order):
        where = {"model": model, "method": method, **order}
        curves = [judging.select(source, **where) for source in (committed, run)]
        first = [_first_steps(curve, limit) for curve in curves for limit in lowest]
        rows.append([model, method, *order.values(), printed[method], *first])
    labels = ["Model", "Method", *(name.capitalize() for name in by_order[0])]
    ours = [f"{source}: ≤ {limit}" for source in ("full", "this run") for limit in lowest]
    heads = [*labels, f"paper, {unit}", *ours]
    return simple_table(rows, headings=heads, caption=caption, labels=len(labels))


def _first_steps(rows: pd.DataFrame, limit: float) -> str:
    """When each seed's curve first comes down to a limit."""
    steps = judging.first_steps(rows, limit)
    return ", ".join("never" if math.isinf(step) else f"{step:g}" for step in steps) or NONE
