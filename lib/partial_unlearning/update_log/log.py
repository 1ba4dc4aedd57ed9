"""The update log on disk: recorded updates, their batches, and the history of requests."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from threading import Lock

import numpy as np
import torch
from torch import Tensor, nn

from partial_unlearning.batching import BatchPlan
from partial_unlearning.errors import InputError, fraction, warn, whole_number
from partial_unlearning.masks import Mask
from partial_unlearning.system.threads import one_thread
from partial_unlearning.update_log.checkpoint import FILE as CHECKPOINT
from partial_unlearning.update_log.checkpoint import lacking, read_checkpoint
from partial_unlearning.update_log.codecs import BatchCodec, Declared, sample_ids
from partial_unlearning.update_log.folder import ROOT, Folder
from partial_unlearning.update_log.history import FILE as HISTORY
from partial_unlearning.update_log.history import Entry, History
from partial_unlearning.update_log.log_files import LogFiles, refuse_leavings
from partial_unlearning.update_log.model_description import ModelDescription, describe
from partial_unlearning.update_log.row_files import RowWriter

UNCHANGED = (
    "recorded no change of any weight: a scaler skipped them, the learning rate was 0, all that "
    "changed is pruned, a copy of the model was trained, or gradients were accumulated. In that "
    "case what these samples did is in later steps, and not found: call step() once after each "
    "optimizer.step(), with the ids of all its micro-batches"
)


class StoredLog(LogFiles):
    """An update log, open for reading, also while it grows; :func:`open_log` makes one."""

    _description_type = ModelDescription
    description: ModelDescription

    @property
    def mask(self) -> Mask:
        """The pruning mask, rebuilt from its seed."""
        return self.description.mask

    def known(self, steps: Iterable[int]) -> np.ndarray:
        """Sorted distinct steps; raises InputError if one is not in the log, or purged."""
        known = np.unique([*steps])
        if len(known) and known.dtype.kind not in "iu":
            raise InputError(f"steps are {known.dtype}; give whole numbers of an integer type")
        count, purged = len(self), self.history.purged
        outside = known[(known < 0) | (known >= count)]
        if len(outside):
            raise InputError(
                f"the log holds no update of step {outside[0]}; give some of its {count} steps"
            )
        if gone := purged.intersection(known.tolist()):
            raise InputError(
                f"{len(gone)} of these steps are purged from the log, the first is {min(gone)}; "
                "give weights that lack them already: those of that request, or later ones"
            )
        return known

    def updates(self, steps: Iterable[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the updates of ``steps``, ascending: positions int64, values float32, ``(k,)``.

        InputError if a step is not in the log, or its row is damaged.
        """
        codec = self.description.updates
        for _, rows in self._updates.blocks(self.known(steps)):
            for row, values in zip(rows, codec.values_of(rows), strict=True):
                yield codec.positions_of(row), values.to(torch.float32)

    def sum(self, steps: Iterable[int]) -> Tensor:
        """The sum of these updates, dense, float32 ``(size,)`` (Eq. 7); raises as :meth:`updates`.

        One pass; memory does not grow with their number.
        """
        blocks = (rows for _, rows in self._updates.blocks(self.known(steps)))
        with one_thread():
            return self.description.updates.sum(blocks)

    def plan(self) -> BatchPlan:
        """The batch plan that was trained along, as recorded; InputError if a row is damaged."""
        epochs: list[list[Tensor]] = []
        first = 0  # where epochs begin to count again, as in a second phase
        for _, rows in self._batches.blocks(np.arange(len(self))):
            for row in self.description.batches.decode(rows):
                epoch, ids = int(row["epoch"]), row["ids"][: abs(row["count"])]
                first = first if first + epoch + 1 >= len(epochs) else len(epochs)
                epochs.extend([] for _ in range(first + epoch + 1 - len(epochs)))
                epochs[-1].append(torch.from_numpy(ids.astype(np.int64)))
        return BatchPlan(tuple(map(tuple, epochs)))

    def affected_steps(self, ids: Tensor | Sequence[int]) -> list[int]:
        """The steps whose batch holds any of some samples (the set B_t of Eq. 4), ascending.

        The ``ids`` are whole numbers, shape ``(n,)``; InputError if there are none, if they are
        something else, or one is in no batch.
        """
        asked = np.unique(sample_ids(ids))
        steps, seen = self.seen_in(asked)
        if not len(asked):
            raise InputError("no sample ids, so they are in no recorded batch; give at least one")
        if not seen.all():
            raise InputError(
                f"{(~seen).sum()} of {len(asked)} sample ids are in no recorded batch, the first "
                f"is {asked[~seen][0]}; give ids that were trained on, and not only in the "
                f"{len(self.history.purged)} steps that are purged"
            )
        return steps

    def seen_in(self, asked: np.ndarray) -> tuple[list[int], np.ndarray]:
        """The steps, not purged, that saw any of some ids ``(n,)``; and which ids were seen."""
        steps: list[int] = []
        seen, purged = np.zeros(len(asked), dtype=bool), sorted(self.history.purged)
        for block, rows in self._batches.blocks(np.delete(np.arange(len(self)), purged)):
            batches = self.description.batches.decode(rows)
            if len(blank := block[batches["count"] == 0]):
                raise InputError(
                    f"step {blank[0]} is purged, but the history knows nothing of it: restore "
                    f"{self.folder.path(HISTORY)} from a later copy"
                )
            held = batches["ids"]
            hits = np.isin(held, asked)
            seen |= np.isin(asked, held[hits])
            steps += block[hits.any(axis=1)].tolist()
        return steps, seen

    def unchanged(self, steps: Iterable[int]) -> set[int]:
        """Those of ``steps`` of which no change of a weight was recorded."""
        blocks = self._batches.blocks(np.unique(np.fromiter(steps, dtype=np.int64)))
        decode = self.description.batches.decode
        return {int(n) for part, rows in blocks for n in part[decode(rows)["count"] < 0]}

    def verify(self) -> Iterator[str]:
        """Read everything; yield a message for each thing that is damaged or missing."""
        found = list(super().verify())
        yield from found
        try:
            _, saved = self.mask, read_checkpoint(self.folder)
            if not found:
                self.seen_in(np.array([], dtype=np.int64))
            if saved:
                self.history.refuse_purged(lacking(saved["position"]), "the checkpoint's weights")
        except InputError as error:
            yield str(error)


class LogWriter(StoredLog):
    """An update log, open for appending; :func:`create` and :func:`append_to` make one.

    One process at a time can write.
    """

    _rows_type = RowWriter
    _updates: RowWriter
    _batches: RowWriter

    def __init__(self, folder: Folder) -> None:
        folder.lock()
        try:
            super().__init__(folder)
            self._batch_of: dict[int, bytes] = {}
            self._declared: Declared | None = None
            self._closed, self._process, self._turn = False, os.getpid(), Lock()
            self._broken: InputError | None = None
            self.cut(len(self))
        except BaseException:
            folder.unlock()  # so that it can be tried again
            raise

    @property
    def written(self) -> int:
        """Number of steps that survive the end of this process; :meth:`flush` saves them all."""
        return self._updates.saved

    @property
    def recorded(self) -> int:
        """Number of steps recorded so far, the last of them perhaps in memory."""
        return self._next

    def cut(self, steps: int) -> None:
        """Keep the first ``steps`` steps and go on from there."""
        self._next = steps
        self._updates.cut(steps)
        self._batches.cut(steps)  # last, so that there never are fewer

    def refuse_if_closed(self) -> None:
        """Raise InputError if nothing can be recorded any more, or not by this process."""
        if self._broken:
            raise self._broken
        if self._closed:
            raise InputError("recording has ended; record(..., resume=True) goes on with it")
        if os.getpid() != self._process:
            raise InputError("another process records this log; call step() and close() there")

    def announce(self, step: int, epoch: int, ids: Tensor) -> None:
        """Say which samples a step saw, before it is recorded; InputError if there is no room."""
        self.refuse_if_closed()
        self._batch_of[step] = self.description.batches.encode(epoch, ids, self._declared)

    def declare(self, ids: Tensor | np.ndarray | Sequence[int]) -> None:
        """From now on refuse other sample ids; InputError if there are none."""
        self._declared = Declared(ids)

    def record(self, first: int, positions: Tensor, values: Tensor) -> None:
        """Append updates of the next steps (Eq. 6): positions int64 ``(k,)``, values ``(n, k)``.

        InputError if it is not the next step, no batch is known for it, or it cannot be written.
        """
        if first != self._next:
            raise InputError(
                f"step {first} was recorded, but step {self._next} is next; keep their order, or "
                "go on from the last checkpoint if a call was broken off"
            )
        for step in range(first, first + len(values)):
            if step not in self._batch_of:
                raise InputError(f"no batch is known for step {step}; announce it first")
        with self._turn:
            self._extend(self.description.updates.encode(positions, values))

    def _extend(self, updates: np.ndarray) -> None:
        """Add rows of the next steps: first their batches, then their updates."""
        steps = range(self._next, self._next + len(updates))
        batches = [self._batch_of.pop(step) for step in steps]
        for n in np.flatnonzero(self.description.updates.unchanged(updates)):
            batches[n] = self.description.batches.unchanging(batches[n])
        self._next = -1  # nothing can follow until all of it is added
        try:
            self._batches.extend(batches)
            self._updates.extend(updates)
        except (OSError, InputError) as error:
            self._broken = InputError(
                f"cannot record steps {steps[0]} to {steps[-1]}: {error}; mend that, and go on "
                "from the last checkpoint with record(..., resume=True)"
            )
            self.folder.unlock()  # for that
            raise self._broken from error
        self._next = steps.stop

    def _held_by(self, model: nn.Module) -> dict[str, list[list[int]]]:
        """What the history says of these weights; InputError where they may hold less."""
        history = self.history
        if not history.told:
            return {}
        if len(self) > history.trained_steps:
            raise InputError(
                "of steps before these, requests or something else changed the weights: end with "
                "record(..., resume=True), which knows what they lack, or with close(model, "
                "subtracted=[...], inseparable=[...])"
            )
        return history.held_by(self.description.digest(model))

    def flush(self) -> None:
        """Save everything recorded so far, from a power cut as well."""
        self.refuse_if_closed()
        self.folder.refuse_moved()
        with self._turn:  # a recorder may be adding rows
            self._batches.flush()
            self._updates.flush()

    def close(self, model: nn.Module | None = None, **held: list[list[int]]) -> None:
        """End recording. Requests will know the weights of ``model``; without one it has no end.

        ``held`` is ``subtracted`` and ``inseparable`` of its :class:`Entry`, by default what the
        history says of these weights. InputError if it does not know them, or another model.
        """
        if model is not None:
            self.description.check(model)
        self.flush()
        if model is not None:
            held = held or self._held_by(model)
        steps = len(self)
        still = len(self.unchanged(range(steps)))
        if model is not None and steps:
            digest = self.description.digest(model)
            self.history.append(Entry("trained", 0, [[0, steps]], digest, **held))  # type: ignore[arg-type]
        self._closed = True
        self.folder.unlock()
        if still:  # last, as a warning may be made an error
            warn(f"{still} of {steps} steps {UNCHANGED}")


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether there is a log at this path or URL."""
    return Folder(path).size(ROOT) is not None


def _refuse_existing(path: str | os.PathLike[str]) -> None:
    if exists(path):
        raise InputError(f"there is a log at {path} already; give resume=True or another folder")


def create(
    path: str | os.PathLike[str],
    model: nn.Module,
    *,
    ids: Tensor | Sequence[int] | None = None,
    batch_size: int | None = None,
    strategy: str = "random",
    sparsity_first: float = 0.9,
    sparsity_last: float = 0.9,
    seed: int = 0,
    block: int = 1,
    values: str = "bfloat16",
    buffers: str = "keep",
) -> LogWriter:
    """Begin a new log; returns it open for appending.

    Args:
        path: folder or fsspec URL.
        model: the model that will be trained.
        ids: all sample ids that may occur, not negative; needed. ``step`` refuses others.
        batch_size: most samples in a step; needed.
        strategy: of pruning, as of :func:`build_mask`.
        sparsity_first: fraction of the first layer's update that is pruned away, 0..1. Layers are
            in the order in which the model defines them: see ``Layout.of(model).layers``.
        sparsity_last: that of the last layer; layers between lie on a straight line. A single
            layer is the first.
        seed: of the mask.
        block: neighbours that ``random`` keeps or prunes together.
        values: type of the stored values: ``bfloat16``, ``float16`` or ``float32``.
        buffers: whether requests ``keep`` running statistics, or ``subtract`` as from weights;
            averages over past batches do not add up, and variances may fall below 0.

    InputError if there is a log or a part of one already, or a setting makes no sense.
    """
    _refuse_existing(path)
    if ids is None or batch_size is None:
        raise InputError("a new log needs ids, all that may occur, and batch_size; give both")
    every = sample_ids(ids)  # once: it may be an iterator
    description = describe(
        model,
        BatchCodec.holding(every, batch_size),
        strategy=strategy,
        sparsity_first=fraction("sparsity_first", sparsity_first),
        sparsity_last=fraction("sparsity_last", sparsity_last),
        seed=whole_number("seed", seed, 0, 2**63),
        block=whole_number("block", block, 1, 2**16),
        values=values,
        buffers=buffers,
    )
    _refuse_existing(path)  # after what takes time: another process may have begun one
    folder = Folder(path)
    refuse_leavings(folder, CHECKPOINT)
    for name, nbytes in description.row_bytes.items():
        RowWriter(folder, name, nbytes, description.per_shard, description.salt).cut(0)
    History(folder).write(())
    folder.put_json(ROOT, asdict(description))
    try:
        log = LogWriter(folder)
        log.declare(every)
        return log
    except BaseException:
        folder.remove(ROOT)  # nothing is in it, and it can be tried again
        raise


def open_log(path: str | os.PathLike[str], model: nn.Module | None = None) -> StoredLog:
    """Open a log, in a folder or at an fsspec URL, for reading.

    InputError if there is none, or it is damaged, of another format, or of another model.
    """
    log = StoredLog(Folder(path))
    if model is not None:
        log.description.check(model)
    _ = log.mask, len(log)  # refuses another version's mask, and looks for missing files
    return log


def append_to(path: str | os.PathLike[str], model: nn.Module) -> LogWriter:
    """As :func:`open_log`, to append to it, one process at a time."""
    open_log(path, model)
    return LogWriter(Folder(path))
