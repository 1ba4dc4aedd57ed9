"""Rows of bytes, one a step, each with its checksum: a Zarr array that can be appended to.

The array is uint8 of shape (rows, bytes of a row), in version 3 of the Zarr format, a shard a
file and in it an inner chunk a row, each ending in its CRC32C. A row begins with its number, in
four bytes, counted from one that each log draws: so a row of another place or log is noticed, if
not one of an older copy of this log. A shard is written whole, and again while it is the last one
and grows; then ``zarr.json`` counts its rows. So a process killed at any moment leaves whole rows,
and any Zarr library can read them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from google_crc32c import value as crc32c

from partial_unlearning.errors import InputError
from partial_unlearning.update_log.folder import Folder

_SUM = 4  # bytes of a CRC32C
_NUMBER = 4  # bytes of a row's number


def _checksum(content: bytes | np.ndarray) -> np.ndarray:
    """Four bytes; an array is uint8 and read-only."""
    return np.frombuffer(int(crc32c(content)).to_bytes(_SUM, "little"), dtype=np.uint8)


class Rows:
    """Reads rows from the subfolder ``name``, also while they are being written."""

    def __init__(
        self, folder: Folder, name: str, row_bytes: int, per_shard: int, first: int = 0
    ) -> None:
        self.folder, self.name, self.row_bytes = folder, name, row_bytes
        self.width, self.per_shard, self.first = _NUMBER + row_bytes, per_shard, first
        self.slot, self._counted = self.width + _SUM, f"{name}/zarr.json"

    def _metadata(self, rows: int) -> dict[str, Any]:
        """What ``zarr.json`` says of this array when it has so many rows."""
        little = {"name": "bytes", "configuration": {"endian": "little"}}
        sharding = {
            "chunk_shape": [1, self.width],
            "codecs": [{"name": "bytes"}, {"name": "crc32c"}],
            "index_codecs": [little, {"name": "crc32c"}],
            "index_location": "end",
        }
        shard = [self.per_shard, self.width]
        return {
            "node_type": "array",
            "shape": [rows, self.width],
            "data_type": "uint8",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shard}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
            "fill_value": 0,
            "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        }

    def _file(self, shard: int) -> str:
        return f"{self.name}/c.{shard}.0"

    def _missing(self, shard: int) -> InputError:
        path, first = self.folder.path(self._file(shard)), shard * self.per_shard
        steps = f"steps {first} to {first + self.per_shard - 1}"
        return InputError(f"{path} is missing, with {steps} of the log; restore it from a copy")

    def _files(self, rows: int) -> list[str]:
        """The files of the first ``rows`` rows."""
        return [self._file(shard) for shard in range(-(-rows // self.per_shard))]

    def count(self) -> int:
        """Number of rows; InputError if what counts them is damaged, or a file is missing."""
        rows = self.folder.read_json(self._counted, int, self._metadata)
        found = {f"{self.name}/{name}" for name in self.folder.names(self.name)}
        for shard, name in enumerate(self._files(rows)):
            if name not in found:
                raise self._missing(shard)
        return rows

    def _slots(self, shard: int, places: np.ndarray) -> np.ndarray:
        """Rows with their checksums at sorted ``places`` of a shard, as far as it goes."""
        runs = np.split(places, np.flatnonzero(np.diff(places) != 1) + 1)
        ranges = [(int(r[0]) * self.slot, (int(r[-1]) + 1) * self.slot) for r in runs if len(r)]
        try:
            raw = self.folder.read(self._file(shard), *ranges)
        except FileNotFoundError as error:
            raise self._missing(shard) from error
        return raw[: len(raw) // self.slot * self.slot].reshape(-1, self.slot)

    def _numbers(self, rows: np.ndarray) -> np.ndarray:
        """The numbers that rows begin with."""
        return ((self.first + rows) % 2**32).astype("<u4")

    def at(self, shard: int, places: np.ndarray) -> np.ndarray:
        """Rows at sorted ``places`` of a shard, each checked, without their numbers.

        Shape ``(n, row_bytes)``; InputError if one is damaged, missing or another.
        """
        slots, steps = self._slots(shard, places), shard * self.per_shard + places
        path = self.folder.path(self._file(shard))
        rows, sums = slots[:, : self.width], slots[:, self.width :]
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
        if strange := self._strange(rows, steps):
            raise self._of_another(shard, steps[strange[0]])
        return slots[:, _NUMBER : self.width]

    def _strange(self, rows: np.ndarray, steps: np.ndarray) -> list[int]:
        """The places of rows that are not of these steps."""
        numbers = np.ascontiguousarray(rows[:, :_NUMBER]).view("<u4").ravel()
        return np.flatnonzero(numbers != self._numbers(steps)).tolist()

    def _of_another(self, shard: int, step: int) -> InputError:
        return InputError(
            f"{self.folder.path(self._file(shard))} is of another place or log: what stands for "
            f"step {step} is another step; restore the right file"
        )

    def blocks(self, steps: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (steps, rows) for each shard that sorted ``steps`` need; reads no other rows."""
        parts = np.split(steps, np.flatnonzero(np.diff(steps // self.per_shard)) + 1)
        for part in filter(len, parts):
            yield part, self.at(int(part[0]) // self.per_shard, part % self.per_shard)

    def drop_uncounted(self, rows: int) -> None:
        """Delete all but the first ``rows`` rows."""
        about = self.name, self.row_bytes, self.per_shard, self.first
        RowWriter(self.folder, *about).cut(rows, check=False)

    def refuse_unfit(self, steps: np.ndarray) -> None:
        """Raise InputError if rows are cut off, or others stand there; they may be damaged."""
        for shard in np.unique(steps // self.per_shard).tolist():
            own = steps[steps // self.per_shard == shard]
            slots = self._slots(shard, own % self.per_shard)
            if len(slots) < len(own):
                path = self.folder.path(self._file(shard))
                raise InputError(f"{path} is cut short; restore it from a copy")
            for place in self._strange(slots, own):
                row, checksum = slots[place, : self.width], slots[place, self.width :]
                if np.array_equal(_checksum(row.tobytes()), checksum):
                    raise self._of_another(shard, own[place])

    def blank(self, steps: np.ndarray, keep: int) -> None:
        """Put zeros for the rows of ``steps``, but for their first ``keep`` bytes."""
        self.folder.remove_unfinished(self.name)
        for shard in np.unique(steps // self.per_shard).tolist():
            content = self.folder.read(self._file(shard))
            for place in (steps[steps // self.per_shard == shard] % self.per_shard).tolist():
                slot = content[place * self.slot : (place + 1) * self.slot]
                slot[_NUMBER + keep : self.width] = 0
                slot[self.width :] = _checksum(slot[: self.width].tobytes())
            self.folder.put(self._file(shard), content.data)

    def index(self, rows: int) -> np.ndarray:
        """The end of a shard of some rows, uint8: where each lies, and a checksum."""
        places = np.full((self.per_shard, 2), -1, dtype="<i8")  # of rows that are not there
        places[:rows, 0] = np.arange(rows) * self.slot
        places[:rows, 1] = self.slot
        content = places.tobytes()
        return np.concatenate([np.frombuffer(content, dtype=np.uint8), _checksum(content)])

    def verify(self) -> Iterator[str]:
        """Read everything; yield a message for each thing that is not as it should be."""
        total = self.count()
        for shard, name in enumerate(self._files(total)):
            rows = min(self.per_shard, total - shard * self.per_shard)
            try:
                self.at(shard, np.arange(rows))
            except InputError as error:
                yield str(error)
            if not self._indexed(name, rows):
                yield f"{self.folder.path(name)} is damaged in its index; restore it from a copy"

    def _indexed(self, name: str, rows: int) -> bool:
        """Whether a shard ends in its index; a killed process may leave more rows than counted."""
        content = self.folder.read(name)  # at one look: another process may be writing it anew
        held = (len(content) - len(self.index(0))) // self.slot
        if not rows <= held <= self.per_shard:
            return False
        return np.array_equal(content[held * self.slot :], self.index(held))


class RowWriter(Rows):
    """Appends rows, beginning with :meth:`cut`; so far ``saved`` survive the end of this process.

    Rows wait in memory until their shard is full, or for a flush.
    """

    saved = 0

    def cut(self, rows: int, *, check: bool = True) -> None:
        """Keep the first ``rows`` rows, and go on from there; InputError if the last are damaged.

        Killed in between, this leaves files that nothing counts, or not as many rows any more.
        """
        self._shard, self._filled = divmod(rows, self.per_shard)
        size = self.per_shard * self.slot + len(self.index(0))
        self._memory = np.empty(size, dtype=np.uint8)
        if self._filled:
            if check:
                self.at(self._shard, np.arange(self._filled))
            held = self.folder.read(self._file(self._shard), (0, self._filled * self.slot))
            self._memory[: len(held)] = held
        self._count(rows)
        self.folder.remove_unfinished(self.name)
        for name in self.folder.names(self.name):
            if name.startswith("c.") and f"{self.name}/{name}" not in self._files(rows):
                self.folder.remove(f"{self.name}/{name}")
        self._write()

    def extend(self, rows: Sequence[bytes] | np.ndarray) -> None:
        """Add rows: bytes, or uint8 arrays."""
        for row in rows:
            slot = self._memory[self._filled * self.slot :][: self.slot]
            number = self._numbers(np.array([self._shard * self.per_shard + self._filled]))
            slot[:_NUMBER] = number.view(np.uint8)
            slot[_NUMBER : self.width] = np.frombuffer(row, dtype=np.uint8)
            whole = slot[: self.width]
            whole.flags.writeable = False  # the checksum takes nothing that could change meanwhile
            slot[self.width :] = _checksum(whole)
            self._filled += 1
            if self._filled == self.per_shard:
                self._write()
                self._shard, self._filled = self._shard + 1, 0

    def flush(self) -> None:
        """Save all rows, from a power cut as well."""
        if self._shard * self.per_shard + self._filled > self.saved:
            self._write()

    def _write(self) -> None:
        """Write the shard as far as it goes, and then how many rows there are."""
        if self._filled:
            end, index = self._filled * self.slot, self.index(self._filled)
            self._memory[end : end + len(index)] = index  # the next row will stand there
            self.folder.put(self._file(self._shard), self._memory[: end + len(index)].data)
        self._count(self._shard * self.per_shard + self._filled)

    def _count(self, rows: int) -> None:
        self.folder.put_json(self._counted, rows, self._metadata)
        self.saved = rows
