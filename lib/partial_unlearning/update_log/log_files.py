"""The files of an update log, counted and checked. It needs no torch: a look at a log is quick."""

from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar

import numpy as np

from partial_unlearning.errors import InputError
from partial_unlearning.update_log.codecs import EPOCH_BYTES
from partial_unlearning.update_log.description import Description
from partial_unlearning.update_log.folder import ROOT, Folder
from partial_unlearning.update_log.history import FILE as HISTORY
from partial_unlearning.update_log.history import History
from partial_unlearning.update_log.row_files import Rows


def refuse_leavings(folder: Folder, *files: str) -> None:
    """Raise InputError where a log's files, not merely begun, lie without its root."""
    parts = [f"{part}/{name}" for part in ("updates", "batches") for name in folder.names(part)]
    found = [name for name in (*parts, *files) if folder.size(name) and "zarr.json" not in name]
    if found or (folder.size(HISTORY) and History(folder).entries):
        path = folder.path(found[0] if found else HISTORY)
        raise InputError(f"{path} is left of another log; choose another folder, or empty this one")


class LogFiles:
    """An update log in a folder, without the meaning of its rows; InputError if there is none."""

    _description_type: ClassVar[type[Description]] = Description
    _rows_type: ClassVar[type[Rows]] = Rows

    def __init__(self, folder: Folder) -> None:
        self.folder, self.history = folder, History(folder)
        with suppress(OSError, ValueError):  # reading it says more
            self._version = folder.version(ROOT)
        self.description = folder.read_json(ROOT, lambda plain: self._description_type(**plain))
        about = self.description
        self._updates, self._batches = (
            self._rows_type(folder, name, nbytes, about.per_shard, about.salt)
            for name, nbytes in about.row_bytes.items()
        )
        self.parts = ((self._updates, 0), (self._batches, EPOCH_BYTES))  # bytes that purging keeps

    def refuse_replaced(self) -> None:
        """Raise InputError if another log lies there by now."""
        if self.folder.version(ROOT) != self._version:
            raise InputError(f"the log {self.folder.root} was replaced or removed; open it anew")

    def __len__(self) -> int:
        """Number of steps in the files: those from 0 on whose batch and update are both there.

        InputError if a file in between, or at the end of a finished log, is missing.
        """
        steps = self._updates.count()
        batches = self._batches.count()  # now, as they are written first
        if steps > batches:
            raise InputError(
                f"the log {self.folder.root} holds {steps} updates but {batches} batches; restore "
                "what is missing from a copy"
            )
        least = self.history.trained_steps
        if steps < least:
            raise InputError(
                f"the log {self.folder.root} ended with {least} steps, but holds {steps} now; "
                "restore its files from a copy"
            )
        return steps

    @property
    def ended(self) -> bool:
        """Whether recording was closed with a model, and nothing was recorded since."""
        last = self.history.since_training[:1]
        return bool(last) and last[0].kind == "trained" and last[0].asked[-1][1] == len(self)

    def verify(self) -> Iterator[str]:
        """Read everything; yield a message for each thing that is damaged or missing."""
        for part, _ in self.parts:
            yield from part.verify()
        if request := self.history.purging:
            yield f"the purge of request {request} has not ended: unless it is running, repeat it"
        try:
            len(self)
            purged = np.array(sorted(self.history.purged), dtype=np.int64)
            for part, keep in self.parts:
                for steps, rows in part.blocks(purged):
                    for step in steps[rows[:, keep:].any(axis=1)]:
                        yield f"step {step} is purged, but still in {part.name}: repeat the purge"
        except InputError as error:
            yield str(error)
