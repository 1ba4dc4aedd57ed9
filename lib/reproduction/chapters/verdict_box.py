"""The box that opens a chapter: what the paper claims, and what came of it on the complete data."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from itertools import product

from reproduction.chapters.complete import Complete, complete
from reproduction.chapters.tables import NONE, Table, badge, with_symbols
from reproduction.checking.claims import READINGS, Claim, claims
from reproduction.checking.comparing import (
    PAPER_SIDES,
    Comparison,
    How,
    by_model,
    matched,
    printed,
)
from reproduction.checking.verdicts import NOT_COMPARABLE, NOT_RUN

HEADS: dict[str, tuple[str, ...]] = {
    **{f"table_{number}": (f"table-{number}-all",) for number in range(1, 7)},
    **{
        f"figure_{number}": tuple(
            f"figure-{number}-{name}"
            for name in ("conventional-backward", "more-epochs-backward", "comparable")
        )
        for number in (1, 2)
    },
    "figure_3": ("maps-preserved",),
    "figure_4": ("random-decreasing-best", "degradation-mitigated"),
    "amnesiac": ("degradation-with-share",),
    "partial_amnesiac": ("amnesiac", "depth-amnesiac"),
    "label_flipping": ("flipping", "depth-flipping"),
    "optimization": ("optimization", "depth-optimization"),
    "cost": ("storage",),
}
"""The claims of the ledger that open a chapter; the others stand further down on its page."""
SAID = {"equal": "at equal forgetting", "published": "as published"}
COMPARED = ("comparison", "family")
DIFFERENCE = "Points of accuracy on everything else, the paper’s method minus "
EACH = (
    "The findings above are of one test over all lines together, which may tell what no line can "
    "alone; each line is judged for itself, more strictly the more lines there are."
)
LEFT_OUT = (
    "Not comparable: in more than half of the trainings, or in all but four, one of the two never "
    "comes down to what is asked of both."
)
SHORT = 150  # characters of a note that stands beside its finding
OTHER = {"baseline": "the known one", "reversed": "the same turned round"}
"""What the paper's method is compared with."""


@dataclass(frozen=True)
class Verdict:
    """What came of one claim.

    Attributes:
        source: table, figure or section of the paper.
        quote: its words.
        findings: reading -> word, note, and what was measured; readings of the claim alone.
        coverage: how many cases of all were run, with how many trainings.
        rule: by which the words were found.
        models: of a comparison, for each model what the paper prints, and each reading's words.
        caption: what those are.
        together: whether one test judges all models, beside the one of each.
    """

    source: str
    quote: str
    findings: Mapping[str, tuple[str, str, str]]
    coverage: str
    rule: str
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    caption: str = ""
    together: bool = False


def verdicts(chapter: str, found: Complete | None = None) -> list[Verdict]:
    """The verdicts that open a chapter, as the ledger has them.

    Args:
        chapter: its notebook.
        found: results; those of the complete data if None.
    """
    found = found or complete()
    by_id = {claim["id"]: claim for claim in claims()}
    return [_verdict(found, by_id[name]) for name in HEADS[chapter]]


def _verdict(found: Complete, claim: Claim) -> Verdict:
    row = found.judged.loc[claim["id"]]
    readings = [at for at in READINGS if row[at] != NONE]
    compared = claim["measure"] in COMPARED
    return Verdict(
        row.source,
        row.quote,
        {at: (row[at], row[f"{at}_note"], row[f"{at}_measured"]) for at in readings},
        row.coverage,
        row.rule,
        _models(found, claim, readings) if compared else {},
        f"{DIFFERENCE}{OTHER[claim['cases'][0]['minus']]}" if compared else "",
        claim["measure"] == "family",
    )


def _models(found: Complete, claim: Claim, readings: Iterable[str]) -> dict[str, dict[str, str]]:
    """For each model of a comparison what the paper prints, and what each reading comes to."""
    several = len(claim["tables"]) > 1
    lines: dict[str, dict[str, str]] = {}
    for case, at in product(claim["cases"], readings):
        table, model = case["table"], case["model"]
        how = How((case["method"], case["minus"]), placement=claim.get("placement", "tables"))
        name = f"Table {table}, {model}" if several else model
        line = lines.setdefault(name, {})
        if how.sides == PAPER_SIDES:
            line["paper"] = one_decimal(printed(table, model))
        line[at] = _numbers(_compared(found, table, model, at, how))
    return lines


def _compared(found: Complete, table: int, model: str, at: str, how: How) -> Comparison:
    """A comparison with the finding of the ledger, which asks test images too where it must."""
    one = by_model(found.evidence, table, at, how)[model]
    if at == "published":
        return one
    return replace(one, finding=matched(one, by_model(found.evidence, table, "test", how)[model]))


def one_decimal(value: float) -> str:
    """Points with a sign and one decimal, with a real minus; what rounds to 0 has no sign."""
    return f"{value:+.1f}".replace("-", "−") if abs(round(value, 1)) > 0 else "0.0"


def _numbers(one: Comparison) -> str:
    """The difference with its interval, and the finding."""
    if not one.pairs:
        return one.finding.word
    bounds = f" [{one.low:.1f}, {one.high:.1f}]" if one.pairs > 1 else ""
    some = f", {one.pairs} of {one.seeds} trainings" if one.pairs < one.seeds else ""
    return f"{one_decimal(one.mean)}{bounds}{some}: {one.finding.word}".replace("-", "−")


def verdict_box(chapter: str, sentence: str = "") -> Table:
    """The box of a chapter, all of it from the ledger.

    Args:
        chapter: its notebook.
        sentence: what the chapter found, in words with numbers.
    """
    return box(verdicts(chapter), sentence)


def box(found: Iterable[Verdict], sentence: str = "") -> Table:
    """Verdicts as a box of a page; as text where there is none."""
    found = list(found)
    lead = f'<p class="lead">{with_symbols(sentence)}</p>' if sentence else ""
    html = (
        f'<section class="verdict-box" aria-label="What came out">{lead}'
        f"{''.join(map(_html, found))}</section>"
    )
    lines = [line for verdict in found for line in _lines(verdict)]
    return Table(html, "\n".join([sentence, *lines] if sentence else lines))


def _html(verdict: Verdict) -> str:
    says = f"{escape(verdict.source)}: “{escape(verdict.quote)}”"
    words = "".join(_finding(verdict, at) for at in verdict.findings)
    return (
        f'<div class="verdict-claim"><p class="says">{says}</p><ul>{words}</ul>'
        f"{_models_html(verdict)}"
        f'<p class="runs">Run on the complete data: {escape(verdict.coverage)}. '
        '<a href="claims.html">All claims</a></p>'
        f"<details><summary>The rule, and what was measured</summary>{_folded(verdict)}</details>"
        "</div>"
    )


def _finding(verdict: Verdict, at: str) -> str:
    """A badge with the reading, and a word on it."""
    word, further = verdict.findings[at][0], _further(verdict, at)
    below = f"<small>{with_symbols(further)}</small>" if further else ""
    return f"<li>{badge(word)} <span>{SAID.get(at, '')}</span>{below}</li>"


def _further(verdict: Verdict, at: str) -> str:
    """What was measured where no line of a model says it; of many lines how many say what."""
    _, note, measured = verdict.findings[at]
    further = note or ("" if verdict.models else measured)
    if len(further) <= SHORT:
        return further
    words = Counter(line[at].rpartition(": ")[2] for line in verdict.models.values())
    return ", ".join(f"{count} {word}" for word, count in words.items())


def _folded(verdict: Verdict) -> str:
    parts = [verdict.rule]
    for at, (_, note, measured) in verdict.findings.items():
        said = measured or (note if len(note) > SHORT else "")
        parts += [f"Measured {SAID.get(at, at)}: {said}."] if said else []
    return "".join(f"<p>{with_symbols(part)}</p>" for part in parts)


def _models_html(verdict: Verdict) -> str:
    """A line a model: what the paper prints, and both readings; models not run are named."""
    run = {name: line for name, line in verdict.models.items() if _is_run(line)}
    left = "; ".join(name for name in verdict.models if name not in run)
    below = f'<p class="runs">Not run yet: {escape(left)}.</p>' if left else ""
    if not run:
        return below
    each = f'<p class="runs">{EACH}</p>' if verdict.together and len(run) > 1 else ""
    if any(NOT_COMPARABLE in line.values() for line in run.values()):
        each += f'<p class="runs">{LEFT_OUT}</p>'
    heads = {"paper": "the paper", **SAID}
    kept = [name for name in heads if any(name in line for line in run.values())]
    head = "".join(f'<th scope="col">{heads[name]}</th>' for name in kept)
    rows = "".join(
        f'<tr><th scope="row">{escape(model)}</th>{_cells(line, heads, kept)}</tr>'
        for model, line in run.items()
    )
    return (
        f'<table class="verdict-models"><caption>{verdict.caption}</caption><thead><tr>'
        f'<th scope="col">model</th>{head}</tr></thead><tbody>{rows}</tbody></table>{each}{below}'
    )


def _is_run(line: Mapping[str, str]) -> bool:
    return any(line.get(at, NOT_RUN) != NOT_RUN for at in READINGS)


def _cells(line: Mapping[str, str], heads: Mapping[str, str], kept: Iterable[str]) -> str:
    """The values of a model, each with its heading for a phone, where there is no row of them."""
    return "".join(
        f'<td data-head="{heads[name]}">{escape(line.get(name, NONE))}</td>' for name in kept
    )


def _lines(verdict: Verdict) -> list[str]:
    """A verdict as lines of text."""
    lines = [f"{verdict.source}: “{verdict.quote}” ({verdict.coverage})"]
    for at, said in verdict.findings.items():
        lines.append(f"  {SAID.get(at, at)}: {'; '.join(part for part in said if part)}")
    for model, line in verdict.models.items():
        lines.append(f"  {model}: {'; '.join(f'{name} {text}' for name, text in line.items())}")
    return lines
