"""The result in five sentences, each with what its numbers are of, from the runs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from statistics import fmean
from typing import NamedTuple

import pandas as pd

from reproduction import paper
from reproduction.chapters import caveats
from reproduction.chapters.advice import come_back
from reproduction.chapters.complete import Complete
from reproduction.chapters.forgotten import TWIN, brought_back
from reproduction.chapters.membership import attack_on_the_mlp, bounds
from reproduction.chapters.rates_beyond import all_judged
from reproduction.chapters.verdict_box import one_decimal
from reproduction.checking.claims import limits
from reproduction.checking.comparing import Comparison, How, Model, by_model, of_family, printed
from reproduction.checking.verdicts import NOT_RUN
from reproduction.study.kinds import TABLES

NOTHING = "No runs on the complete data say it yet."


@dataclass(frozen=True)
class Family:
    """A family of methods: its tables, the claim of the ledger on all of them, and its name."""

    tables: tuple[int, ...]
    claim: str
    name: str


class Part(NamedTuple):
    """What is said, and which networks and trainings its numbers are of."""

    said: str
    scope: str


@dataclass(frozen=True)
class Sentence:
    """One of the five.

    Attributes:
        head: what it is about.
        said: the result, with a number or two.
        scope: which networks and trainings the numbers are of, and their spread.
    """

    head: str
    said: str
    scope: str


AMNESIAC = Family(caveats.AMNESIAC, "amnesiac", "taking updates back")
FLIPPING = Family((3, 4), "flipping", "learning wrong labels")
ASCENT = Family((5, 6), "optimization", "going uphill on the loss")
SEEN = 0.1
"""Percent of the class that are worth a word."""
LAST_LAYER = How(("last_layer", "proposed"))


def comparable(
    found: Complete, tables: Iterable[int], reading: str, how: How
) -> dict[Model, Comparison]:
    """The comparison of each table and model, where it was run and can be made."""
    each = {t: by_model(found.evidence, t, reading, how) for t in tables}
    return {(t, model): one for t in each for model, one in each[t].items() if one.pairs}


def of_tables(found: Complete) -> pd.DataFrame:
    """The points of Tables 1 and 2 under the placement of the tables."""
    points = found.data["points"]
    return points[points.table.isin(AMNESIAC.tables) & (points.placement == "tables")]


def more(value: float) -> str:
    """Points without a sign, ``0.4 points less``; whole above ten."""
    points = f"{abs(value):.1f}" if abs(value) < 10 else f"{abs(value):.0f}"
    return f"{points} points {_sign(value)}"


def _sign(value: float) -> str:
    return "more" if value > 0 else "less"


def _capital(text: str) -> str:
    """With a capital letter, where it begins with one."""
    return f"{text[:1].upper()}{text[1:]}"


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


def _equal(found: Complete) -> Sentence:
    whole = of_family(found.evidence, AMNESIAC.tables, "equal", How())
    each = comparable(found, AMNESIAC.tables, "equal", How())
    said = (
        f"Stopped once {limits().level:g} % of the class is still recognised, taking back a part "
        f"of each step that saw it keeps {_sign(whole.mean)} accuracy on everything else than "
        f"taking back all, the known method{_never(found)}."
        f"{_restored(found, 'equal', 50)}"
    )
    scope = (
        f"{_capital(span(each))}{trainings(each, limits().level)}; the finding is for "
        f"{_together(AMNESIAC, each)}. The library’s command cannot stop there: that takes images "
        f"of the class. {caveats.of_equal(found)}"
    )
    word = found.judged.loc["amnesiac", "equal"]
    return Sentence(f"At equal forgetting a part keeps {more(whole.mean)}: {word}.", said, scope)


def _published(found: Complete) -> Sentence:
    whole = of_family(found.evidence, AMNESIAC.tables, "published", How())
    each = comparable(found, AMNESIAC.tables, "published", How())
    outside = sum(not one.low <= printed(*model) <= one.high for model, one in each.items())
    said = (
        "Here all that was recorded of these steps is taken back. The overall mean agrees, those "
        f"of data sets do not{_by_data(each)}; in {outside} of {len(each)} networks the paper’s "
        "number is outside of our interval."
        f"{_restored(found, 'published', 200)}"
    )
    scope = (
        f"{_capital(span(each))}{trainings(each, limits().forgotten)}. "
        f"{caveats.of_published(found)}"
    )
    beside = f"the paper prints {paper_mean(each):.1f}"
    return Sentence(f"At the paper’s own end {more(whole.mean)}; {beside}.", said, scope)


def _restored(found: Complete, reading: str, steps: int) -> str:
    """What fine-tuning, which the paper holds to be needless, leaves of the difference."""
    left = caveats.fine_tuned(found, reading, steps)
    if not left.pairs:
        return ""
    part, whole = left.d_t
    named = f", with {part:.1f} % of the class recognised, after the known method {whole:.1f} %"
    return (
        f" {steps} steps of training on the other classes bring the lead to "
        f"{one_decimal(left.mean)}{named if max(left.d_t) >= SEEN else ''}."
    )


def _by_data(each: Mapping[Model, Comparison]) -> str:
    """The means on each data set beside the paper's, where there are several."""
    parts = []
    for table in AMNESIAC.tables if len({table for table, _ in each}) > 1 else ():
        mine = {model: one for model, one in each.items() if model[0] == table}
        here = one_decimal(fmean(one.mean for one in mine.values()))
        title = paper.TITLES[TABLES[table].dataset]
        parts.append(
            f"on {title} the paper prints {one_decimal(paper_mean(mine))}, and {here} came out"
        )
    return f": {'; '.join(parts)}" if parts else ""


def _never(found: Complete) -> str:
    """In how many trainings either method does not come down to the level, as a clause."""
    mine = of_tables(found)
    at = (mine.end == "train") & (mine.level == limits().level)
    misses, parts = mine[at & ~mine.reached.astype(bool)].method.value_counts(), []
    for method, name in (("proposed", "the part"), ("baseline", "the whole")):
        if count := misses.get(method, 0):
            parts.append(
                f"{name} never gets there in {count} of {(at & (mine.method == method)).sum()}"
            )
    return f"; {' and '.join(parts)} trainings" if parts else ""


def _together(family: Family, each: Mapping[Model, Comparison]) -> str:
    """Which networks the finding of a family is about."""
    planned = sum(table in family.tables for table, _ in paper.comparisons())
    return "all together" if len(each) == planned else f"these {len(each)} of {planned} together"


def _others(found: Complete) -> Sentence:
    heads, said, scope = [], [], []
    for family in (ASCENT, FLIPPING):
        whole = of_family(found.evidence, family.tables, "equal", How())
        word = found.judged.loc[family.claim, "equal"]
        if word == NOT_RUN:
            said.append(f"{_capital(family.name)}: not run yet")
            continue
        each = comparable(found, family.tables, "equal", How())
        points = f"{abs(whole.mean):.1f} points"
        heads.append(f"{family.name} {'gains' if whole.mean > 0 else 'loses'} {points}")
        said.append(f"{_capital(family.name)}: {word}, by network {counted(each)}")
        scope.append(
            f"{family.name} {span(each)}, the finding for {_together(family, each)} (the paper, "
            f"at its own end, {one_decimal(paper_mean(each))})"
        )
    sizes = f"Both at equal forgetting. {all_judged()} {caveats.SIZES}"
    given = f"{_capital('; '.join(scope))}. {sizes}" if scope else sizes
    head = f"Two other methods, done in part: {', '.join(heads) or 'not run yet'}."
    return Sentence(head, f"{'. '.join(said)}.", given)


def _last_layer(found: Complete) -> Sentence:
    whole = of_family(found.evidence, AMNESIAC.tables, "equal", LAST_LAYER)
    each = comparable(found, AMNESIAC.tables, "equal", LAST_LAYER)
    names, misses = called(found), _missing(found)
    parts = [f"{names[key]} {_with_bounds(one)}" for key, one in each.items()]
    of = f"{len(each)} of {len(each) + len(misses)}"
    where = f", mean of the {of} networks where that forgets enough"
    said = (
        f"Only its updates are taken back, but whole{where if misses else ''}: "
        f"{whole.finding.word} for them together, by network {counted(each)}. The layers below "
        "stay as they were."
    )
    head = f"The last layer alone keeps {more(whole.mean)} than the part."
    scope = f"By network: {'; '.join(parts)}.{''.join(misses)} {caveats.UNCLAIMED}"
    return Sentence(head, said, scope)


def counted(each: Mapping[Model, Comparison]) -> str:
    """How many networks have which finding for themselves."""
    words = Counter("identical" if _same(one) else one.finding.word for one in each.values())
    return ", ".join(f"{count} {word}" for word, count in sorted(words.items()))


def _same(one: Comparison) -> bool:
    """Whether the mask that was chosen is what it is compared with."""
    return one.low == one.high == 0


def called(found: Complete) -> dict[Model, str]:
    """The names of the networks of Tables 1 and 2 that were run."""
    return paper.names(of_tables(found).groupby(["table", "model"], sort=False).groups)


def _missing(found: Complete) -> list[str]:
    """The networks in which the last layer alone seldom forgets enough to be compared."""
    points = found.data["points"]
    at = (points.end == "train") & (points.level == limits().level) & (points.placement == "tables")
    points = points[at & (points.method == LAST_LAYER.sides[0])]
    said, names = [], called(found)
    for table in AMNESIAC.tables:
        for model, one in by_model(found.evidence, table, "equal", LAST_LAYER).items():
            reached = points[(points.table == table) & (points.model == model)].reached
            if one.seeds and not one.pairs:
                said.append(
                    f" In {names[table, model]} that seldom forgets: in "
                    f"{(~reached).sum()} of {len(reached)} trainings more than "
                    f"{limits().level:g} % of the class’s images are recognised even with all of "
                    "it taken back once."
                )
    return said


def _with_bounds(one: Comparison) -> str:
    """A difference with its interval; or that the mask that was chosen is what it is beside."""
    if _same(one):
        return "0.0, where the chosen mask is the last layer"
    some = f", {one.pairs} of {one.seeds} trainings" if one.pairs < one.seeds else ""
    bounds = f"[{one.low:.1f}, {one.high:.1f}]{some}: {one.finding.word}"
    return f"{one_decimal(one.mean)} {bounds}".replace("-", "−")


def remaining(found: Complete) -> list[float]:
    """Mean test D_t of the proposed method at equal forgetting, of each model."""
    each = comparable(found, AMNESIAC.tables, "equal", How())
    return [comparison.d_t[0] for comparison in each.values()]


@cache
def is_it_forgotten(found: Complete) -> Sentence:
    """What is named of the class, what comes back, and what an attack still tells."""
    named, back, attack = remaining(found), _brought_back(found), _attacked()
    if not named:
        return Sentence("Is it forgotten?", NOTHING, "")
    said = (
        f"With {limits().level:g} % of the class’s training images recognised, "
        f"{fmean(named):.1f} % of its test images are.{back.said}{attack.said}"
    )
    scope = f"Test images: mean of {len(named)} networks.{back.scope}{attack.scope}"
    return Sentence("Is it forgotten? Only by its answers.", said, scope)


def _brought_back(found: Complete) -> Part:
    """What training on the other classes alone brings back, each in the network of the most."""
    means = brought_back()
    if means.empty:
        return Part("", "")
    part, whole = come_back(found.data, "proposed"), come_back(found.data, "baseline")
    cases = [f"{most.max():.1f} % is a mean of {_case(most)}" for most in (part, whole)]
    return Part(
        f" Training on the other classes brings back up to {part.max():.1f} %, after the known "
        f"method {whole.max():.1f} %, after another in part {means.max():.0f} %.",
        f" {' and '.join(cases)}{caveats.of_brought_back(found)}",
    )


def _case(means: pd.Series) -> str:
    """The network of the largest mean, and after how many steps."""
    _, network, after = means.idxmax()
    return f"{network} after {after} steps"


def _attacked() -> Part:
    """What attacks find of the MLP's single images: before, after the part, and of the twin."""
    lira, with_twins = attack_on_the_mlp(), attack_on_the_mlp("U-LiRA").auc
    if lira.empty:
        return Part("", "")
    part, whole = (f"{name}, all subtracted" for name in ("partial amnesiac", "amnesiac"))
    before, after = lira.loc["trained"], lira.loc[part]
    apart = after.auc_high < before.auc_low or before.auc_high < after.auc_low
    return Part(
        f" An attack on an MLP tells images taken back from others in {after.auc:.1f} % "
        f"(before {before.auc:.1f}{'' if apart else ', not clearly more'}; chance 50)"
        f"{caveats.better(part)}.",
        " The attack (LiRA) is on MLPs trained on 10,000 images, in which a person has 100, in few "
        f"batches, after all that was recorded of them is taken back: {bounds(after)} %, before "
        f"{bounds(before)}{'' if apart else ' (intervals overlap)'}; after the known method "
        f"{bounds(lira.loc[whole])}, in networks that "
        f"never saw them {bounds(lira.loc[TWIN])}. The others were never trained on. An attacker "
        f"who has such networks (U-LiRA) tells {with_twins[part]:.1f} % after the part and "
        f"{with_twins[whole]:.1f} % after the known method{caveats.shuffled(part, whole)}."
        f"{caveats.part_of_the_mlp()}",
    )


@cache
def sentences(found: Complete) -> list[Sentence]:
    """What came out, in five sentences, as far as it is run; several pages have them."""
    run = found.judged.loc["amnesiac", ["equal", "published"]] != NOT_RUN
    if not run.all():
        return [Sentence("Nothing on the complete data is run yet.", "", ""), _others(found)]
    return [say(found) for say in (_equal, _published, _others, _last_layer, is_it_forgotten)]


def in_short(found: Complete) -> str:
    """The sentences as a list of Markdown, and folded below what their numbers are of."""
    told = sentences(found)
    said = "".join(f"- **{one.head}** {one.said}\n" for one in told)
    scopes = "".join(f"- *{one.head}* {one.scope}\n" for one in told if one.scope)
    return f"{said}\n{folded(scopes)}"


def folded(scope: str) -> str:
    """What numbers are of, folded away, as Markdown."""
    fold = '<details class="fold"><summary>Ranges, networks and caveats of these numbers</summary>'
    return f"{fold}\n\n{scope.rstrip()}\n\n</details>\n"
