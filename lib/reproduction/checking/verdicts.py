"""The rules that turn measurements into verdicts. Their limits stand in ``book/claims.yaml``."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reproduction.study.intervals import Interval

NONE = "–"
REPRODUCED = "reproduced"
PARTLY = "partly"
NOT_REPRODUCED = "not reproduced"
NOT_ATTEMPTED = "not attempted"
WORDS = (REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_ATTEMPTED)
"""From the most favourable to the least."""
ONE_SEED = "one seed"
UNKNOWN = "the trained model did not know the target class"


@dataclass(frozen=True)
class Verdict:
    """A verdict, the measurement that it rests on, and a note such as ``one seed``."""

    verdict: str
    measured: str
    note: str = ""

    def __str__(self) -> str:
        """The verdict with its note, as the tables print it."""
        return f"{self.verdict} ({self.note})" if self.note else self.verdict


@dataclass(frozen=True)
class Limits:
    """What counts as forgotten, in percent of target data still recognised, and how sure to be.

    What a trained model does not recognise to at least ``known`` percent it cannot forget. Figures
    1 and 2 ask for ``erased``, which is stricter than ``forgotten``.
    """

    forgotten: float
    erased: float
    nearly: float
    known: float
    confidence: float


def judge_difference(
    difference: Interval, d_t: Sequence[float], limits: Limits, sign: int = 1
) -> str:
    """The verdict on "A is better than B".

    Args:
        difference: of A minus B, in points.
        d_t: mean accuracy on the target data of each side, in percent.
        limits: the limits on ``d_t``.
        sign: of the paper's own difference, 1 or -1.
    """
    forgotten = max(d_t)
    if not (sign * difference.mean > 0 and forgotten <= limits.nearly):
        return NOT_REPRODUCED
    throughout = min(sign * difference.low, sign * difference.high) > 0
    return REPRODUCED if throughout and forgotten <= limits.forgotten else PARTLY


def judge_bound(
    value: float, at_most: Sequence[float] | None = None, at_least: Sequence[float] | None = None
) -> str:
    """The verdict on a value against two bounds: the first reproduces, the second does so partly.

    Args:
        value: the measurement; one that is not a number reproduces nothing.
        at_most: upper bounds (reproduced, partly), inclusive.
        at_least: lower bounds (reproduced, partly), inclusive; used when ``at_most`` is None.
    """
    sign, bounds = (1, at_most) if at_most is not None else (-1, at_least)
    full, part = (sign * bound for bound in bounds)
    if sign * value <= full:
        return REPRODUCED
    return PARTLY if sign * value <= part else NOT_REPRODUCED


def worse(first: str, second: str) -> str:
    """The less favourable of two verdicts."""
    return max(first, second, key=WORDS.index)


def capped(verdict: Verdict, note: str) -> Verdict:
    """The same verdict, at most *partly*, with a note that says why."""
    notes = ", ".join(filter(None, (verdict.note, note)))
    return replace(verdict, verdict=worse(verdict.verdict, PARTLY), note=notes)


def combine(verdicts: Sequence[Verdict | None], confidence: float | None = None) -> Verdict:
    """One verdict for several cases, None standing for a case without data.

    *Reproduced* when every case is; *partly* when at least half of the cases that have data are
    reproduced or partly reproduced; else *not reproduced*. Missing cases, and such as are *not
    attempted*, allow *partly* at most.

    Args:
        verdicts: one a case.
        confidence: given where the cases are comparisons of two methods. A method that is no better
            has the paper's sign in about every second one, so *partly* then asks for more: that at
            least half are reproduced, or that coins would give as many signs with a probability of
            at most ``1 - confidence`` (one-sided sign test).
    """
    found = [v for v in verdicts if v is not None and v.verdict != NOT_ATTEMPTED]
    notes = sorted({part for v in verdicts if v for part in v.note.split(", ") if part})
    if 0 < len(found) < len(verdicts):
        notes.insert(0, f"{len(found)} of {len(verdicts)} cases")
    words = Counter(v.verdict for v in found)
    word = _word_of_all(words, len(verdicts), confidence)
    return Verdict(word, "; ".join(v.measured for v in found), ", ".join(notes))


def _word_of_all(counts: Counter[str], cases: int, confidence: float | None) -> str:
    tried, good = counts.total(), counts[REPRODUCED] + counts[PARTLY]
    if tried == 0:
        return NOT_ATTEMPTED
    if counts[REPRODUCED] == cases:
        return REPRODUCED
    if confidence is None:
        return PARTLY if 2 * good >= tried else NOT_REPRODUCED
    from scipy.special import bdtrc  # slow to import, and most pages need no such test

    unlikely = bdtrc(good - 1, tried, 0.5) <= 1 - confidence  # so many heads of as many fair coins
    return PARTLY if unlikely or 2 * counts[REPRODUCED] >= tried else NOT_REPRODUCED
