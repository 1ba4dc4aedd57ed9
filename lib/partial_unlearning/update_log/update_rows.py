"""Updates as rows of bytes, the code of the positions followed by the values, and their sum."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from partial_unlearning.errors import InputError
from partial_unlearning.update_log.codecs import Positions, Seeded

GROUP = 1 << 19  # values converted to float32 at a time, so that they stay in the cache


@dataclass(frozen=True)
class UpdateCodec:
    """An update of ``kept`` entries as a row: the code of its positions, values of ``dtype``.

    The positions ``buffers`` are those of statistics.
    """

    positions: Positions
    kept: int
    dtype: torch.dtype
    buffers: np.ndarray

    def values_of(self, rows: np.ndarray) -> Tensor:
        """Stored values of rows ``(n, nbytes)``, shape ``(n, kept)``, in the rows' own memory."""
        return torch.from_numpy(rows[:, self.positions.nbytes :]).view(self.dtype)

    def positions_of(self, row: np.ndarray) -> Tensor:
        """Positions of one row ``(nbytes,)``, int64, shape ``(kept,)``."""
        return torch.from_numpy(self.positions.decode(row[: self.positions.nbytes]))

    def unchanged(self, row: np.ndarray) -> bool:
        """Whether the update of a row ``(nbytes,)`` changes no weight, buffers at most."""
        values = row[self.positions.nbytes :].view(f"u{self.dtype.itemsize}") << 1  # -0 is 0
        if np.count_nonzero(values) > len(self.buffers):
            return False
        return bool(np.isin(self.positions_of(row).numpy()[values != 0], self.buffers).all())


class RowBlock:
    """Memory for a few rows ``(count, bytes of a row)``, filled and written again and again."""

    def __init__(self, codec: UpdateCodec, count: int) -> None:
        nbytes = codec.positions.nbytes + codec.kept * codec.dtype.itemsize
        memory = np.zeros((count, nbytes), dtype=np.uint8)
        self._codec, self._values = codec, codec.values_of(memory)
        self._codes = memory[:, : codec.positions.nbytes]
        self.rows = memory.view()
        self.rows.flags.writeable = False

    def set(self, first: int, positions: Tensor, values: Tensor) -> None:
        """Make rows from ``first`` on, of ``positions`` ``(k,)`` and ``values`` ``(n, k)``."""
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
    zeros = partial(torch.zeros, dtype=torch.float32, device="cpu")  # whatever the defaults are
    if isinstance(codec.positions, Seeded):  # one place for each value: scatter once, at the end
        total = zeros(codec.kept)
        for rows in blocks:
            _add_values(total, codec.values_of(rows))
        return zeros(size).index_add_(0, codec.positions.positions, total)
    total = zeros(size)
    for rows in blocks:
        for row, values in zip(rows, codec.values_of(rows), strict=True):
            total.index_add_(0, codec.positions_of(row), values.to(torch.float32))
    return total
