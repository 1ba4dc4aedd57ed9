"""Where a chapter's numbers come from."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from reproduction import paper
from reproduction.chapters.tables import NONE, Table, simple_table
from reproduction.study.results import resolve
from reproduction.study.stored_runs import Result, find


def _distinct(values: Iterable[object]) -> str:
    """The different values, each once, in the order in which they appear."""
    return ", ".join(dict.fromkeys(map(str, values))) or NONE


def _commit(origin: dict[str, Any]) -> str:
    if origin["commit"] is None:
        return "outside a checkout"
    return f"{origin['commit'][:10]}{' with uncommitted changes' if origin['dirty'] else ''}"


def command(experiment: str, profile: str, **changes: object) -> str:
    """The command that repeats a chapter's runs; None stands for an unchanged setting."""
    pairs = [f"-p {name}={value}" for name, value in changes.items() if value is not None]
    run = f".venv/bin/python -m reproduction run {experiment} --profile {profile}"
    return " ".join([run, *pairs])


def lacking(experiment: str, profile: str) -> list[str]:
    """How many trainings of an experiment are stored, of each model that lacks some."""
    configs = resolve(experiment, profile)[1]
    stored: dict[tuple[str, str], list[bool]] = {}
    for config in configs:
        there = find(profile, config) is not None
        stored.setdefault((config.model, config.dataset), []).append(there)
    return [
        f"{model} on {paper.TITLES[data]} {sum(found)} of {len(found)}"
        for (model, data), found in stored.items()
        if not all(found)
    ]


def unfinished(experiment: str, profile: str) -> str:
    """What an experiment lacks, in a sentence; empty where nothing."""
    parts = lacking(experiment, profile)
    if not parts:
        return ""
    return f"So far, and until all trainings are run: {', '.join(parts)}. This may change."


def provenance(results: Sequence[Result], *commands: str) -> Table:
    """What is known of how these runs came about.

    Args:
        results: the runs that a chapter shows.
        commands: that repeat them.
    """
    origins = [result.provenance for result in results]
    kinds = Counter(result.config.experiment.replace("_", " ") for result in results)
    of_kinds = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    seeds = sorted({result.config.seed for result in results})
    versions = [", ".join(f"{k} {v}" for k, v in origin["versions"].items()) for origin in origins]
    rows = [
        ("runs", f"{len(results)}: {of_kinds or NONE}; seeds {_distinct(seeds)}"),
        ("data", _distinct(f"{r.config.dataset}, {r.config.source}" for r in results)),
        ("digest of the data", _distinct(origin["data_digest"][:12] for origin in origins)),
        ("code", _distinct(map(_commit, origins))),
        ("digest of the code", _distinct(origin["code_digest"][:12] for origin in origins)),
        ("versions", _distinct(versions)),
        ("device", _distinct(origin["device"] for origin in origins)),
        ("computing time", f"{sum(origin['seconds'] for origin in origins):.0f} s in all"),
        ("last run ended", max((origin["finished"] for origin in origins), default=NONE)),
        *(("to repeat", text) for text in commands),
    ]
    return simple_table(rows, headings=("What", "Value"), caption="Where these numbers come from.")
