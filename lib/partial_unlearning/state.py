"""A model's weights and buffers as one flat vector w, cut into layers.

Every equation of the paper is about w and its layers w_l. Seeing a model as one vector makes
each equation one line of code, whatever the architecture.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

# A normalisation belongs to the layer whose output it normalises, not to one of its own.
_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)

State = nn.Module | Mapping[str, Tensor]
"""A model, or its tensors by name as read from a file."""


def _own_tensors(module: nn.Module) -> list[tuple[str, Tensor]]:
    """The named weights and saved buffers of a module itself, without those of its children."""
    unsaved = module._non_persistent_buffers_set  # a buffer that is not saved is no state
    saved = [pair for pair in module.named_buffers(recurse=False) if pair[0] not in unsaved]
    return [*module.named_parameters(recurse=False), *saved]


def _layers(model: nn.Module) -> Iterator[tuple[str, list[tuple[str, Tensor]]]]:
    """Yield (layer name, its named tensors) from the first layer to the last."""
    seen: set[int] = set()
    layer: tuple[str, list[tuple[str, Tensor]]] | None = None
    for path, module in model.named_modules():
        own = [(f"{path}.{name}".lstrip("."), tensor) for name, tensor in _own_tensors(module)]
        new = [(name, tensor) for name, tensor in own if id(tensor) not in seen]
        seen.update(id(tensor) for _, tensor in new)  # a tied weight counts once
        if not new:
            continue
        if layer and isinstance(module, _NORMS):
            layer[1].extend(new)
            continue
        if layer:
            yield layer
        layer = (path, new)
    if layer:
        yield layer


@dataclass(frozen=True)
class Layout:
    """Where each tensor and each layer of a model lies in its flat vector.

    Buffers (the running statistics of batch normalisation) are part of the vector: an update
    changes them too. Counters are carried as floats and rounded when written back.

    Attributes:
        names: tensor names, in the order of the vector.
        shapes: their shapes.
        layers: layer names, first to last.
        slices: the part of the vector that each layer occupies.
        buffers: names of the tensors that are statistics, not trained weights.
    """

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    layers: tuple[str, ...]
    slices: tuple[slice, ...]
    buffers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, model: nn.Module) -> "Layout":
        """The layout of ``model``.

        >>> layout = Layout.of(nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)))
        >>> layout.names
        ('0.weight', '0.bias', '2.weight', '2.bias')
        >>> layout.layers, layout.slices
        (('0', '2'), (slice(0, 8, None), slice(8, 11, None)))
        """
        names, shapes, layers, slices, end = [], [], [], [], 0
        for layer, tensors in _layers(model):
            start = end
            for name, tensor in tensors:
                names.append(name)
                shapes.append(tensor.shape)
                end += tensor.numel()
            layers.append(layer)
            slices.append(slice(start, end))
        buffers = frozenset(name for name, _ in model.named_buffers())
        return cls(tuple(names), tuple(shapes), tuple(layers), tuple(slices), buffers)

    @property
    def size(self) -> int:
        """Number of entries of the vector."""
        return self.slices[-1].stop

    @property
    def is_weight(self) -> Tensor:
        """Whether each entry is a trained weight, not a statistic; bool, shape ``(size,)``."""
        tensors = zip(self.names, self.shapes, strict=True)
        parts = [torch.full((shape.numel(),), name not in self.buffers) for name, shape in tensors]
        return torch.cat(parts)

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Number of entries of each layer."""
        return tuple(part.stop - part.start for part in self.slices)

    def homes(self, model: State) -> list[tuple[Mapping[str, Any], str]]:
        """Where the model keeps each tensor: a mapping and the name in it.

        To look there finds the tensor of the moment, also when it was replaced by another.
        """
        if not isinstance(model, nn.Module):
            return [(model, name) for name in self.names]
        found: list[tuple[Mapping[str, Any], str]] = []
        for path, _, name in (full.rpartition(".") for full in self.names):
            module = model.get_submodule(path)
            is_parameter = name in module._parameters
            found.append((module._parameters if is_parameter else module._buffers, name))
        return found

    def tensors(self, model: State) -> list[Tensor]:
        """The model's own tensors in their shapes, detached but not copied, in vector order."""
        return [home[name].detach() for home, name in self.homes(model)]

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

    def subtract(self, model: State, update: Tensor) -> None:
        """Take ``update`` of shape ``(size,)`` away from the model: w' = w - update (Eq. 4).

        >>> model = nn.LayerNorm(2)  # weight 1, bias 0
        >>> Layout.of(model).subtract(model, torch.tensor([0.5, 0.0, 0.0, 2.0]))
        >>> Layout.of(model).vector(model)
        tensor([ 0.5000,  1.0000,  0.0000, -2.0000])
        """
        vector = self.vector(model)
        self.load(model, vector.sub_(update.to(vector.device)))
