"""Reading a few entries of a model's state, again and again, at little cost."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError
from partial_unlearning.state import Layout, unequal

TOGETHER = 1 << 14
"""Entries up to which neighbouring tensors are copied to be read as one. To copy 64 kB takes a few
microseconds; so does a call, and ten times as long when training has emptied the caches."""


class _Flat:
    """A flat view of one tensor, made once and again when the tensor's memory is another."""

    def __init__(self, model: nn.Module, name: str) -> None:
        path, _, self.leaf = name.rpartition(".")
        module = model.get_submodule(path)
        own = self.leaf in module._parameters
        self.home: Mapping[str, Any] = module._parameters if own else module._buffers
        tensor: Any = self.home[self.leaf]
        self.kind = tensor.shape, tensor.dtype, tensor.device
        self.name, self.memory = name, -1

    def __call__(self) -> Tensor:
        """The view of the tensor as the model has it now; InputError if it is of another kind."""
        tensor = self.home.get(self.leaf)
        if tensor is None or tensor.data_ptr() != self.memory or not tensor.is_contiguous():
            if tensor is None or (tensor.shape, tensor.dtype, tensor.device) != self.kind:
                raise InputError(
                    f"{self.name} is gone, or of another shape, type or device than at record(); "
                    "change the model first, then record() to a new folder"
                )
            self.flat, self.memory = tensor.detach().reshape(-1), tensor.data_ptr()
        return self.flat


class _Run:
    """The entries at int64 ``positions`` of flat tensors that follow each other in the vector.

    Its ``readings`` are ``slots``, in a type that holds what float32 cannot (float64, whole
    numbers); ``changes`` are float32, a row for each reading but the first.
    """

    def __init__(self, tensors: list[_Flat], positions: Tensor, changes: Tensor) -> None:
        self.tensors, self.changes = tensors, changes
        fits = positions[-1] < 2**31  # four bytes a position are quicker to read than eight
        self.positions = positions.to(torch.int32) if fits else positions
        self.copy = torch.cat([tensor() for tensor in tensors]) if len(tensors) > 1 else None
        own = tensors[0]().dtype
        floats = torch.promote_types(own, torch.float32)
        kind = floats if own.is_floating_point else torch.int64
        self.readings = changes.new_empty(len(changes) + 1, len(positions), dtype=kind)
        self.slots = self.readings.unbind()

    def read(self, slot: int) -> None:
        """Write the entries as they are now to a slot."""
        if self.copy is None:
            whole = self.tensors[0]()
        else:
            whole = torch.cat([tensor() for tensor in self.tensors], out=self.copy)
        place = self.slots[slot]
        if whole.dtype == place.dtype:
            torch.index_select(whole, 0, self.positions, out=place)
        else:
            place.copy_(whole.index_select(0, self.positions))

    def subtract(self, count: int, stored: torch.dtype) -> None:
        """Make the first changes; InputError if one of a whole number does not fit ``stored``."""
        before, after = self.readings[:count], self.readings[1 : count + 1]
        torch.sub(after, before, out=self.changes[:count])
        whole = after - before if after.dtype == torch.int64 else before[:0]
        if not whole.to(stored).to(whole.dtype).equal(whole):
            raise InputError(
                f"{self.tensors[0].name} changed by what {stored} cannot hold exactly; use "
                "values='float32' or buffers='keep', or register it with persistent=False"
            )


def _runs(tensors: list[_Flat]) -> Iterator[list[_Flat]]:
    """Neighbouring tensors of one type, up to :data:`TOGETHER` entries; a larger one by itself."""
    run: list[_Flat] = []
    for tensor in tensors:
        entries = sum(t().numel() for t in (*run, tensor))
        if run and (entries > TOGETHER or tensor().dtype != run[0]().dtype):
            yield run
            run = []
        run.append(tensor)
    yield run


class Reader:
    """Reads the entries of a model's vector at sorted positions, without building the vector.

    It costs what is read, not what the model is; no memory is allocated.

    Args:
        model: the model to read.
        positions: sorted, int64, shape ``(k,)``, on the model's device.
        slots: how many readings there is room for.
        stored: the type that changes of whole numbers must fit into exactly.
    """

    @torch.inference_mode(False)  # another thread uses its memory
    def __init__(
        self, model: nn.Module, positions: Tensor, slots: int, stored: torch.dtype = torch.float32
    ) -> None:
        self.stored = stored
        self._changes = positions.new_empty(slots - 1, len(positions), dtype=torch.float32)
        self.runs: list[_Run] = []
        start, first = 0, 0  # in the vector, and in the positions
        for tensors in _runs([_Flat(model, name) for name in Layout.of(model).names]):
            end = start + sum(tensor().numel() for tensor in tensors)
            last = int(torch.searchsorted(positions, end))
            if last > first:
                own = positions[first:last] - start
                self.runs.append(_Run(tensors, own, self._changes[:, first:last]))
            start, first = end, last

    def __call__(self, slot: int = 0) -> None:
        """Read the entries as they are now into a slot."""
        for run in self.runs:
            run.read(slot)

    def begin_with(self, other: "Reader", slot: int) -> None:
        """Take into the first slot what another reader like this one, or it itself, has read."""
        for mine, theirs in zip(self.runs, other.runs, strict=True):
            mine.slots[0].copy_(theirs.slots[slot])

    def changes(self, count: int) -> Tensor:
        """From each of the first readings to the next, float32 ``(count, k)``, until the next call.

        InputError if a whole number changed by what cannot be stored exactly.
        """
        for run in self.runs:
            run.subtract(count, self.stored)
        if not self._changes[:count].sum().isfinite():  # one quick look at all of them
            for run in self.runs:  # the same infinity, or NaN, is no change
                same = ~unequal(run.readings[:count], run.readings[1 : count + 1])
                run.changes[:count].masked_fill_(same, 0)
        return self._changes[:count]
