"""A log's description together with what torch makes of it: layout, mask, codec, checks."""

import hashlib
import platform
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version

import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError
from partial_unlearning.masks import Mask, build_mask
from partial_unlearning.state import Layout, State
from partial_unlearning.system.threads import one_thread
from partial_unlearning.update_log.codecs import (
    VALUE_BYTES,
    BatchCodec,
    Positions,
    Seeded,
    smallest,
    stored_code,
    whole_number,
)
from partial_unlearning.update_log.description import Description
from partial_unlearning.update_log.update_rows import UpdateCodec

SHARD_BYTES = 8 << 20  # memory a reader needs; many steps of a small model, one of a large one
BUFFERS = ("subtract", "keep")


def _positions_digest(positions: Tensor) -> str:
    return hashlib.sha256(positions.cpu().numpy().astype("<i8").tobytes()).hexdigest()


def _dtype_name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


@dataclass(frozen=True)
class ModelDescription(Description):
    """The metadata of a log, able to rebuild the mask and to look at a model."""

    @cached_property
    def layout(self) -> Layout:
        """The layout of the model, rebuilt without it."""
        starts = (0, *self.layer_ends[:-1])
        slices = tuple(slice(*ends) for ends in zip(starts, self.layer_ends, strict=True))
        shapes = tuple(map(torch.Size, self.shapes))
        return Layout(self.names, shapes, self.layers, slices, frozenset(self.buffer_names))

    @cached_property
    def mask(self) -> Mask:
        """The mask, rebuilt from its seed; InputError if this version of torch draws another."""
        with one_thread():
            mask = build_mask(
                self.strategy,
                self.layout,
                sparsity_first=self.sparsity_first,
                sparsity_last=self.sparsity_last,
                seed=self.seed,
            )
        if mask.fixed and _positions_digest(mask.kept()) != self.mask_digest:
            raise InputError(
                "the pruning mask cannot be rebuilt from its seed with torch "
                f"{torch.__version__}; use torch {self.versions['torch']}, which wrote the log"
            )
        return mask

    @cached_property
    def updates(self) -> UpdateCodec:
        """How an update becomes a row; raises as :attr:`mask`."""
        if self.positions == "seeded":
            code: Positions = Seeded(self.mask.kept())
        else:
            code = stored_code(self.positions, self.size, self.kept)
        return UpdateCodec(code, self.kept, getattr(torch, self.values))

    def digest(self, weights: State) -> str:
        """SHA-256 of the flat vector of a model, by which its weights are known."""
        vector = self.layout.vector(weights).cpu().numpy().astype("<f4", copy=False)
        return hashlib.sha256(vector.data).hexdigest()

    def check(self, weights: State) -> None:
        """Raise InputError if a model, or a file's tensors, are not this log's; name the first."""
        whole = weights.state_dict() if isinstance(weights, nn.Module) else weights
        given = {name: tensor for name, tensor in whole.items() if isinstance(tensor, Tensor)}
        for name, shape, dtype in zip(self.names, self.shapes, self.dtypes, strict=True):
            expected = f"{name} {shape} {dtype}"
            if name not in given:
                raise InputError(f"wrong model for this log: it has no tensor {expected}")
            found = f"{name} {tuple(given[name].shape)} {_dtype_name(given[name])}"
            if found != expected:
                raise InputError(f"wrong model for this log: it has {found}, the log {expected}")
        unknown = sorted(set(given) - set(self.names) - set(self.tied))
        if unknown:
            raise InputError(f"wrong model for this log, which knows no tensor {unknown[0]}")


def _tied(model: nn.Module, names: tuple[str, ...]) -> dict[str, str]:
    """Further names of a tensor -> the name it has in the layout."""
    tensors = model.state_dict(keep_vars=True)
    known = {id(tensors[name]): name for name in names}
    return {name: known[id(t)] for name, t in tensors.items() if name not in names}


def describe(
    model: nn.Module,
    batch: BatchCodec,
    strategy: str,
    sparsity: tuple[float, float],
    seed: int,
    values: str,
    buffers: str,
) -> ModelDescription:
    """Describe a log to be; arguments and errors as of :func:`create`."""
    for name, value, choices in (("values", values, VALUE_BYTES), ("buffers", buffers, BUFFERS)):
        if not isinstance(value, str) or value not in choices:
            raise InputError(f"unknown {name} {value!r}; choose from {', '.join(choices)}")
    if not isinstance(model, nn.Module) or not list(model.parameters()):
        raise InputError(f"a {type(model).__name__} has no weights; give a module that has")
    first, last = sparsity
    seed = whole_number("seed", seed, 0, 2**63)
    layout = Layout.of(model)
    mask = build_mask(strategy, layout, sparsity_first=first, sparsity_last=last, seed=seed)
    kept = mask.kept() if mask.fixed else mask.kept(torch.zeros(layout.size))
    if not len(kept):
        raise InputError(
            f"pruning from {first} to {last} keeps nothing: there is no log to make; choose a "
            "sparsity below 1"
        )
    draft = ModelDescription(
        names=layout.names,
        shapes=tuple(map(tuple, layout.shapes)),
        dtypes=tuple(map(_dtype_name, layout.tensors(model))),
        tied=_tied(model, layout.names),
        layers=layout.layers,
        layer_ends=tuple(part.stop for part in layout.slices),
        buffer_names=tuple(sorted(layout.buffers)),
        buffers=buffers,
        strategy=strategy,
        sparsity_first=first,
        sparsity_last=last,
        seed=seed,
        kept=len(kept),
        mask_digest=_positions_digest(kept) if mask.fixed else "",
        values=values,
        positions="seeded" if mask.fixed else smallest(layout.size, len(kept)),
        batch_size=batch.batch_size,
        ids=batch.ids,
        per_shard=1,
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "fsspec", "google-crc32c")},
        },
    )
    step_bytes = draft.update_bytes + batch.nbytes
    return replace(draft, per_shard=max(1, SHARD_BYTES // step_bytes))
