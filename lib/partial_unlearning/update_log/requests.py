"""Deletion requests: from sample ids to weights without the steps that saw them."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from partial_unlearning.errors import InputError
from partial_unlearning.state import State
from partial_unlearning.update_log import checkpoint
from partial_unlearning.update_log.history import Entry, to_ranges, weights_digest
from partial_unlearning.update_log.log import ROOT, StoredLog

NEARLY_ALL = 0.9


@dataclass(frozen=True)
class Preview:
    """What a request would do.

    Attributes:
        affected: steps whose batch holds any of the samples.
        subtracted: those of them that are subtracted from these weights already.
        also: steps of earlier requests that these weights still hold, and will lose as well.
        steps: steps of the log.
        nbytes: bytes that will be read.
    """

    affected: int
    subtracted: int
    also: int
    steps: int
    nbytes: int

    @property
    def share(self) -> float:
        """The share of all training steps that the request affects, in 0..1."""
        return self.affected / self.steps

    @property
    def warning(self) -> str | None:
        """Why the request cannot end well, if it cannot."""
        if self.share < NEARLY_ALL:
            return None
        return (
            f"{self.share:.0%} of all steps saw these samples: without them little of the "
            "training is left, in the retained data as well. Train with the samples of one person "
            "in few batches (a batch plan with a small affected share)"
        )


def _standing(log: StoredLog) -> set[int]:
    return set().union(*log.ledger.requests().values())


def preview(log: StoredLog, weights: State, ids: Tensor) -> Preview:
    """Look what :func:`forget` would do; nothing is changed.

    Raises:
        InputError: as :func:`forget`.
    """
    log.description.check(weights)
    asked = set(log.affected(ids))
    had = log.ledger.subtracted(weights_digest(log.description.layout, weights))
    also = _standing(log) - had - asked
    moved = len(asked - had) + len(also)
    return Preview(
        len(asked), len(asked & had), len(also), len(log), moved * log.description.updates.nbytes
    )


def _settle(log: StoredLog, weights: State, wanted: set[int]) -> str:
    """Change weights, in place, so that exactly ``wanted`` is subtracted; return their digest."""
    log.description.check(weights)
    layout = log.description.layout
    digest = weights_digest(layout, weights)
    had = log.ledger.subtracted(digest)
    if not log.ledger.entries:  # never closed: these are the weights that recording led to
        log.ledger.append(Entry("trained", 0, [[0, len(log)]], digest, []))
    update = log.sum(wanted - had)
    if had - wanted:
        update -= log.sum(had - wanted)
    if log.description.statistics == "kept":
        update *= layout.is_weight
    layout.subtract(weights, update)
    return weights_digest(layout, weights)


def _note(
    log: StoredLog, kind: str, number: int, asked: set[int], weights: str, subtracted: set[int]
) -> Entry:
    entry = Entry(kind, number, to_ranges(asked), weights, to_ranges(subtracted))
    log.ledger.append(entry)
    log.folder.remove(checkpoint.FILE)  # it still holds what is to be forgotten
    return entry


def _nothing() -> None:
    """The weights are saved by whoever called."""


def forget(
    log: StoredLog, weights: State, ids: Tensor, save: Callable[[], object] = _nothing
) -> Entry:
    """Subtract every step that saw any of ``ids``, in place (Eq. 4, Eq. 7), and note it down.

    What these weights have lost already is not subtracted again; what earlier requests asked for
    and these weights still hold is subtracted too, so the result honours all requests that stand.
    The log's checkpoint is deleted; other copies of the weights are their owner's to delete.

    Args:
        log: the log of the training.
        weights: the trained model, or its tensors by name; or the result of a request.
        ids: sample ids, int64.
        save: called when the weights are changed and before the ledger says so. A process killed
            in between can repeat the request.

    Raises:
        InputError: ids that were not trained on, or weights that the log does not know.
    """
    with log.folder.locked(ROOT):
        asked = set(log.affected(ids))
        digest = _settle(log, weights, wanted := _standing(log) | asked)
        save()
        return _note(log, "forget", log.ledger.next_request(), asked, digest, wanted)


def undo(
    log: StoredLog, weights: State, request: int, save: Callable[[], object] = _nothing
) -> Entry:
    """Take a request back: add again what no other request asks for, to float32 rounding.

    Raises:
        InputError: no such request stands, or weights that the log does not know.
    """
    with log.folder.locked(ROOT):
        requests = log.ledger.requests()
        if request not in requests:
            raise InputError(f"request {request} does not stand; those that do: {[*requests]}")
        asked = requests.pop(request)
        digest = _settle(log, weights, wanted := set().union(*requests.values()))
        save()
        return _note(log, "undo", request, asked, digest, wanted)
