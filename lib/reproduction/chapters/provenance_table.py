"""Where a chapter's numbers come from, and what the claim ledger makes of them."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from reproduction.chapters import claim_pages as ledger
from reproduction.chapters.tables import NONE, Table, simple_table
from reproduction.checking import claims
from reproduction.study.stored_runs import Result

Facts = dict[str, Any]


def _distinct(values: Sequence[Any]) -> str:
    """The different values, each once, in the order in which they appear."""
    return ", ".join(dict.fromkeys(map(str, values))) or NONE


def _commit(origin: Facts) -> str:
    if origin["commit"] is None:
        return "outside a checkout"
    return origin["commit"][:10] + " with uncommitted changes" * bool(origin["dirty"])


def command(experiment: str, profile: str, **changes: object) -> str:
    """The command that repeats a chapter's runs; None stands for an unchanged setting."""
    pairs = [f"-p {name}={value}" for name, value in changes.items() if value is not None]
    run = f".venv/bin/python -m reproduction run {experiment} --profile {profile}"
    return " ".join([run, *pairs])


def provenance(results: Sequence[Result], *commands: str) -> Table:
    """What is known of how these runs came about.

    Args:
        results: the runs that a chapter shows.
        commands: that repeat them.
    """
    origins = [result["provenance"] for result in results]
    seeds = sorted({result["config"]["seed"] for result in results})
    data = [f"{r['config']['dataset']}, {r['config']['source']}" for r in results]
    versions = [", ".join(f"{k} {v}" for k, v in origin["versions"].items()) for origin in origins]
    rows = [
        ("runs", f"{len(results)}, seeds {', '.join(map(str, seeds)) or NONE}"),
        ("data", _distinct(data)),
        ("digest of the data", _distinct([origin["data_digest"][:12] for origin in origins])),
        ("code", _distinct([_commit(origin) for origin in origins])),
        ("digest of the code", _distinct([origin["code_digest"][:12] for origin in origins])),
        ("versions", _distinct(versions)),
        ("device", _distinct([origin["device"] for origin in origins])),
        ("computing time", f"{sum(origin['seconds'] for origin in origins):.0f} s in all"),
        ("last run ended", max((origin["finished"] for origin in origins), default=NONE)),
        *(("to repeat", text) for text in commands),
    ]
    return simple_table(rows, headings=("What", "Value"), caption="Where these numbers come from.")


def verdict_table(profile: str, chapter: str) -> Table:
    """The claims of the ledger that a chapter answers for, judged by the profile's own runs."""
    judged = claims.verdicts(profile)
    mine = judged[judged.chapter == f"notebooks/{chapter}"]
    return claim_table(mine, f"Claims of this chapter, judged by the runs of profile {profile}.")


def claim_table(judged: pd.DataFrame, caption: str) -> Table:
    """Rows of the ledger with what was measured and the rule; caveats stand once, below them."""
    marks = ledger.caveats(judged)
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
    return simple_table(rows, headings=headings, caption=caption, notes=ledger.notes(marks))
