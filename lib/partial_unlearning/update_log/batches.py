"""Which samples were in which step, as rows of bytes."""

import struct
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partial_unlearning.errors import InputError

_HEAD = np.dtype("<u4")  # epoch and number of ids


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
