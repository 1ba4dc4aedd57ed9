"""The update log on disk: recorded updates, their batches, and the ledger of requests."""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from partial_unlearning.batching import BatchPlan
from partial_unlearning.errors import InputError
from partial_unlearning.masks import Mask
from partial_unlearning.system.threads import one_thread
from partial_unlearning.update_log import checked_json as sealed
from partial_unlearning.update_log.checkpoint import read_checkpoint
from partial_unlearning.update_log.codecs import BatchCodec, RowBlock, add_rows, id_type
from partial_unlearning.update_log.description import Description, describe
from partial_unlearning.update_log.folder import Folder
from partial_unlearning.update_log.history import Entry, Ledger, to_ranges, weights_digest
from partial_unlearning.update_log.row_files import Rows, RowWriter

ROOT = "zarr.json"  # written last, so a log exists once it is complete
CUT = "cut.json"  # there while a log is shortened, saying to how many steps


class Batch(NamedTuple):
    """The samples of one step: its epoch, counted from 0, and sample ids, int64."""

    epoch: int
    ids: Tensor


class StoredLog:
    """An update log, open for reading; :func:`open_log` makes one.

    It can be read while another process appends to it.
    """

    def __init__(self, folder: Folder, rows: type[Rows] = Rows) -> None:
        self.folder, self.ledger = folder, Ledger(folder)
        self.description = Description.load(sealed.read(folder, ROOT))
        said = self.description
        self._updates = rows(folder, "updates", said.updates.nbytes, said.per_shard)
        self._batches = rows(folder, "batches", said.batches.nbytes, said.per_shard)

    @property
    def mask(self) -> Mask:
        """The pruning mask, rebuilt from its seed."""
        return self.description.mask

    @property
    def size(self) -> int:
        """Number of entries of the model's flat vector."""
        return self.description.layout.size

    def __len__(self) -> int:
        """Number of recorded steps: those from 0 on whose batch and update are both whole.

        Raises:
            InputError: a file in between, or at the end of a finished log, is missing.
        """
        before, updates, after = (
            part.count() for part in (self._batches, self._updates, self._batches)
        )
        cut = self._cut_to()
        # Batches are written just before their updates; a log may grow while it is counted.
        ahead = self.description.pending if self.folder.local else self.description.per_shard
        if cut is None and (before - updates > ahead or updates > after):
            raise InputError(
                f"the log {self.folder.root} holds {updates} updates but {after} batches: files "
                "are missing; restore them from a copy"
            )
        held = min(updates, before, updates if cut is None else cut)
        least = self.ledger.trained_steps
        if held < least:
            raise InputError(
                f"the log {self.folder.root} ended with {least} steps, but holds {held} now; "
                "restore its files from a copy"
            )
        return held

    def _cut_to(self) -> int | None:
        """To how many steps a killed process was shortening the log, None if none was."""
        if self.folder.size(CUT) is None:
            return None
        return sealed.read(self.folder, CUT)["steps"]

    def _known(self, steps: Iterable[int]) -> np.ndarray:
        """Sorted distinct steps; raises InputError if one is not in the log."""
        wanted = np.unique(np.fromiter(steps, dtype=np.int64))
        held = len(self)
        outside = wanted[(wanted < 0) | (wanted >= held)]
        if len(outside):
            raise InputError(f"the log holds no update of step {outside[0]}; it has {held} steps")
        return wanted

    def updates(self, steps: Iterable[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """See :class:`UpdateLog`; in the order of the steps."""
        codec = self.description.updates
        for _, rows in self._updates.blocks(self._known(steps)):
            for row, values in zip(rows, codec.values_of(rows), strict=True):
                yield codec.positions_of(row), values.to(torch.float32)

    def sum(self, steps: Iterable[int]) -> Tensor:
        """The sum of the updates of ``steps``, dense, float32, shape ``(size,)`` (Eq. 7).

        One pass over the affected rows, in float32; memory does not grow with their number.
        """
        blocks = (rows for _, rows in self._updates.blocks(self._known(steps)))
        with one_thread():
            return add_rows(self.description.updates, blocks, self.size)

    def batches(self) -> Iterator[Batch]:
        """The batch of each step, in order."""
        for _, rows in self._batches.blocks(np.arange(len(self))):
            yield from (Batch(*self.description.batches.decode(row)) for row in rows)

    def plan(self) -> BatchPlan:
        """The batch plan that was trained along, as far as it was recorded."""
        epochs: list[list[Tensor]] = []
        for batch in self.batches():
            epochs.extend([] for _ in range(batch.epoch + 1 - len(epochs)))
            epochs[batch.epoch].append(batch.ids)
        return BatchPlan(tuple(map(tuple, epochs)))

    def affected(self, ids: Tensor) -> list[int]:
        """The steps whose batch holds any of ``ids`` (the set B_t of Eq. 4).

        Raises:
            InputError: no ids, or an id in no batch, so that nothing could be removed for it.
        """
        wanted = np.unique(ids.cpu().numpy())
        steps, seen = [], np.zeros(len(wanted), dtype=bool)
        for block, rows in self._batches.blocks(np.arange(len(self))):
            held = self.description.batches.padded_ids(rows)
            hits = np.isin(held, wanted)
            seen |= np.isin(wanted, held[hits])
            steps += block[hits.any(axis=1)].tolist()
        if not seen.all() or not len(wanted):
            missing = wanted[~seen]
            first_one = f", the first is {missing[0]}" if len(missing) else ""
            raise InputError(
                f"{len(missing)} of {len(wanted)} sample ids are in no recorded batch{first_one}; "
                "give ids that were trained on"
            )
        return steps

    def bytes_per_step(self) -> int:
        """Bytes that one step takes in the files, checksums and index included."""
        rows = (self._updates, self._batches)
        return sum(r.slot + len(r.index()) // r.per_shard for r in rows)

    def verify(self) -> Iterator[str]:
        """Read everything; yield a message for each thing that is damaged or missing."""
        for part in (self._updates, self._batches):
            yield from part.verify()
        try:
            len(self), self.mask, read_checkpoint(self.folder)
        except InputError as error:
            yield str(error)


class LogWriter(StoredLog):
    """An update log, open for appending; :func:`create` and :func:`append_to` make one.

    One process at a time can write. Steps are written a few at a time; :attr:`written` says how
    many are, and those survive the end of the process in whatever way. (A thread of its own to
    write them was tried, and lost: where training uses all cores, it waits for them too.)

    Args:
        folder: the log's folder.
        plan: the batch plan, for a run whose batches are known beforehand.
    """

    def __init__(self, folder: Folder, plan: BatchPlan | None = None) -> None:
        folder.lock(ROOT)
        super().__init__(folder, RowWriter)
        self._batch_of = {step: Batch(epoch, ids) for step, epoch, ids in plan or ()}
        self._next, self._pending = super().__len__(), []
        self._block = RowBlock(self.description.updates, self.description.pending)
        if self._batches.count() > self._next or self._cut_to() is not None:
            self.cut(self._next)  # killed after a batch, or while shortening

    def __len__(self) -> int:
        """Number of recorded steps; pending ones are written first, so that they can be read."""
        self._write()
        return super().__len__()

    @property
    def written(self) -> int:
        """Number of steps that survive the end of this process."""
        return min(self._updates.saved, self._batches.saved)

    def cut(self, steps: int) -> None:
        """Keep the first ``steps`` steps and go on from there."""
        sealed.write(self.folder, CUT, {"steps": steps})
        self._next, self._pending = steps, []
        self._updates.cut(steps)
        self._batches.cut(steps)
        self.folder.remove(CUT)

    def announce(self, step: int, batch: Batch) -> None:
        """Say which samples a step saw, before it is recorded, where there is no plan."""
        self._batch_of[step] = Batch(batch.epoch, batch.ids.clone())  # the loop may reuse its own

    def record(self, step: int, positions: Tensor, values: Tensor) -> None:
        """Append the update of the next step (Eq. 6), see :class:`UpdateLog`.

        Raises:
            InputError: not the next step, no batch known for it, or it cannot be written.
        """
        self.record_all(step, positions, values[None])

    def record_all(self, first: int, positions: Tensor, values: Tensor) -> None:
        """Append the updates of consecutive steps; raises as :meth:`record`."""
        while len(values):
            room = self.description.pending - len(self._pending)
            steps = range(first, first + min(room, len(values)))
            self._take(steps, positions, values[: len(steps)])
            first, values = steps.stop, values[len(steps) :]

    def _take(self, steps: range, positions: Tensor, values: Tensor) -> None:
        """Let steps wait for being written, for which there is room; write when it is full."""
        if steps.start != self._next:
            raise InputError(
                f"step {steps.start} was recorded, but step {self._next} is the next one"
            )
        for step in steps:
            if step not in self._batch_of:
                raise InputError(f"no batch is known for step {step}; announce it, or give a plan")
        self._block.set(len(self._pending), positions, values)
        self._pending += [(step, self._batch_of[step]) for step in steps]
        self._next = steps.stop
        if len(self._pending) == self.description.pending:
            self._write()

    def _write(self) -> None:
        """Write the pending steps: first their batches, then their updates."""
        if not self._pending:
            return
        pending, said = self._pending, self.description
        self._pending, self._next = [], -1  # nothing can follow until everything is written
        try:
            self._batches.extend([said.batches.encode(b.epoch, b.ids) for _, b in pending])
            self._updates.extend(self._block.rows[: len(pending)])
        except (OSError, InputError) as error:
            steps = f"{pending[0][0]} to {pending[-1][0]}"
            raise InputError(f"cannot record steps {steps}: {error}") from error
        self._next = pending[-1][0] + 1
        for step, _ in pending:
            del self._batch_of[step]

    def flush(self) -> None:
        """Save everything recorded so far, from a power cut as well."""
        self._write()
        self._batches.flush()
        self._updates.flush()

    def close(self, model: nn.Module | None = None, subtracted: Iterable[int] = ()) -> None:
        """End recording.

        Args:
            model: the trained model, so that requests will know its weights; None leaves the
                recording unfinished.
            subtracted: steps that were subtracted from the weights training started with.
        """
        self.flush()
        if model is not None and len(self):
            digest = weights_digest(self.description.layout, model)
            done, asked = to_ranges(subtracted), [[0, len(self)]]
            self.ledger.append(Entry("trained", 0, asked, digest, done))
        self._batches.close()
        self._updates.close()
        self.folder.unlock()


def exists(path: str | os.PathLike) -> bool:
    """Whether there is a log at this path or URL."""
    return Folder(path).size(ROOT) is not None


def create(
    path: str | os.PathLike,
    model: nn.Module,
    *,
    ids: Tensor | None = None,
    batch_size: int | None = None,
    plan: BatchPlan | None = None,
    strategy: str = "random",
    first: float = 0.9,
    last: float = 0.9,
    seed: int = 0,
    values: str = "bfloat16",
    statistics: str = "subtracted",
) -> LogWriter:
    """Begin a new log.

    Args:
        path: folder or fsspec URL.
        model: the model that will be trained.
        ids: all sample ids that may occur; those of the plan when None.
        batch_size: most samples in a step; that of the plan when None.
        plan: the batches, where they are known beforehand.
        strategy: pruning strategy, a key of :data:`STRATEGIES`.
        first: fraction pruned in the first layer, 0..1.
        last: fraction pruned in the last layer; those between lie on a straight line.
        seed: of the mask.
        values: type of the stored values, a key of :data:`VALUES`.
        statistics: whether requests leave the running statistics of batch normalisation as they
            are (``kept``) or treat them like weights (``subtracted``). They are recorded anyway.

    Raises:
        InputError: there is a log already, or a setting makes no sense.
    """
    folder = Folder(path)
    if exists(path):
        raise InputError(
            f"there is an update log at {path} already; pass resume=True or choose another folder"
        )
    if plan is None and (ids is None or batch_size is None):
        raise InputError("a log needs either a batch plan, or all sample ids and the batch size")
    ids = plan.ids if ids is None else ids
    batch_size = batch_size or max(len(batch) for _, _, batch in plan)
    said = describe(
        model,
        strategy=strategy,
        first=first,
        last=last,
        seed=seed,
        values=values,
        statistics=statistics,
        batch=BatchCodec(batch_size, id_type(int(ids.max()))),
    )
    for name, codec in (("updates", said.updates), ("batches", said.batches)):
        RowWriter(folder, name, codec.nbytes, said.per_shard).close()
    Ledger(folder).create()
    sealed.write(folder, ROOT, said.dump())
    return LogWriter(folder, plan)


def open_log(path: str | os.PathLike, model: nn.Module | None = None) -> StoredLog:
    """Open a log for reading.

    Args:
        path: folder or fsspec URL.
        model: checked to be of the log's architecture, if given.

    Raises:
        InputError: there is no log, it is damaged, of a newer format, or of another model.
    """
    log = StoredLog(Folder(path))
    if model is not None:
        log.description.check(model)
    len(log)  # looks for missing files
    return log


def append_to(
    path: str | os.PathLike, model: nn.Module, plan: BatchPlan | None = None
) -> LogWriter:
    """Open a log for appending.

    Raises:
        InputError: as :func:`open_log`; or another process is writing to it.
    """
    if not exists(path):
        raise InputError(f"there is no update log at {path}; create it")
    log = LogWriter(Folder(path), plan)
    log.description.check(model)
    return log
