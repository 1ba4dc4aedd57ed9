"""What the chapter on SISA shows of its runs."""

from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd
from pandas.api.typing import DataFrameGroupBy

from reproduction.chapters.tables import Table, signed, simple_table, spread
from reproduction.checking.claims import limits
from reproduction.checking.measurements import Record, tidy
from reproduction.checking.verdicts import judge_bound
from reproduction.study.intervals import interval
from reproduction.study.stored_runs import Result

DESIGN = ["partition", "shards", "slices"]
HEADINGS = ("Partition", "Shards", "Slices")
RANDOM = ["one sample", "10 random samples", "1 % at random"]

LIMITATIONS = {
    "D_r lost by class, smallest": ("accuracy tends to be notably low", 5),
    "cost of 1 % at random, smallest": ("multiple shards", 50),
    "range of D_r, random designs": ("dependent on the number of shards", 2),
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
    """D_t and D_r in percent, mean over seeds, by design and method."""
    return _by_design(tidy(results), "method")[["d_t", "d_r"]].mean()


def costs(results: Sequence[Result]) -> pd.DataFrame:
    """What requests cost as shares of training anew, mean over seeds, by design and request."""
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
    caption = "Requests carried out; accuracy in percent before → after, mean over seeds."
    return simple_table(rows, headings=heads, caption=caption, labels=4)


def limitations(results: Sequence[Result]) -> dict[str, float]:
    """The measures of :data:`LIMITATIONS`, each where it is weakest, in points or percent."""
    d_r = accuracies(results).d_r.xs("ensemble", level="method")
    cost = costs(results).share.xs("1 % at random", level="request")
    by_class, random = (d_r.xs(how, level="partition") for how in ("by class", "iid"))
    found = ((random - by_class).min(), 100 * cost["iid"].min(), random.max() - random.min())
    return dict(zip(LIMITATIONS, found, strict=True))


def limitation_table(results: Sequence[Result]) -> Table:
    """The section's limitations with our measure, its bound and a finding over seeds."""
    seeds: dict[int, list[Result]] = {}
    for result in results:
        seeds.setdefault(result.config.seed, []).append(result)
    measured = [limitations(runs) for runs in seeds.values()]
    rows = []
    for measure, (quote, bound) in LIMITATIONS.items():
        found = interval([values[measure] for values in measured], limits().confidence)
        word = judge_bound(found, at_least=bound)
        rows.append([f"“{quote}”", measure, f"at least {bound:g}", str(found), word])
    heads = ("The paper says", "Measured", "Bound, points or percent", "Here", "Finding")
    caption = "The limitations that Section 3.2.1 names."
    return simple_table(rows, headings=heads, caption=caption)
