"""Pieces of pages that are computed from results; pages include them from ``generated/``."""

import pandas as pd

from reproduction.chapters import claim_pages as ledger
from reproduction.chapters.tables import verdict_badge, with_symbols
from reproduction.publishing import sources


def generated(profile: str) -> dict[str, str]:
    """File name and MyST text of each piece under ``profile``."""
    return {
        "profile.md": f"This copy of the book was made under the profile **`{profile}`**.\n",
        "claims.md": _claims(profile),
    }


def _claims(profile: str) -> str:
    """The claims with their verdicts, linked to the chapters that this book has."""
    found = ledger.ledgers(profile)
    first = next(iter(found.values()))
    marks = ledger.caveats(first)
    lines = [
        [_claim(row, marks), *(_verdict(frame.loc[number]) for frame in found.values())]
        for number, row in first.iterrows()
    ]
    table = ledger.table(["the paper says", *map(ledger.title, found)], lines)
    parts = [ledger.totals(found), with_symbols(ledger.LEGEND), table, *ledger.notes(marks)]
    return "\n\n".join(parts) + "\n"


def _claim(row: pd.Series, marks: dict[str, str]) -> str:
    known = row.chapter.rpartition("/")[2] in sources.notebook_names()
    where = f"[{row.source}](../{row.chapter}.ipynb)" if known else row.source
    return f"{where}: “{row.quote}” {marks.get(row.caveat, '')}".strip()


def _verdict(row: pd.Series) -> str:
    return f"{verdict_badge(row.verdict)} {with_symbols(ledger.measured(row))}".strip()
