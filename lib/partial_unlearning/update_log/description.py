"""What a log says about itself, as plain data: the model, the mask, the codecs and the versions."""

from dataclasses import dataclass
from typing import Any, Self

from partial_unlearning.update_log.codecs import VALUE_BYTES, BatchCodec, stored_code

PENDING_BYTES, PENDING_STEPS = 1 << 20, 16  # written together: that is quicker than one by one


@dataclass(frozen=True)
class Description:
    """The metadata of a log.

    Attributes:
        names: tensor names in the order of the flat vector; ``shapes`` and ``dtypes`` with them.
        tied: further names under which a model's file may hold the same tensor.
        layers: layer names; ``layer_ends`` says where each ends in the vector.
        buffer_names: names of the tensors that are statistics, not trained weights.
        buffers: whether requests ``keep`` them as they are or ``subtract`` what changed them.
        strategy: of pruning; with ``sparsity_first``, ``sparsity_last``, ``seed`` it is the mask.
        kept: entries kept of each update.
        mask_digest: of a seeded mask's positions, else empty.
        values: type of the stored values.
        positions: code of the positions.
        batch_size: most samples in a step; ``ids`` is the type of a sample id.
        per_shard: steps in a shard.
        versions: of the libraries that wrote the log.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    tied: dict[str, str]
    layers: tuple[str, ...]
    layer_ends: tuple[int, ...]
    buffer_names: tuple[str, ...]
    buffers: str
    strategy: str
    sparsity_first: float
    sparsity_last: float
    seed: int
    kept: int
    mask_digest: str
    values: str
    positions: str
    batch_size: int
    ids: str
    per_shard: int
    versions: dict[str, str]

    @classmethod
    def load(cls, content: dict[str, Any]) -> Self:
        """From JSON of its fields."""
        fields = {**content, "shapes": [tuple(shape) for shape in content["shapes"]]}
        lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
        return cls(**{**fields, **lists})

    @property
    def size(self) -> int:
        """Number of entries of the model's flat vector."""
        return self.layer_ends[-1]

    @property
    def update_bytes(self) -> int:
        """Bytes of an update's row."""
        values = self.kept * VALUE_BYTES[self.values]
        if self.positions == "seeded":
            return values
        return values + stored_code(self.positions, self.size, self.kept).nbytes

    @property
    def batches(self) -> BatchCodec:
        """How a batch becomes a row."""
        return BatchCodec(self.batch_size, self.ids)

    @property
    def pending(self) -> int:
        """How many steps are written together, and may be lost when the process is killed."""
        fitting = PENDING_BYTES // self.update_bytes
        return max(1, min(fitting, PENDING_STEPS, self.per_shard))
