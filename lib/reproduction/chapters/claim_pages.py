"""The claims with their verdicts, on pages: in chapters, on the first page, and in the README.

The first page and the README have the complete data's verdicts, and beside them a profile's.
"""

from collections.abc import Collection, Mapping

import pandas as pd

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from reproduction import places
from reproduction.chapters.tables import NONE, Table, simple_table, verdict_badge, with_symbols
from reproduction.checking import judging

MARKS = ("<!-- claims:start -->", "<!-- claims:end -->")
PUBLISHED = "full"
LEGEND = (
    "Numbers are percentages, or percentage points, of test images; of a comparison, D_r of the "
    "proposed method minus that of the baseline, and D_t of either, in this order. Each claim's "
    "rule says what its numbers are."
)

Ledgers = Mapping[str, pd.DataFrame]
"""Profile -> its verdicts, the complete data's first."""


def ledgers(profile: str) -> Ledgers:
    """Verdicts on the complete data and, if that is another one, of a profile.

    Raises:
        InputError: unknown profile.
    """
    return {name: judging.verdicts(name) for name in dict.fromkeys([PUBLISHED, profile])}


def title(profile: str) -> str:
    """What a profile's column is called."""
    return "complete data" if profile == PUBLISHED else f"profile {profile}"


def totals(found: Ledgers) -> str:
    """How often each verdict occurs, one sentence a profile."""
    words = [f"{title(p).capitalize()}: {judging.counts(f.verdict)}." for p, f in found.items()]
    return f"{len(found[PUBLISHED])} claims. {' '.join(words)}"


def caveats(frame: pd.DataFrame) -> dict[str, str]:
    """The caveats of a ledger, each once, with the mark that stands for it, ``[1]`` and so on."""
    distinct = dict.fromkeys(caveat for caveat in frame.caveat if caveat)
    return {caveat: f"[{number}]" for number, caveat in enumerate(distinct, start=1)}


def notes(marks: dict[str, str]) -> list[str]:
    """The caveats behind the marks, one a paragraph."""
    return [f"{mark} {caveat.rstrip('.')}." for caveat, mark in marks.items()]


def measured(row: pd.Series) -> str:
    """What was found for a claim, a row of a ledger, with what to know of it; empty if nothing."""
    note = f"({row.note})" if row.note else ""
    found = "" if row.measured == NONE else row.measured
    return f"{note} {found}".strip()


def verdict_table(profile: str, chapter: str) -> Table:
    """The claims of the ledger that a chapter answers for, judged by the profile's own runs."""
    judged = judging.verdicts(profile)
    mine = judged[judged.chapter == f"notebooks/{chapter}"]
    return claim_table(mine, f"Claims of this chapter, judged by the runs of profile {profile}.")


def claim_table(judged: pd.DataFrame, caption: str) -> Table:
    """Rows of the ledger with what was measured and the rule; caveats stand once, below them."""
    marks = caveats(judged)
    rows = [
        [
            row.source,
            f"“{row.quote}”",
            f"{row.measured or NONE} {marks.get(row.caveat, '')}".strip(),
            f"{row.verdict} ({row.note})" if row.note else row.verdict,
            row.rule,
        ]
        for _, row in judged.iterrows()
    ]
    headings = ("Source", "The paper says", "Here", "Verdict", "Rule")
    return simple_table(rows, headings=headings, caption=caption, notes=notes(marks))


def _quote(row: pd.Series, marks: dict[str, str]) -> str:
    return f"“{row.quote}” {marks.get(row.caveat, '')}".strip()


def _markdown(heads: list[str], lines: list[list[str]], marks: dict[str, str]) -> str:
    """A Markdown table with its caveats; a bar inside a cell would end it."""
    rows = [heads, ["---"] * len(heads), *lines]
    drawn = (f"| {' | '.join(c.replace('|', '∣') for c in line)} |" for line in rows)
    return "\n\n".join(["\n".join(drawn), *notes(marks)])


def to_markdown(found: Ledgers) -> str:
    """The ledger for the README, with links from the project's root."""
    marks, lines = caveats(found[PUBLISHED]), []
    for number, row in found[PUBLISHED].iterrows():
        name = row.chapter.rpartition("/")[2].replace("_", " ")
        there = (places.root() / f"{row.chapter}.ipynb").exists()
        judged = [frame.loc[number] for frame in found.values()]
        verdicts = [f"**{one.verdict}** {measured(one)}".strip() for one in judged]
        chapter = f"[{name}]({row.chapter}.ipynb)" if there else name
        lines.append([row.source, _quote(row, marks), *verdicts, chapter])
    titles = [title(name).capitalize() for name in found]
    return _markdown(["Source", "The paper says", *titles, "Chapter"], lines, marks)


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


def generated(profile: str, notebooks: Collection[str]) -> dict[str, str]:
    """Pieces of pages that are computed from results; pages include them from ``generated/``.

    Args:
        profile: whose runs the book shows.
        notebooks: names of the chapters that this book has; claims link to them.

    Returns:
        File name -> MyST text.
    """
    return {
        "profile.md": f"This copy of the book was made under the profile **`{profile}`**.\n",
        "claims.md": _front_page(ledgers(profile), notebooks),
    }


def _front_page(found: Ledgers, notebooks: Collection[str]) -> str:
    """The claims with their verdicts, linked to the chapters that this book has."""
    marks, lines = caveats(found[PUBLISHED]), []
    for number, row in found[PUBLISHED].iterrows():
        known = row.chapter.rpartition("/")[2] in notebooks
        source = f"[{row.source}](../{row.chapter}.ipynb)" if known else row.source
        judged = [frame.loc[number] for frame in found.values()]
        badges = [f"{verdict_badge(r.verdict)} {with_symbols(measured(r))}".strip() for r in judged]
        lines.append([f"{source}: {_quote(row, marks)}", *badges])
    claimed = _markdown(["the paper says", *map(title, found)], lines, marks)
    return "\n\n".join([totals(found), with_symbols(LEGEND), claimed]) + "\n"


def write_ledger(profile: str) -> pd.DataFrame:
    """Judge all claims and rewrite the ledger between the marks of the README.

    Returns:
        The profile's verdicts.

    Raises:
        InputError: unknown profile, or a README without the marks, which is left as it was.
    """
    found = ledgers(profile)
    # Folded: half a hundred rows would bury the rest of the README.
    folded = f"<details><summary>All of them</summary>\n\n{to_markdown(found)}\n\n</details>"
    block = f"{totals(found)}\n\n{LEGEND}\n\n{folded}\n"
    readme = places.readme()
    write_atomic(readme, replace_block(readme.read_text(encoding="utf-8"), block))
    return found[profile]
