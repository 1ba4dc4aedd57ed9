"""Findings: the words of the ledger, and the rules that turn numbers into them.

Their limits stand in ``book/claims.yaml``.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from reproduction.study.intervals import Interval

NONE = "–"
CONFIRMED = "confirmed"
CONTRADICTED = "contradicted"
NO_DIFFERENCE = "no difference"
INCONCLUSIVE = "inconclusive"
NOT_COMPARABLE = "not comparable"
MIXED = "mixed"
BY_CONSTRUCTION = "by construction"
NOT_TESTABLE = "not testable"
NOT_RUN = "not run"
WORDS = (
    *(CONFIRMED, CONTRADICTED, NO_DIFFERENCE, MIXED, INCONCLUSIVE, NOT_COMPARABLE),
    *(BY_CONSTRUCTION, NOT_TESTABLE, NOT_RUN),
)
"""In the order of the ledger's totals."""
MANY = 6  # cases whose findings are all named


@dataclass(frozen=True)
class Finding:
    """A word of :data:`WORDS`, what qualifies it, and the measurement that it rests on."""

    word: str
    note: str = ""
    measured: str = ""

    def __str__(self) -> str:
        """The word with its note, as the tables print it."""
        if self.word == MIXED:
            return f"{MIXED}: {self.note}"
        return f"{self.word} ({self.note})" if self.note else self.word


@dataclass(frozen=True)
class Limits:
    """The limits of ``book/claims.yaml``, which says what each is; accuracies are percentages."""

    level: float
    levels: tuple[float, ...]
    forgotten: float
    erased: float
    known: float
    apart: float
    pairs: int
    confidence: float
    alpha: float
    equivalence: float
    margins: Mapping[str, float]
    power: float


def judge_tests(p_for: float, p_against: float, p_equivalent: float, limits: Limits) -> str:
    """The word for a comparison, from the p-values of its tests.

    Args:
        p_for: of a difference in the claim's direction, corrected.
        p_against: of the opposite.
        p_equivalent: of a difference short of the margin.
        limits: with ``alpha`` and ``equivalence``, both inclusive.
    """
    if p_for <= limits.alpha:
        return CONFIRMED
    if p_against <= limits.alpha:
        return CONTRADICTED
    return NO_DIFFERENCE if p_equivalent <= limits.equivalence else INCONCLUSIVE


def judge_bound(
    found: Interval, at_most: float | None = None, at_least: float | None = None
) -> str:
    """The word for a bound, from the interval of a measurement.

    Args:
        found: of the measurement; a value at the bound keeps it.
        at_most: an upper bound, or None.
        at_least: a lower bound; used where there is no upper one.
    """
    if at_most is not None:
        kept, broken = found.high <= at_most, found.low > at_most
    else:
        kept, broken = found.low >= at_least, found.high < at_least
    if kept:
        return CONFIRMED
    return CONTRADICTED if broken else INCONCLUSIVE


def size_beside(found: Interval, printed: float) -> str:
    """How large a confirmed difference is beside the one that the paper prints."""
    if found.low <= printed <= found.high:
        return "size: not told from the paper’s"
    return f"size: {'smaller' if found.high < printed else 'larger'} than the paper"


def combine(cases: Mapping[str, Finding]) -> Finding:
    """One finding for several cases by name: their common word, or each by name.

    Cases that were not run say nothing; coverage counts them.
    """
    run = {name: found for name, found in cases.items() if found.word != NOT_RUN}
    if len(cases) == 1 or not run:
        return next(iter(cases.values()), Finding(NOT_RUN))
    measured = "; ".join(
        f"{name} {found.measured}" for name, found in run.items() if found.measured
    )
    words = {found.word for found in run.values()}
    if len(words) == 1:
        notes = [f"{name}: {found.note}" for name, found in run.items() if found.note]
        return Finding(words.pop(), "; ".join(notes), measured)
    return Finding(MIXED, _each(run), measured)


def _each(run: Mapping[str, Finding]) -> str:
    """Each finding by its name; of many those alone that are not like most."""
    (most, count), *_ = Counter(found.word for found in run.values()).most_common()
    shown = run if len(run) <= MANY else {n: f for n, f in run.items() if f.word != most}
    parts = [f"{name} {found.word}" for name, found in shown.items()]
    return ", ".join(parts if shown is run else [f"{most} {count} of {len(run)}", *parts])
