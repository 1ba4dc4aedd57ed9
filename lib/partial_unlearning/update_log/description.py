"""What a log says about itself, as plain data: the model, the mask, the codecs and the versions."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from partial_unlearning.update_log.codecs import VALUE_BYTES, BatchCodec, PositionCode


@dataclass(frozen=True)
class Description:
    """The metadata of a log, as JSON holds it.

    Attributes:
        model: the fields of its :class:`Layout`; ``dtypes`` are the types of its tensors.
        buffers: whether requests ``keep`` statistics as they are or ``subtract`` their changes.
        strategy: of pruning; with the sparsities, ``seed`` and ``block`` it is the mask.
        values: type of the stored values.
        batch_size: most samples in a step; ``ids`` is the type of a sample id.
        versions: of the libraries that wrote the log.
        kept: entries kept of each update.
        mask_digest: of a seeded mask's positions, else empty.
        positions: code of the positions.
        per_shard: steps in a shard.
        begun: digest of the weights before the first step.
        salt: number of the first row, drawn, so that a row of another log is noticed.
    """

    model: dict[str, Any]
    dtypes: list[str]
    buffers: str
    strategy: str
    sparsity_first: float
    sparsity_last: float
    seed: int
    block: int
    values: str
    batch_size: int
    ids: str
    versions: dict[str, str]
    kept: int = 0
    mask_digest: str = ""
    positions: str = "seeded"
    per_shard: int = 1
    begun: str = ""
    salt: int = 0

    @property
    def size(self) -> int:
        """Number of entries of the model's flat vector."""
        return int(self.model["ends"][-1])

    @property
    def code(self) -> PositionCode:
        """How positions become bytes."""
        return PositionCode(self.positions, self.size, self.kept)

    @property
    def update_bytes(self) -> int:
        """Bytes of an update's row."""
        return self.code.nbytes + self.kept * VALUE_BYTES[self.values]

    @cached_property
    def batches(self) -> BatchCodec:
        """How a batch becomes a row."""
        return BatchCodec(self.batch_size, self.ids)

    @property
    def row_bytes(self) -> dict[str, int]:
        """Bytes of a row in each of the two arrays that a log has."""
        return {"updates": self.update_bytes, "batches": self.batches.row.itemsize}
