"""Reading a few entries of a model's state, again and again, at little cost."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lib.state import Layout, State


class _Part:
    """The chosen entries of one tensor, found where the model keeps it.

    A flat view of the tensor is made once and made again when its memory is another.
    """

    def __init__(self, home: Mapping[str, Tensor], name: str, positions: Tensor) -> None:
        self.home, self.name, self.memory = home, name, -1
        fits = positions[-1] < 2**31  # four bytes a position are quicker to read than eight
        self.positions = positions.to(torch.int32) if fits else positions

    def read(self, place: Tensor) -> None:
        """Write the entries to ``place``, float32."""
        tensor = self.home[self.name]
        if tensor.data_ptr() != self.memory or not tensor.is_contiguous():
            self.flat, self.memory = tensor.detach().reshape(-1), tensor.data_ptr()
        if self.flat.dtype == place.dtype:
            torch.index_select(self.flat, 0, self.positions, out=place)
        else:
            place.copy_(self.flat.index_select(0, self.positions))


class Reader:
    """Reads the entries of a model's vector at sorted positions, without building the vector.

    The cost of a reading is that of what is read, not that of the model; no memory is allocated.

    Args:
        model: the model to read.
        positions: int64, shape ``(k,)``, on the model's device.
        slots: how many readings there is room for.

    Attributes:
        values: a reading in each slot, float32, shape ``(slots, k)``.
    """

    def __init__(self, model: State, positions: Tensor, *, slots: int = 1) -> None:
        layout = Layout.of(model)
        parts = layout.split(positions)
        self.values = torch.empty(slots, len(positions), device=positions.device)
        places = self.values.split([len(part) for part in parts], dim=1)
        homes = layout.homes(model)
        self._parts = [
            (_Part(home, name, part), place.unbind())
            for (home, name), part, place in zip(homes, parts, places, strict=True)
            if len(part)
        ]

    def __call__(self, slot: int = 0) -> Tensor:
        """Read the entries as they are now into a slot, and return that, shape ``(k,)``."""
        for part, places in self._parts:
            part.read(places[slot])
        return self.values[slot]
