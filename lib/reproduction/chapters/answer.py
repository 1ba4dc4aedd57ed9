"""The result in five sentences, and the answers to four questions, with numbers from the runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

import pandas as pd

from reproduction import paper
from reproduction.chapters.advice import come_back
from reproduction.chapters.complete import Complete, complete_runs
from reproduction.chapters.features import known_again
from reproduction.chapters.forgotten import TWIN
from reproduction.chapters.log_size import in_words, log_bytes
from reproduction.chapters.membership import attack_on_the_mlp
from reproduction.chapters.verdict_box import one_decimal
from reproduction.checking.claims import limits
from reproduction.checking.comparing import Comparison, How, Model, by_model, of_family, printed
from reproduction.checking.measurements import tidy
from reproduction.checking.verdicts import CONFIRMED, CONTRADICTED, NOT_RUN
from reproduction.study.kinds import TABLES

NOTHING = "No runs on the complete data say it yet."
BITS, DENSE = 16, 32
"""Of a stored value, and of one of a log that keeps everything."""


@dataclass(frozen=True)
class Family:
    """A family of methods: its tables, the claim of the ledger on all of them, and its name."""

    tables: tuple[int, ...]
    claim: str
    name: str


AMNESIAC = Family((1, 2), "amnesiac", "taking updates back")
FLIPPING = Family((3, 4), "flipping", "learning wrong labels")
ASCENT = Family((5, 6), "optimization", "going uphill on the loss")
LAST_LAYER = How(("last_layer", "proposed"))


def comparable(
    found: Complete, tables: Iterable[int], reading: str, how: How
) -> dict[Model, Comparison]:
    """The comparison of each table and model, where it was run and can be made."""
    each = {t: by_model(found.evidence, t, reading, how) for t in tables}
    return {(t, model): one for t in each for model, one in each[t].items() if one.pairs}


def more(value: float) -> str:
    """Points without a sign, ``0.4 points less``; whole above ten."""
    points = f"{abs(value):.1f}" if abs(value) < 10 else f"{abs(value):.0f}"
    return f"{points} points {'more' if value > 0 else 'less'}"


def span(each: Mapping[Model, Comparison]) -> str:
    """The smallest and the largest mean of several models, and how many they are."""
    means = [comparison.mean for comparison in each.values()]
    if len(means) == 1:
        return "in 1 network"
    return f"{one_decimal(min(means))} to {one_decimal(max(means))} in {len(means)} networks"


def paper_mean(models: Iterable[Model]) -> float:
    """What the paper's own tables say of these models on average, in points."""
    return fmean(printed(*model) for model in models)


def trainings(each: Mapping[Model, Comparison], level: float) -> str:
    """In how many trainings both methods come down to ``level`` percent; empty where in all."""
    pairs = sum(comparison.pairs for comparison in each.values())
    seeds = sum(comparison.seeds for comparison in each.values())
    if pairs == seeds:
        return ""
    return f", in the {pairs} of {seeds} trainings where both come down to {level:g} % of the class"


def _published(found: Complete) -> str:
    whole = of_family(found.evidence, AMNESIAC.tables, "published", How())
    each = comparable(found, AMNESIAC.tables, "published", How())
    return (
        "**At the paper’s own end.** To forget a class, taking back a part of each training step "
        f"keeps {more(whole.mean)} accuracy on everything else than taking back all of it "
        f"({span(each)}{trainings(each, limits().forgotten)}; the paper "
        f"{one_decimal(paper_mean(each))}{_by_data(each)})."
    )


def _by_data(each: Mapping[Model, Comparison]) -> str:
    """The means on each data set beside the paper's, where there are several."""
    parts = []
    for table in AMNESIAC.tables if len({table for table, _ in each}) > 1 else ():
        mine = {model: one for model, one in each.items() if model[0] == table}
        here = one_decimal(fmean(one.mean for one in mine.values()))
        title = paper.TITLES[TABLES[table].dataset]
        parts.append(f"on {title} {one_decimal(paper_mean(mine))} against {here} here")
    return "".join(f", {part}" for part in parts)


def _equal(found: Complete) -> str:
    whole = of_family(found.evidence, AMNESIAC.tables, "equal", How())
    each = comparable(found, AMNESIAC.tables, "equal", How())
    return (
        "**At equal forgetting.** Stopped as soon as both have forgotten the class, the part "
        f"keeps {more(whole.mean)} ({span(each)}{trainings(each, limits().level)}): "
        f"{found.judged.loc['amnesiac', 'equal']} for {_together(AMNESIAC, each)}."
        f"{_elsewhere(found)}"
    )


def _together(family: Family, each: Mapping[Model, Comparison]) -> str:
    """Which networks the finding of a family is about."""
    planned = sum(table in family.tables for table, _ in paper.comparisons())
    return "all together" if len(each) == planned else f"these {len(each)} of {planned} together"


def _elsewhere(found: Complete) -> str:
    """The same with the class's images placed in the book's other way."""
    how = How(placement="kept_images")
    own, equal = (
        of_family(found.evidence, AMNESIAC.tables, at, how) for at in ("published", "equal")
    )
    if not equal.pairs:
        return ""
    each = comparable(found, AMNESIAC.tables, "equal", how)
    return (
        " This holds where the class sits in few batches. How few, the paper does not say; here it "
        f"is what brings the known method nearest to the paper’s numbers{_misfit(found)}. Where "
        "only 100 images of the class are trained on, plainly shuffled, it is "
        f"{one_decimal(equal.mean)} ({span(each)}, confirmed in {_confirmed(each)}), and "
        f"{one_decimal(own.mean)} at the paper’s own end."
    )


def _confirmed(each: Mapping[Model, Comparison]) -> int:
    """In how many networks a comparison is confirmed for itself."""
    return sum(comparison.finding.word == CONFIRMED for comparison in each.values())


def _misfit(found: Complete) -> str:
    """How far the known method ends from the paper's cell, in the networks where it does most."""
    mine = _of_tables(found)
    ends = mine[(mine.end == "published") & (mine.method == "baseline")]
    apart = {
        model: rows.d_r.mean() - paper.cell(table, model, "baseline").d_r
        for (table, model), rows in ends.groupby(["table", "model"], sort=False)
    }
    low, high = min(apart.values()), max(apart.values())
    return f", from which it still ends {one_decimal(low)} to {one_decimal(high)} points away"


def _others(found: Complete) -> str:
    parts = []
    for family in (ASCENT, FLIPPING):
        whole = of_family(found.evidence, family.tables, "equal", How())
        word = found.judged.loc[family.claim, "equal"]
        if word == NOT_RUN:
            parts.append(f"{family.name}: not run yet")
            continue
        each = comparable(found, family.tables, "equal", How())
        mean = one_decimal(paper_mean(each))
        parts.append(
            f"{family.name} it keeps {more(whole.mean)} ({span(each)}; the paper, at its own end, "
            f"{mean}): {word} for {_together(family, each)}"
        )
    return (
        f"**Two other methods, moved in the paper’s part.** When {'; when '.join(parts)}. The size "
        "of the part was tuned for taking updates back; for these two it was fixed beforehand."
    )


def _last_layer(found: Complete) -> str:
    whole = of_family(found.evidence, AMNESIAC.tables, "equal", LAST_LAYER)
    each = comparable(found, AMNESIAC.tables, "equal", LAST_LAYER)
    called = _called(found)
    parts = [f"{called[key]} {_with_bounds(one)}" for key, one in each.items()]
    misses = _missing(found)
    well = f"In {len(each)} of {len(each) + len(misses)} networks the" if misses else "The"
    leads = {
        CONFIRMED: f"{well} last layer alone does as well.",
        CONTRADICTED: "The masks help.",
    }
    return (
        f"**{leads.get(whole.finding.word, 'Is a mask needed?')}** Taking back all of the last "
        f"layer and nothing else keeps {more(whole.mean)} than the paper’s masks "
        f"({', '.join(parts)}), and leaves the layers below as they were.{''.join(misses)}"
    )


def _called(found: Complete) -> dict[Model, str]:
    """The names of the networks of Tables 1 and 2 that were run."""
    return paper.names(_of_tables(found).groupby(["table", "model"], sort=False).groups)


def _missing(found: Complete) -> list[str]:
    """The networks in which the last layer alone seldom forgets enough to be compared."""
    points = found.data["points"]
    at = (points.end == "train") & (points.level == limits().level) & (points.placement == "tables")
    points = points[at & (points.method == LAST_LAYER.sides[0])]
    said, called = [], _called(found)
    for table in AMNESIAC.tables:
        for model, one in by_model(found.evidence, table, "equal", LAST_LAYER).items():
            reached = points[(points.table == table) & (points.model == model)].reached
            if one.seeds and not one.pairs:
                said.append(
                    f" In {called[table, model]} that seldom forgets: in "
                    f"{(~reached).sum()} of {len(reached)} trainings more than "
                    f"{limits().level:g} % of the class’s images are named even with all of it "
                    "taken back."
                )
    return said


def _with_bounds(one: Comparison) -> str:
    """A difference with its interval; or that the mask that was chosen is what it is beside."""
    if one.low == one.high == 0:
        return "+0.0, where the chosen mask is the last layer"
    return f"{one_decimal(one.mean)} [{one.low:.1f}, {one.high:.1f}]".replace("-", "−")


def remaining(found: Complete) -> list[float]:
    """Mean test D_t of the proposed method at equal forgetting, of each model."""
    each = comparable(found, AMNESIAC.tables, "equal", How())
    return [comparison.d_t[0] for comparison in each.values()]


def _forgotten(found: Complete) -> str:
    named = remaining(found)
    return (
        f"**Is it forgotten?** By its answers, as was asked: stopped where {limits().level:g} % of "
        f"the class’s training images are still named, {fmean(named):.1f} % of its test images are "
        f"(mean of {len(named)} networks)."
        f"{_brought_back(found)}{_attacked()}"
    )


def _brought_back(found: Complete) -> str:
    """What training on the other classes alone brings back, each in the network of the most."""
    points = tidy(complete_runs("forgotten"), lambda result: result.fine_tuned)
    if points.empty:
        return ""
    means = points.groupby(["steps", "model", "method"]).d_t.mean()
    part, whole = come_back(found.data, "proposed"), come_back(found.data, "baseline")
    _, network, _ = case = part.idxmax()
    steps, model, method = means.idxmax()
    return (
        f" From there, training {steps} steps on the other classes alone brings back most in "
        f"{network}: {part[case]:.1f} % of it on average, {whole[case]:.1f} % after the known "
        f"method; and {means.max():.0f} % after {method} in {model}."
    )


def _attacked() -> str:
    """What an attack finds of the MLP's single images: before, after the part, and of the twin."""
    mine = attack_on_the_mlp()
    if mine.empty:
        return ""
    auc, there = mine.auc, mine.there
    part, whole = "partial amnesiac", "amnesiac"
    return (
        " Of a person’s images, an attack on an MLP tells which were trained on in "
        f"{auc['trained']:.1f} % of pairs before, {auc[part]:.1f} % after the part was taken back, "
        f"{auc[whole]:.1f} % after the known method (which get far enough in {there[part]:.0f} and "
        f"{there[whole]:.0f} % of requests), and {auc[TWIN]:.1f} % in a network that never saw "
        "them; 50 is chance."
    )


def sentences(found: Complete) -> list[str]:
    """What came out, in five sentences of Markdown, as far as it is run."""
    run = found.judged.loc["amnesiac", ["equal", "published"]] != NOT_RUN
    if not run.all():
        return ["Nothing on the complete data is run yet.", _others(found)]
    return [say(found) for say in (_published, _equal, _others, _last_layer, _forgotten)]


def plain(text: str) -> str:
    """A sentence without its marks of Markdown."""
    return text.replace("**", "")


def reproduces(found: Complete, table: int) -> str:
    """Whether one of Tables 1 to 6 reproduces, in a sentence."""
    word = found.judged.loc[f"table-{table}-all", "equal"]
    if word == NOT_RUN:
        return f"Table {table} is not run yet on the complete data."
    each = comparable(found, [table], "equal", How())
    models = sum(number == table for number, _ in paper.comparisons())
    whole, own = (of_family(found.evidence, [table], at, How()) for at in ("equal", "published"))
    some = f"{len(each)} of " if len(each) < models else ""
    run = f"mean of {some}its {models} networks"
    if len(each) == 1:  # then its own finding, which is corrected for several networks
        ((_, model),) = each
        word = found.judged.loc[f"table-{table}-{model}", "equal"]
        run = f"{model}, the only one run of its {models} networks"
    return (
        f"{word.capitalize()}: at equal forgetting the paper’s method keeps {more(whole.mean)} "
        f"accuracy on everything else than the known one ({run}). At the paper’s own end it is "
        f"{one_decimal(own.mean)}, where the paper prints {one_decimal(paper_mean(each))}."
    )


def _of_tables(found: Complete) -> pd.DataFrame:
    """The points of Tables 1 and 2 under the placement of the tables."""
    points = found.data["points"]
    return points[points.table.isin(AMNESIAC.tables) & (points.placement == "tables")]


def storage_shares(found: Complete) -> pd.Series:
    """Bytes of the proposed method's log, percent of one that keeps everything, by model."""
    mine = _of_tables(found)
    density = mine[mine.density.notna()].groupby(["table", "model"]).density.mean()
    return 100 * density * BITS / DENSE


def storage(found: Complete) -> str:
    """How much storage the proposed method needs, in a sentence."""
    shares, row = storage_shares(found), found.judged.loc["storage"]
    if shares.empty:
        return NOTHING
    return (
        f"The values of the pruned log take {shares.min():.1f} to {shares.max():.0f} % of the "
        f"bytes of one that keeps every update whole, in the {len(shares)} networks run"
        f"{_example(found, shares)}. A factor of two of that is shorter numbers, not pruning. "
        "“Significantly” less by pruning alone, which we read as at most half the entries: "
        f"{row.published}."
    )


def _example(found: Complete, shares: pd.Series) -> str:
    """What that is in bytes, for the largest of the networks that always forgot."""
    from reproduction.chapters.pictures.storage import whole_log  # torch is slow

    always = _there(found).groupby(["table", "model"]).reached.all()
    table, model = shares.index[shares.index.isin(always[always.astype(bool)].index)][-1]
    run = next(r for r in complete_runs(f"table_{table}") if r.config.model == model)
    whole = whole_log(model, run.config.width, run.config.dataset, run.facts["steps"])
    mine = shares[table, model] / 100 * whole
    name = _called(found)[table, model]
    return f": for the {name} {mine / 1e9:.2f} GB in place of {whole / 1e9:.2f}"


def _there(found: Complete) -> pd.DataFrame:
    """The proposed method in each training where it first comes to the level, or does not."""
    mine = _of_tables(found)
    return mine[
        (mine.method == "proposed") & (mine.end == "train") & (mine.level == limits().level)
    ]


def lost(found: Complete) -> pd.Series:
    """D_r of the trained model minus that of the proposed method at equal forgetting, by model."""
    mine, there, keys = _of_tables(found), _there(found), ["table", "model"]
    known = mine[mine.method == "trained"].groupby(keys).d_r.mean()
    return (known - there[there.reached.astype(bool)].groupby(keys).d_r.mean()).dropna()


def lost_with_all(found: Complete) -> pd.Series:
    """The same with everything taken back that was recorded of the affected steps."""
    mine = _of_tables(found)
    means = mine[mine.end == "published"].groupby(["method", "table", "model"]).d_r.mean()
    return (means.loc["trained"] - means.loc["proposed"]).dropna()


def _span(points: pd.Series) -> str:
    """The least loss, which is never a gain, and the most."""
    return f"{max(0.0, points.min()):.1f} to {points.max():.1f}"


def touched() -> str:
    """Which part of the training steps the requests of Tables 1 and 2 affect."""
    runs = [run for number in AMNESIAC.tables for run in complete_runs(f"figure_{number}")]
    parts = sorted({round(100 * run.facts["affected_fraction"]) for run in runs})
    return f"{parts[0]} to {parts[-1]} %" if len(parts) > 1 else f"{parts[0]} %"


def price(found: Complete) -> str:
    """What a request costs in accuracy and how much of the training it touches, in a sentence."""
    points = lost(found)
    if points.empty:
        return NOTHING
    whole = lost_with_all(found)
    there, called = _there(found), _called(found)
    lost_in = [
        f"{called[key]}, {(~rows.reached.astype(bool)).sum()} of {len(rows)}"
        for key, rows in there.groupby(["table", "model"], sort=False)
        if not rows.reached.all()
    ]
    level = f"{limits().level:g} % of the class"
    never = f" Some trainings never came down to {level}: {'; '.join(lost_in)}." if lost_in else ""
    return (
        f"If a request leaves many training steps untouched. Where it touched {touched()} of them, "
        f"taking back all that was recorded of these, as the command does, cost {_span(whole)} "
        "points of accuracy on everything else, against the network before; stopped where "
        f"{level} is still named, which takes images of the class and is not part of the command, "
        f"{_span(points)}.{never}{_example_of_log()}"
    )


def _example_of_log() -> str:
    """What the log of a large model takes."""
    size = in_words(log_bytes(1e9, 10_000, pruned=0.9))
    return (
        f" The log grows with weights and steps: {size} for a billion weights, 10,000 steps and "
        "nine tenths pruned."
    )


def forgotten(found: Complete) -> str:
    """Whether the class is really forgotten, in a sentence."""
    answered = plain(_forgotten(found)).removeprefix("Is it forgotten? ")
    runs = complete_runs("forgotten")
    return f"{answered} {known_again(runs)}" if runs else answered


QUESTIONS = {
    "Does Table 4 reproduce?": (lambda found: reproduces(found, 4), "../notebooks/table_4.ipynb"),
    "How much storage does it take?": (storage, "../notebooks/cost.ipynb"),
    "Can I use it?": (price, "path/use.md"),
    "Is it really forgotten?": (forgotten, "path/forgotten.md"),
}
"""What readers come with: the answer, and the page that gives it."""


def questions(found: Complete) -> str:
    """The four questions with their answers, as a list of Markdown."""
    lines = (f"- [{asked}]({page}) {say(found)}" for asked, (say, page) in QUESTIONS.items())
    return "\n".join(lines) + "\n"
