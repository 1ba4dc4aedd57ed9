"""Update recorders: callbacks that keep each step's pruned update (Eq. 6) in a log."""

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError
from partial_unlearning.masks import Mask, keep_all
from partial_unlearning.recorders.weight_reader import Part, Reader
from partial_unlearning.state import Layout, unequal
from partial_unlearning.system.threads import one_thread
from partial_unlearning.training import Callback

READINGS, READINGS_BYTES = 16, 2 << 20  # steps recorded together, and the memory for them


class UpdateLog(Protocol):
    """Where a recorder keeps updates: each as positions in the flat vector, and values there."""

    def record(self, first: int, positions: Tensor, values: Tensor) -> None:
        """Keep the updates of steps from ``first`` on, counted from 0 over the whole run.

        ``positions`` are those kept in all of them, sorted, int64 ``(k,)``; ``values`` of the
        updates there, a step a row, float32 ``(n, k)``, are copied.
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
                raise InputError(f"the log holds no update of step {step}; give recorded steps")
            yield self._updates[step]

    def sum(self, steps: Iterable[int]) -> Tensor:
        """The sum of these updates (Eq. 4), dense, float32, shape ``(size,)``."""
        total = torch.zeros(self.size, dtype=torch.float32, device="cpu")
        for positions, values in self.updates(steps):
            total.index_add_(0, positions.cpu(), values.cpu())
        return total


class UpdateRecorder(Callback):
    """Watches a run and records P_l * (w after - w before) of each step (Eq. 6).

    A step only reads the model, under a fixed mask the kept entries alone. A few readings later a
    thread of its own subtracts and records them together, while training goes on. At the end of an
    epoch everything is in the log. Several recorders, each with its own mask, may watch one run.

    Args:
        mask: what to keep of each update.
        log: where to keep it.
        stored: the type that changes of whole numbers must fit into exactly.
        layout: of the updates; the model's as it is before the first step when None.
        needless: names of tensors whose changes are recorded as none.
    """

    def __init__(
        self,
        mask: Mask,
        log: UpdateLog,
        stored: torch.dtype = torch.float32,
        layout: Layout | None = None,
        needless: Collection[str] = (),
    ) -> None:
        self.mask, self.log, self.stored, self.layout = mask, log, stored, layout
        self.needless = needless
        self._steps: list[int] = []  # read, and not yet handed over
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recorder")
        self._job: Future[None] | None = None

    def on_train_begin(self, model: nn.Module) -> None:
        """Read the initial weights."""
        layout = self.layout or Layout.of(model)
        mask = self.mask if self.mask.fixed else keep_all(layout)
        self._positions = read = mask.kept().to(layout.tensors(model)[0].device)
        self._together = max(1, min(READINGS, READINGS_BYTES // (4 * max(len(read), 1))))
        slots = self._together + 1
        self._reader, self._spare = (
            Reader(model, layout, read, slots, self.stored, self.needless) for _ in range(2)
        )
        self._reader(0)

    def on_step_end(self, step: int, model: nn.Module) -> None:
        """Read the model; InputError if earlier steps could not be recorded."""
        if len(self._steps) == self._together:
            self._hand_over()
        self._reader(len(self._steps) + 1)
        self._steps.append(step)  # once it is read

    def on_epoch_end(self, epoch: int, model: nn.Module) -> None:
        """Wait until everything is in the log; raises as :meth:`on_step_end`."""
        if self._steps:
            self._hand_over()
        self._wait()

    def _readings(self, model: nn.Module) -> Iterator[tuple[Part, Tensor, Tensor]]:
        """Each part of the model's tensors, its kept entries now, and as read last."""
        layout, last = self._reader.layout, len(self._steps)
        now = Reader(model, layout, self._positions.to(layout.tensors(model)[0].device), 1)
        now(0)
        for one, other in zip(now.parts, self._reader.parts, strict=True):
            yield one, one.slots[0], other.slots[last]

    def moved(self, model: nn.Module, *, weights_only: bool = False) -> int:
        """How many kept entries of the model, or of its weights alone, are not as read last."""
        out = self._reader.layout.buffers if weights_only else ()
        pairs = [pair for part, *pair in self._readings(model) if part.name not in out]
        return sum(int(unequal(*pair).sum()) for pair in pairs)

    def readings(self, model: nn.Module) -> tuple[Tensor, Tensor]:
        """The model's kept entries now, and those read last, float64 ``(k,)`` on the CPU."""
        _, now, then = zip(*self._readings(model), strict=True)
        return torch.cat(now).cpu().double(), torch.cat(then).cpu().double()

    def strayed(self, model: nn.Module, weights: set[int], exact: bool) -> bool:
        """Whether kept entries of weights, by their ids, are not as read last.

        Unless ``exact``, rounding does not count, as by what is added and taken away again.
        """
        near = partial(torch.isclose, rtol=1e-6, atol=1e-7, equal_nan=True)
        pairs = [pair for part, *pair in self._readings(model) if id(part.tensor) in weights]
        return any(unequal(*pair).any() and (exact or not near(*pair).all()) for pair in pairs)

    def _hand_over(self) -> None:
        self._wait()
        reader, steps, self._steps = self._reader, self._steps, []
        self._reader, self._spare = self._spare, reader
        self._reader.begin_with(reader, len(steps))
        try:
            self._job = self._thread.submit(self._record, reader, steps)
        except RuntimeError:  # the interpreter is ending: it begins no more
            self._job = None
            self._record(reader, steps)

    def _wait(self) -> None:
        if self._job is not None:
            self._job.result()  # a failure is kept: no step may follow one that is missing

    def _record(self, reader: Reader, steps: list[int]) -> None:
        """Record steps whose readings, with the one before them, stand in the first slots."""
        with one_thread():
            changes = reader.changes(len(steps))
            if self.mask.fixed:
                self.log.record(steps[0], self._positions, changes)
                return
            for step, change in zip(steps, changes, strict=True):
                kept = self.mask.kept(change)
                self.log.record(step, kept, change[kept][None])
