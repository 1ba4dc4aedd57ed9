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
    """Where updates are kept. An update is given by positions in the flat vector and values."""

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

    def updates(self, steps: Iterable[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the positions and the values of each of ``steps``, both of shape ``(k,)``.

        Raises:
            InputError: the log lacks a step; names it.
        """
        ...

    def sum(self, steps: Iterable[int]) -> Tensor:
        """The sum of these updates (Eq. 4), float32, ``(size,)``; raises as :meth:`updates`."""
        ...


class MemoryLog(UpdateLog):
    """Every recorded update of a model whose vector has ``size`` entries, in memory."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._updates: dict[int, tuple[Tensor, Tensor]] = {}

    def record(self, step: int, positions: Tensor, values: Tensor) -> None:
        """See :class:`UpdateLog`."""
        self._updates[step] = (positions, values.clone())

    def updates(self, steps: Iterable[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """See :class:`UpdateLog`."""
        for step in steps:
            if step not in self._updates:
                raise InputError(f"the log holds no update of step {step}")
            yield self._updates[step]

    def sum(self, steps: Iterable[int]) -> Tensor:
        """See :class:`UpdateLog`."""
        total = torch.zeros(self.size)
        for positions, values in self.updates(steps):
            total.index_add_(0, positions.cpu(), values.cpu())
        return total


class RunningSums(UpdateLog):
    """Sums of updates over groups of steps that are known before training.

    An experiment knows its deletion request beforehand and only ever needs the sum over an
    epoch's affected steps. Keeping these sums alone, a run of any length fits in memory.
    """

    def __init__(self, size: int, groups: Iterable[Iterable[int]]) -> None:
        self.size = size
        self._groups = [frozenset(group) for group in groups]
        self._group_of = {step: i for i, group in enumerate(self._groups) for step in group}
        self._sums: list[Tensor | None] = [None] * len(self._groups)

    def record(self, step: int, positions: Tensor, values: Tensor) -> None:
        """See :class:`UpdateLog`; a step of no group is let go."""
        if step not in self._group_of:
            return
        group = self._group_of[step]
        if self._sums[group] is None:
            self._sums[group] = torch.zeros(self.size, device=values.device)
        self._sums[group].index_add_(0, positions, values)

    def updates(self, steps: Iterable[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (all positions, sum) for each group that ``steps`` is made of."""
        wanted = frozenset(steps)
        for group, total in zip(self._groups, self._sums, strict=True):
            if group and group <= wanted:
                wanted -= group
                if total is None:
                    raise InputError("updates were asked for that were not recorded yet")
                yield torch.arange(self.size, device=total.device), total
        if wanted:
            raise InputError(f"step {min(wanted)} belongs to no complete group of this log")

    def sum(self, steps: Iterable[int]) -> Tensor:
        """See :class:`UpdateLog`; ``steps`` must be made of whole groups."""
        total = torch.zeros(self.size)
        for _, values in self.updates(steps):
            total += values.cpu()
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
