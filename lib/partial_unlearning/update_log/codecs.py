"""How positions and batches become bytes, and how many; nothing here needs torch.

Kept positions of a seeded mask are rebuilt from the seed, so their code is empty; those of a
magnitude mask are data, stored as one bit a weight or as packed indices, whichever is smaller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from struct import Struct, pack
from struct import error as StructError
from typing import Any

import numpy as np

from partial_unlearning.errors import InputError, whole_number

VALUE_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
"""Types for stored values. At update sizes near 1e-8, float16 turns most of them to zero."""

EPOCHS = 2**20  # most; each takes memory when a log is read
EPOCH_BYTES = 4  # at the start of a batch's row; the rest is about its samples
HEAD = Struct("<Ii")  # of a batch's row: epoch, and how many ids follow


@dataclass(frozen=True)
class PositionCode:
    """How the ``kept`` of ``size`` positions become bytes, of equal length for each update.

    ``seeded``: no bytes; ``bitmask``: one bit a position; ``indices``: for each that is kept just
    as many bits as the largest needs.
    """

    name: str
    size: int
    kept: int

    @classmethod
    def smallest(cls, size: int, kept: int) -> "PositionCode":
        """Of those that store positions the one that takes fewer bytes."""
        codes = [cls(name, size, kept) for name in ("bitmask", "indices")]
        return min(codes, key=lambda code: code.nbytes)

    @property
    def width(self) -> int:
        """Bits of one index."""
        return max((self.size - 1).bit_length(), 1)

    @property
    def nbytes(self) -> int:
        """Bytes of the code: whole words, so that values may follow in place."""
        bits = {"seeded": 0, "bitmask": self.size, "indices": self.kept * self.width}[self.name]
        return -(-bits // 32) * 4

    def encode(self, positions: np.ndarray) -> bytes:
        """The code of sorted positions, int64 ``(kept,)``, which are stored."""
        if self.name == "bitmask":
            bits = np.zeros(self.size, dtype=np.uint8)
            bits[positions] = 1
        else:
            whole = positions.astype(">u8").view(np.uint8).reshape(-1, 8)
            bits = np.unpackbits(whole, axis=1)[:, -self.width :]
        return np.packbits(bits).tobytes().ljust(self.nbytes, b"\0")

    def decode(self, code: np.ndarray) -> np.ndarray:
        """The positions again, int64 ``(kept,)``."""
        if self.name == "bitmask":
            return np.flatnonzero(np.unpackbits(code, count=self.size))
        bits = np.zeros((self.kept, 64), dtype=np.uint8)
        packed = np.unpackbits(code, count=self.kept * self.width)
        bits[:, -self.width :] = packed.reshape(self.kept, self.width)
        return np.packbits(bits).view(">u8").astype(np.int64)


STRANGE = (bytes, bytearray, np.ma.MaskedArray)
"""What has whole numbers in it, but hides what they are or which of them count."""


def sample_ids(given: Any) -> np.ndarray:  # noqa: ANN401 (whatever a person gives)
    """Sample ids as int64 ``(n,)``, InputError if they are no whole numbers of an integer type.

    It is called at every step, when training has emptied the caches: each operation counts.
    """
    try:
        if isinstance(given, Mapping) or getattr(given, "ndim", 1) != 1:
            raise TypeError("a table or mapping")
        array = given.cpu().numpy() if hasattr(given, "cpu") else given
        single = isinstance(array, np.ndarray)  # else one by one: a truth value is no number
        parts = [] if single else [np.asarray(number) for number in array]
        ids = array if single else np.asarray(parts, dtype=None if parts else np.int64)
        plain = ids.ndim == 1 and not isinstance(given, STRANGE)
        whole = ids.dtype.kind in "iu" and all(part.dtype.kind in "iu" for part in parts)
        signed = ids.dtype.kind == "i"  # spares a look at every id
        if plain and whole and (signed or ids.max(initial=0) < 2**63):
            return ids.astype(np.int64, copy=False)
        found: object = f"{ids.dtype} of shape {ids.shape}"
    except (TypeError, ValueError, RuntimeError) as error:
        found = error
    raise InputError(
        f"no sample ids: {type(given).__name__}, {found}; give whole numbers of an integer type, "
        "below 2**63, in one row (of a mask its places, mask.nonzero().ravel())"
    )


class Declared:
    """All sample ids that may occur: places in a data set, given for ids, are noticed."""

    def __init__(self, ids: Any) -> None:  # noqa: ANN401 (as sample_ids)
        known = np.sort(sample_ids(ids))  # unique() takes a hundred times as long
        if not len(known):
            raise InputError("ids are none; give all that may occur")
        self._known = np.append(known, -1)  # the end is no id
        self._sorted = self._known[:-1]

    def refuse_others(self, given: np.ndarray) -> None:
        """Raise InputError for ids ``(n,)`` of which one was not declared."""
        others = self._known[self._sorted.searchsorted(given)] != given
        if others.any():
            raise InputError(
                f"{others.sum()} of {len(given)} sample ids, the first is {given[others][0]}, are "
                "none of those that record() was given: give each sample's own id, not its place; "
                "or record() with the ids of all that may occur"
            )


@dataclass(frozen=True)
class BatchCodec:
    """The epoch and at most ``batch_size`` sample ids, of numpy type ``ids``, as a row.

    Short batches are filled with one of their ids. Their number is below 0 if the step changed no
    weight.
    """

    batch_size: int
    ids: str

    @classmethod
    def holding(cls, ids: Any, batch_size: object) -> "BatchCodec":  # noqa: ANN401 (as sample_ids)
        """For sample ids up to the largest given; InputError if they make no sense."""
        numbers = sample_ids(ids)
        if not len(numbers) or numbers.min() < 0:
            raise InputError("a sample id is below 0, or there is none; give all that may occur")
        largest = int(numbers.max())
        kind = np.min_scalar_type(largest) if largest < 2**32 else np.dtype(np.int64)
        most = whole_number("batch_size", batch_size, 1, 2**24)
        return cls(most, kind.newbyteorder("<").str)

    @cached_property
    def row(self) -> np.dtype:
        """The fields of a row."""
        head = [("epoch", "<u4"), ("count", "<i4")]
        return np.dtype([*head, ("ids", self.ids, (self.batch_size,))])

    def encode(self, epoch: int, ids: object, declared: Declared | None = None) -> bytes:
        """The row of a batch; InputError for no ids, too many, too large, or undeclared ones."""
        given = sample_ids(ids)
        if declared is not None:
            declared.refuse_others(given)
        if not 1 <= len(given) <= self.batch_size:
            raise InputError(
                f"{len(given)} samples are no batch: declared were 1..{self.batch_size}; give the "
                "ids of one step, or record to a new folder with a batch_size that has room for all"
            )
        head = HEAD.pack(whole_number("the epoch", epoch, 0, EPOCHS), len(given))
        unsigned, size = {1: "B", 2: "H", 4: "I", 8: "Q"}, np.dtype(self.ids).itemsize
        try:  # numpy takes nearly twice as long where a step has just emptied the caches
            stored = pack(f"<{len(given)}{unsigned[size]}", *given.tolist())
        except StructError as unfit:
            raise InputError(
                f"sample ids {given.min()}..{given.max()}: declared were 0.."
                f"{np.iinfo(self.ids).max}; record to a new folder with the ids of all that may "
                "occur"
            ) from unfit
        return head + stored + stored[:size] * (self.batch_size - len(given))

    @staticmethod
    def unchanging(row: bytes) -> bytes:
        """The row of a batch whose step changed no weight."""
        epoch, count = HEAD.unpack_from(row)
        return HEAD.pack(epoch, -count) + row[HEAD.size :]

    def decode(self, rows: np.ndarray) -> np.ndarray:
        """The fields of uint8 rows ``(n, bytes of a row)`` by their names, shape ``(n,)``."""
        return np.ascontiguousarray(rows).view(self.row)[:, 0]
