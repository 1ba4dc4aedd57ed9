"""Reading a few entries of a model's state, again and again, at little cost."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from partial_unlearning.state import Layout

TOGETHER = 1 << 14
"""Entries up to which neighbouring tensors are copied to be read as one. To copy 64 kB takes a few
microseconds; so does a call, and ten times as long when training has emptied the caches."""


class _Flat:
    """A flat view of one tensor, made once and again when the tensor's memory is another."""

    def __init__(self, home: Mapping[str, Tensor], name: str) -> None:
        self.home, self.name, self.memory = home, name, -1

    def __call__(self) -> Tensor:
        """The view of the tensor as the model has it now."""
        tensor = self.home[self.name]
        if tensor.data_ptr() != self.memory or not tensor.is_contiguous():
            self.flat, self.memory = tensor.detach().reshape(-1), tensor.data_ptr()
        return self.flat


class _Run:
    """The chosen entries of tensors that follow each other in the vector.

    Args:
        tensors: flat views of them.
        positions: within all of them, int64.
    """

    def __init__(self, tensors: list[_Flat], positions: Tensor) -> None:
        self.tensors = tensors
        fits = positions[-1] < 2**31  # four bytes a position are quicker to read than eight
        self.positions = positions.to(torch.int32) if fits else positions
        self.copy = torch.cat([tensor() for tensor in tensors]) if len(tensors) > 1 else None

    def read(self, place: Tensor) -> None:
        """Write the entries to ``place``, float32."""
        if self.copy is None:
            whole = self.tensors[0]()
        else:
            whole = torch.cat([tensor() for tensor in self.tensors], out=self.copy)
        if whole.dtype == place.dtype:
            torch.index_select(whole, 0, self.positions, out=place)
        else:
            place.copy_(whole.index_select(0, self.positions))


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

    The cost of a reading is that of what is read, not that of the model; no memory is allocated.

    Args:
        model: the model to read.
        positions: sorted, int64, shape ``(k,)``, on the model's device.
        slots: how many readings there is room for.

    Attributes:
        values: a reading in each slot, float32, shape ``(slots, k)``.
    """

    def __init__(self, model: nn.Module, positions: Tensor, *, slots: int = 1) -> None:
        self.values = torch.empty(slots, len(positions), device=positions.device)
        self._runs: list[tuple[_Run, tuple[Tensor, ...]]] = []
        start, first = 0, 0  # in the vector, and in the positions
        for run in _runs([_Flat(*home) for home in Layout.of(model).homes(model)]):
            end = start + sum(tensor().numel() for tensor in run)
            last = int(torch.searchsorted(positions, end))
            if last > first:
                places = self.values[:, first:last].unbind()
                self._runs.append((_Run(run, positions[first:last] - start), places))
            start, first = end, last

    def __call__(self, slot: int = 0) -> Tensor:
        """Read the entries as they are now into a slot, and return that, shape ``(k,)``."""
        for run, places in self._runs:
            run.read(places[slot])
        return self.values[slot]
