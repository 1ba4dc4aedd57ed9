"""The pieces of the first page and of the short chapters that are computed from the results."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import pandas as pd

from reproduction.chapters import answer, census, features, peers, questions
from reproduction.chapters.advice import advice_table
from reproduction.chapters.answer import AMNESIAC, ASCENT, FLIPPING, Family
from reproduction.chapters.complete import Complete, complete_runs
from reproduction.chapters.controls import arms_of, remark
from reproduction.chapters.pictures.controls import SHOWN, controls_picture
from reproduction.chapters.pictures.method import method_picture
from reproduction.chapters.pictures.restored import restored_picture
from reproduction.chapters.pictures.result import lines, result_drawing, result_picture
from reproduction.chapters.pictures.svg import Picture
from reproduction.chapters.pictures.two_numbers import two_numbers_picture
from reproduction.chapters.rates_beyond import all_judged
from reproduction.chapters.settings_tables import held_in
from reproduction.chapters.tables import NONE, Table, simple_table
from reproduction.chapters.verdict_box import one_decimal
from reproduction.checking.comparing import How, of_family
from reproduction.study.stored_runs import Result

EXAMPLE = "LeNet"
"""The model of the first chapter's picture."""
FAMILIES = (AMNESIAC, FLIPPING, ASCENT)


def raw(shown: Picture | Table) -> str:
    """A picture or table as a block of Markdown."""
    return f"```{{raw}} html\n{shown._repr_html_()}\n```\n"


def found_here(sentence: str) -> str:
    """What a chapter found, above all else on it."""
    return f":::{{div}} found\n{sentence}\n:::\n\n"


def pieces(found: Complete) -> Mapping[str, str]:
    """File name -> MyST text, for ``book/generated``."""
    from reproduction.chapters.pictures import storage  # torch is slow, and commands need none

    told = answer.sentences(found)
    amnesiac = [
        run
        for table in AMNESIAC.tables
        for run in complete_runs(f"table_{table}")
        if run.config.experiment == "amnesiac"
    ]
    forgot, result = complete_runs("forgotten"), raw(result_picture(found.comparisons))
    shown = two_numbers_picture(complete_runs("table_1"), EXAMPLE)
    return {
        "result.md": answer.in_short(found),
        "result-picture.md": f"{result}\n{_standing()}",
        "questions.md": questions.questions(found),
        "asked.md": found_here(_asked(found)) + raw(shown),
        "how.md": found_here(_how()) + raw(method_picture()),
        "hold.md": found_here(_hold(found)) + result,
        "rates.md": f"{all_judged()}\n",
        "families.md": raw(family_table(found)),
        "helps.md": _helps(told) + raw(controls_picture(found.data["points"])),
        "controls.md": raw(control_means(found)),
        "forgotten.md": _forgotten(answer.is_it_forgotten(found), amnesiac),
        "forgotten-inside.md": f"{features.inside(forgot)} {features.known_again(forgot)}\n"
        if forgot
        else f"{answer.NOTHING}\n",
        "use.md": found_here(questions.price(found)) + raw(storage.storage_picture(storage.dots())),
        "storage.md": f"{questions.storage(found)}\n",
        "advice.md": raw(advice_table(found.data, peers.points(complete_runs("peers")))),
    }


def _standing() -> str:
    return f"{census.standing('full')}\n"


def _asked(found: Complete) -> str:
    """What training again without the class would give, which unlearning should come near."""
    points = found.data["points"]
    mine = points[points.table.isin(AMNESIAC.tables) & (points.placement == "tables")]
    means = (
        mine[mine.end == "published"].groupby(["method", "table", "model"])[["d_t", "d_r"]].mean()
    )
    if "retrained" not in means.index:
        return answer.NOTHING
    again = means.loc["retrained"]
    trained = means.loc["trained"].loc[again.index]
    return (
        f"Trained again without the class, a network names {fmean(again.d_t):.1f} % of it and "
        f"{fmean(again.d_r):.1f} % of everything else; the network before the request named "
        f"{fmean(trained.d_t):.1f} % and {fmean(trained.d_r):.1f} % (means of {len(again)} "
        "networks). The question is how near one comes without training again."
    )


def _how() -> str:
    held = sorted(held_in(run) for number in (1, 2) for run in complete_runs(f"figure_{number}"))
    among = f", with {held[0]:.0f} to {held[-1]:.0f} of its images in a batch," if held else ""
    return (
        f"Of the training steps behind Tables 1 and 2, {questions.touched()} saw the class"
        f"{among} and are taken back in part. With plain shuffling it would be nearly all of them."
    )


def _helps(told: Sequence[answer.Sentence]) -> str:
    """The sentence on the last layer, and what its numbers are of."""
    if len(told) < 4:
        return found_here(answer.NOTHING)
    last_layer = told[3]
    said = found_here(f"{last_layer.head} {last_layer.said}")
    return f"{said}{answer.folded(last_layer.scope)}\n"


def _forgotten(told: answer.Sentence, amnesiac: Sequence[Result]) -> str:
    """The sentence on what is left of the class, what comes back, and what its numbers are of."""
    said = found_here(f"{told.head} {told.said}")
    return f"{said}{raw(restored_picture(amnesiac, 'equal'))}\n{answer.folded(told.scope)}"


def _hold(found: Complete) -> str:
    """How many of the 18 comparisons went which way."""
    rows = [line for of_table in lines(found.comparisons).values() for line in of_table]
    words = pd.Series([line.equal.word for line in rows if line.run]).value_counts()
    counted = ", ".join(f"{count} {word}" for word, count in words.items())
    run = "all" if sum(words) == len(rows) else sum(words)
    return (
        f"Of the paper’s {len(rows)} comparisons {run} are run on the complete data: at equal "
        f"forgetting {counted}."
    )


def family_table(found: Complete) -> Table:
    """What each family of methods comes to: printed, as published, and at equal forgetting."""
    rows = []
    for family in FAMILIES:
        cells = []
        for at in ("published", "equal"):
            whole = of_family(found.evidence, family.tables, at, How())
            word = found.judged.loc[family.claim, at]
            cells.append(f"{one_decimal(whole.mean)}: {word}" if whole.pairs else word)
        mine = answer.comparable(found, family.tables, "equal", How())
        printed = one_decimal(answer.paper_mean(mine)) if mine else NONE
        rows.append([_named(family), printed, *cells])
    heads = (
        "Method, moved in part",
        "The paper",
        "Here, as published",
        "Here, at equal forgetting",
    )
    caption = (
        "Points of accuracy on everything else that the part keeps above the whole, mean of the "
        "networks run here."
    )
    return simple_table(rows, headings=heads, caption=caption, cards=True)


def _named(family: Family) -> str:
    first, second = family.tables
    return f"{family.name[0].upper()}{family.name[1:]} (Tables {first} and {second})"


def control_means(found: Complete) -> Table:
    """Each control minus the proposed method at equal forgetting, mean over networks."""
    names: dict[str, dict[str, str]] = {}
    for family, kind in zip(FAMILIES, SHOWN, strict=True):
        for arm in SHOWN[kind]:
            label = LABELS.get(arm, arms_of(family.tables[0])[arm])
            names.setdefault(label, {})[family.name] = _control_mean(found, family, arm)
    rows = [[label, *(of.get(f.name, NONE) for f in FAMILIES)] for label, of in names.items()]
    heads = ("In place of the paper’s part", "updates back", "wrong labels", "uphill")
    caption = (
        "Points of accuracy on everything else above the paper’s method at equal forgetting, mean "
        "of the networks. In brackets: networks left out (the control was not run or seldom "
        "forgot), and networks where it is the paper’s method itself, and counts 0. Compare only "
        "lines of the same networks."
    )
    return simple_table(rows, headings=heads, caption=caption)


def _control_mean(found: Complete, family: Family, arm: str) -> str:
    """The mean of one control, with what to know of it."""
    how = How((arm, "proposed"))
    whole = of_family(found.evidence, family.tables, "equal", how)
    if not whole.pairs:
        return NONE
    said = remark(found.evidence, family.tables, how)
    return f"{one_decimal(whole.mean)}{f' ({said})' if said else ''}"


LABELS = {
    "baseline": "everything, as the known method does",
    "reversed": "the part turned round: first and last layers swapped",
    "uniform": "the same part of every layer",
    "mask_1": "another random mask",
    "dense_factors": "no mask: whole layers, scaled down",
    "layer_rates": "no mask: whole layers, at smaller steps",
    "last_layer": "the last layer only",
}
"""Controls in plain words."""


def drawing(found: Complete) -> str:
    """The picture of all comparisons as a file of its own, for the README."""
    return result_drawing(found.comparisons)
