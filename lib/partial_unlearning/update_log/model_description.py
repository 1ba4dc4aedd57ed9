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
from partial_unlearning.state import Layout, State, named_tensors, ties, unequal
from partial_unlearning.system.threads import one_thread
from partial_unlearning.update_log import codecs
from partial_unlearning.update_log.description import Description
from partial_unlearning.update_log.names import renamed
from partial_unlearning.update_log.update_rows import UpdateCodec

SHARD_BYTES = 8 << 20  # memory a reader needs; many steps of a small model, one of a large one
BUFFERS = ("subtract", "keep")
USED = ("torch", "numpy", "fsspec", "google-crc32c")
TYPES = "float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, bool"


def _positions_digest(positions: Tensor) -> str:
    return hashlib.sha256(positions.cpu().numpy().astype("<i8").tobytes()).hexdigest()


def _dtype_name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.") + " without values" * tensor.is_meta


@dataclass(frozen=True)
class ModelDescription(Description):
    """The metadata of a log, able to rebuild the mask and to look at a model."""

    @cached_property
    def layout(self) -> Layout:
        """The layout of the model, rebuilt without it."""
        slices = tuple(map(slice, (0, *self.layer_ends), self.layer_ends))
        shapes, buffers = tuple(map(torch.Size, self.shapes)), frozenset(self.buffer_names)
        return Layout(self.names, shapes, self.layers, slices, buffers, self.tied)

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
                f"the pruning mask cannot be rebuilt from its seed with torch {torch.__version__}; "
                f"use torch {self.versions['torch']}, which wrote the log"
            )
        return mask

    @cached_property
    def updates(self) -> UpdateCodec:
        """How an update becomes a row; raises as :attr:`mask`."""
        if self.positions == "seeded":
            code: codecs.Positions = codecs.Seeded(self.mask.kept())
        else:
            code = codecs.stored_code(self.positions, self.size, self.kept)
        buffers = (~self.layout.is_weight).nonzero().ravel().numpy()
        return UpdateCodec(code, self.kept, getattr(torch, self.values), buffers)

    def digest(self, weights: State) -> str:
        """SHA-256 of the tensors of a model, in their own types, by which its weights are known."""
        sha = hashlib.sha256()
        for tensor in self.layout.tensors(weights):
            sha.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return sha.hexdigest()

    def unwrapped(self, weights: State) -> dict[str, Tensor]:
        """The tensors by the log's names, where theirs differ by words of wrappers only."""
        given = named_tensors(weights)
        ours = renamed(given, {*self.names, *self.tied})
        return {ours.get(name, name): tensor for name, tensor in given.items()}

    def check(self, weights: State) -> None:
        """Raise InputError if a model, or a file's tensors, are not this log's; name the first."""
        given, wrong = named_tensors(weights), "wrong model for this log"
        tensors = zip(self.names, self.shapes, self.dtypes, strict=True)
        kinds = {name: f"{shape} {dtype}" for name, shape, dtype in tensors}
        first = {name: name for name in self.names} | self.tied
        if others := renamed(given, first):
            name, ours = next(iter(others.items()))
            words = sorted({*name.split(".")} ^ {*ours.split(".")})
            raise InputError(
                f"{name} is {ours} in this log: names differ by {'.'.join(words)}. as of compiled "
                "or wrapped models; give --wrapped, or log.description.unwrapped(...)"
            )
        for name, tensor in given.items():
            found = f"{tuple(tensor.shape)} {_dtype_name(tensor)}"
            kind = kinds.get(first.get(name, name), "no tensor of that name")
            if found != kind:
                raise InputError(f"{wrong}: it has {name} {found}, the log {kind}")
        for name, places in zip(self.names, self.layout.places(weights), strict=True):
            if not places:
                raise InputError(f"{wrong}: it has no tensor {name} {kinds[name]}")
            if any(unequal(places[0], other).any() for other in places[1:]):
                raise InputError(
                    f"{name} is tied, but has other values under its other names; save the trained "
                    "model anew, or copy the right values under all of them"
                )
        if again := [pair for pair in ties(given).items() if first[pair[0]] != first[pair[1]]]:
            raise InputError(f"{wrong}: {' and '.join(again[0])} have become one tensor")


def _refuse_unrecordable(model: nn.Module) -> None:
    """Raise InputError for tensors whose changes cannot be added up, or that cannot be reached."""
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise InputError(
            "the model is or holds a scripted or traced module, whose weights cannot be followed; "
            "record the plain module, and script it when it is trained"
        )
    for name, tensor in named_tensors(model).items():
        other = nn.parameter.is_lazy(tensor) or type(tensor.detach()) is not Tensor
        strided = not other and tensor.layout == torch.strided
        if not strided or _dtype_name(tensor) not in TYPES.split(", "):
            raise InputError(
                f"{name} is a {type(tensor).__name__} of {tensor.dtype}; only plain tensors of "
                f"{TYPES} can be recorded (run lazy layers once, keep complex ones as view_as_real)"
            )


def describe(
    model: nn.Module,
    batch: codecs.BatchCodec,
    strategy: str,
    sparsity: tuple[float, float],
    seed: int,
    values: str,
    buffers: str,
) -> ModelDescription:
    """Describe a log to be; arguments and errors as of :func:`create`."""
    for name, value, choices in (
        ("values", values, codecs.VALUE_BYTES),
        ("buffers", buffers, BUFFERS),
    ):
        if not isinstance(value, str) or value not in choices:
            raise InputError(f"unknown {name} {value!r}; choose from {', '.join(choices)}")
    if not isinstance(model, nn.Module) or not list(model.parameters()):
        raise InputError(f"a {type(model).__name__} has no weights; give a module that has")
    _refuse_unrecordable(model)
    first, last = sparsity
    seed = codecs.whole_number("seed", seed, 0, 2**63)
    layout = Layout.of(model)
    mask = build_mask(strategy, layout, sparsity_first=first, sparsity_last=last, seed=seed)
    kept = mask.kept() if mask.fixed else mask.kept(torch.zeros(layout.size, device="cpu"))
    if not len(kept):
        raise InputError(f"pruning from {first} to {last} keeps nothing; choose one below 1")
    draft = ModelDescription(
        names=layout.names,
        shapes=tuple(map(tuple, layout.shapes)),
        dtypes=tuple(map(_dtype_name, layout.tensors(model))),
        tied=dict(layout.tied),
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
        positions="seeded" if mask.fixed else codecs.smallest(layout.size, len(kept)),
        batch_size=batch.batch_size,
        ids=batch.ids,
        per_shard=1,
        versions={"python": platform.python_version(), **{name: version(name) for name in USED}},
    )
    step_bytes = draft.update_bytes + batch.nbytes
    return replace(draft, per_shard=max(1, SHARD_BYTES // step_bytes))
