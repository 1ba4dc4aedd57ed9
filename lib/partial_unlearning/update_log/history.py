"""The history of a log: which steps are subtracted from which weights.

Weights are known by a digest. Each entry names the weights it led to and the steps subtracted in
them, so that nothing is subtracted twice. The ids of who asked are not kept: their steps are.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from partial_unlearning.errors import InputError, warn
from partial_unlearning.update_log.folder import Folder

FILE = "requests.json"


def to_ranges(steps: Iterable[int]) -> list[list[int]]:
    """Steps as ranges [first, one past the last], in order."""
    ordered = np.unique(np.fromiter(steps, dtype=np.int64))
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) != 1) + 1)
    return [[int(run[0]), int(run[-1]) + 1] for run in runs if len(run)]


def from_ranges(ranges: Iterable[Iterable[int]]) -> set[int]:
    """Steps of such ranges."""
    return {step for first, end in ranges for step in range(first, end)}


@dataclass(frozen=True)
class Entry:
    """One line of the history.

    Attributes:
        kind: ``trained`` (recording ended), ``resumed`` (from an earlier step, since the weights
            it ended with were lost), ``forget``, ``undo``, ``purge`` (begun) or ``purged`` (done).
        request: number of the request, counted from 1; 0 for the first two.
        asked: ranges of the steps that the request affects; all steps for the first two.
        weights: digest of the weights it led to.
        subtracted: ranges of all steps subtracted in these weights.
        time: when, in UTC.
        inseparable: of ``trained``, ranges of steps after which something else changed the weights.
    """

    kind: str
    request: int
    asked: list[list[int]]
    weights: str
    subtracted: list[list[int]] = field(default_factory=list)
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    inseparable: list[list[int]] = field(default_factory=list)

    @property
    def lost(self) -> str:
        """What is said where another entry takes the place of this one, that was only announced."""
        return (
            f"a {self.kind} of {len(from_ranges(self.asked))} steps was cut short and is not in "
            "the history: repeat it, with the old weights or the new ones"
        )


def _load(content: dict[str, Any]) -> tuple[tuple[Entry, ...], Entry | None, list[list[int]]]:
    entries, begun = tuple(Entry(**entry) for entry in content["entries"]), content["announced"]
    return entries, Entry(**begun) if begun else None, content["held"]


class History:
    """The entries of a log in their order; the file is read again if another process changed it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._entries: tuple[Entry, ...] = ()
        self._announced: Entry | None = None
        self._held: list[list[int]] = []
        self._version: str | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries; InputError if the history is missing or damaged."""
        version = self._folder.version(FILE)  # looked at first: what is read is no older
        if version is None or version != self._version:
            self._entries, self._announced, self._held = self._folder.read_json(FILE, _load)
            self._version = version
        return self._entries

    def append(self, entry: Entry) -> None:
        """Add an entry; the caller holds the lock."""
        begun = self.announced
        self.write((*self.entries, entry))
        if begun and not entry.request:  # last, as a warning may be made an error
            warn(begun.lost)

    def write(self, entries: tuple[Entry, ...], announced: Entry | None = None) -> None:
        """Replace all entries; none begin a history. An announced one is about to follow them."""
        begun = announced and asdict(announced)
        content = {"entries": [*map(asdict, entries)], "announced": begun, "held": self._held}
        self._folder.put_json(FILE, content)
        self._entries, self._announced = entries, announced
        self._version = self._folder.version(FILE)

    def hold(self, ranges: list[list[int]]) -> None:
        """Say of which steps nothing can be subtracted, should recording never end."""
        entries, self._held = self.entries, ranges
        self.write(entries, self._announced)

    @property
    def announced(self) -> Entry | None:
        """The request that was begun, and of which it is not known that it came to its end."""
        return self._announced if self.entries else None

    @property
    def since_training(self) -> tuple[Entry, ...]:
        """The last entry that is no request and all after it; weights from before are others'."""
        entries = self.entries
        starts = [place for place, entry in enumerate(entries) if not entry.request]
        return entries[max(starts, default=0) :]

    @property
    def trained_steps(self) -> int:
        """How many steps the log must have, at least; 0 as long as recording has not ended."""
        return self.since_training[0].asked[-1][1] if self.entries else 0

    @property
    def inseparable(self) -> set[int]:
        """Steps that cannot be subtracted from the weights that recording led to last."""
        return from_ranges(self.since_training[0].inseparable if self.entries else self._held)

    def requests(self) -> dict[int, set[int]]:
        """Number -> affected steps of each request that stands, that is, was not undone."""
        undone = {entry.request for entry in self.entries if entry.kind == "undo"}
        asked = [entry for entry in self.entries if entry.kind == "forget"]
        return {e.request: from_ranges(e.asked) for e in asked if e.request not in undone}

    @property
    def purged(self) -> set[int]:
        """Steps whose updates and sample ids are gone for good, or will be: see :attr:`purging`."""
        purges = (entry.asked for entry in self.entries if entry.kind == "purge")
        return set().union(*map(from_ranges, purges))

    def refuse_purged(self, lacks: set[int], what: str = "these weights") -> None:
        """Raise InputError for weights that lack these steps, but not all that are purged.

        Inseparable ones, of which nothing can be known, count as lacking.
        """
        if left := self.purged - lacks:
            raise InputError(
                f"{what} still hold {len(left)} steps that are purged from the log; take those of "
                "that request, or later ones"
            )

    def refuse_earlier(self, weights: str) -> None:
        """Raise InputError for weights that any entry led to, and that hold what is purged."""
        steps, held = 0, set[int]()
        for entry in self.entries:
            if not entry.request:
                steps = entry.asked[-1][1]
            if entry.kind == "resumed":  # from here on steps are others
                held = {step for step in held if step < steps}
            if entry.weights == weights:
                gone = from_ranges([*entry.subtracted, *entry.inseparable])
                held = set(range(steps)) - gone
        self.refuse_purged(self.purged - held)

    @property
    def told(self) -> bool:
        """Whether weights were changed by more than recorded steps."""
        return bool(self._held) or any(one.request or one.inseparable for one in self.entries)

    def held_by(self, weights: str) -> dict[str, list[list[int]]]:
        """What an entry says of the weights that it led to; InputError if it is unknown."""
        lacks = self.subtracted(weights)
        self.refuse_purged(lacks | self.inseparable)
        return {"subtracted": to_ranges(lacks), "inseparable": to_ranges(self.inseparable)}

    @property
    def purging(self) -> int | None:
        """The request whose purge was begun and did not come to its end, if there is one."""
        purges = [entry for entry in self.entries if entry.kind in ("purge", "purged")]
        return purges[-1].request if purges and purges[-1].kind == "purge" else None

    def knows(self, weights: str) -> bool:
        """Whether an entry led to the weights of this digest, since training last ended."""
        return any(entry.weights == weights for entry in self.since_training)

    def subtracted(self, weights: str) -> set[int]:
        """The steps subtracted in the weights of this digest; InputError if it is unknown."""
        entries = self.since_training
        known = [entry for entry in entries if entry.weights == weights]
        if entries and not known:
            raise InputError(
                f"these weights (digest {weights[:12]}) are neither those at the end of recording "
                f"nor the result of a request; the last ones are {entries[-1].weights[:12]}. Give "
                "those: it is unknown what others hold"
            )
        return from_ranges(known[-1].subtracted) if known else set()  # none: it has not ended
