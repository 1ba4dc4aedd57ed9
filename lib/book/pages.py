"""Pieces of pages that are computed from results; pages include them from ``generated/``."""

import pandas as pd

from lib import claims
from lib.book import sources
from lib.tables import verdict_badge

HEAD = "| verdict | the paper says | here |\n|:--|:--|:--|"


def generated(profile: str) -> dict[str, str]:
    """File name and MyST text of each piece under ``profile``."""
    return {
        "profile.md": f"This copy of the book was made under the profile **`{profile}`**.\n",
        "claims.md": _ledger(profile),
    }


def _ledger(profile: str) -> str:
    """The claims with a verdict each, linked to the chapters that this book has."""
    judged = claims.verdicts(profile)
    marks = claims.caveats(judged)
    lines = [HEAD, *(_line(row, marks) for _, row in judged.iterrows()), "", claims.notes(marks)]
    return f"{claims.counts(judged.verdict)}, of {len(judged)}.\n\n" + "\n".join(lines) + "\n"


def _line(row: pd.Series, marks: dict[str, str]) -> str:
    name = row.chapter.rpartition("/")[2]
    known = name in sources.notebook_names()
    where = f"[{row.source}](../{row.chapter}.ipynb)" if known else row.source
    verdict = verdict_badge(row.verdict) + f" ({row.note})" * bool(row.note)
    cells = [verdict, f"{where}: “{row.quote}”", claims.marked(row, marks)]
    return f"| {' | '.join(cell.replace('|', '∣') for cell in cells)} |"  # a bar would end the cell
