"""The result in five sentences, and the answers to four questions, with numbers from the runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

import pandas as pd

from reproduction import paper
from reproduction.chapters.complete import Complete, complete_runs
from reproduction.chapters.features import last_hidden
from reproduction.chapters.forgotten import METHODS, TWIN
from reproduction.chapters.verdict_box import one_decimal
from reproduction.checking.claims import limits
from reproduction.checking.comparing import Comparison, How, by_model, of_family, printed
from reproduction.checking.measurements import tidy
from reproduction.checking.verdicts import NOT_RUN
from reproduction.study.experiments import configs_of
from reproduction.study.profiles import load_profile
from reproduction.study.stored_runs import find

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


def comparable(found: Complete, tables: Iterable[int], reading: str, how: How) -> list[Comparison]:
    """Each model's comparison, where it was run and can be made."""
    each = [c for t in tables for c in by_model(found.evidence, t, reading, how).values()]
    return [comparison for comparison in each if comparison.pairs]


def more(value: float) -> str:
    """Points without a sign, ``0.4 points less``; whole above ten."""
    points = f"{abs(value):.1f}" if abs(value) < 10 else f"{abs(value):.0f}"
    return f"{points} points {'more' if value > 0 else 'less'}"


def span(each: list[Comparison]) -> str:
    """The smallest and the largest mean of several models, and how many they are."""
    means = [comparison.mean for comparison in each]
    if len(means) == 1:
        return "in 1 network"
    return f"{one_decimal(min(means))} to {one_decimal(max(means))} in {len(means)} networks"


def paper_mean(tables: Iterable[int]) -> float:
    """What the paper's own tables say on average, in points."""
    return fmean(printed(*pair) for pair in paper.comparisons() if pair[0] in tables)


def _published(found: Complete) -> str:
    whole = of_family(found.evidence, AMNESIAC.tables, "published", How())
    each = comparable(found, AMNESIAC.tables, "published", How())
    return (
        "**At the paper’s own end.** To forget a class, taking back a part of each training step "
        f"keeps {more(whole.mean)} accuracy on everything else than taking back all of it "
        f"({span(each)}; the paper prints {one_decimal(paper_mean(AMNESIAC.tables))} on average)."
    )


def _equal(found: Complete) -> str:
    whole = of_family(found.evidence, AMNESIAC.tables, "equal", How())
    each = comparable(found, AMNESIAC.tables, "equal", How())
    return (
        "**At equal forgetting.** Stopped as soon as both have forgotten the class, the part "
        f"keeps {more(whole.mean)} ({span(each)}): {found.judged.loc['amnesiac', 'equal']}."
    )


def _others(found: Complete) -> str:
    parts = []
    for family in (ASCENT, FLIPPING):
        whole = of_family(found.evidence, family.tables, "equal", How())
        word = found.judged.loc[family.claim, "equal"]
        if word == NOT_RUN:
            parts.append(f"{family.name}: not run yet")
            continue
        each = comparable(found, family.tables, "equal", How())
        mean = one_decimal(paper_mean(family.tables))
        parts.append(
            f"{family.name} it keeps {more(whole.mean)} ({span(each)}; the paper {mean}): {word}"
        )
    return f"**Two other methods, moved in part.** When {'; when '.join(parts)}."


def _last_layer(found: Complete) -> str:
    whole = of_family(found.evidence, AMNESIAC.tables, "equal", LAST_LAYER)
    each = comparable(found, AMNESIAC.tables, "equal", LAST_LAYER)
    lead = "No mask is needed" if whole.mean >= 0 else "The masks help"
    return (
        f"**{lead}.** Taking back all of the last layer and nothing else keeps "
        f"{more(whole.mean)} than the paper’s masks ({span(each)})."
    )


def returns(found: Complete) -> pd.DataFrame:
    """D_t after fine-tuning from equal forgetting: a row a method, model and number of steps."""
    points = found.data["points"]
    mine = points[points.table.isin(AMNESIAC.tables) & (points.end == "train") & points.reached]
    named = mine.method.str.extract(r"^(baseline|proposed), (\d+) steps$")
    tuned = mine.assign(of=named[0], after=named[1].astype(float))
    keys = ["of", "table", "model", "after"]
    return tuned.dropna(subset=["of"]).groupby(keys, as_index=False).d_t.mean()


def remaining(found: Complete) -> float:
    """Mean test D_t of the proposed method at equal forgetting, over models."""
    each = comparable(found, AMNESIAC.tables, "equal", How())
    return fmean(comparison.d_t[0] for comparison in each)


def _forgotten(found: Complete) -> str:
    back = returns(found)
    mine = back[back.of == "proposed"]
    said = (
        f"**Is it forgotten?** By its answers: {remaining(found):.1f} % of the class’s test images "
        "are still named."
    )
    if mine.empty:
        return said
    worst = mine.loc[mine.d_t.idxmax()]
    return (
        f"{said} After the part was taken back, training on the other classes alone brings back "
        f"{worst.d_t:.1f} % at most ({worst.model}, {worst.after:.0f} steps, mean over trainings)."
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


def standing(profile: str) -> str:
    """How much of a profile's comparisons is run; empty where all is."""
    settings = load_profile(profile)
    configs = [c for number in (1, 2) for c in configs_of(f"table_{number}", settings)]
    pairs = {(c.dataset, c.model, c.seed) for c in configs if find(profile, c)}
    parts = []
    for dataset, of_data in settings.datasets.items():
        for model, own in of_data.models.items():
            seeds = own.seeds or settings.seeds
            there = sum((dataset, model, seed) in pairs for seed in seeds)
            if there < len(seeds):
                parts.append(f"{model} on {paper.TITLES[dataset]} {there} of {len(seeds)}")
    if not parts:
        return ""
    return f"Not all is run yet ({', '.join(parts)} trainings): findings may change."


def reproduces(found: Complete, table: int) -> str:
    """Whether one of Tables 1 to 6 reproduces, in a sentence."""
    word = found.judged.loc[f"table-{table}-all", "equal"]
    if word == NOT_RUN:
        return f"Table {table} is not run yet on the complete data."
    each = comparable(found, [table], "equal", How())
    models = sum(number == table for number, _ in paper.comparisons())
    whole = of_family(found.evidence, [table], "equal", How())
    run = f"{len(each)} of {models} networks"
    return (
        f"{word.capitalize()}: at equal forgetting the paper’s method keeps {more(whole.mean)} "
        f"accuracy on everything else than the known one, mean of {run}; the paper prints "
        f"{one_decimal(paper_mean([table]))}."
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
    shares = storage_shares(found)
    if shares.empty:
        return NOTHING
    return (
        f"The pruned log takes {shares.min():.1f} to {shares.max():.1f} % of the bytes of one that "
        "keeps every update whole; a factor of two of that is shorter numbers, not pruning."
    )


def lost(found: Complete) -> pd.Series:
    """D_r of the trained model minus that of the proposed method at equal forgetting, by model."""
    mine, keys = _of_tables(found), ["table", "model"]
    known = mine[mine.method == "trained"].groupby(keys).d_r.mean()
    here = (mine.method == "proposed") & (mine.end == "train") & (mine.level == limits().level)
    return (known - mine[here & mine.reached].groupby(keys).d_r.mean()).dropna()


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
    return (
        f"If a request touches few training steps. Where it touched {touched()} of them, "
        f"forgetting a class cost {max(0.0, points.min()):.1f} to {points.max():.1f} points of "
        "accuracy on everything else."
    )


def forgotten(found: Complete) -> str:
    """Whether the class is really forgotten, in a sentence."""
    answered = plain(_forgotten(found)).removeprefix("Is it forgotten? ")
    return f"{answered}{_inside()}"


def _inside() -> str:
    """What a probe of the last hidden layer tells of the class, beside the retrained twin's."""
    points = tidy(complete_runs("forgotten"), last_hidden)
    mine, twin = points[points.method.isin(METHODS)].probe, points[points.method == TWIN].probe
    if mine.empty or twin.empty:
        return ""
    return (
        f" Inside, a probe of the last layer’s input tells the class in {mine.mean():.1f} % of "
        f"cases; in a network that never saw it, in {twin.mean():.1f} %."
    )


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
