"""The claims with their findings on pages, and what the first page and the README say."""

from collections.abc import Mapping

import pandas as pd

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from reproduction import places
from reproduction.chapters.answer import in_short
from reproduction.chapters.census import standing
from reproduction.chapters.complete import COMPLETE, complete
from reproduction.chapters.story import drawing, pieces
from reproduction.chapters.tables import NONE, Fold, Table, simple_table
from reproduction.checking import judging
from reproduction.checking.verdicts import Finding

MARKS = ("<!-- result:start -->", "<!-- result:end -->")
PUBLISHED = COMPLETE
READINGS = {"equal": "At equal forgetting", "published": "As published"}


def totals(judged: pd.DataFrame) -> str:
    """How often each finding occurs under either reading, as a sentence."""
    parts = [
        f"{title.lower()}, {(judged[at] != NONE).sum()} of them: {judging.counts(judged[at])}"
        for at, title in READINGS.items()
    ]
    return (
        f"{len(judged)} lines on {judged.quote.nunique()} sentences of the paper, most under two "
        f"readings; {'; '.join(parts)}."
    )


def _caveats(judged: pd.DataFrame) -> dict[str, str]:
    """The caveats of a ledger, each once, with the mark that stands for it, ``[1]`` and so on."""
    distinct = dict.fromkeys(caveat for caveat in judged.caveat if caveat)
    return {caveat: f"[{number}]" for number, caveat in enumerate(distinct, start=1)}


def chapter_claims(profile: str, chapter: str) -> Table:
    """The claims of the ledger that a chapter answers for, judged by a profile's own runs."""
    judged = complete().judged if profile == COMPLETE else judging.findings(profile)
    mine = judged[judged.chapter == f"notebooks/{chapter}"]
    return claim_table(mine, f"Claims of this chapter, judged by the runs of profile {profile}.")


def claim_table(judged: pd.DataFrame, caption: str) -> Table:
    """Rows of the ledger: the claim and its findings; measurements and the rule folded below."""
    marks, rows, folds = _caveats(judged), [], []
    for _, row in judged.iterrows():
        label = f"{row.source}: “{row.quote}” {marks.get(row.caveat, '')}".strip()
        rows.append([label, *(Finding(row[at], row[f"{at}_note"]) for at in READINGS)])
        folds.append(Fold("Rule, numbers, runs", _behind(row)))
    return simple_table(
        rows,
        headings=("The paper says", *READINGS.values()),
        caption=caption,
        notes=[f"{mark} {caveat.rstrip('.')}." for caveat, mark in marks.items()],
        folds=folds,
        cards=True,
    )


def _behind(row: pd.Series) -> list[tuple[str, str]]:
    """What a finding rests on."""
    measured = [
        (f"{title}, measured", row[f"{at}_measured"].replace("; Table", " | Table"))
        for at, title in READINGS.items()
        if row[f"{at}_measured"]
    ]
    dates = f"rule {_day(row.committed)}, first run {_day(row.first_run)}"
    runs = [("Runs", row.coverage), ("Dates", dates)]
    return [("Rule", row.rule), *measured, *runs, ("The paper’s own numbers", row.paper)]


def _day(moment: str) -> str:
    """A moment to the minute."""
    return moment.replace("T", " ")[:16]


def replace_block(text: str, block: str) -> str:
    """Put ``block`` between the two marks of ``text``.

    Raises:
        InputError: a mark is missing, or they are in the wrong order.
    """
    head, start, rest = text.partition(MARKS[0])
    _, end, tail = rest.partition(MARKS[1])
    if not (start and end):
        raise InputError(f"expected {MARKS[0]} and then {MARKS[1]} in the text; add both lines")
    return f"{head}{start}\n{block}{end}{tail}"


def generated(profile: str) -> Mapping[str, str]:
    """Pieces of pages that are computed from results; pages include them from ``generated/``.

    Args:
        profile: whose runs the book shows.

    Returns:
        File name -> MyST text. The result is always that of the complete data.
    """
    found = complete()
    return {
        "profile.md": f"This copy of the book was made under the profile **`{profile}`**.\n",
        "totals.md": f"{totals(found.judged)}\n",
        **pieces(found),
    }


def write_result(profile: str) -> pd.DataFrame:
    """Judge all claims, and rewrite the result between the marks of the README, and its picture.

    Returns:
        The profile's findings.

    Raises:
        InputError: unknown profile, or a README without the marks, which is left as it was.
    """
    found = complete()
    write_atomic(places.readme_picture(), drawing(found))
    readme = places.readme()
    block = f"{in_short(found)}\n{standing(COMPLETE)}\n"
    write_atomic(readme, replace_block(readme.read_text(encoding="utf-8"), block))
    return judging.findings(profile)
