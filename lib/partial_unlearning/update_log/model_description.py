"""A log's description together with what torch makes of it: layout, mask, codec, checks."""

import hashlib
import platform
import secrets
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError
from partial_unlearning.masks import FixedMask, Mask, build_mask
from partial_unlearning.state import Layout, State, named_tensors, ties, unequal
from partial_unlearning.system.threads import one_thread
from partial_unlearning.update_log.codecs import VALUE_BYTES, BatchCodec, PositionCode
from partial_unlearning.update_log.description import Description
from partial_unlearning.update_log.update_rows import UpdateCodec

SHARD_BYTES = 8 << 20  # memory that a reader or a writer needs, or one step of a large model
SHARD_STEPS = 256  # most steps that wait in memory, and are lost if the process is killed
BUFFERS = ("subtract", "keep")
USED = ("torch", "numpy", "fsspec", "google-crc32c")
WRAPPERS = {"_orig_mod", "module", "model", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
"""What ``torch.compile`` or a parallel wrapper puts into the names of tensors."""
TYPES = "float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, bool"


def _positions_digest(positions: Tensor) -> str:
    return hashlib.sha256(positions.cpu().numpy().astype("<i8").tobytes()).hexdigest()


def _kind(tensor: Tensor) -> str:
    """The type of a plain tensor with values; of another what it is."""
    plain = not nn.parameter.is_lazy(tensor) and type(tensor.detach()) is Tensor
    if plain and not tensor.is_nested and not tensor.is_meta and tensor.layout == torch.strided:
        return str(tensor.dtype).removeprefix("torch.")
    return f"a {type(tensor).__name__} of {tensor.dtype}, not plain or without values"


def _wrong_model(found: str) -> InputError:
    return InputError(f"wrong model for this log: {found}; give the one that it was recorded of")


def _bare(name: str) -> tuple[str, ...]:
    return tuple(part for part in name.split(".") if part not in WRAPPERS)


def renamed(given: Collection[str], known: Collection[str]) -> dict[str, str]:
    """Given names -> known ones that differ by words of wrappers only; empty if it is unclear."""
    bare = {_bare(name): name for name in known}
    pairs = {name: bare.get(_bare(name), name) for name in given}
    if len(bare) < len(known) or len(set(pairs.values())) < len(pairs):
        return {}
    return {name: other for name, other in pairs.items() if name != other}


@dataclass(frozen=True)
class ModelDescription(Description):
    """The metadata of a log, able to rebuild the mask and to look at a model."""

    @cached_property
    def layout(self) -> Layout:
        """The layout of the model, rebuilt without it."""
        facts = {name: tuple(value) for name, value in self.model.items() if name != "tied"}
        facts["shapes"] = tuple(map(torch.Size, facts["shapes"]))
        return Layout(**facts, tied=self.model["tied"])

    def draw_mask(self) -> Mask:
        """The mask as this version of torch draws it."""
        with one_thread():
            return build_mask(
                self.strategy,
                self.layout,
                sparsity_first=self.sparsity_first,
                sparsity_last=self.sparsity_last,
                seed=self.seed,
                block=self.block,
            )

    @cached_property
    def mask(self) -> Mask:
        """The mask, rebuilt from its seed; InputError if this version of torch draws another."""
        mask = self.draw_mask()
        if mask.fixed and _positions_digest(mask.kept()) != self.mask_digest:
            raise InputError(
                f"the pruning mask cannot be rebuilt from its seed with torch {torch.__version__}; "
                f"use torch {self.versions['torch']} and the code that wrote the log"
            )
        return mask

    @cached_property
    def subtractable(self) -> tuple[int, int]:
        """How many entries of an update a request can subtract, of how many that it may change."""
        if self.buffers == "subtract":
            return self.kept, self.size
        mask, weights = self.mask, self.layout.is_weight
        if isinstance(mask, FixedMask):
            return int(weights[mask.positions].sum()), int(weights.sum())
        most = [int(weights[part].sum()) for part in mask.parts]  # statistics change by nothing
        return sum(map(min, mask.counts, most)), sum(most)

    @cached_property
    def updates(self) -> UpdateCodec:
        """How an update becomes a row; raises as :attr:`mask`."""
        seeded = self.mask.kept() if self.positions == "seeded" else None
        buffers = (~self.layout.is_weight).nonzero().ravel().numpy()
        out = self.layout.buffers if self.buffers == "keep" else ()
        named = zip(self.layout.names, self.dtypes, strict=True)
        exact = not all("float" in kind for name, kind in named if name not in out)
        return UpdateCodec(self.code, seeded, getattr(torch, self.values), buffers, exact)

    def digest(self, weights: State) -> str:
        """SHA-256 of the tensors of a model, in their own types, by which its weights are known."""
        sha = hashlib.sha256()
        for tensor in self.layout.tensors(weights):
            plain = tensor.cpu().resolve_neg().contiguous().reshape(-1).view(torch.uint8)
            sha.update(np.from_dlpack(plain).data)  # numpy() would fix the storage's size
        return sha.hexdigest()

    @cached_property
    def _first_names(self) -> dict[str, str]:
        """Each name that a tensor may have -> the first of its names."""
        return {name: name for name in self.layout.names} | dict(self.layout.tied)

    def unwrapped(self, weights: State) -> dict[str, Tensor]:
        """The tensors by the log's names, where theirs differ by words of wrappers only."""
        given = named_tensors(weights)
        ours = renamed(given, self._first_names)
        return {ours.get(name, name): tensor for name, tensor in given.items()}

    def check(self, weights: State) -> None:
        """Raise InputError if a model, or a file's tensors, are not this log's; name the first."""
        given = named_tensors(weights)
        if others := renamed(given, self._first_names):
            name, ours = next(iter(others.items()))
            words = sorted({*name.split(".")} ^ {*ours.split(".")})
            raise InputError(
                f"{name} is {ours} in this log: names differ by {'.'.join(words)}. as of compiled "
                "or wrapped models; give --wrapped, or log.description.unwrapped(...)"
            )
        self._check_kinds(given)
        self._check_ties(given)

    def _check_kinds(self, given: Mapping[str, Tensor]) -> None:
        tensors = zip(self.layout.names, self.layout.shapes, self.dtypes, strict=True)
        kinds = {name: f"{tuple(shape)} {dtype}" for name, shape, dtype in tensors}
        for name, tensor in given.items():
            kind, own = kinds.get(self._first_names.get(name, name)), _kind(tensor)
            found = f"{tuple(tensor.shape)} {own}" if own in TYPES.split(", ") else own
            if found != kind:
                raise _wrong_model(f"it has {name} {found}, the log {kind or 'none of that name'}")
        held = {self._first_names[name] for name in given}
        for name, kind in kinds.items():
            if name not in held:
                raise _wrong_model(f"it has no tensor {name} {kind}")

    def _check_ties(self, given: Mapping[str, Tensor]) -> None:
        places = zip(self.layout.names, self.layout.places(given), strict=True)
        for name, (place, *others) in places:
            if any(unequal(place, other).any() for other in others):
                raise InputError(
                    f"{name} is tied, but has other values under its other names; save the trained "
                    "model anew, or copy the right values under all of them"
                )
        for name, other in ties(given).items():
            if self._first_names[name] != self._first_names[other]:
                raise _wrong_model(f"{name} and {other} have become one tensor")


def _refuse_unrecordable(model: nn.Module) -> None:
    """Raise InputError for tensors whose changes cannot be added up, or that cannot be reached."""
    if not isinstance(model, nn.Module) or not any(
        nn.parameter.is_lazy(weight) or weight.numel() for weight in model.parameters()
    ):
        raise InputError(f"a {type(model).__name__} has no weights; give a module that has")
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise InputError(
            "the model is or holds a scripted or traced module, whose weights cannot be followed; "
            "record the plain module, and script it when it is trained"
        )
    for name, tensor in named_tensors(model).items():
        if name.rpartition(".")[2] == "_extra_state":
            raise InputError(f"{name} has the name of what torch takes for no tensor; rename it")
        if (kind := _kind(tensor)) not in TYPES.split(", "):
            raise InputError(
                f"{name} is {kind}; only plain tensors of {TYPES} can be recorded (run "
                "lazy layers once, keep complex ones as view_as_real)"
            )


def describe(model: nn.Module, batch: BatchCodec, **settings: Any) -> ModelDescription:  # noqa: ANN401
    """Describe a log to be; settings and errors as of :func:`create`."""
    for name, choices in (("values", VALUE_BYTES), ("buffers", BUFFERS)):
        value = settings[name]
        if not isinstance(value, str) or value not in choices:
            raise InputError(f"unknown {name} {value!r}; choose from {', '.join(choices)}")
    _refuse_unrecordable(model)
    versions = {"python": platform.python_version(), **{name: version(name) for name in USED}}
    layout = Layout.of(model)
    dtypes = [_kind(tensor) for tensor in layout.tensors(model)]
    draft = ModelDescription(asdict(layout), dtypes, **settings, **asdict(batch), versions=versions)
    return replace(_with_mask(draft), begun=draft.digest(model), salt=secrets.randbits(32))


def _with_mask(draft: ModelDescription) -> ModelDescription:
    """Add what the mask decides: positions, how they are stored, and how many rows a shard has."""
    mask, size = draft.draw_mask(), draft.size
    kept = mask.kept() if mask.fixed else mask.kept(torch.zeros(size, device="cpu"))
    if not len(kept):
        ends = f"{draft.sparsity_first} to {draft.sparsity_last}"
        raise InputError(f"pruning from {ends} keeps nothing; choose one below 1")
    described = replace(
        draft,
        kept=len(kept),
        mask_digest=_positions_digest(kept) if mask.fixed else "",
        positions="seeded" if mask.fixed else PositionCode.smallest(size, len(kept)).name,
    )
    fitting = SHARD_BYTES // sum(described.row_bytes.values())
    return replace(described, per_shard=max(1, min(fitting, SHARD_STEPS)))
