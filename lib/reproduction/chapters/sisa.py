"""What the chapter on SISA shows of its runs."""

from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd
from pandas.api.typing import DataFrameGroupBy

from reproduction.chapters.tables import Table, signed, simple_table, spread
from reproduction.chapters.verdict_box import Verdict, box
from reproduction.checking.claims import limits
from reproduction.checking.measurements import Record, tidy
from reproduction.checking.verdicts import judge_bound
from reproduction.study.intervals import Interval, interval
from reproduction.study.stored_runs import Result

DESIGN = ["partition", "shards", "slices"]
HEADINGS = ("Partition", "Shards", "Slices")
RANDOM = ["one sample", "10 random samples", "1 % at random"]

LIMITATIONS = {
    "points of D_r lost by shards of classes, beside random ones, smallest": (
        "accuracy tends to be notably low",
        5,
    ),
    "percent of a training that 1 % at random costs, smallest": ("multiple shards", 50),
    "points of D_r between random designs": ("dependent on the number of shards", 2),
}
"""The section's limitations: our measure -> the paper's words, and the least that confirms them."""


def _by_design(rows: pd.DataFrame, *further: str) -> DataFrameGroupBy:
    """Rows of all seeds, grouped by design, random partitions first."""
    rows = rows.sort_values(DESIGN, ascending=[False, True, True], kind="stable")
    return rows.groupby([*DESIGN, *further], sort=False)


def _requests(result: Result, *, kind: str) -> Iterator[Record]:
    """Facts on requests; ``shards`` of a design are all, those of a request the ones it hits."""
    for fact in result.facts[kind]:
        yield {"hit" if name == "shards" else name: value for name, value in fact.items()}


def accuracies(results: Sequence[Result]) -> pd.DataFrame:
    """D_t and D_r in percent, mean over trainings, by design and method."""
    return _by_design(tidy(results), "method")[["d_t", "d_r"]].mean()


def costs(results: Sequence[Result]) -> pd.DataFrame:
    """What requests cost as shares of training anew, mean over trainings, by design and request."""
    rows = tidy(results, partial(_requests, kind="costs"))
    return _by_design(rows, "request")[["samples", "share", "least", "most", "hit"]].mean()


def accuracy_table(results: Sequence[Result]) -> Table:
    """The ensemble beside one model trained on everything."""
    rows = []
    for design, found in _by_design(tidy(results)):
        for measure in ("d_t", "d_r"):
            one, many = (found[found.method == m][measure] for m in ("trained", "ensemble"))
            gap = signed(many.mean() - one.mean())
            rows.append([*design, measure, spread(one.tolist()), spread(many.tolist()), gap])
    heads = (*HEADINGS, "Accuracy on", "One model", "SISA", "Gap")
    caption = "Accuracy in percent before any request, SISA beside one model on all data."
    return simple_table(rows, headings=heads, caption=caption, labels=4)


def cost_table(results: Sequence[Result]) -> Table:
    """Retraining cost of each kind of request, as a share of training everything anew."""
    rows = [
        [*key, f"{cost.samples:.0f}"]
        + [f"{100 * share:.1f} %" for share in (cost.share, cost.least, cost.most)]
        + [f"{cost.hit:.1f}"]
        for key, cost in costs(results).iterrows()
    ]
    heads = (*HEADINGS, "Request", "Samples", "Cost, mean", "least", "most", "Shards hit")
    caption = "Sample visits of a request, in percent of the visits of training anew."
    return simple_table(rows, headings=heads, caption=caption, labels=4)


def executed_table(results: Sequence[Result]) -> Table:
    """The requests carried out: visits counted and foretold, accuracy before and after."""
    means = accuracies(results)
    rows = []
    executed = tidy(results, partial(_requests, kind="executed"))
    for (*design, request), found in _by_design(executed, "request"):
        visits, foretold = found.visits.sum(), found.foretold_visits.sum()
        share = f"{100 * visits / found.full_visits.sum():.1f} %"
        before, after = (means.loc[*design, name] for name in ("ensemble", f"without {request}"))
        change = [f"{before[name]:.2f} → {after[name]:.2f}" for name in ("d_t", "d_r")]
        rows.append([*design, request, f"{visits:,}", f"{foretold:,}", share, *change])
    heads = (*HEADINGS, "Request", "Visits", "Foretold", "Cost", "d_t", "d_r")
    caption = "Requests carried out; accuracy in percent before → after, mean over trainings."
    return simple_table(rows, headings=heads, caption=caption, labels=4)


def limitations(results: Sequence[Result]) -> dict[str, float]:
    """The measures of :data:`LIMITATIONS`, each where it is weakest."""
    d_r = accuracies(results).d_r.xs("ensemble", level="method")
    cost = costs(results).share.xs("1 % at random", level="request")
    by_class, random = (d_r.xs(how, level="partition") for how in ("by class", "iid"))
    found = ((random - by_class).min(), 100 * cost["iid"].min(), random.max() - random.min())
    return dict(zip(LIMITATIONS, found, strict=True))


def _by_seed(results: Sequence[Result]) -> dict[int, list[Result]]:
    seeds: dict[int, list[Result]] = {}
    for result in results:
        seeds.setdefault(result.config.seed, []).append(result)
    return seeds


def whole(results: Sequence[Result]) -> list[Result]:
    """The results of those seeds that have every design that any of them has."""
    seeds = _by_seed(results)
    most = max(map(len, seeds.values()), default=0)
    return [result for runs in seeds.values() if len(runs) == most for result in runs]


def _judged(results: Sequence[Result]) -> Iterator[tuple[str, str, float, Interval, str]]:
    """Each limitation: its words, our measure, the bound, the interval over seeds, the finding."""
    measured = [limitations(runs) for runs in _by_seed(results).values()]
    for measure, (quote, bound) in LIMITATIONS.items():
        found = interval([values[measure] for values in measured], limits().confidence)
        yield quote, measure, bound, found, judge_bound(found, at_least=bound)


def opening(results: Sequence[Result]) -> Table:
    """The box that opens the chapter; the section's limitations are no claims of the ledger.

    Args:
        results: of whole seeds, or none.
    """
    if not results:
        return box([], "Nothing on the complete data is run yet.")
    seeds = len(_by_seed(results))
    trainings = f"{seeds} training{'' if seeds == 1 else 's'}, all designs"
    found = [
        Verdict(
            "Section 3.2.1",
            quote,
            {"here": (word, "", f"{measure}: {_unsigned(over)}")},
            trainings,
            f"At least {bound:g}: the whole 95 % interval over trainings lies on one side.",
        )
        for quote, measure, bound, over, word in _judged(results)
    ]
    return box(found, _in_words(results))


def _unsigned(over: Interval) -> str:
    """A quantity, which is no difference, with its interval."""
    return str(over).replace("+", "")


def _in_words(results: Sequence[Result]) -> str:
    """What a request costs, and what the shards cost before any."""
    random = costs(results).loc["iid"].share
    one, many = (100 * random.xs(name, level="request") for name in (RANDOM[0], RANDOM[-1]))
    d_r = accuracies(results).d_r
    less = d_r.xs("trained", level="method") - d_r.xs("ensemble", level="method")
    gap, by_class = (less.xs(how, level="partition") for how in ("iid", "by class"))
    return (
        f"With random shards, forgetting one sample exactly costs {_ends(one)} % of training "
        f"again, one per cent of the data {_ends(many)} %; before any request the ensemble is "
        f"{gap.min():.1f} to {gap.max():.1f} points less accurate than one model, with a class in "
        f"one shard {by_class.min():.0f} to {by_class.max():.0f}."
    )


def _ends(values: pd.Series) -> str:
    """The least and the most in whole numbers, once where they are the same."""
    return " to ".join(dict.fromkeys((f"{values.min():.0f}", f"{values.max():.0f}")))


def limitation_table(results: Sequence[Result]) -> Table:
    """The section's limitations with our measure, its bound and a finding over trainings."""
    rows = [
        [f"“{quote}”", measure, f"at least {bound:g}", _unsigned(found), word]
        for quote, measure, bound, found, word in _judged(results)
    ]
    heads = ("The paper says", "Measured", "Bound", "Here", "Finding")
    caption = "The limitations that Section 3.2.1 names."
    return simple_table(rows, headings=heads, caption=caption, cards=True)
