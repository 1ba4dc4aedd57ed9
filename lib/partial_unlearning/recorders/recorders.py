"""Update recorders: callbacks that keep each step's pruned update (Eq. 6) in a log."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError
from partial_unlearning.masks import Mask, keep_all
from partial_unlearning.recorders.weight_reader import Reader
from partial_unlearning.state import Layout, unequal
from partial_unlearning.training import Callback


class UpdateLog(Protocol):
    """Where a recorder keeps updates: each as positions in the flat vector, and values there."""

    def record(self, first: int, positions: Tensor, values: Tensor) -> None:
        """Keep the updates of one or more consecutive steps.

        Args:
            first: the first of the steps, counted from 0 over the whole run.
            positions: those kept in all of them, sorted, int64, shape ``(k,)``.
            values: of the updates there, one step a row, float32, shape ``(n, k)``. They are
                copied: whoever recorded them may write to them afterwards.
        """
        ...


class MemoryLog(UpdateLog):
    """Every recorded update of a model whose vector has ``size`` entries, in memory."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._updates: dict[int, tuple[Tensor, Tensor]] = {}

    def record(self, first: int, positions: Tensor, values: Tensor) -> None:
        """See :class:`UpdateLog`."""
        self._updates.update({first + n: (positions, row.clone()) for n, row in enumerate(values)})

    def updates(self, steps: Iterable[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield positions and values of each of ``steps``; InputError names one that is missing."""
        for step in steps:
            if step not in self._updates:
                raise InputError(f"the log holds no update of step {step}")
            yield self._updates[step]

    def sum(self, steps: Iterable[int]) -> Tensor:
        """The sum of these updates (Eq. 4), dense, float32, shape ``(size,)``."""
        total = torch.zeros(self.size, dtype=torch.float32, device="cpu")
        for positions, values in self.updates(steps):
            total.index_add_(0, positions.cpu(), values.cpu())
        return total


class UpdateRecorder(Callback):
    """Watches a run and records P_l * (w after - w before) of each step (Eq. 6).

    Several recorders, each with its own mask, may watch one run. A step costs one reading of the
    model, under a fixed mask of the kept entries only.

    Args:
        mask: what to keep of each update.
        log: where to keep it.
        stored: the type that changes of whole numbers must fit into exactly.
    """

    def __init__(self, mask: Mask, log: UpdateLog, stored: torch.dtype = torch.float32) -> None:
        self.mask, self.log, self.stored = mask, log, stored
        self._reader: Reader

    def on_train_begin(self, model: nn.Module) -> None:
        """Read the initial weights."""
        mask = self.mask if self.mask.fixed else keep_all(Layout.of(model))
        self._positions = mask.kept().to(next(model.parameters()).device)
        self._reader = Reader(model, self._positions, 2, self.stored)
        self._reader(0)

    def on_step_end(self, step: int, model: nn.Module) -> None:
        """Record this step's update."""
        self._reader(1)
        change = self._reader.changes(1)
        kept = self._positions if self.mask.fixed else self.mask.kept(change[0])
        self.log.record(step, kept, change if self.mask.fixed else change[:, kept])
        self._reader.begin_with(self._reader, 1)

    def moved(self, model: nn.Module) -> int:
        """How many kept entries of the model are not as read last, once an epoch has ended."""
        now = Reader(model, self._positions.to(next(model.parameters()).device), 1)
        now(0)
        pairs = zip(now.runs, self._reader.runs, strict=True)
        return sum(int(unequal(one[1][0], other[1][0]).sum()) for one, other in pairs)
