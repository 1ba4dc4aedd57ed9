"""Reading a few entries of a model's state, again and again, at little cost."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError
from partial_unlearning.state import Layout, unequal

Home = tuple[Mapping[str, Tensor | None], str]
"""Where a module holds a tensor, and the name that it has there."""


def _homes(model: nn.Module) -> dict[str, Home]:
    """By their names all weights and buffers; attributes may hide a module that holds some."""
    modules = model.named_modules(remove_duplicate=False)
    held = [(path, home) for path, part in modules for home in (part._parameters, part._buffers)]
    return {f"{path}.{leaf}".lstrip("."): (home, leaf) for path, home in held for leaf in home}


class Part:
    """The entries at int64 ``positions`` of one tensor.

    Its ``readings`` are ``slots``, in a type that holds what float32 cannot (float64, whole
    numbers); ``changes`` are float32, a row for each reading but the first.
    """

    def __init__(self, name: str, home: Home, positions: Tensor, changes: Tensor) -> None:
        self.home, self.leaf = home
        tensor: Any = self.home[self.leaf]
        self.kind = tensor.shape, tensor.dtype, tensor.device
        self.name, self.memory, self.changes = name, -1, changes
        self.positions = positions
        floats = torch.promote_types(tensor.dtype, torch.float32)
        kind = floats if tensor.is_floating_point() else torch.int64
        self.readings = changes.new_empty(len(changes) + 1, len(positions), dtype=kind)
        self.slots = self.readings.unbind()

    @property
    def tensor(self) -> Tensor | None:
        """The tensor that the model has by this name now."""
        return self.home.get(self.leaf)

    def _flat(self) -> Tensor:
        """The tensor as the model has it now, flat; InputError if it is of another kind.

        The view is made again when the tensor's memory is another.
        """
        tensor = self.tensor
        if tensor is None or tensor.data_ptr() != self.memory or not tensor.is_contiguous():
            if tensor is None or (tensor.shape, tensor.dtype, tensor.device) != self.kind:
                raise InputError(
                    f"{self.name} is gone, or of another shape, type or device than at record(); "
                    "change the model first, then record() to a new folder"
                )
            self.flat = tensor.detach().reshape(-1)  # a copy, where it is not contiguous
            self.memory = tensor.data_ptr() if tensor.is_contiguous() else -1
        return self.flat

    def read(self, slot: int) -> None:
        """Write the entries as they are now to a slot."""
        whole, place = self._flat(), self.slots[slot]
        if whole.dtype == place.dtype:
            torch.take(whole, self.positions, out=place)  # index_select would use one thread
        else:
            place.copy_(whole.index_select(0, self.positions))

    def subtract(self, count: int, stored: torch.dtype) -> None:
        """Make the first changes; InputError if one of a whole number does not fit ``stored``."""
        before, after = self.readings[:count], self.readings[1 : count + 1]
        torch.sub(after, before, out=self.changes[:count])
        whole = after - before if after.dtype == torch.int64 else before[:0]
        if not whole.to(stored).to(whole.dtype).equal(whole):
            wider = "" if stored == torch.float32 else "use values='float32', or "
            raise InputError(
                f"{self.name} changed by what {stored} cannot hold exactly; {wider}"
                "make it a buffer, and use buffers='keep' or register it with persistent=False"
            )

    def settle(self, count: int) -> None:
        """Let the same infinity, or NaN, be no change; InputError if one is beyond float32."""
        before, after, changes = self.readings[:count], self.readings[1:], self.changes[:count]
        changes.masked_fill_(~unequal(before, after[:count]), 0)
        if (changes.isinf() & before.isfinite() & after[:count].isfinite()).any():
            raise InputError(
                f"{self.name} changed by more than float32 can hold; go on from a checkpoint with "
                "smaller steps, or register what is no weight with persistent=False"
            )


class Reader:
    """Reads the entries of a model's vector at sorted positions, without building the vector.

    It costs what is read, not what the model is; no memory is allocated.

    Args:
        model: the model to read.
        layout: of the vector; the model's own, or that of one with the same names in another order.
        positions: sorted, int64, shape ``(k,)``, on the model's device.
        slots: how many readings there is room for.
        stored: the type that changes of whole numbers must fit into exactly.
        needless: names of tensors whose changes are none.
    """

    @torch.inference_mode(False)  # another thread uses its memory
    def __init__(
        self,
        model: nn.Module,
        layout: Layout,
        positions: Tensor,
        slots: int,
        stored: torch.dtype = torch.float32,
        needless: Collection[str] = (),
    ) -> None:
        self.layout, self.stored, self.needless = layout, stored, needless
        self._changes = positions.new_zeros(slots - 1, len(positions), dtype=torch.float32)
        self.parts: list[Part] = []
        homes = _homes(model)
        start, first = 0, 0  # in the vector, and in the positions
        for name, shape in zip(layout.names, layout.shapes, strict=True):
            last = int(torch.searchsorted(positions, start + shape.numel()))
            if last > first:
                own, changes = positions[first:last] - start, self._changes[:, first:last]
                self.parts.append(Part(name, homes[name], own, changes))
            start, first = start + shape.numel(), last

    def __call__(self, slot: int = 0) -> None:
        """Read the entries as they are now into a slot."""
        for part in self.parts:
            part.read(slot)

    def begin_with(self, other: "Reader", slot: int) -> None:
        """Take into the first slot what another reader like this one, or it itself, has read."""
        for mine, theirs in zip(self.parts, other.parts, strict=True):
            mine.slots[0].copy_(theirs.slots[slot])

    def changes(self, count: int) -> Tensor:
        """From each of the first readings to the next, float32 ``(count, k)``, until the next call.

        InputError if a whole number changed by what cannot be stored exactly, or any by too much.
        """
        needed = [part for part in self.parts if part.name not in self.needless]
        for part in needed:
            part.subtract(count, self.stored)
        if not self._changes[:count].sum().isfinite():  # one quick look at all of them
            for part in needed:
                part.settle(count)
        return self._changes[:count]
