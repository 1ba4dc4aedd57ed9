"""What each chapter found, in a sentence, and the box that opens it."""

from collections.abc import Callable
from functools import partial

import pandas as pd

from reproduction import paper
from reproduction.chapters.answer import (
    AMNESIAC,
    ASCENT,
    FLIPPING,
    NOTHING,
    Family,
    comparable,
    more,
    paper_mean,
    span,
    trainings,
)
from reproduction.chapters.complete import Complete, complete
from reproduction.chapters.questions import reproduces, storage
from reproduction.chapters.tables import NONE, Table
from reproduction.chapters.verdict_box import one_decimal, verdict_box
from reproduction.checking.claims import limits
from reproduction.checking.comparing import How, of_family
from reproduction.checking.verdicts import NOT_RUN

PART = "random, decreasing with depth"
"""The paper's strategy, by its name in Figure 4."""


def family(found: Complete, which: Family) -> str:
    """What a family of methods comes to in all its tables, in a sentence."""
    word = found.judged.loc[which.claim, "equal"]
    if word == NOT_RUN:
        return NOTHING
    whole = of_family(found.evidence, which.tables, "equal", How())
    each = comparable(found, which.tables, "equal", How())
    return (
        f"{word.capitalize()}: {which.name} in part keeps {more(whole.mean)} accuracy on "
        f"everything else at equal forgetting than in whole "
        f"({span(each)}{trainings(each, limits().level)}; the paper, at its own end, "
        f"{one_decimal(paper_mean(each))})."
    )


def epochs(found: Complete, table: int) -> str:
    """How many epochs of Figure 1 or 2 are undone before the class is forgotten, in a sentence."""
    points = found.data["points"]
    mine = points[(points.table == table) & (points.placement == "tables")]
    if mine.empty:
        return NOTHING
    undone = mine[mine.end == "backward"].groupby("method").epochs.median()
    ends = mine[(mine.end == "published") & mine.model.isin(mine[mine.end == "backward"].model)]
    d_r = ends.groupby(["model", "method"]).d_r.mean()
    of, part = d_r.groupby("method").mean(), d_r.xs("proposed", level="method")
    return (
        f"Taking back whole epochs, the latest first, the class is gone after "
        f"{undone.baseline:g} epochs (the paper: 2 to 3), in part after {undone.proposed:g}, "
        f"median of all trainings. When all are taken back, {of.baseline:.0f} % of everything else "
        f"is recognised, in part {of.proposed:.0f} % ({part.min():.0f} to {part.max():.0f} %), of "
        f"{of.trained:.0f} % before, mean over networks."
    )


def maps(found: Complete) -> str:
    """How alike class activation maps stay, in a sentence."""
    rows = found.data["maps"]
    if rows.empty:
        return NOTHING
    alike = rows.groupby("method").similarity.mean()
    return (
        "How alike the maps of the other digits are to those before, where 1 is the same picture: "
        f"{alike.proposed:.2f} after the paper’s method, {alike.baseline:.2f} after the known one, "
        f"{alike.retrained:.2f} after training again without the class. Whether the first two "
        f"differ: {_words(found, 'maps-preserved')}."
    )


def _words(found: Complete, claim: str) -> str:
    row = found.judged.loc[claim]
    at = "equal" if row.equal != NONE else "published"
    note = f" ({row[f'{at}_note']})" if row[f"{at}_note"] else ""
    return f"{row[at]}{note}"


def fractions(found: Complete) -> str:
    """What a growing part of affected batches does, in a sentence."""
    rows = found.data["fractions"]
    rows = rows[rows.end == "published"]
    below = rows[rows.affected_fraction < 1]
    if below.empty:
        return NOTHING
    ends = below.groupby("method").d_r.agg(["min", "max"])
    whole, part = ends.loc["amnesiac"], ends.loc[PART]
    parts = 100 * below.affected_fraction
    said = (
        f"With {parts.min():.0f} to {parts.max():.0f} % of the batches affected, taking everything "
        f"back leaves {whole['min']:.0f} to {whole['max']:.0f} % of everything else recognised, "
        f"the paper’s pruning {part['min']:.0f} to {part['max']:.0f} %."
    )
    return f"{said}{_never_there(found.data['fractions'])}"


def _never_there(rows: pd.DataFrame) -> str:
    """Where the paper's pruning does not come down to the level in every training."""
    at = (rows.end == "train") & (rows.level == limits().level) & (rows.method == PART)
    parts = []
    for (name, part), mine in rows[at].groupby(["dataset", "affected_fraction"]):
        there = mine.reached.astype(bool).sum()
        if there < len(mine):
            parts.append(f"{there} of {len(mine)} with {100 * part:.0f} % on {paper.TITLES[name]}")
    if not parts:
        return ""
    return (
        f" The pruning does not always forget the class, down to {limits().level:g} %: trainings "
        f"in which it does are {', '.join(parts)}, and all elsewhere."
    )


def growing(found: Complete) -> str:
    """Whether the known method gets worse the more batches are affected, in a sentence."""
    return (
        "Whether the known method leaves less, the more batches are affected: "
        f"{_words(found, 'degradation-with-share')}, "
        f"{found.judged.coverage['degradation-with-share']}."
    )


LEADS: dict[str, Callable[[Complete], str]] = {
    **{f"table_{number}": partial(reproduces, table=number) for number in range(1, 7)},
    **{f"figure_{number}": partial(epochs, table=number) for number in (1, 2)},
    "figure_3": maps,
    "figure_4": fractions,
    "amnesiac": growing,
    "partial_amnesiac": partial(family, which=AMNESIAC),
    "label_flipping": partial(family, which=FLIPPING),
    "optimization": partial(family, which=ASCENT),
    "cost": storage,
}
"""What each chapter found, in a sentence."""


def opening(chapter: str) -> Table:
    """The box that opens a chapter: its sentence, and the verdicts of the ledger."""
    return verdict_box(chapter, LEADS[chapter](complete()))
