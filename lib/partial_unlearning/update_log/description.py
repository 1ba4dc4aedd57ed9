"""What a log says about itself: the model, the mask, the codecs and the versions."""

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import version

import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError
from partial_unlearning.masks import Mask, build_mask
from partial_unlearning.state import Layout
from partial_unlearning.system.threads import one_thread
from partial_unlearning.update_log.checked_json import digest
from partial_unlearning.update_log.codecs import (
    VALUES,
    BatchCodec,
    Bitmask,
    Indices,
    Seeded,
    UpdateCodec,
    smallest,
)

SHARD_BYTES = 8 << 20  # memory a reader needs; many steps of a small model, one of a large one

PENDING_BYTES, PENDING_STEPS = 1 << 20, 16  # written together: that is quicker than one by one
STATISTICS = ("subtracted", "kept")

_POSITIONS = {
    "seeded": lambda log: Seeded(log.mask.kept()),
    "bitmask": lambda log: Bitmask(log.layout.size),
    "indices": lambda log: Indices(log.layout.size, log.kept),
}


def positions_digest(positions: Tensor) -> str:
    """SHA-256 of kept positions, int64."""
    return hashlib.sha256(positions.cpu().numpy().astype("<i8").tobytes()).hexdigest()


def _tied(model: nn.Module, names: tuple[str, ...]) -> dict[str, str]:
    """Further names of a tensor -> the name it has in the layout."""
    known = {id(t): n for n, t in model.state_dict(keep_vars=True).items() if n in names}
    everything = model.state_dict(keep_vars=True).items()
    return {name: known[id(t)] for name, t in everything if name not in names}


@dataclass(frozen=True)
class Description:
    """The metadata of a log.

    Attributes:
        names: tensor names in the order of the flat vector; ``shapes`` and ``dtypes`` with them.
        tied: further names under which a model's file may hold the same tensor.
        layers: layer names; ``layer_ends`` says where each ends in the vector.
        buffers: names of the tensors that are statistics, not trained weights.
        statistics: whether requests leave them as they are (``kept``) or ``subtracted``.
        strategy: pruning strategy; with ``first``, ``last`` and ``seed`` it gives the mask.
        kept: entries kept of each update.
        mask_digest: of a seeded mask's positions, else empty.
        values: type of the stored values.
        positions: code of the positions.
        batch_size: most samples in a step.
        ids: type of a sample id.
        per_shard: steps in a shard.
        versions: of the libraries that wrote the log.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    tied: dict[str, str]
    layers: tuple[str, ...]
    layer_ends: tuple[int, ...]
    buffers: tuple[str, ...]
    statistics: str
    strategy: str
    first: float
    last: float
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
    def load(cls, content: dict) -> "Description":
        """From what :meth:`dump` gave."""
        lists = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
        return cls(**{**lists, "shapes": tuple(map(tuple, content["shapes"]))})

    def dump(self) -> dict:
        """As JSON can hold it."""
        return asdict(self)

    @property
    def fingerprint(self) -> str:
        """Identifies the model's architecture: names, shapes and types of its tensors."""
        return digest([self.names, self.shapes, self.dtypes])

    @cached_property
    def layout(self) -> Layout:
        """The layout of the model, rebuilt without it."""
        starts = (0, *self.layer_ends[:-1])
        slices = tuple(slice(*ends) for ends in zip(starts, self.layer_ends, strict=True))
        shapes = tuple(map(torch.Size, self.shapes))
        return Layout(self.names, shapes, self.layers, slices, frozenset(self.buffers))

    @cached_property
    def mask(self) -> Mask:
        """The mask, rebuilt from its seed.

        Raises:
            InputError: this version of torch draws other masks than the one that wrote the log.
        """
        with one_thread():
            mask = build_mask(
                self.strategy, self.layout, first=self.first, last=self.last, seed=self.seed
            )
        if mask.fixed and positions_digest(mask.kept()) != self.mask_digest:
            raise InputError(
                "the pruning mask cannot be rebuilt from its seed with torch "
                f"{torch.__version__}; use torch {self.versions['torch']}, which wrote the log"
            )
        return mask

    @cached_property
    def updates(self) -> UpdateCodec:
        """How an update becomes a row."""
        return UpdateCodec(_POSITIONS[self.positions](self), self.kept, self.values)

    @property
    def batches(self) -> BatchCodec:
        """How a batch becomes a row."""
        return BatchCodec(self.batch_size, self.ids)

    @property
    def pending(self) -> int:
        """How many steps are written together, and may be lost when the process is killed."""
        fitting = PENDING_BYTES // self.updates.nbytes
        return max(1, min(fitting, PENDING_STEPS, self.per_shard))

    def check(self, state: nn.Module | Mapping[str, Tensor]) -> None:
        """Make sure that a model, or the tensors of a weights file, are those of this log.

        Raises:
            InputError: they are not; names the first tensor that differs.
        """
        given = state.state_dict() if isinstance(state, nn.Module) else state
        for name, shape, dtype in zip(self.names, self.shapes, self.dtypes, strict=True):
            wanted = f"{name} {shape} {dtype}"
            if name not in given:
                raise InputError(f"wrong model for this log: it has no tensor {wanted}")
            found = f"{name} {tuple(given[name].shape)} {_spell(given[name])}"
            if found != wanted:
                raise InputError(f"wrong model for this log: it has {found}, the log {wanted}")
        unknown = sorted(set(given) - set(self.names) - set(self.tied))
        if unknown:
            raise InputError(f"wrong model for this log, which knows no tensor {unknown[0]}")


def _spell(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _versions() -> dict[str, str]:
    libraries = {name: version(name) for name in ("torch", "numpy", "fsspec", "google-crc32c")}
    return {"python": platform.python_version(), **libraries}


def describe(
    model: nn.Module,
    *,
    strategy: str,
    first: float,
    last: float,
    seed: int,
    values: str,
    statistics: str,
    batch: BatchCodec,
) -> Description:
    """Describe a log to be.

    Raises:
        InputError: unknown strategy, type of values or treatment of statistics, or pruning
            fractions that are outside 0..1 or keep nothing.
    """
    for name, value, known in (("values", values, VALUES), ("statistics", statistics, STATISTICS)):
        if value not in known:
            raise InputError(f"unknown {name} {value!r}; choose from {', '.join(known)}")
    layout = Layout.of(model)
    mask = build_mask(strategy, layout, first=first, last=last, seed=seed)
    kept = mask.kept() if mask.fixed else mask.kept(torch.zeros(layout.size))
    if not len(kept):
        raise InputError(f"pruning from {first} to {last} keeps nothing: there is no log to make")
    draft = Description(
        names=layout.names,
        shapes=tuple(map(tuple, layout.shapes)),
        dtypes=tuple(map(_spell, layout.tensors(model))),
        tied=_tied(model, layout.names),
        layers=layout.layers,
        layer_ends=tuple(part.stop for part in layout.slices),
        buffers=tuple(sorted(layout.buffers)),
        statistics=statistics,
        strategy=strategy,
        first=first,
        last=last,
        seed=seed,
        kept=len(kept),
        mask_digest=positions_digest(kept) if mask.fixed else "",
        values=values,
        positions="seeded" if mask.fixed else smallest(layout.size, len(kept)),
        batch_size=batch.batch_size,
        ids=batch.ids,
        per_shard=1,
        versions=_versions(),
    )
    step_bytes = draft.updates.nbytes + draft.batches.nbytes
    return replace(draft, per_shard=max(1, SHARD_BYTES // step_bytes))
