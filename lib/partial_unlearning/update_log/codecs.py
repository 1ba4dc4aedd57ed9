"""How positions and batches become bytes, and how many; nothing here needs torch.

Kept positions of a seeded mask are rebuilt from the seed, so their code is empty; those of a
magnitude mask are data, stored as one bit a weight or as packed indices, whichever is smaller.
"""

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from partial_unlearning.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

VALUE_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
"""Types for stored values. At update sizes near 1e-8, float16 turns most of them to zero."""

_HEAD = struct.Struct("<II")  # epoch and number of ids
EPOCH_BYTES = 4  # at the start of a batch's row; the rest is about its samples
_UNCHANGED = 0x80  # in the highest byte of the number of ids: the step changed no weight


def _whole_words(bits: int) -> int:
    """Bytes for so many bits, rounded up so that values may follow in place."""
    return -(-bits // 32) * 4


@dataclass(frozen=True)
class Seeded:
    """Positions known beforehand, int64 ``(k,)``: nothing is stored."""

    positions: "Tensor"
    nbytes: int = 0

    def encode(self, positions: "Tensor") -> bytes:
        """Nothing; InputError if these are not the positions known."""
        if positions is self.positions or self.positions.equal(positions.cpu()):
            return b""
        raise InputError("the update was pruned by another mask; use the log's own")

    def decode(self, code: np.ndarray) -> np.ndarray:
        """The positions known."""
        return self.positions.numpy()


@dataclass(frozen=True)
class Bitmask:
    """One bit for each of ``size`` weights."""

    size: int

    @property
    def nbytes(self) -> int:
        """Bytes of the code."""
        return _whole_words(self.size)

    def encode(self, positions: "Tensor") -> bytes:
        """The code of sorted positions, int64 ``(k,)``."""
        bits = np.zeros(self.size, dtype=bool)
        bits[positions.cpu().numpy()] = True
        return np.packbits(bits).tobytes().ljust(self.nbytes, b"\0")

    def decode(self, code: np.ndarray) -> np.ndarray:
        """The positions again, int64 ``(k,)``."""
        return np.flatnonzero(np.unpackbits(code, count=self.size))


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
        """Bytes of the code."""
        return _whole_words(self.kept * self.width)

    def encode(self, positions: "Tensor") -> bytes:
        """The code of sorted positions, int64 ``(kept,)``."""
        whole = positions.cpu().numpy().astype(">u8").view(np.uint8).reshape(-1, 8)
        bits = np.unpackbits(whole, axis=1)[:, -self.width :]
        return np.packbits(bits).tobytes().ljust(self.nbytes, b"\0")

    def decode(self, code: np.ndarray) -> np.ndarray:
        """The positions again, int64 ``(kept,)``."""
        bits = np.zeros((self.kept, 64), dtype=np.uint8)
        packed = np.unpackbits(code, count=self.kept * self.width)
        bits[:, -self.width :] = packed.reshape(self.kept, self.width)
        return np.packbits(bits).view(">u8").astype(np.int64)


Positions = Seeded | Bitmask | Indices
"""A code for kept positions, always of the same length."""


def stored_code(name: str, size: int, kept: int) -> Bitmask | Indices:
    """The code called ``bitmask`` or ``indices``, of ``kept`` out of ``size`` positions."""
    return Bitmask(size) if name == "bitmask" else Indices(size, kept)


def smallest(size: int, kept: int) -> str:
    """Which of ``bitmask`` and ``indices`` takes fewer bytes."""
    return min(("bitmask", "indices"), key=lambda name: stored_code(name, size, kept).nbytes)


def whole_number(name: str, given: object, least: int, most: int) -> int:
    """A setting as int, InputError if it is no whole number from ``least`` to ``most``."""
    if isinstance(given, int | np.integer) and type(given) is not bool and least <= given <= most:
        return int(given)
    raise InputError(f"{name} is {given!r}; give a whole number from {least} to {most}")


def sample_ids(given: Any) -> np.ndarray:  # noqa: ANN401 (whatever a person gives)
    """Sample ids as int64 ``(n,)``, InputError if they are no whole numbers of an integer type."""
    try:
        array = given.detach().cpu().numpy() if hasattr(given, "detach") else given
        single = isinstance(array, np.ndarray)  # else one by one: a truth value is no number
        parts = [array] if single else [np.asarray(number) for number in array]
        ids = array if single else np.asarray(parts)
        whole = ids.ndim == 1 and all(part.dtype.kind in "iu" for part in (ids, *parts))
        strange = isinstance(given, bytes | bytearray | np.ma.MaskedArray)
        signed = ids.dtype.kind == "i"  # spares a look at every id, at every step
        if whole and not strange and (signed or ids.max(initial=0) < 2**63):
            return ids.astype(np.int64, copy=False)
        found: object = f"{ids.dtype} of shape {ids.shape}"
    except (TypeError, ValueError, RuntimeError) as error:
        found = error
    raise InputError(
        f"no sample ids: {type(given).__name__}, {found}; give whole numbers of an integer type, "
        "below 2**63, in one row (of a mask its places, mask.nonzero().ravel())"
    )


def id_type(largest: int) -> str:
    """The smallest unsigned integer type that holds ids up to ``largest``."""
    return np.min_scalar_type(largest).newbyteorder("<").str if largest < 2**32 else "<i8"


@dataclass(frozen=True)
class BatchCodec:
    """The epoch and at most ``batch_size`` sample ids, of numpy type ``ids``, as a row."""

    batch_size: int
    ids: str

    @property
    def nbytes(self) -> int:
        """Bytes of a row."""
        return _HEAD.size + self.batch_size * np.dtype(self.ids).itemsize

    def encode(self, epoch: int, ids: "Tensor") -> bytes:
        """The row of a batch; InputError if there are no ids, too many, or too large ones."""
        given, epoch = sample_ids(ids), whole_number("the epoch", epoch, 0, 2**32 - 1)
        if not 1 <= len(given) <= self.batch_size:
            raise InputError(
                f"{len(given)} samples are no batch: declared were 1..{self.batch_size}; give the "
                "ids of one step, or record to a new folder with a batch_size that has room for all"
            )
        row = given.astype(self.ids)
        if row.astype(np.int64).tobytes() != given.tobytes():  # quicker than looking at each id
            largest = np.iinfo(self.ids).max
            raise InputError(
                f"sample ids {given.min()}..{given.max()}: declared were 0..{largest}; record to a "
                "new folder with the ids of all that may occur"
            )
        padding = row[:1].tobytes() * (self.batch_size - len(row))  # one of its own ids
        return _HEAD.pack(epoch, len(row)) + row.tobytes() + padding

    def marked(self, row: bytes, unchanged: bool) -> bytes:
        """The row of a batch, saying whether its step changed no weight."""
        last = _HEAD.size - 1
        return row[:last] + bytes([row[last] + _UNCHANGED * unchanged]) + row[last + 1 :]

    def unchanged(self, rows: np.ndarray) -> np.ndarray:
        """Which rows ``(n, nbytes)`` say that their step changed no weight, bool ``(n,)``."""
        return rows[:, _HEAD.size - 1] >= _UNCHANGED

    def padded_ids(self, rows: np.ndarray) -> np.ndarray:
        """Ids of rows ``(n, nbytes)``, shape ``(n, batch_size)``; short batches repeat an id."""
        return np.ascontiguousarray(rows[:, _HEAD.size :]).view(self.ids)

    def decode(self, row: np.ndarray) -> tuple[int, np.ndarray]:
        """Epoch and sample ids, int64, of a row."""
        epoch, count = _HEAD.unpack(row[: _HEAD.size].tobytes())
        count &= ~(_UNCHANGED << 24)
        return epoch, self.padded_ids(row[None])[0, :count].astype(np.int64)
