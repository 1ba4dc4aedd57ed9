"""What the chapter on SISA shows of its runs."""

from collections.abc import Sequence
from statistics import mean
from typing import Any

from reproduction.chapters.tables import Table, signed, simple_table, spread
from reproduction.checking.verdicts import Verdict, judge_bound, one_seed
from reproduction.study.stored_runs import Result

RANDOM = ("one sample", "10 random samples", "1 % at random")
Design = tuple[str, int, int]
AFTER = {"one sample": "without one sample", "the target class": "without the target class"}
"""Request that is carried out -> the row of the model after it."""


def by_design(results: Sequence[Result]) -> dict[Design, list[Result]]:
    """Runs of all seeds, grouped by (partition, shards, slices)."""
    groups: dict[Design, list[Result]] = {}
    for result in results:
        config = result["config"]
        key = (config["partition"], config["shards"], config["slices"])
        groups.setdefault(key, []).append(result)
    return dict(sorted(groups.items(), key=lambda item: (item[0][0] != "iid", item[0])))


def values(runs: Sequence[Result], method: str, measure: str) -> list[float]:
    """One accuracy a seed, in percent."""
    return [row[measure] for run in runs for row in run["rows"] if row["method"] == method]


def average(runs: Sequence[Result], method: str, measure: str) -> float:
    """The mean accuracy over runs, in percent."""
    return mean(values(runs, method, measure))


def accuracy_table(results: Sequence[Result]) -> Table:
    """The ensemble beside one model trained on everything."""
    rows = []
    for design, runs in by_design(results).items():
        for measure in ("d_t", "d_r"):
            one, many = (values(runs, method, measure) for method in ("trained", "ensemble"))
            gap = signed(mean(many) - mean(one))
            rows.append([*design, measure, spread(one), spread(many), gap])
    return simple_table(
        rows,
        headings=("Partition", "Shards", "Slices", "Accuracy on", "One model", "SISA", "Gap"),
        caption="Accuracy in percent before any request, SISA beside one model on all data.",
        labels=4,
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def cost(runs: Sequence[Result], request: str, fact: str) -> float:
    """A fact about a request's cost, mean over seeds."""
    return mean(
        found[fact]
        for run in runs
        for found in run["facts"]["costs"]
        if found["request"] == request
    )


def cost_table(results: Sequence[Result]) -> Table:
    """Retraining cost of each kind of request, as a share of training everything anew."""
    rows = [
        [*design, *_cost_row(runs, found["request"], found["samples"])]
        for design, runs in by_design(results).items()
        for found in runs[0]["facts"]["costs"]
    ]
    return simple_table(
        rows,
        headings=(
            *("Partition", "Shards", "Slices", "Request", "Samples"),
            *("Cost, mean", "least", "most", "Shards hit"),
        ),
        caption="Sample visits of a request, in percent of the visits of training anew.",
        labels=4,
    )


def _cost_row(runs: Sequence[Result], request: str, samples: int) -> list[Any]:
    shares = [_percent(cost(runs, request, fact)) for fact in ("share", "least", "most")]
    return [request, samples, *shares, f"{cost(runs, request, 'shards'):.1f}"]


def executed_table(results: Sequence[Result]) -> Table:
    """The requests carried out: visits counted and foretold, accuracy before and after."""
    rows = [
        [*design, request, *_executed_row(runs, request)]
        for design, runs in by_design(results).items()
        for request in AFTER
    ]
    return simple_table(
        rows,
        headings=(
            *("Partition", "Shards", "Slices", "Request", "Visits", "Foretold", "Cost"),
            *("d_t", "d_r"),
        ),
        caption="Requests carried out; accuracy in percent before → after, mean over seeds.",
        labels=4,
    )


def _executed_row(runs: Sequence[Result], request: str) -> list[str]:
    found = [f for run in runs for f in run["facts"]["executed"] if f["request"] == request]
    visits, foretold = (sum(f[name] for f in found) for name in ("visits", "foretold_visits"))
    share = visits / sum(f["full_visits"] for f in found)
    change = [
        f"{average(runs, 'ensemble', m):.2f} → {average(runs, AFTER[request], m):.2f}"
        for m in ("d_t", "d_r")
    ]
    return [f"{visits:,}", f"{foretold:,}", _percent(share), *change]


# The section's three limitations, each with the bound that makes it reproduced and partly so.


def non_iid_loss(designs: dict[Design, list[Result]]) -> float:
    """The smallest loss of D_r, in points, by cutting by class instead of at random."""
    ours = {key: average(runs, "ensemble", "d_r") for key, runs in designs.items()}
    return min(value - ours["by class", *key[1:]] for key, value in ours.items() if key[0] == "iid")


def many_shards_cost(designs: dict[Design, list[Result]]) -> float:
    """The smallest mean cost, in percent of training anew, of forgetting 1 % of the data."""
    return min(
        100 * cost(runs, "1 % at random", "share")
        for (how, _, _), runs in designs.items()
        if how == "iid"
    )


def design_range(designs: dict[Design, list[Result]]) -> float:
    """Best minus worst D_r over random designs, in points."""
    found = [
        average(runs, "ensemble", "d_r") for (how, _, _), runs in designs.items() if how == "iid"
    ]
    return max(found) - min(found)


LIMITATIONS = (
    ("accuracy tends to be notably low", "D_r lost by class, smallest", non_iid_loss, (5, 1)),
    ("multiple shards", "cost of 1 % at random, smallest", many_shards_cost, (50, 25)),
    ("dependent on the number of shards", "range of D_r, random designs", design_range, (2, 0.5)),
)


def limitation_table(results: Sequence[Result]) -> Table:
    """The section's limitations with our measure, its bounds and a verdict."""
    designs = by_design(results)
    single = len({result["config"]["seed"] for result in results}) == 1
    rows = []
    for quote, measure, measured, bounds in LIMITATIONS:
        value = measured(designs)
        verdict = Verdict(judge_bound(value, at_least=bounds), "")
        rule = f"at least {bounds[0]:g}; partly {bounds[1]:g}"
        rows.append(
            [f"“{quote}”", measure, rule, f"{value:.1f}", one_seed(verdict) if single else verdict]
        )
    headings = ("The paper says", "Measured", "Bound, points or percent", "Here", "Verdict")
    return simple_table(
        rows, headings=headings, caption="The limitations that Section 3.2.1 names."
    )
