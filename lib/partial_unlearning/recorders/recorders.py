"""Update recorders: callbacks that keep each step's pruned update (Eq. 6) in a log."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError
from partial_unlearning.masks import Mask
from partial_unlearning.recorders.weight_reader import Reader
from partial_unlearning.state import Layout
from partial_unlearning.training import Callback


class UpdateLog(Protocol):
    """Where a recorder keeps updates: each as positions in the flat vector, and values there."""

    def record(self, step: int, positions: Tensor, values: Tensor) -> None:
        """Keep the update of one step.

        Args:
            step: counted from 0 over the whole run.
            positions: those kept, sorted, int64, shape ``(k,)``.
            values: of the update there, float32, shape ``(k,)``. They are copied: whoever
                recorded them may write to them afterwards.
        """
        ...

    def record_all(self, first: int, positions: Tensor, values: Tensor) -> None:
        """Keep the updates of consecutive steps.

        Args:
            first: the first of the steps.
            positions: those kept in all of them, sorted, int64, shape ``(k,)``.
            values: one step a row, float32, shape ``(n, k)``.
        """
        for step, row in enumerate(values, start=first):
            self.record(step, positions, row)


class MemoryLog(UpdateLog):
    """Every recorded update of a model whose vector has ``size`` entries, in memory."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._updates: dict[int, tuple[Tensor, Tensor]] = {}

    def record(self, step: int, positions: Tensor, values: Tensor) -> None:
        """See :class:`UpdateLog`."""
        self._updates[step] = (positions, values.clone())

    def updates(self, steps: Iterable[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield positions and values of each of ``steps``; InputError names one that is missing."""
        for step in steps:
            if step not in self._updates:
                raise InputError(f"the log holds no update of step {step}")
            yield self._updates[step]

    def sum(self, steps: Iterable[int]) -> Tensor:
        """The sum of these updates (Eq. 4), dense, float32, shape ``(size,)``."""
        total = torch.zeros(self.size)
        for positions, values in self.updates(steps):
            total.index_add_(0, positions.cpu(), values.cpu())
        return total


class UpdateRecorder(Callback):
    """Watches a run and records P_l * (w after - w before) of each step (Eq. 6).

    Several recorders, each with its own mask, may watch one run. What is read after one step is
    what the next one needs before it, so a step costs one reading of the model; under a fixed
    mask only the kept entries are read.

    Args:
        mask: what to keep of each update.
        log: where to keep it.
    """

    def __init__(self, mask: Mask, log: UpdateLog) -> None:
        self.mask, self.log = mask, log
        self._read: Callable[[], Tensor]
        self._read_next: Callable[[], Tensor]

    def on_train_begin(self, model: nn.Module) -> None:
        """Read the initial weights."""
        if self.mask.fixed:
            self._positions = self.mask.kept().to(next(model.parameters()).device)
            self._read, self._read_next = (Reader(model, self._positions) for _ in range(2))
        else:
            self._read = self._read_next = partial(Layout.of(model).vector, model)
        self._before = self._read()

    def on_step_end(self, step: int, model: nn.Module) -> None:
        """Record this step's update."""
        self._read, self._read_next = self._read_next, self._read
        after = self._read()
        change = torch.sub(after, self._before, out=self._before)  # it is not needed any more
        self._before = after
        kept = self._positions if self.mask.fixed else self.mask.kept(change)
        self.log.record(step, kept, change if self.mask.fixed else change[kept])
