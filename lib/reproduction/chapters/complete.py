"""The committed results on the complete data, which every page shows: read once a process."""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pandas as pd

from reproduction import places
from reproduction.checking.comparing import comparisons
from reproduction.checking.judging import judge
from reproduction.checking.measurements import Measurements, gather
from reproduction.checking.samples import Evidence, grouped
from reproduction.study.results import stored
from reproduction.study.stored_runs import Result

COMPLETE = "full"
"""The profile whose results the book publishes."""


@dataclass(frozen=True, eq=False)  # each is itself, so that what is said of it can be kept
class Complete:
    """What the runs on the complete data say."""

    data: Measurements

    @cached_property
    def judged(self) -> pd.DataFrame:
        """The ledger, by the ids of its claims."""
        return judge(self.evidence).set_index("id", drop=False)

    @cached_property
    def evidence(self) -> Evidence:
        """The rows of every case."""
        return grouped(self.data)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """Every comparison of the paper's two methods."""
        return comparisons(self.evidence)

    def points(self, number: int) -> pd.DataFrame:
        """What the runs of one of Tables 1 to 6 say of their methods."""
        points = self.data["points"]
        return points[points.table == number]


def complete() -> Complete:
    """Everything that is stored for the complete data."""
    return _read(places.results())


@cache
def _read(_: Path) -> Complete:
    return Complete(gather(COMPLETE))


def complete_runs(name: str) -> list[Result]:
    """The stored runs of an experiment on the complete data; nothing is computed."""
    return stored(name, COMPLETE)
