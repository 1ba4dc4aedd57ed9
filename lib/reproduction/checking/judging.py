"""The claim ledger: each claim of the paper beside what the runs of a profile gave.

The claims and their rules stand in ``book/claims.yaml``; this module only computes, from the
tables of :mod:`reproduction.checking.measurements`. A case of a claim is read twice: at equal
forgetting, and as published.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from statistics import fmean

import numpy as np
import pandas as pd

from reproduction import paper
from reproduction.checking.claims import READINGS, Case, Claim, claims, limits
from reproduction.checking.comparing import How, beside, by_model, matched, of_family, where_read
from reproduction.checking.measurements import gather
from reproduction.checking.samples import Evidence, Rows, Sample, grouped, sample
from reproduction.checking.verdicts import (
    NONE,
    NOT_COMPARABLE,
    NOT_RUN,
    WORDS,
    Finding,
    combine,
    judge_bound,
)
from reproduction.study.intervals import proportion

_SHOWN = {"table": "Table ", "target": "target ", "minus": "against "}


def rows_of(evidence: Evidence, claim: Claim, case: Case) -> Rows:
    """The rows of a case, of all methods and ends."""
    if "table" in case:
        key = (claim.get("placement", "tables"), case["table"], case["model"])
    else:
        key = (case.get("dataset", case.get("target")),)
    return evidence.get(key, {})


def _sides(case: Case) -> list[str]:
    return [case[name] for name in ("method", "minus") if name in case]


def _fall(values: Mapping[float, float]) -> float:
    """The fall of the least-squares line, from the smallest fraction to the largest."""
    fractions = sorted(values)
    if len(fractions) < 2:
        return math.nan
    slope = np.polyfit(fractions, [values[part] for part in fractions], 1)[0]
    return -float(slope) * (fractions[-1] - fractions[0])


def _sample(evidence: Evidence, claim: Claim, case: Case, reading: str) -> Sample:
    how = {"pick": claim["pick"]} if "pick" in claim else {}
    if claim.get("fall"):
        how["by_seed"] = _fall
    at = where_read(claim.get("end", reading))
    return sample(rows_of(evidence, claim, case), _sides(case), at, claim["columns"], **how)


def _name(claim: Claim, case: Case) -> str:
    """A case by what tells it from the others of its claim."""
    told = [key for key, value in case.items() if any(c[key] != value for c in claim["cases"])]
    return " ".join(f"{_SHOWN.get(k, '')}{paper.TITLES.get(case[k], case[k])}" for k in told)


# Measures: claim, case and reading -> the finding on a case.


def _bound(evidence: Evidence, claim: Claim, case: Case, reading: str) -> Finding:
    return _bounded(claim, _sample(evidence, claim, case, reading))


def _bounded(claim: Claim, found: Sample) -> Finding:
    found = replace(found, values={s: v for s, v in found.values.items() if not math.isnan(v)})
    if not found.comparable:
        return Finding(NOT_COMPARABLE, found.left_out) if found.left_out else Finding(NOT_RUN)
    bounds = {name: claim[name] for name in ("at_most", "at_least") if name in claim}
    known = [f"{value:.2f}" for value in found.d_t if not math.isnan(value)]
    d_t = f", D_t {' / '.join(known)}" if known and claim["columns"] != ["d_t"] else ""
    trainings = f"{len(found.values)} training{'' if len(found.values) == 1 else 's'}"
    told = f"{found.interval}, {trainings}"
    if claim["columns"] == ["reached"]:  # yes or no of each: a mean of ones has no width
        told = _often(sum(map(bool, found.values.values())), len(found.values))
    parts = [f"{told}{d_t}", found.left_out]
    return Finding(judge_bound(found.interval, **bounds), "", "; ".join(filter(None, parts)))


def _often(count: int, n: int) -> str:
    """In how many trainings, which is judged, and in how many of all that there could be."""
    low, high = proportion(count, n, limits().confidence)
    return f"in {count} of {n} trainings (of all that could be, {low:.0%} to {high:.0%}, exact)"


def _how(claim: Claim, case: Case) -> How:
    return How(
        (case["method"], case["minus"]), claim["columns"][0], claim.get("placement", "tables")
    )


def _comparison(evidence: Evidence, claim: Claim, case: Case, reading: str) -> Finding:
    """A model's comparison; of accuracies at equal forgetting, on test images too."""
    table, model, how = case["table"], case["model"], _how(claim, case)
    found = by_model(evidence, table, claim.get("end", reading), how)[model]
    if reading == "published" or claim["measure"] == "later":
        return found.finding
    both = matched(found, by_model(evidence, table, "test", how)[model])
    further = beside(evidence, table, model, how) if how.column == "d_r" and found.pairs else ""
    return replace(both, measured="; ".join(filter(None, [both.measured, further])))


MEASURES: dict[str, Callable[[Evidence, Claim, Case, str], Finding]] = {
    "bound": _bound,
    "comparison": _comparison,
    "later": _comparison,
}


def _family(evidence: Evidence, claim: Claim, reading: str) -> Finding:
    how, tables = _how(claim, claim["cases"][0]), claim["tables"]
    if reading == "published":
        return of_family(evidence, tables, reading, how).finding
    return matched(*(of_family(evidence, tables, at, how) for at in ("equal", "test")))


def _contrast(evidence: Evidence, claim: Claim, reading: str) -> Finding:
    """In each seed that all models have, the mean over those of one table minus of another."""
    samples = {_name(claim, c): _sample(evidence, claim, c, reading) for c in claim["cases"]}
    lost = [f"{name}: {s.left_out}" for name, s in samples.items() if s.seeds and not s.comparable]
    if lost:
        return Finding(NOT_COMPARABLE, "; ".join(lost))
    values = [found.values for found in samples.values()]
    first = sum(case["table"] == claim["tables"][0] for case in claim["cases"])
    means = {
        seed: fmean(v[seed] for v in values[:first]) - fmean(v[seed] for v in values[first:])
        for seed in sorted(set.intersection(*map(set, values)))
    }
    return _bounded(claim, Sample(means, (), len(means), len(means), {}, []))


def finding(evidence: Evidence, claim: Claim, reading: str) -> Finding:
    """What a claim comes to under one of its readings; claims on other claims apart."""
    if claim["measure"] == "stated":
        return Finding(claim["finding"], claim["because"])
    if claim["measure"] == "family":
        return _family(evidence, claim, reading)
    if claim.get("contrast"):
        return _contrast(evidence, claim, reading)
    measure = MEASURES[claim["measure"]]
    return combine({_name(claim, c): measure(evidence, claim, c, reading) for c in claim["cases"]})


def coverage(evidence: Evidence, claim: Claim) -> tuple[str, str]:
    """How many cases of a claim were run, in how many trainings, and when the first run ended."""
    counts, finished = [], []
    for case in claim["cases"] if claim["measure"] != "stated" else ():
        rows = rows_of(evidence, claim, case)
        each = [{row["seed"] for row in rows.get(method, ())} for method in _sides(case)]
        counts.append(len(set.intersection(*each)))
        finished += [row["finished"] for method in _sides(case) for row in rows.get(method, ())]
    run = sorted({count for count in counts if count})
    many = "–".join(str(count) for count in dict.fromkeys([*run[:1], *run[-1:]]))
    in_trainings = f", {many} training{'' if many == '1' else 's'}" if run else ""
    said = f"{sum(map(bool, counts))} of {len(counts)} cases{in_trainings}" if counts else NONE
    return said, min((when for when in finished if isinstance(when, str)), default=NONE)


def counts(words: Iterable[str]) -> str:
    """How often each word occurs, for example ``confirmed 12, inconclusive 6``."""
    found = Counter(words)
    return ", ".join(f"{word} {found[word]}" for word in WORDS if found[word])


def findings(profile: str) -> pd.DataFrame:
    """Judge every claim by the stored results of a profile; see :func:`judge`.

    Raises:
        InputError: unknown profile.
    """
    return judge(grouped(gather(profile)))


def judge(evidence: Evidence) -> pd.DataFrame:
    """Judge every claim.

    Returns:
        One row a claim: id, source, quote, rule, paper (what its own numbers come to), coverage;
        for each reading, ``equal`` and ``published``, the word of :data:`WORDS` (a dash where the
        claim has no such reading), ``equal_note``, ``equal_measured`` and so on; committed (when
        the rule was written), first_run, caveat and chapter.
    """
    everything = claims()
    found, covered = {}, {}
    for claim in everything:
        if claim["measure"] != "all_of":
            found[claim["id"]] = {at: finding(evidence, claim, at) for at in claim["at"]}
            covered[claim["id"]] = coverage(evidence, claim)
    sources = {claim["id"]: claim["source"].partition(",")[0] for claim in everything}
    for claim in everything:
        if claim["measure"] == "all_of":
            cases = {sources[name]: found[name] for name in claim["claims"]}
            found[claim["id"]] = {at: _of_claims(cases, at) for at in claim["at"]}
            run = sum(any(f.word != NOT_RUN for f in case.values()) for case in cases.values())
            first = min(covered[name][1] for name in claim["claims"])
            covered[claim["id"]] = f"{run} of {len(cases)} claims", first
    return pd.DataFrame(_line(c, found[c["id"]], *covered[c["id"]]) for c in everything)


def _of_claims(cases: Mapping[str, Mapping[str, Finding]], reading: str) -> Finding:
    """The findings of several claims as cases; what was measured stands at those."""
    return replace(combine({name: found[reading] for name, found in cases.items()}), measured="")


def _line(claim: Claim, found: Mapping[str, Finding], covered: str, first: str) -> dict[str, str]:
    """A row of the ledger."""
    line = {name: claim[name] for name in ("id", "source", "quote", "rule", "paper")}
    line["coverage"] = covered
    for at in READINGS:
        one = found.get(at, Finding(NONE))
        line |= {at: one.word, f"{at}_note": one.note, f"{at}_measured": one.measured}
    dates = {"committed": claim["committed"], "first_run": first}
    return line | dates | {name: claim[name] for name in ("caveat", "chapter")}
