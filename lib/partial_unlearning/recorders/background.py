"""A recorder that gets out of training's way."""

from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import nn

from partial_unlearning.errors import InputError
from partial_unlearning.masks import Mask
from partial_unlearning.recorders.recorders import UpdateLog, UpdateRecorder
from partial_unlearning.recorders.weight_reader import Reader
from partial_unlearning.system.threads import one_thread

READINGS, READINGS_BYTES = 16, 2 << 20  # steps recorded together, and the memory for them


class BackgroundRecorder(UpdateRecorder):
    """Records what :class:`UpdateRecorder` does, for a fixed mask, at less cost.

    A step only reads the kept entries. A few readings later a thread of its own subtracts and
    records them together, while training goes on. At the end of an epoch everything is in the log.

    Arguments are those of :class:`UpdateRecorder`; InputError if the mask is not a fixed one.
    """

    def __init__(self, mask: Mask, log: UpdateLog, stored: torch.dtype = torch.float32) -> None:
        if not mask.fixed:
            raise InputError("only a fixed mask fits here; use UpdateRecorder, or random pruning")
        super().__init__(mask, log, stored)
        self._steps: list[int] = []  # read, and not yet handed over
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recorder")
        self._job: Future[None] | None = None

    def on_train_begin(self, model: nn.Module) -> None:
        """Read the initial weights."""
        self._positions = kept = self.mask.kept().to(next(model.parameters()).device)
        self._together = max(1, min(READINGS, READINGS_BYTES // (4 * max(len(kept), 1))))
        slots = self._together + 1
        self._reader, self._spare = (Reader(model, kept, slots, self.stored) for _ in range(2))
        self._reader(0)

    def on_step_end(self, step: int, model: nn.Module) -> None:
        """Read the model; InputError if earlier steps could not be recorded."""
        self._steps.append(step)
        self._reader(len(self._steps))
        if len(self._steps) == self._together:
            self._hand_over()

    def on_epoch_end(self, epoch: int, model: nn.Module) -> None:
        """Wait until everything is in the log; raises as :meth:`on_step_end`."""
        if self._steps:
            self._hand_over()
        self._wait()

    def _hand_over(self) -> None:
        self._wait()
        reader, steps, self._steps = self._reader, self._steps, []
        self._reader, self._spare = self._spare, reader
        self._reader.begin_with(reader, len(steps))
        self._job = self._thread.submit(self._record, reader, steps)

    def _wait(self) -> None:
        if self._job is not None:
            self._job.result()  # a failure is kept: no step may follow one that is missing

    def _record(self, reader: Reader, steps: list[int]) -> None:
        """Record steps whose readings, with the one before them, stand in the first slots."""
        with one_thread():
            self.log.record(steps[0], self._positions, reader.changes(len(steps)))
