"""Rows of bytes, one a step, each with its checksum: a Zarr array that can be appended to.

The array is uint8 of shape (rows, bytes of a row), in version 3 of the Zarr format, a shard a
file and in it an inner chunk a row, each ending in its CRC32C. Uncompressed rows have a known
place, so the last shard is an append-only file that needs nothing but the index at its end to be
a whole one; ``zarr.json`` speaks of whole ones only. A row is written once, a process killed at
any moment leaves whole rows, and any Zarr library can read the whole shards.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from google_crc32c import value as crc32c

from partial_unlearning.errors import InputError
from partial_unlearning.update_log.folder import Folder, Row, Tail, open_tail

_SUM = 4  # bytes of a CRC32C
_SHARD = re.compile(r"c\.(\d+)\.0")


def _checksum(content: Row) -> bytes:
    checksum: int = crc32c(content)
    return checksum.to_bytes(_SUM, "little")


def document(rows: int, row_bytes: int, per_shard: int) -> dict[str, Any]:
    """The ``zarr.json`` of such an array."""
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    sharding = {
        "chunk_shape": [1, row_bytes],
        "codecs": [{"name": "bytes"}, {"name": "crc32c"}],
        "index_codecs": [little, {"name": "crc32c"}],
        "index_location": "end",
    }
    grid = {"name": "regular", "configuration": {"chunk_shape": [per_shard, row_bytes]}}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [rows, row_bytes],
        "data_type": "uint8",
        "chunk_grid": grid,
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": 0,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "attributes": {},
    }


class Rows:
    """Reads rows from the subfolder ``name``, also while they are being written."""

    def __init__(self, folder: Folder, name: str, row_bytes: int, per_shard: int) -> None:
        self.folder, self.name = folder, name
        self.row_bytes, self.per_shard = row_bytes, per_shard
        self.slot = row_bytes + _SUM

    def _file(self, shard: int) -> str:
        return f"{self.name}/c.{shard}.0"

    def _missing(self, shard: int) -> InputError:
        path, first = self.folder.path(self._file(shard)), shard * self.per_shard
        steps = f"steps {first} to {first + self.per_shard - 1}"
        return InputError(f"{path} is missing, with {steps} of the log; restore it from a copy")

    def shards(self) -> int:
        """Number of files; InputError if one is missing before the last."""
        matches = map(_SHARD.fullmatch, self.folder.names(self.name))
        numbers = {int(match[1]) for match in matches if match}
        for number in range(max(numbers, default=0)):
            if number not in numbers:
                raise self._missing(number)
        return len(numbers)

    def count(self) -> int:
        """Number of whole rows that are in the files."""
        last = max(0, self.shards() - 1)
        size = self.folder.size(self._file(last)) or 0
        return last * self.per_shard + min(size // self.slot, self.per_shard)

    def _slots(self, shard: int, places: np.ndarray) -> np.ndarray:
        """Rows with their checksums at sorted ``places`` of a shard, as far as it goes."""
        runs = np.split(places, np.flatnonzero(np.diff(places) != 1) + 1)
        ranges = [(int(r[0]) * self.slot, (int(r[-1]) + 1) * self.slot) for r in runs if len(r)]
        try:
            raw = self.folder.read(self._file(shard), *ranges)
        except FileNotFoundError as error:
            raise self._missing(shard) from error
        return raw[: len(raw) // self.slot * self.slot].reshape(-1, self.slot)

    def at(self, shard: int, places: np.ndarray) -> np.ndarray:
        """Rows at sorted ``places`` of a shard, each checked, (n, row_bytes), else InputError."""
        slots, steps = self._slots(shard, places), shard * self.per_shard + places
        path = self.folder.path(self._file(shard))
        rows, sums = slots[:, : self.row_bytes], slots[:, self.row_bytes :]
        expected = np.ascontiguousarray(sums).view("<u4").ravel().tolist()
        rows.flags.writeable = False  # the checksum takes nothing that could change meanwhile
        for step, row, checksum in zip(steps.tolist(), rows, expected, strict=False):
            if crc32c(row) != checksum:
                raise InputError(
                    f"step {step} in {path} is damaged: its checksum does not match; restore that "
                    "file from a copy"
                )
        if len(slots) < len(steps):
            raise InputError(f"step {steps[len(slots)]} is missing in {path}; restore that file")
        return slots[:, : self.row_bytes]

    def blocks(self, steps: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (steps, rows) for each shard that sorted ``steps`` need; reads no other rows."""
        shards = steps // self.per_shard
        for part in np.split(steps, np.flatnonzero(np.diff(shards)) + 1):
            if len(part):
                yield part, self.at(int(part[0]) // self.per_shard, part % self.per_shard)

    def blank(self, steps: np.ndarray, keep: int) -> None:
        """Put zeros for the rows of ``steps``, but for their first ``keep`` bytes."""
        self.folder.remove_unfinished(self.name)
        for shard in np.unique(steps // self.per_shard).tolist():
            content = self.folder.read(self._file(shard))
            for place in (steps[steps // self.per_shard == shard] % self.per_shard).tolist():
                slot = content[place * self.slot : (place + 1) * self.slot]
                slot[keep : self.row_bytes] = 0
                checksum = _checksum(slot[: self.row_bytes].tobytes())
                slot[self.row_bytes :] = np.frombuffer(checksum, dtype=np.uint8)
            self.folder.put(self._file(shard), content.tobytes())

    def index(self) -> bytes:
        """The end of a whole shard: where each row lies, and a checksum."""
        starts = np.arange(self.per_shard, dtype="<u8") * self.slot
        places = np.stack([starts, np.full_like(starts, self.slot)], axis=1).tobytes()
        return places + _checksum(places)

    def _end(self, shard: int) -> bytes:
        """What stands behind the rows of a shard: the index, if it is whole."""
        name, rows = self._file(shard), self.per_shard * self.slot
        size = self.folder.size(name) or 0
        return self.folder.read(name, (rows, size)).tobytes() if size > rows else b""

    def verify(self) -> Iterator[str]:
        """Read everything; yield a message for each thing that is not as it should be."""
        shards, total, index = self.shards(), self.count(), self.index()
        for shard in range(-(-total // self.per_shard)):
            try:
                self.at(shard, np.arange(min(self.per_shard, total - shard * self.per_shard)))
            except InputError as error:
                yield str(error)
        ends = [self._end(shard) for shard in range(shards)]
        for shard, end in enumerate(ends):
            if end != index and (shard < shards - 1 or not index.startswith(end)):
                path = self.folder.path(self._file(shard))
                yield f"{path} is damaged in its index; restore it from a copy"
        yield from self._verify_document(ends.count(index))

    def _verify_document(self, whole: int) -> Iterator[str]:
        path = self.folder.path(f"{self.name}/zarr.json")
        try:
            found = json.loads(self.folder.read(f"{self.name}/zarr.json").tobytes())
            rows = found["shape"][0]
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            yield f"{path} is missing or damaged; restore it from a copy"
            return
        # The shape is brought up to date at each flush; until then it says less than there is.
        known = isinstance(rows, int) and rows in range(0, whole * self.per_shard + 1)
        if not known or found != document(rows, self.row_bytes, self.per_shard):
            yield f"{path} is damaged: it does not describe this array; restore it from a copy"


class RowWriter(Rows):
    """Appends rows. What a killed process left half done is put in order when it opens."""

    def __init__(self, folder: Folder, name: str, row_bytes: int, per_shard: int) -> None:
        super().__init__(folder, name, row_bytes, per_shard)
        self._begin(self.count())

    @property
    def saved(self) -> int:
        """Rows that survive the end of this process."""
        in_tail = min(self._tail.saved // self.slot, self.per_shard)
        return self._number * self.per_shard + in_tail

    def cut(self, rows: int) -> None:
        """Keep the first ``rows`` rows and go on from there."""
        self._tail.close()
        self._begin(rows)

    def _begin(self, rows: int) -> None:
        """Open the shard that holds the last of the first ``rows`` rows, and remove all beyond.

        Killed in between, this leaves a log that is longer, never one with a hole.
        """
        self._number, self._filled = divmod(rows, self.per_shard)
        if rows and not self._filled:  # a killed process may have left the last one without index
            self._number, self._filled = self._number - 1, self.per_shard
        self._describe()  # before anything goes: it must not say more than there is
        if self._filled:
            self.at(self._number, np.arange(self._filled))  # refuses damaged rows
        self.folder.remove_unfinished(self.name)
        for shard in reversed(range(self._number + (self._filled > 0), self.shards())):
            self.folder.remove(self._file(shard))
        end = self._filled * self.slot
        self._tail: Tail = open_tail(self.folder, self._file(self._number), end)
        if self._filled == self.per_shard:
            self._complete()

    def extend(self, rows: Sequence[Row] | np.ndarray) -> None:
        """Write rows."""
        while len(rows):
            part = rows[: self.per_shard - self._filled]
            self._tail.append(*(piece for row in part for piece in (row, _checksum(row))))
            self._filled, rows = self._filled + len(part), rows[len(part) :]
            if self._filled == self.per_shard:
                self._complete()

    def _complete(self) -> None:
        """Put the index behind a full shard and begin the next."""
        self._tail.append(self.index())
        self._tail.close()
        self._tail = open_tail(self.folder, self._file(self._number + 1), 0)
        self._number, self._filled = self._number + 1, 0  # last: saved must not run ahead

    def flush(self) -> None:
        """Save all rows, and say in ``zarr.json`` how many are in whole shards."""
        self._tail.flush()
        self._describe()

    def _describe(self) -> None:
        rows = self._number * self.per_shard
        content = json.dumps(document(rows, self.row_bytes, self.per_shard))
        self.folder.put(f"{self.name}/zarr.json", content.encode())

    def close(self) -> None:
        """Save all rows and let the files go."""
        self.flush()
        self._tail.close()
