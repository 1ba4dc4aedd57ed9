"""Deletion requests: from sample ids to weights without the steps that saw them."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partial_unlearning.errors import InputError, warn, whole_number
from partial_unlearning.state import State, named_tensors, unequal
from partial_unlearning.update_log import checkpoint
from partial_unlearning.update_log.history import Entry, from_ranges, to_ranges
from partial_unlearning.update_log.log import UNCHANGED, StoredLog

NEARLY_ALL = 0.9
TOO_MANY = (
    "of all steps saw these samples: little of the training is left without them, in the retained "
    "data as well. Train with the samples of one person in few batches"
)


@dataclass(frozen=True)
class Preview:
    """What a request will do to given weights: the plan that is carried out.

    Attributes:
        kind: ``forget`` or ``undo``; ``request`` is its number.
        asked: steps that the request affects.
        before: steps that are subtracted from these weights already.
        after: steps that will be: those of all requests that stand then.
        weights: digest of these weights.
        steps: number of steps in the log.
        unchanged: those of ``asked`` of which no change of a weight was recorded.
        dropped: another request that was begun and did not come to its end, and is lost with this.
    """

    kind: str
    request: int
    asked: set[int]
    before: set[int]
    after: set[int]
    weights: str
    steps: int
    unchanged: set[int]
    dropped: Entry | None = None

    @property
    def subtracted(self) -> set[int]:
        """Affected steps of which something is subtracted from these weights already."""
        return (self.asked & self.before) - self.unchanged

    @property
    def warnings(self) -> list[str]:
        """What a person should know who asks for this."""
        told = []
        if self.unchanged:
            told.append(f"{len(self.unchanged)} of these steps {UNCHANGED}")
        if self.kind == "forget" and self.affected_fraction >= NEARLY_ALL:
            told.append(f"{self.affected_fraction:.0%} {TOO_MANY}")
        return [*told, self.dropped.lost] if self.dropped else told

    @property
    def affected_fraction(self) -> float:
        """The fraction of all training steps that the request affects, 0..1."""
        return len(self.asked) / self.steps


def _opened(log: StoredLog) -> StoredLog:
    if not isinstance(log, StoredLog):
        raise InputError(f"a {type(log).__name__} is no open log; give what open_log(path) returns")
    log.refuse_replaced()
    return log


def _refuse_going_on(log: StoredLog) -> None:
    if _opened(log).history.entries and not log.ended:
        last = log.history.since_training[0]
        way = f"record(..., resume=True), load them, restart({last.asked[-1][1]}) and close()"
        raise InputError(
            "training that went on from a finished recording has not ended: go on and close it"
            + f". For the weights that were closed: {way}" * (last.kind == "trained")
        )


def _before(log: StoredLog, digest: str, after: set[int]) -> set[int]:
    """The steps subtracted in the weights of this digest; also in those of a killed process."""
    begun = log.history.announced
    if begun is None or begun.weights != digest or log.history.knows(digest):
        return log.history.subtracted(digest)
    if from_ranges(begun.subtracted) != after:
        raise InputError(f"the {begun.kind} that led to these weights was cut short; repeat it")
    return after


def _plan(
    log: StoredLog, weights: State, kind: str, request: int, asked: set[int], after: set[int]
) -> Preview:
    """The plan of a request, with what the weights have lost before it."""
    log.description.check(weights)
    digest = log.description.digest(weights)
    gone = log.history.purged & log.history.inseparable  # nobody can say whether it holds them
    before, after = _before(log, digest, after) - gone, after - gone
    lost = (before ^ after) & log.history.inseparable
    if lost and kind == "undo" and not asked & before:
        after, lost = before, set()  # only that it does not stand any more
    if lost:
        others = [n for n, steps in log.history.requests().items() if n != request and steps & lost]
        raise InputError(
            f"{len(lost)} of these steps, from {min(lost)} on, cannot be subtracted: something "
            "else changed the weights after them (see Recording.restart); train again without them"
            + f". Of earlier requests {others} ask for some; undo those that need not hold here"
            * bool(others)
        )
    log.known(before ^ after)  # refuses steps that are purged
    still = log.unchanged(asked - log.history.purged)
    begun = log.history.announced
    held = begun and begun.kind == kind and from_ranges(begun.asked) <= asked
    dropped = None if held else begun
    return Preview(kind, request, asked, before, after, digest, len(log), still, dropped)


def _refuse_earlier(log: StoredLog, weights: State) -> None:
    """Raise InputError for weights of which the log knows that later steps followed."""
    log.description.check(weights)
    earlier = {log.description.begun: 0}
    with suppress(InputError):  # one that is damaged
        if saved := checkpoint.read_checkpoint(log.folder):
            earlier[saved["position"].get("weights", "")] = saved["position"]["steps"]
    steps = earlier.get(log.description.digest(weights), len(log))
    later = range(steps, len(log))
    if len(log.unchanged(later)) < len(later):
        raise InputError(
            f"these are the weights after {steps} steps, but the log holds {len(log)}: give the "
            "last ones; or go on from a checkpoint with record(..., resume=True), and close it"
        )


def preview(
    log: StoredLog, weights: State, ids: Tensor | Sequence[int], *, unfinished: bool = False
) -> Preview:
    """Look what :func:`forget` would do: arguments and errors as there; nothing is changed."""
    _refuse_going_on(log)
    if not (log.ended or unfinished):
        raise InputError(
            f"recording has not ended, or without a step: no weights are known to hold the "
            f"{len(log)} steps of the log; go on and close it. Where that cannot be, and these are "
            "the weights right after the last of them, say so: unfinished=True, or --unfinished"
        )
    if not log.ended:
        _refuse_earlier(log, weights)
    asked = set(log.affected_steps(ids))
    after = asked.union(*log.history.requests().values())
    request = 1 + max((entry.request for entry in log.history.entries), default=0)
    return _plan(log, weights, "forget", request, asked, after)


def _standing(log: StoredLog, request: int) -> dict[int, set[int]]:
    """The steps of each request that stands, by number; InputError if this one does not."""
    requests = log.history.requests()
    if isinstance(request, Entry):
        raise InputError("an entry is no number of a request; give entry.request")
    if whole_number("the request", request, 1, 2**63) not in requests:
        stand = f"those that do: {[*requests]}" if requests else "none does"
        raise InputError(f"request {request} does not stand; {stand}. log info lists them")
    return requests


def preview_undo(log: StoredLog, weights: State, request: int) -> Preview:
    """Look what :func:`undo` would do; raises as it does, changes nothing."""
    _refuse_going_on(log)
    requests = _standing(log, request)
    asked = requests.pop(request)
    if asked <= log.history.purged:
        raise InputError(
            f"request {request} is final: its steps are purged, nobody can undo it; train again "
            "with these samples"
        )
    return _plan(log, weights, "undo", request, asked, set().union(*requests.values()))


def _subtract(log: StoredLog, weights: State, plan: Preview) -> None:
    """Change weights, in place, so that exactly ``plan.after`` is subtracted."""
    update = log.sum(plan.after - plan.before)
    if plan.before - plan.after:
        update -= log.sum(plan.before - plan.after)
    keep = log.description.buffers == "keep"
    log.description.layout.subtract(weights, update, keep_buffers=keep)


def carry_out(
    log: StoredLog, weights: State, plan: Preview, save: Callable[[], object] = lambda: None
) -> Entry:
    """Do what a preview says, in place, and note it down: before, as begun, and once it is done.

    ``save`` is called when the weights are changed. Cut short, it can be repeated, with the old
    weights or the new ones. The caller has held the log's lock, and the weights, since the preview.
    """
    own, entries = named_tensors(weights), log.history.entries
    if any(again is not own.get(name) for name, again in named_tensors(weights).items()):
        raise InputError("the tensors are made anew at each look; give a dict, to be changed")
    changed = deepcopy({name: tensor.detach() for name, tensor in own.items()})
    _subtract(log, changed, plan)
    equal = [name for name, tensor in changed.items() if not unequal(own[name], tensor).any()]
    changed.update((name, own[name]) for name in equal)  # bit by bit, also NaN and -0
    digest = log.description.digest(changed)
    taken = plan.before if digest == plan.weights else plan.after  # else it may add up unseen
    entry = Entry(plan.kind, plan.request, to_ranges(plan.asked), digest, to_ranges(taken))
    held = to_ranges(log.history.inseparable)
    trained = Entry("trained", 0, [[0, plan.steps]], plan.weights, inseparable=held)  # if not yet
    log.history.write(entries or (trained,), announced=entry)
    log.folder.remove(checkpoint.FILE)  # it still holds what is to be forgotten
    with torch.inference_mode():
        for name in changed.keys() - {*equal}:  # a constant may be one number, repeated
            own[name].detach().copy_(changed[name])
    save()
    log.history.append(entry)
    return entry


def forget(
    log: StoredLog, weights: State, ids: Tensor | Sequence[int], *, unfinished: bool = False
) -> Entry:
    """Subtract every step that saw any of ``ids``, in place (Eq. 4, Eq. 7); returns the entry.

    What these weights have lost already is not subtracted again; what they still hold of earlier
    requests is subtracted too. The log's checkpoint is deleted; other copies are their owner's.

    Args:
        log: the log of the training.
        weights: the trained model, or its tensors by name; or the result of a request.
        ids: sample ids, whole numbers, shape ``(n,)``.
        unfinished: take weights of which only the caller knows that recording led to them.

    InputError for ids that were not trained on or weights that the log does not know, if recording
    has not ended, or another process is writing to the log.
    """
    with _opened(log).folder.locked():
        return _carried_out(log, weights, preview(log, weights, ids, unfinished=unfinished))


def _carried_out(log: StoredLog, weights: State, plan: Preview) -> Entry:
    """Also say what a person should know: last, as a warning may be made an error."""
    try:
        return carry_out(log, weights, plan)
    finally:
        for told in plan.warnings:
            warn(told)


def undo(log: StoredLog, weights: State, request: int) -> Entry:
    """Take a request back: add again what no other request asks for, to float32 rounding.

    The ``request`` is given by its number, see :attr:`Entry.request`. Arguments, result and errors
    are else those of :func:`forget`; InputError as well if no such request stands.
    """
    with _opened(log).folder.locked():
        return _carried_out(log, weights, preview_undo(log, weights, request))


def _not_known(held: dict[str, Any], asked: set[int]) -> set[int]:
    """The steps that nobody can say whether last weights hold; InputError for those they hold."""
    left = asked - from_ranges(held["subtracted"])
    unknown = left & from_ranges(held["inseparable"])
    if left - unknown:
        raise InputError(
            f"the last weights ({held['weights'][:12]}) still hold {len(left - unknown)} of these "
            "steps, which could then never be taken from them; forget these samples there first"
        )
    return unknown


def purge(log: StoredLog, request: int) -> Entry:
    """Overwrite the updates and the sample ids of all steps that a request affects, for good.

    It can no longer be undone, and weights that still hold these steps can no longer be changed:
    keep those it led to. The history says so first, so that these steps count as gone from then on,
    and once more at the end: killed in between, the same command completes it.

    Returns the new line of the history. InputError if no such request stands, the last weights
    still hold some of its steps, a file cannot be changed, or another process writes.
    """
    with _opened(log).folder.locked():
        asked, held = _standing(log, request)[request], asdict(log.history.entries[-1])
        if held["kind"] == "resumed":
            _refuse_going_on(log)
        if log.history.announced:
            raise InputError(f"a {log.history.announced.kind} was cut short; repeat it first")
        forgot = [entry for entry in log.history.since_training if entry.kind == "forget"]
        led = [entry.weights for entry in forgot if asked <= from_ranges(entry.asked)]
        if held["weights"] in led:  # without all that stands they are these, if only by rounding
            held["subtracted"] = to_ranges(set().union(*_standing(log, request).values()))
        unknown = _not_known(held, asked)
        kept = {name: held[name] for name in ("weights", "subtracted", "inseparable")}
        for part, _ in log.parts:
            part.refuse_unfit(np.unique([*asked, *log.history.purged, len(log) - 1]))
        if not asked <= log.history.purged:
            log.plan()  # refuses a damaged batch, whose epoch is to stay, while all is there
            log.history.append(Entry("purge", request, to_ranges(asked), **kept))
        for part, keep in log.parts:
            part.drop_uncounted(len(log))  # a killed recording may have left more of them
            part.blank(np.array(sorted(log.history.purged)), keep)
        if not checkpoint.lacks(log.folder, log.history.purged):
            log.folder.remove(checkpoint.FILE)
        log.folder.remove_unfinished("")
        log.history.append(Entry("purged", request, to_ranges(asked), **kept))
    if unknown:  # last, as a warning may be made an error
        warn(
            f"something else changed the last weights: nobody can say whether they hold "
            f"{len(unknown)} of these steps, and nothing can take them from there"
        )
    return log.history.entries[-1]
