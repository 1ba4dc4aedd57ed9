"""The claims with their verdicts, on pages: in chapters, on the first page, and in the README.

The first page and the README have the complete data's verdicts, and beside them a profile's.
"""

from collections.abc import Collection

import pandas as pd

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from reproduction import places
from reproduction.chapters.tables import NONE, Table, simple_table, verdict_badge, with_symbols
from reproduction.checking import judging

MARKS = ("<!-- claims:start -->", "<!-- claims:end -->")
PUBLISHED = "full"
TITLES = {PUBLISHED: "complete data"}
LEGEND = (
    "Numbers are percentages, or percentage points, of test images; of a comparison, D_r of the "
    "proposed method minus that of the baseline, and D_t of either, in this order. Each claim's "
    "rule says what its numbers are."
)


def ledgers(profile: str) -> dict[str, pd.DataFrame]:
    """Verdicts on the complete data and, if that is another one, of a profile, in this order.

    Raises:
        InputError: unknown profile.
    """
    return {name: judging.verdicts(name) for name in dict.fromkeys([PUBLISHED, profile])}


def title(profile: str) -> str:
    """What a profile's column is called."""
    return TITLES.get(profile, f"profile {profile}")


def totals(found: dict[str, pd.DataFrame]) -> str:
    """How often each verdict occurs, one sentence a profile."""
    words = [f"{title(name)}: {judging.counts(frame.verdict)}." for name, frame in found.items()]
    return f"{len(next(iter(found.values())))} claims. " + " ".join(map(_capital, words))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


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


def table(heads: list[str], lines: list[list[str]]) -> str:
    """A Markdown table; a bar inside a cell would end it."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(c.replace('|', '∣') for c in line)} |" for line in rows)


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


def _verdict(row: pd.Series) -> str:
    return f"**{row.verdict}** {measured(row)}".strip()


def _chapter(path: str) -> str:
    """A link to a chapter that is there, from the project's root; else its name."""
    name = path.rpartition("/")[2].replace("_", " ")
    return f"[{name}]({path}.ipynb)" if (places.root() / f"{path}.ipynb").exists() else name


def to_markdown(found: dict[str, pd.DataFrame]) -> str:
    """The ledger as a Markdown table, with links from the project's root, and its caveats below.

    Args:
        found: what :func:`ledgers` returns.
    """
    first = next(iter(found.values()))
    marks = caveats(first)
    lines = [
        [row.source, f"“{row.quote}” {marks.get(row.caveat, '')}".strip()]
        + [_verdict(frame.loc[number]) for frame in found.values()]
        + [_chapter(row.chapter)]
        for number, row in first.iterrows()
    ]
    heads = ["Source", "The paper says", *(_capital(title(name)) for name in found), "Chapter"]
    return "\n\n".join([table(heads, lines), *notes(marks)])


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

    Raises:
        InputError: unknown profile.
    """
    return {
        "profile.md": f"This copy of the book was made under the profile **`{profile}`**.\n",
        "claims.md": _front_page(ledgers(profile), notebooks),
    }


def _front_page(found: dict[str, pd.DataFrame], notebooks: Collection[str]) -> str:
    """The claims with their verdicts, linked to the chapters that this book has."""
    first = next(iter(found.values()))
    marks = caveats(first)
    lines = [
        [_claim(row, marks, notebooks)] + [_badge(frame.loc[number]) for frame in found.values()]
        for number, row in first.iterrows()
    ]
    claimed = table(["the paper says", *map(title, found)], lines)
    return "\n\n".join([totals(found), with_symbols(LEGEND), claimed, *notes(marks)]) + "\n"


def _claim(row: pd.Series, marks: dict[str, str], notebooks: Collection[str]) -> str:
    known = row.chapter.rpartition("/")[2] in notebooks
    source = f"[{row.source}](../{row.chapter}.ipynb)" if known else row.source
    return f"{source}: “{row.quote}” {marks.get(row.caveat, '')}".strip()


def _badge(row: pd.Series) -> str:
    return f"{verdict_badge(row.verdict)} {with_symbols(measured(row))}".strip()


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
