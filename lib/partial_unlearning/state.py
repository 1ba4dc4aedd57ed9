"""A model's weights and buffers as one flat vector w, cut into layers.

Every equation of the paper is about w and its layers w_l. Seeing a model as one vector makes
each equation one line of code, whatever the architecture.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError

# A normalisation belongs to the layer whose output it normalises, not to one of its own.
_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)

State = nn.Module | Mapping[str, Tensor]
"""A model, or its tensors by name as read from a file."""

Named = list[tuple[str, Tensor]]


def _own_tensors(path: str, module: nn.Module) -> Named:
    """The weights and saved buffers of the module at a path, without those of its children."""
    unsaved = module._non_persistent_buffers_set  # a buffer that is not saved is no state
    own = {**module._parameters, **module._buffers}.items()
    return [(f"{path}.{n}".lstrip("."), t) for n, t in own if t is not None and n not in unsaved]


def named_tensors(model: State) -> dict[str, Tensor]:
    """Every weight and saved buffer under every name it has; what else a file holds is left out."""
    if not isinstance(model, nn.Module | Mapping):
        raise InputError(f"a {type(model).__name__} is no model; give one, or its tensors by name")
    if not isinstance(model, nn.Module):
        tensors = ((str(name), value) for name, value in model.items() if isinstance(value, Tensor))
        return {name: value for name, value in tensors if name.rpartition(".")[2] != "_extra_state"}
    modules = model.named_modules(remove_duplicate=False)
    return {name: tensor for path, module in modules for name, tensor in _own_tensors(path, module)}


def ties(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Further names of one memory -> the first of its names; InputError if any merely overlap."""
    first: dict[object, str] = {}
    further, spans = {}, []
    for name, tensor in tensors.items():
        start, steps = tensor.data_ptr(), zip(tensor.shape, tensor.stride(), strict=True)
        memory = (start, tensor.dtype, tensor.shape, tensor.stride()) if start else id(tensor)
        if (known := first.setdefault(memory, name)) != name:
            further[name] = known
        elif start:  # 0: nothing in it, or no memory yet
            reach = 0  # of the inner dimensions; one of step 0 is a number, repeated
            for step, size in sorted((step, size) for size, step in steps if step and size > 1):
                if step <= reach:
                    raise InputError(f"entries of {name} overlap in memory; clone() it")
                reach += (size - 1) * step
            spans.append((start, start + tensor.itemsize * (1 + reach), name))
    for (_, end, one), (start, _, other) in pairwise(sorted(spans)):
        if start < end:
            raise InputError(f"{one} and {other} overlap in memory; clone() one, or tie them whole")
    return further


def unequal(one: Tensor, other: Tensor) -> Tensor:
    """Where two tensors differ; NaN is equal to NaN."""
    return (one != other) & ~(one.isnan() & other.isnan())


def _layers(model: nn.Module, tied: Mapping[str, str]) -> list[tuple[str, Named]]:
    """(Layer name, its named tensors) from the first layer to the last."""
    layers: list[tuple[str, Named]] = []
    for path, module in model.named_modules():
        new = [pair for pair in _own_tensors(path, module) if pair[0] not in tied]
        if new and layers and isinstance(module, _NORMS):
            layers[-1][1].extend(new)
        elif new:
            layers.append((path, new))
    return layers


def _repeated(tensor: Tensor) -> bool:
    """Whether entries are the same memory, as an expanded tensor's are."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    return any(size > 1 and not step for size, step in steps)


def _is_variance(name: str) -> bool:
    words = {*name.rpartition(".")[2].split("_")}
    return bool(words & {"var", "variance"}) and "log" not in words


def _float_less(name: str, tensor: Tensor, update: Tensor, statistic: bool) -> tuple[Tensor, str]:
    wide = tensor.to(torch.promote_types(tensor.dtype, torch.float32))
    new = torch.where(update == 0, tensor, (wide - update).to(tensor.dtype))
    if not new.sum().isfinite() and not (new.isfinite() | (update == 0)).all():  # a sum is quicker
        return new, f"no number of {tensor.dtype}"
    if statistic and _is_variance(name) and not ((new >= 0) | (tensor < 0)).all():
        return new, "a variance below 0"  # a model would make NaN of it
    return new, ""


def _whole_less(tensor: Tensor, update: Tensor) -> tuple[Tensor, str]:
    whole = tensor.long() - update.round().long()
    whole = whole % 2 if tensor.dtype == torch.bool else whole  # each change was a flip
    new = whole.to(tensor.dtype)
    if not ((new == whole) & (update.abs() < 1 << 24)).all():  # beyond, float32 is not exact
        return new, f"no number of {tensor.dtype}, or its changes add up to more than 2**24"
    if new.min() < 0 <= tensor.min():
        return new, "a count or place below 0"
    return new, ""


def _less(name: str, tensor: Tensor, update: Tensor, statistic: bool) -> Tensor:
    """``tensor - update`` in the tensor's own type, and as it was where the update is zero."""
    if tensor.dtype.is_floating_point:
        new, wrong = _float_less(name, tensor, update, statistic)
    else:
        new, wrong = _whole_less(tensor, update)
    if wrong:
        keep = ", or record with buffers='keep'" * statistic
        raise InputError(
            f"nothing was changed: {name} without these steps is {wrong}; train again without "
            f"these samples{keep}"
        )
    return new


@dataclass(frozen=True)
class Layout:
    """Where each tensor and each layer of a model lies in its flat vector.

    Buffers (the running statistics of batch normalisation) are part of it: an update changes them
    too. Counters are carried as floats and rounded when written back. Tied weights count once.

    Attributes:
        names: tensor names, in the order of the vector; ``shapes`` are theirs.
        layers: names of the modules with weights of their own, in the order in which the model
            defines them, which may not be that of its forward pass; a normalisation belongs to the
            one before it. ``ends`` says where each ends in the vector.
        buffers: names of the tensors that are statistics, not trained weights.
        tied: further names of a tensor -> its name in ``names``.
    """

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    layers: tuple[str, ...]
    ends: tuple[int, ...]
    buffers: tuple[str, ...] = ()
    tied: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: nn.Module) -> "Layout":
        """The layout of ``model``.

        >>> layout = Layout.of(nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)))
        >>> layout.names
        ('0.weight', '0.bias', '2.weight', '2.bias')
        >>> layout.layers, layout.slices
        (('0', '2'), (slice(0, 8, None), slice(8, 11, None)))
        """
        tied = ties(named_tensors(model))
        layers = _layers(model, tied)
        flat = [pair for _, tensors in layers for pair in tensors]
        modules = model.named_modules(remove_duplicate=False)
        own = (f"{path}.{name}".lstrip(".") for path, part in modules for name in part._parameters)
        trained = {tied.get(name, name) for name in own} | {
            n for n, t in flat if t.requires_grad and t.is_leaf
        }
        return cls(
            names=tuple(name for name, _ in flat),
            shapes=tuple(tensor.shape for _, tensor in flat),
            layers=tuple(layer for layer, _ in layers),
            ends=tuple(accumulate(sum(t.numel() for _, t in tensors) for _, tensors in layers)),
            buffers=tuple(name for name, _ in flat if name not in trained),
            tied=tied,
        )

    @property
    def slices(self) -> tuple[slice, ...]:
        """The part of the vector that each layer is."""
        return tuple(map(slice, (0, *self.ends), self.ends))

    @property
    def size(self) -> int:
        """Number of entries of the vector."""
        return self.ends[-1]

    @property
    def is_weight(self) -> Tensor:
        """Whether each entry is a trained weight, not a statistic; bool, shape ``(size,)``."""
        kinds = torch.tensor([name not in self.buffers for name in self.names], device="cpu")
        return kinds.repeat_interleave(torch.tensor([s.numel() for s in self.shapes], device="cpu"))

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Number of entries of each layer."""
        return tuple(part.stop - part.start for part in self.slices)

    def places(self, model: State) -> list[list[Tensor]]:
        """Each tensor, in vector order, under all of its names that the model has, detached."""
        names: dict[str, list[str]] = {name: [name] for name in self.names}
        for name, first in self.tied.items():
            names[first].append(name)
        given = named_tensors(model)
        return [[given[n].detach() for n in names[name] if n in given] for name in self.names]

    def tensors(self, model: State) -> list[Tensor]:
        """The model's own tensors in their shapes, detached but not copied, in vector order."""
        return [places[0] for places in self.places(model)]

    def vector(self, model: State) -> Tensor:
        """A copy of the model's state as a float32 vector of shape ``(size,)``."""
        return torch.cat([t.reshape(-1).to(torch.float32) for t in self.tensors(model)])

    @torch.no_grad()
    def load(self, model: State, vector: Tensor) -> None:
        """Write ``vector`` of shape ``(size,)`` into the model."""
        sizes = [shape.numel() for shape in self.shapes]
        for tensor, part in zip(self.tensors(model), vector.split(sizes), strict=True):
            values = part if tensor.dtype.is_floating_point else part.round()
            tensor.copy_(values.view_as(tensor))

    @torch.inference_mode()  # a model may have been made in it
    def subtract(self, model: State, update: Tensor, *, keep_buffers: bool = False) -> None:
        """Take ``update`` of shape ``(size,)`` away from the model: w' = w - update (Eq. 4).

        Each tensor is changed in its own type, under all its names, where the update is not zero;
        ``keep_buffers`` leaves statistics alone. InputError (and no change) if one is no number.
        """
        parts = update.split([shape.numel() for shape in self.shapes])
        changed = []
        for name, places, part in zip(self.names, self.places(model), parts, strict=True):
            touched = part.numel() and any(part.aminmax())
            if touched and not (keep_buffers and name in self.buffers):
                if any(_repeated(place) for place in places):
                    raise InputError(
                        f"nothing was changed: {name} is one number, repeated; clone() it"
                    )
                part = part.view(places[0].shape).to(places[0].device)
                new = _less(name, places[0], part, name in self.buffers)
                changed.append((places, new))
        for places, new in changed:  # only now: a refusal leaves everything as it was
            for place in places:
                place.copy_(new)
