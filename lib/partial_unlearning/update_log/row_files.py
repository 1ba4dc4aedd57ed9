"""Rows of bytes, one a step, each with its checksum: a Zarr array that can be appended to.

The array is uint8 of shape (rows, bytes of a row), in version 3 of the Zarr format, a shard a
file and in it an inner chunk a row, each ending in its CRC32C. Uncompressed rows have a known
place, so the shard being filled is an append-only file (``tail.N``) that needs nothing but the
index at its end to become a shard (``c.N.0``). A row is written once, a process killed at any
moment leaves whole rows, and any Zarr library can read the full shards.
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
_FILE = re.compile(r"(?:c\.(\d+)\.0|tail\.(\d+))")


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

    def _shard(self, number: int) -> str:
        return f"{self.name}/c.{number}.0"

    def _tail(self, number: int) -> str:
        return f"{self.name}/tail.{number}"

    @staticmethod
    def _place(name: str) -> int:
        match = _FILE.fullmatch(name)
        return int(match[1] or match[2]) if match else -1

    def _missing(self, shard: int) -> InputError:
        path, first = self.folder.path(self._shard(shard)), shard * self.per_shard
        steps = f"steps {first} to {first + self.per_shard - 1}"
        return InputError(f"{path} is missing, with {steps} of the log; restore it")

    def shards(self) -> int:
        """Number of full shards; InputError if one is missing."""
        names = [name for name in self.folder.names(self.name) if _FILE.fullmatch(name)]
        full = {self._place(name) for name in names if name.startswith("c.")}
        for number in range(max(map(self._place, names), default=0)):
            if number not in full:
                raise self._missing(number)
        return len(full)

    def count(self) -> int:
        """Number of whole rows that are in the files."""
        shards, before = self.shards(), -1
        while shards != before:  # a writer may complete a shard between two looks
            size, before = self.folder.size(self._tail(shards)), shards
            shards = self.shards()
        return shards * self.per_shard + min((size or 0) // self.slot, self.per_shard)

    def _slots(self, shard: int, places: np.ndarray) -> tuple[str, np.ndarray]:
        """The file a shard is in just now, and slots at its sorted ``places``: (<= n, slot)."""
        runs = np.split(places, np.flatnonzero(np.diff(places) != 1) + 1)
        ranges = [(int(r[0]) * self.slot, (int(r[-1]) + 1) * self.slot) for r in runs if len(r)]
        for name in (self._shard(shard), self._tail(shard), self._shard(shard)):
            try:
                raw = self.folder.read(name, *ranges)
                return name, raw[: len(raw) // self.slot * self.slot].reshape(-1, self.slot)
            except FileNotFoundError:
                continue
        raise self._missing(shard)

    def at(self, shard: int, places: np.ndarray) -> np.ndarray:
        """Rows at sorted ``places`` of a shard, each checked, (n, row_bytes), else InputError."""
        (name, slots), first = self._slots(shard, places), shard * self.per_shard
        rows, sums = slots[:, : self.row_bytes], slots[:, self.row_bytes :]
        expected = np.ascontiguousarray(sums).view("<u4").ravel().tolist()
        rows.flags.writeable = False  # the checksum takes nothing that could change meanwhile
        for place, row, checksum in zip(places.tolist(), rows, expected, strict=False):
            if crc32c(row) != checksum:
                raise InputError(
                    f"step {first + place} in {self.folder.path(name)} is damaged: "
                    "its checksum does not match; restore that file from a copy"
                )
        if len(slots) < len(places):
            path = self.folder.path(name)
            raise InputError(f"step {first + places[len(slots)]} is missing in {path}")
        return slots[:, : self.row_bytes]

    def blocks(self, steps: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (steps, rows) for each shard that sorted ``steps`` need; reads no other rows."""
        shards = steps // self.per_shard
        for part in np.split(steps, np.flatnonzero(np.diff(shards)) + 1):
            if len(part):
                yield part, self.at(int(part[0]) // self.per_shard, part % self.per_shard)

    def blank(self, steps: np.ndarray, keep: int) -> None:
        """Put zeros for rows, but for their first ``keep`` bytes, in whatever file they stand."""
        for name in self.folder.names(self.name):
            path, mine = f"{self.name}/{name}", steps // self.per_shard == self._place(name)
            if name.endswith(".new"):  # a killed process left it
                self.folder.remove(path)
            if not mine.any():
                continue
            content, starts = self.folder.read(path), steps[mine] % self.per_shard * self.slot
            for start in starts[starts + self.slot <= len(content)].tolist():
                slot = content[start : start + self.slot]
                slot[keep : self.row_bytes] = 0
                checksum = _checksum(slot[: self.row_bytes].tobytes())
                slot[self.row_bytes :] = np.frombuffer(checksum, dtype=np.uint8)
            self.folder.put(path, content.tobytes())

    def index(self) -> bytes:
        """The end of a full shard: where each row lies, and a checksum."""
        starts = np.arange(self.per_shard, dtype="<u8") * self.slot
        places = np.stack([starts, np.full_like(starts, self.slot)], axis=1).tobytes()
        return places + _checksum(places)

    def verify(self) -> Iterator[str]:
        """Read everything; yield a message for each thing that is not as it should be."""
        shards, total = self.shards(), self.count()
        for shard in range(-(-total // self.per_shard)):
            try:
                self.at(shard, np.arange(min(self.per_shard, total - shard * self.per_shard)))
            except InputError as error:
                yield str(error)
            name, end = self._shard(shard), self.per_shard * self.slot
            if shard < shards:
                after = self.folder.read(name, (end, self.folder.size(name) or end)).tobytes()
                if after != self.index():
                    yield f"{self.folder.path(name)} is damaged in its index"
        yield from self._verify_document(shards)

    def _verify_document(self, shards: int) -> Iterator[str]:
        path = self.folder.path(f"{self.name}/zarr.json")
        try:
            found = json.loads(self.folder.read(f"{self.name}/zarr.json").tobytes())
            rows = found["shape"][0]
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            yield f"{path} is missing or damaged"
            return
        # The shape is brought up to date at each flush; until then it says less than there is.
        known = isinstance(rows, int) and rows in range(0, shards * self.per_shard + 1)
        if not known or found != document(rows, self.row_bytes, self.per_shard):
            yield f"{path} is damaged: it does not describe this array"


class RowWriter(Rows):
    """Appends rows. What a killed process left half done is put in order when it opens."""

    def __init__(self, folder: Folder, name: str, row_bytes: int, per_shard: int) -> None:
        super().__init__(folder, name, row_bytes, per_shard)
        self._begin(self.count())

    @property
    def saved(self) -> int:
        """Rows that survive the end of this process."""
        in_tail = min(self._tail_file.saved // self.slot, self.per_shard)
        return self._number * self.per_shard + in_tail

    def cut(self, rows: int) -> None:
        """Keep the first ``rows`` rows and go on from there."""
        self._tail_file.close()
        self._begin(rows)

    def _begin(self, rows: int) -> None:
        """Open the tail that holds the last of the first ``rows`` rows."""
        self._number, self._filled = divmod(rows, self.per_shard)
        if rows and not self._filled:  # a killed process may have left the last shard unnamed
            self._number, self._filled = self._number - 1, self.per_shard
        self._describe()  # before anything goes: it must not say more than there is
        kept = b""
        if self._filled:
            places = np.arange(self._filled)
            self.at(self._number, places)  # refuses rows that are damaged, not merely torn
            kept = self._slots(self._number, places)[1].tobytes()
        self._tail_file: Tail = open_tail(self.folder, self._tail(self._number), kept)
        self._remove_beyond()
        if self._filled == self.per_shard:
            self._complete()

    def _remove_beyond(self) -> None:
        """Remove all that the tail replaces, from the highest shard down.

        Killed in between, this leaves a log that is longer, never one with a hole.
        """
        for name in sorted(self.folder.names(self.name), key=self._place, reverse=True):
            old_shard = name.startswith("c.") and self._place(name) >= self._number
            old_tail = name.startswith("tail.") and name != f"tail.{self._number}"
            if old_shard or old_tail or name.endswith(".new"):
                self.folder.remove(f"{self.name}/{name}")

    def extend(self, rows: Sequence[Row] | np.ndarray) -> None:
        """Write rows, all those of one shard at once."""
        room = self.per_shard - self._filled
        for start in (0, *range(room, len(rows), self.per_shard)):
            part = rows[start : room if start < room else start + self.per_shard]
            self._tail_file.append(*(piece for row in part for piece in (row, _checksum(row))))
            self._filled += len(part)
            if self._filled == self.per_shard:
                self._complete()

    def _complete(self) -> None:
        """Turn the tail into a shard and begin the next."""
        self._tail_file.append(self.index())
        self._tail_file.close()
        self.folder.rename(self._tail(self._number), self._shard(self._number))
        self._tail_file = open_tail(self.folder, self._tail(self._number + 1), b"")
        self._number, self._filled = self._number + 1, 0  # last: saved must not run ahead

    def flush(self) -> None:
        """Save all rows, and say in ``zarr.json`` how many are in full shards."""
        self._tail_file.flush()
        self._describe()

    def _describe(self) -> None:
        rows = self._number * self.per_shard
        content = json.dumps(document(rows, self.row_bytes, self.per_shard))
        self.folder.put(f"{self.name}/zarr.json", content.encode())

    def close(self) -> None:
        """Save all rows and let the files go."""
        self.flush()
        self._tail_file.close()
