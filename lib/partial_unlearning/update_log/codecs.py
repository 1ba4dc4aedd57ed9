"""How an update becomes a row of bytes.

A row is the code of the kept positions followed by their values. Positions of a seeded mask are
rebuilt from the seed, so their code is empty; those of a magnitude mask are data, stored as one
bit a weight or as packed indices, whichever is smaller.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from partial_unlearning.errors import InputError

VALUES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
"""Types for stored values. At update sizes near 1e-8, float16 turns most of them to zero."""

GROUP = 1 << 19  # values converted to float32 at a time, so that they stay in the cache

_HEAD = np.dtype("<u4")  # epoch and number of ids


def _whole_words(bits: int) -> int:
    """Bytes for so many bits, rounded up so that values may follow in place."""
    return -(-bits // 32) * 4


class Positions(Protocol):
    """A code for kept positions of fixed length.

    Attributes:
        nbytes: bytes it takes in a row.
    """

    nbytes: int

    def encode(self, positions: Tensor) -> bytes:
        """Code of sorted positions, int64, shape ``(k,)``."""
        ...

    def decode(self, code: np.ndarray) -> Tensor:
        """The positions again."""
        ...


@dataclass(frozen=True)
class Seeded:
    """Positions known beforehand: nothing is stored."""

    positions: Tensor
    nbytes: int = 0

    def encode(self, positions: Tensor) -> bytes:
        """Nothing; InputError if these are not the positions known."""
        if positions is self.positions or torch.equal(positions.cpu(), self.positions):
            return b""
        raise InputError("the update was pruned by another mask; use the log's own")

    def decode(self, code: np.ndarray) -> Tensor:
        """The positions known."""
        return self.positions


@dataclass(frozen=True)
class Bitmask:
    """One bit for each of ``size`` weights."""

    size: int

    @property
    def nbytes(self) -> int:
        """See :class:`Positions`."""
        return _whole_words(self.size)

    def encode(self, positions: Tensor) -> bytes:
        """See :class:`Positions`."""
        bits = np.zeros(self.size, dtype=bool)
        bits[positions.cpu().numpy()] = True
        return np.packbits(bits).tobytes().ljust(self.nbytes, b"\0")

    def decode(self, code: np.ndarray) -> Tensor:
        """See :class:`Positions`."""
        return torch.from_numpy(np.flatnonzero(np.unpackbits(code, count=self.size)))


@dataclass(frozen=True)
class Indices:
    """``kept`` indices of just as many bits as the largest of ``size`` weights needs."""

    size: int
    kept: int

    @property
    def width(self) -> int:
        """Bits of one index."""
        return max((self.size - 1).bit_length(), 1)

    @property
    def nbytes(self) -> int:
        """See :class:`Positions`."""
        return _whole_words(self.kept * self.width)

    def encode(self, positions: Tensor) -> bytes:
        """See :class:`Positions`."""
        whole = positions.cpu().numpy().astype(">u8").view(np.uint8).reshape(-1, 8)
        bits = np.unpackbits(whole, axis=1)[:, -self.width :]
        return np.packbits(bits).tobytes().ljust(self.nbytes, b"\0")

    def decode(self, code: np.ndarray) -> Tensor:
        """See :class:`Positions`."""
        bits = np.zeros((self.kept, 64), dtype=np.uint8)
        packed = np.unpackbits(code, count=self.kept * self.width)
        bits[:, -self.width :] = packed.reshape(self.kept, self.width)
        return torch.from_numpy(np.packbits(bits).view(">u8").astype(np.int64))


def smallest(size: int, kept: int) -> str:
    """Which of ``bitmask`` and ``indices`` takes fewer bytes."""
    return "bitmask" if Bitmask(size).nbytes <= Indices(size, kept).nbytes else "indices"


@dataclass(frozen=True)
class UpdateCodec:
    """An update of ``kept`` entries as a row of bytes.

    Attributes:
        positions: the code of the positions.
        kept: number of values.
        values: a key of :data:`VALUES`.
    """

    positions: Positions
    kept: int
    values: str

    @property
    def dtype(self) -> torch.dtype:
        """Type of the stored values."""
        return VALUES[self.values]

    @property
    def nbytes(self) -> int:
        """Bytes of a row."""
        return self.positions.nbytes + self.kept * self.dtype.itemsize

    def values_of(self, rows: np.ndarray) -> Tensor:
        """Stored values of rows ``(n, nbytes)``, shape ``(n, kept)``, in the rows' own memory."""
        return torch.from_numpy(rows[:, self.positions.nbytes :]).view(self.dtype)

    def positions_of(self, row: np.ndarray) -> Tensor:
        """Positions of one row ``(nbytes,)``, int64, shape ``(kept,)``."""
        return self.positions.decode(row[: self.positions.nbytes])


class RowBlock:
    """Memory for a few rows, filled and written again and again.

    Attributes:
        rows: uint8, shape ``(count, codec.nbytes)``; read-only.
    """

    def __init__(self, codec: UpdateCodec, count: int) -> None:
        memory = np.zeros((count, codec.nbytes), dtype=np.uint8)
        self._codec, self._values = codec, codec.values_of(memory)
        self._codes = memory[:, : codec.positions.nbytes]
        self.rows = memory.view()
        self.rows.flags.writeable = False

    def set(self, first: int, positions: Tensor, values: Tensor) -> None:
        """Make rows of updates: positions int64 ``(k,)`` of them all and values float ``(n, k)``.

        Raises:
            InputError: not as many entries as the log keeps, or others.
        """
        count, entries = values.shape
        if entries != self._codec.kept:
            kept = self._codec.kept
            raise InputError(f"an update of {entries} entries, where the log keeps {kept}")
        if code := self._codec.positions.encode(positions):
            self._codes[first : first + count] = np.frombuffer(code, dtype=np.uint8)
        self._values[first : first + count].copy_(values)


def _add_values(total: Tensor, values: Tensor) -> None:
    """Add rows ``(n, kept)`` of stored values to ``total`` in float32.

    Several times faster than ``values.sum(0, dtype=torch.float32)``, which walks down columns.
    """
    for part in values.split(max(1, GROUP // values.shape[1])):
        total += part[0] if len(part) == 1 else part.to(torch.float32).sum(0)


def add_rows(codec: UpdateCodec, blocks: Iterable[np.ndarray], size: int) -> Tensor:
    """The sum of the updates in ``blocks`` of rows, dense, float32, shape ``(size,)``."""
    if isinstance(codec.positions, Seeded):  # one place for each value: scatter once, at the end
        total = torch.zeros(codec.kept)
        for rows in blocks:
            _add_values(total, codec.values_of(rows))
        return torch.zeros(size).index_add_(0, codec.positions.positions, total)
    total = torch.zeros(size)
    for rows in blocks:
        for row, values in zip(rows, codec.values_of(rows), strict=True):
            total.index_add_(0, codec.positions_of(row), values.to(torch.float32))
    return total


def id_type(largest: int) -> str:
    """The smallest unsigned integer type that holds ids up to ``largest``."""
    return np.min_scalar_type(largest).newbyteorder("<").str if largest < 2**32 else "<i8"


@dataclass(frozen=True)
class BatchCodec:
    """The epoch and the sample ids of a batch as a row.

    Attributes:
        batch_size: the most ids a batch can hold.
        ids: numpy type of an id.
    """

    batch_size: int
    ids: str

    @property
    def nbytes(self) -> int:
        """Bytes of a row."""
        return 2 * _HEAD.itemsize + self.batch_size * np.dtype(self.ids).itemsize

    def encode(self, epoch: int, ids: Tensor) -> bytes:
        """The row of a batch.

        Raises:
            InputError: no ids, more than a batch holds, or one that the log has no room for.
        """
        given = ids.detach().cpu().numpy().ravel().astype(np.int64, copy=False)
        if not 1 <= len(given) <= self.batch_size:
            raise InputError(f"a batch of {len(given)} samples; the log has 1..{self.batch_size}")
        row = given.astype(self.ids)
        if row.astype(np.int64).tobytes() != given.tobytes():  # quicker than looking at each id
            largest = np.iinfo(self.ids).max
            raise InputError(f"sample ids {given.min()}..{given.max()}; the log has 0..{largest}")
        padding = row[:1].tobytes() * (self.batch_size - len(row))  # one of its own ids
        return struct.pack("<II", epoch, len(row)) + row.tobytes() + padding

    def padded_ids(self, rows: np.ndarray) -> np.ndarray:
        """Ids of rows ``(n, nbytes)``, shape ``(n, batch_size)``; short batches repeat an id."""
        return np.ascontiguousarray(rows[:, 2 * _HEAD.itemsize :]).view(self.ids)

    def decode(self, row: np.ndarray) -> tuple[int, Tensor]:
        """Epoch and sample ids, int64, of a row."""
        epoch, count = np.ascontiguousarray(row[: 2 * _HEAD.itemsize]).view(_HEAD).tolist()
        ids = self.padded_ids(row[None])[0, :count]
        return epoch, torch.from_numpy(ids.astype(np.int64))
