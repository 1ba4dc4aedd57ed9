"""One value a seed of a method, or of the difference of two, and which seeds had to be left out."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from statistics import fmean, median

from partial_unlearning.errors import InputError
from reproduction.checking.claims import limits
from reproduction.checking.measurements import Measurements, Record
from reproduction.study.intervals import Interval, interval

COUNTED = ("epochs", "steps", "d_t", "reached")
"""What has a value also where a method does not get there, and then less than the truth."""
REFERENCES = ("trained", "retrained")
"""Models that forget nothing, and so are read at their own end."""
PICKS: dict[str, Callable[[Iterable[float]], float]] = {"max": max, "median": median}

Reading = tuple[str, float | None]
"""The ``end`` and ``level`` of the rows where methods are read."""
Rows = Mapping[str, Sequence[Record]]
"""Method -> its rows in all runs of one case."""
Run = tuple[int, float]
"""A seed and, in Figure 4, a fraction of affected batches; 0 elsewhere."""
Evidence = Mapping[tuple, Rows]
"""(placement, table, model), or (dataset,) of Figure 4, or (target,) of Figure 3 -> its rows."""

_CASES = {
    "points": ("placement", "table", "model"),
    "fractions": ("dataset",),
    "maps": ("target",),
}


def grouped(data: Measurements) -> Evidence:
    """The rows of every case; a fraction of 1 takes all training back, and is none."""
    found: dict[tuple, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for name, columns in _CASES.items():
        for row in data[name].to_dict("records"):
            if not row["affected_fraction"] >= 1:
                found[tuple(row[column] for column in columns)][row["method"]].append(row)
    return found


@dataclass(frozen=True)
class Sample:
    """What a comparison or a bound rests on.

    Attributes:
        values: by seed, in points or in the column's unit.
        d_t: mean test D_t of each side over the runs behind ``values``, percent.
        seeds: how many all sides have.
        runs: how many there are in which the trained model knows the class.
        censored: side -> runs in which it does not get there.
        unknown: runs whose trained model does not know the class.
        minutes: of one core that a run of all sides took, mean.
    """

    values: dict[int, float]
    d_t: tuple[float, ...]
    seeds: int
    runs: int
    censored: dict[str, list[Run]]
    unknown: list[Run]
    minutes: float = math.nan

    @property
    def left_out(self) -> str:
        """Who does not get there and what was not known, empty where nothing was left out."""
        parts = [f"{side} never there on {_named(runs)}" for side, runs in self.censored.items()]
        return "; ".join(parts + [f"class not known on {_named(r)}" for r in [self.unknown] if r])

    @property
    def comparable(self) -> bool:
        """Whether enough is left: at most half was censored, and enough pairs, if any was lost."""
        lost = {run for runs in self.censored.values() for run in runs}
        enough = len(self.values) >= limits().pairs or not self.left_out
        return bool(self.values) and enough and 2 * len(lost) <= self.runs

    @property
    def interval(self) -> Interval:
        """Of the mean over trainings; there has to be one."""
        return interval([*self.values.values()], limits().confidence)


def _named(runs: Sequence[Run]) -> str:
    parts = []
    for part, group in groupby(sorted(runs, key=itemgetter(1, 0)), key=itemgetter(1)):
        seeds = [f"{seed}" for seed, _ in group]
        where = f" at {100 * part:g} %" if part else ""
        parts.append(f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(seeds)}{where}")
    return " and ".join(parts)


def side(rows: Rows, method: str, reading: Reading, columns: Sequence[str]) -> dict[Run, Record]:
    """A method's row of each run where it is read; without rows that lack one of the columns.

    Raises:
        InputError: a run stands there twice.
    """
    end, level = ("published", None) if method in REFERENCES else reading
    found: dict[Run, Record] = {}
    for row in rows.get(method, ()):
        if row["end"] != end or level not in (None, row["level"]):
            continue
        part = row["affected_fraction"]
        run = (row["seed"], 0.0 if math.isnan(part) else part)
        if run in found:
            raise InputError(
                f"the results hold {method!r} twice for {_named([run])}; one row is expected: "
                "remove the run that does not belong"
            )
        if not (row["reached"] and any(math.isnan(row[column]) for column in columns)):
            found[run] = row
    return found


def sample(
    rows: Rows,
    sides: Sequence[str],
    reading: Reading,
    columns: Sequence[str],
    *,
    pick: str = "max",
    by_seed: Callable[[Mapping[float, float]], float] = lambda values: fmean(values.values()),
) -> Sample:
    """The values of one method, or the first's minus the second's.

    Args:
        rows: of a case.
        sides: one method or two.
        reading: where they are read.
        columns: whose values, or differences, one is picked from, by a name of :data:`PICKS`.
        pick: that name.
        by_seed: what the runs of a seed come to, given by their affected fraction.
    """
    found = [side(rows, method, reading, columns) for method in sides]
    runs = sorted(set.intersection(*map(set, found)))
    trained = side(rows, "trained", reading, ["d_t"])
    unknown = [run for run in runs if run in trained and trained[run]["d_t"] < limits().known]
    known = [run for run in runs if run not in unknown]
    missing = [[run for run in known if not one[run]["reached"]] for one in found]
    if set(columns) <= set(COUNTED):  # then one that gets there is enough
        neither = set.intersection(*map(set, missing)) if len(sides) > 1 else set()
        missing = [sorted(neither) for _ in sides]
    kept = [run for run in known if not any(run in lost for lost in missing)]
    values: dict[int, dict[float, float]] = defaultdict(dict)
    for seed, part in kept:
        first, *second = (one[seed, part] for one in found)
        each = [first[c] - second[0][c] if second else first[c] for c in columns]
        values[seed][part] = float(PICKS[pick](each))
    return Sample(
        values={seed: by_seed(parts) for seed, parts in values.items()},
        d_t=tuple(fmean(one[run]["d_t"] for run in kept) for one in found) if kept else (),
        seeds=len({seed for seed, _ in runs}),
        runs=len(known),
        censored={name: lost for name, lost in zip(sides, missing, strict=True) if lost},
        unknown=unknown,
        minutes=_minutes(found, runs),
    )


def _minutes(found: Sequence[Mapping[Run, Record]], runs: Sequence[Run]) -> float:
    """Of one core, mean over runs; sides that share a stored run take it once."""
    took = [{one[run].get("run"): one[run].get("seconds") for one in found} for run in runs]
    known = [sum(seconds.values()) for seconds in took if None not in seconds.values()]
    return fmean(known) / 60 if known else math.nan
