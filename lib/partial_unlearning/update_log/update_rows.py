"""Updates as rows of bytes, the code of the positions followed by the values, and their sum."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from partial_unlearning.errors import InputError
from partial_unlearning.update_log.codecs import PositionCode


@dataclass(frozen=True)
class UpdateCodec:
    """An update as a row: the code of its positions, and values of ``dtype``.

    Attributes:
        code: of the positions.
        seeded: the positions of every update, int64 ``(k,)``, if they are not stored.
        dtype: of the values.
        buffers: positions of statistics.
        exact: whether whole numbers are summed, which may be large before they cancel out.
    """

    code: PositionCode
    seeded: Tensor | None
    dtype: torch.dtype
    buffers: np.ndarray
    exact: bool = False

    def encode(self, positions: Tensor, values: Tensor) -> np.ndarray:
        """The rows of ``values`` ``(n, k)`` at ``positions`` ``(k,)``, read-only.

        InputError if these are not the positions that the log keeps.
        """
        nbytes = self.code.nbytes + self.code.kept * self.dtype.itemsize
        rows = np.empty((len(values), nbytes), dtype=np.uint8)
        if self.seeded is None and len(positions) == self.code.kept:
            code = self.code.encode(positions.cpu().numpy())
            rows[:, : self.code.nbytes] = np.frombuffer(code, dtype=np.uint8)
        elif self.seeded is None or not self.seeded.equal(positions.cpu()):
            raise InputError("the update was pruned by another mask; use the log's own")
        stored = self.values_of(rows)
        stored.copy_(values)
        if not stored.sum().isfinite() and not stored.isfinite().equal(values.isfinite().cpu()):
            raise InputError(
                f"a change is too large for {self.dtype}; record with values='float32'"
            )
        rows.flags.writeable = False
        return rows

    def values_of(self, rows: np.ndarray) -> Tensor:
        """Stored values of rows ``(n, nbytes)``, shape ``(n, k)``, in the rows' own memory."""
        return torch.from_numpy(rows[:, self.code.nbytes :]).view(self.dtype)

    def positions_of(self, row: np.ndarray) -> Tensor:
        """Positions of one row ``(nbytes,)``, int64, shape ``(k,)``."""
        if self.seeded is not None:
            return self.seeded
        return torch.from_numpy(self.code.decode(row[: self.code.nbytes]))

    def unchanged(self, rows: np.ndarray) -> np.ndarray:
        """Of rows ``(n, nbytes)``, which change no weight, buffers at most: boolean ``(n,)``."""
        most = len(self.buffers)
        values = rows[:, self.code.nbytes :].view(f"u{self.dtype.itemsize}")
        still = np.count_nonzero(values[:, : 2 * most + 1024] << 1, axis=1) <= most  # -0 is 0
        for n in np.flatnonzero(still):  # as far as a quick look can tell
            moved = self.positions_of(rows[n]).numpy()[values[n] << 1 != 0]
            still[n] = np.isin(moved, self.buffers).all()
        return still

    def sum(self, blocks: Iterable[np.ndarray]) -> Tensor:
        """The sum of the updates in ``blocks`` of rows, dense, float32, shape ``(size,)``."""
        kind = torch.float64 if self.exact else torch.float32
        zeros = partial(torch.zeros, dtype=kind, device="cpu")  # whatever the defaults
        total = zeros(self.code.size if self.seeded is None else self.code.kept)
        for rows in blocks:
            block = torch.zeros_like(total)  # one sum of all would lose what is small beside it
            for row, values in zip(rows, self.values_of(rows), strict=True):
                if self.seeded is None:
                    block.index_add_(0, self.positions_of(row), values.to(kind))
                else:
                    block += values  # quicker than sum(0), which goes by column
            total += block
        if self.seeded is not None:
            total = zeros(self.code.size).index_add_(0, self.seeded, total)  # once, at the end
        return total.to(torch.float32)
