"""Recording in anyone's training loop, which tells of each step."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError, warn, whole_number
from partial_unlearning.recorders.recorders import UpdateRecorder
from partial_unlearning.system.threads import Alone
from partial_unlearning.update_log import checkpoint
from partial_unlearning.update_log.codecs import EPOCHS
from partial_unlearning.update_log.distances import belies, distances
from partial_unlearning.update_log.history import Entry
from partial_unlearning.update_log.log import LogWriter
from partial_unlearning.update_log.optimizer_watch import OptimizerWatch
from partial_unlearning.update_log.processes import refuse_ungathered

if TYPE_CHECKING:
    from torch.distributed.checkpoint.stateful import Stateful


INSIDE = (
    "a step(), checkpoint(), restart() or close() has begun and not ended: in a signal handler "
    "note the signal, and call checkpoint() after step(); of several threads one calls them. If it "
    "was broken off, go on from a checkpoint"
)


class Recording:
    """Records every step of a training loop in ``log``; :func:`record` makes one.

    So far ``steps`` are recorded, and ``log.written`` of them survive if the process is killed;
    the last few hundred may wait in memory. The loop begins or goes on with ``epoch``.
    """

    def __init__(
        self,
        model: nn.Module,
        log: LogWriter,
        keep: Sequence["Stateful"] = (),
        generators: Sequence[torch.Generator] = (),
        gathered: bool = False,
    ) -> None:
        self.model, self.log, self._gathered = model, log, gathered
        self._parts: list[Stateful] = [model, *keep]
        self._generators = list(generators)
        self.steps, self.epoch = len(log), 0
        self._held: dict[str, list[list[int]]] = {"subtracted": [], "inseparable": []}
        self._resume()
        self._first, self._inside, self._alone = self.steps, False, Alone(INSIDE)
        # As asked, the steps to keep, and the weights that hold just these.
        self._restarting: tuple[int | None, int, str] | None = None
        layout, stored = log.description.layout, getattr(torch, log.description.values)
        self._keep = log.description.buffers == "keep"  # then their changes are never needed
        needless = layout.buffers if self._keep else ()
        self._recorder = UpdateRecorder(log.mask, log, stored, layout, needless)
        self._begin()

    def _begin(self) -> None:
        self.log.history.hold(self._held["inseparable"])
        self._recorder.on_train_begin(self.model)
        self._watch = OptimizerWatch(self.model, partial(self._recorder.strayed, self.model))

    def _resume(self) -> None:
        """Go to where the log can go on, else raise InputError: no steps are cut for want of it.

        That is its checkpoint; or its end, with the weights it ended with or those of a request.
        """
        history, saved = self.log.history, checkpoint.read_checkpoint(self.log.folder)
        digest = self.log.description.digest(self.model)
        known = history.knows(digest)
        if saved and (saved["position"]["steps"] > history.trained_steps or not known):
            self._restore(saved)
        elif known:
            self._held = history.held_by(digest)
            self._cut(history.trained_steps)
            self.epoch = len(self.log.plan().epochs)
        elif self.steps or digest != self.log.description.begun:  # steps may have been lost
            last = [entry.weights[:12] for entry in history.since_training if entry.weights][-1:]
            other = ", and was begun with other weights" * (digest != self.log.description.begun)
            way = "load the weights {} that it ended with, or a request led to, first, or "
            raise InputError(
                f"the log holds {self.steps} steps, but no checkpoint to go on from{other}: "
                f"{''.join(map(way.format, last))}take a new folder, or empty this one, and call "
                "checkpoint(0) before the first step if a run may be begun again"
            )

    def _restore(self, saved: dict[str, Any]) -> None:
        """Go on from a checkpoint; a refusal changes nothing."""
        position = dict(saved["position"])
        steps, self.epoch = position.pop("steps"), position.pop("epoch")
        if steps > self.steps:
            raise InputError(
                f"the checkpoint was made after {steps} steps, but the log holds {self.steps}; "
                "restore its files from a copy"
            )
        self.log.history.refuse_purged(checkpoint.lacking(position), "the checkpoint's weights")
        digest = partial(self.log.description.digest, self.model)
        checkpoint.restore(saved, self._parts, self._generators, digest)
        position.pop("weights", None)
        self._held = position
        if steps < self.log.history.trained_steps:  # its weights were lost, or the script run again
            self._leave(steps)
        self._cut(steps)

    def _leave(self, steps: int) -> None:
        """Say that the steps from this one on leave the log, and note it."""
        ended = self.log.history.trained_steps
        try:
            warn(
                f"recording had ended with {ended} steps; it goes on from the checkpoint after "
                f"{steps}, and steps {steps} to {ended - 1} leave the log: weights saved at that "
                "end can no longer be answered for, but those of the new end"
            )
        finally:  # told first, as a full disk may end what follows; a warning may be made an error
            self.log.history.append(Entry("resumed", 0, [[0, steps]], "", []))

    def _cut(self, steps: int) -> None:
        """The steps from this one on will be trained, and recorded, anew."""
        self.log.cut(steps)
        self.steps = steps

    def step(self, ids: Tensor, epoch: int) -> None:
        """Record the step that was just made; call it right after ``optimizer.step()``.

        The ``ids`` are those of its batch, whole numbers, shape ``(n,)``; epochs count from 0.
        InputError if the log has no room for them, or as :meth:`checkpoint` raises it.
        """
        with self._alone:
            self._step(ids, epoch)

    def _step(self, ids: Tensor, epoch: int) -> None:
        if self._watch.found:
            self.log.description.check(self.model)  # a replaced layer is better said by its name
            raise InputError(
                "weights had changed before the optimizer stepped, since the last step() or "
                "record(): a step was left out, or others were loaded or drawn, which would count "
                "as a part of this one. Call step() after each optimizer.step(), what belongs to "
                "the step before it, and restart() after a change by anything else. Go on from a "
                "checkpoint; or restart(), and no step so far can be subtracted any more"
            )
        self._refuse_inside()
        self.log.announce(self.steps, epoch, ids)
        self._inside = True
        try:
            self._recorder.on_step_end(self.steps, self.model)
        except InputError as error:
            self._inside = str(error) == INSIDE  # from a signal handler: it is broken off
            raise
        self._watch.note()
        self.steps += 1
        self._inside = False
        if self.steps == self._first + 1:  # once: it finds a layer replaced after record()
            self._check()

    def _refuse_inside(self) -> None:
        """Raise InputError after what was broken off."""
        if self._restarting is not None:
            asked = "" if self._restarting[0] is None else self._restarting[0]
            raise InputError(
                f"restart({asked}) was broken off; call it again, with the weights of then"
            )
        if self._inside:
            raise InputError(INSIDE)

    def _check(self) -> None:
        """Wait for all steps; InputError unless the model is where the last one left it.

        Only its weights count where statistics are kept.
        """
        self._wait()
        if moved := self._recorder.moved(self.model, weights_only=self._keep):
            raise InputError(
                f"{moved} recorded entries are not as step() read them last: other weights were "
                "loaded, a layer was replaced, or step() left out or called before "
                "optimizer.step(). Put the last weights back; or call restart(steps) if the model "
                "holds just the first so many, and else restart()"
            )
        self._watch.note()
        self._refuse_trained_statistics()
        self._tell_of_optimizers()

    def _refuse_trained_statistics(self) -> None:
        """Raise InputError if an optimizer trains what was no weight at record()."""
        if late := self._watch.trains.intersection(self.log.description.layout.buffers):
            raise InputError(
                f"{min(late)} is trained now, but was no trained weight at record(), so that no "
                "request would change it; make it one first, then record() to a new folder"
            )

    def _tell_of_optimizers(self) -> None:
        """Say what they train that the log will not hold."""
        beside, self._watch.beside = self._watch.beside, 0  # once, also as an error
        if beside:
            warn(
                f"an optimizer trains {beside} tensors that are no part of the recorded model, or "
                "not of what it saves: what they learn no request takes back. Record a model that "
                "holds them all"
            )
        if self.steps == self._first + 1 and self._watch.elsewhere:
            warn(
                "the optimizer holds no tensor of the recorded model: its weights are copied from "
                "elsewhere (masters, an average, another model). After a request load the new "
                "weights there as well, else the next step brings back what was forgotten; of an "
                "average no step can be taken back"
            )

    def _wait(self) -> None:
        """Wait for all steps; InputError if they or the model cannot be those of this log."""
        self.log.refuse_if_closed()
        self.log.folder.refuse_moved()
        self._refuse_inside()
        refuse_ungathered(self._gathered)
        self._recorder.on_epoch_end(self.epoch, self.model)
        if self.log.recorded != self.steps:
            raise InputError(
                f"{self.steps} steps were made, but {self.log.recorded} recorded: a call was "
                "broken off; go on from the last checkpoint with record(..., resume=True)"
            )
        self.log.description.check(self.model)

    def restart(self, steps: int | None = None) -> None:
        """Read the model anew: what has changed it since the last step is part of no update.

        The model holds just the first ``steps``; the others are cut off. None: it cannot be said,
        and if the model has changed, no step so far can be subtracted any more.

        InputError: another model, more steps than there are, fewer than at the last close(), or not
        the weights that it then holds, which by masks of magnitude cannot be told: a warning.
        """
        with self._alone:
            if self._restarting is None:
                self._restart(steps)
                return
            self.log.description.check(self.model)
            if (steps, self.log.description.digest(self.model)) != self._restarting[::2]:
                self._refuse_inside()
            self._cut_to(self._restarting[1])  # the disk was full

    def _restart(self, steps: int | None) -> None:
        self._wait()
        history, digest = self.log.history, self.log.description.digest(self.model)
        known = history.knows(digest)
        moved = self._recorder.moved(self.model, weights_only=self._keep) > 0
        taken = history.held_by(digest) if known and moved else None  # a refusal changes nothing
        if moved:
            history.refuse_earlier(digest)
        doubt = ""
        if steps is not None:
            steps, doubt = self._back_to(steps, known, moved)
        elif moved:  # what else it lacks is known only of weights in the history
            parts = [*self._held["inseparable"], [0, self.steps]]
            self._held = {"subtracted": [], "inseparable": parts}
        if taken:
            taken["inseparable"] += self._held["inseparable"] if steps is None else []
            self._held = taken
        self._restarting = steps, self.steps if steps is None else steps, digest
        self._cut_to(self._restarting[1])
        if doubt:
            warn(doubt)  # last, as a warning may be made an error

    def _cut_to(self, steps: int) -> None:
        """Cut off the steps from this one on, and begin anew; it can be repeated."""
        if steps < self.steps:
            saved = checkpoint.read_checkpoint(self.log.folder)
            if saved and saved["position"]["steps"] > steps:
                self.log.folder.remove(checkpoint.FILE)  # it is of steps that go
            self._cut(steps)
        self._begin()
        self._restarting = None

    def _back_to(self, steps: int, known: bool, moved: bool) -> tuple[int, str]:
        """Note that the model holds just so many steps, and return them, and what speaks against.

        InputError if it is not so.
        """
        ended = self.log.history.trained_steps
        closed = ended and self.log.history.since_training[0].weights  # else it is known of none
        steps = whole_number("restart", steps, ended, self.steps)
        fewer = range(steps, self.steps)
        self.log.flush()
        same = bool(fewer) and not moved and len(self.log.unchanged(fewer)) < len(fewer)
        if same or (closed and (moved or fewer) and known != (steps == ended)):
            raise InputError(
                f"the model does not hold just {steps} steps: it is as the last step left it, or "
                f"not one that the history knows after {ended}; load the right weights first"
            )
        doubt = self._doubt(steps) if moved and not known else ""
        held = self._held["inseparable"]
        self._held["inseparable"] = [part for part in held if part[1] <= steps]
        return steps, doubt

    def _doubt(self, steps: int) -> str:
        """What speaks against so many steps; InputError if the model cannot be that."""
        if not self.log.mask.fixed:
            return (
                f"that the model holds just {steps} steps is believed: where each update has a "
                "mask of its own it cannot be told"
            )
        ends = [end for _, end in self._held["inseparable"]]
        first = max([self.log.history.trained_steps, *ends])
        readings = self._recorder.readings(self.model)
        apart = distances(self.log, *readings, range(first, self.steps + 1))
        nearest = min(apart, key=lambda step: apart[step].gap)
        if belies(apart, steps):
            raise InputError(
                f"the model does not hold just {steps} steps: of all that were recorded it is "
                f"nearest, if near at all, to {nearest}, as far as their stored "
                f"{self.log.description.values} tells; give the right number, load other weights, "
                "or restart() without a number"
            )
        if steps not in apart or not apart[nearest].gap + apart[steps].exact < apart[steps].gap:
            return ""  # also where gaps are no numbers
        return (
            f"that the model holds just {steps} steps is believed, but it is nearer to what "
            f"{nearest} left: weights saved in a shorter type cannot tell. Save them in their own"
        )

    def checkpoint(self, epoch: int) -> None:
        """Save all that is needed to go on from here, with this ``epoch``, counted from 0.

        InputError if steps could not be written, or something else changed the model since.
        """
        epoch = whole_number("the epoch", epoch, 0, EPOCHS)
        with self._alone:
            self._check()
            self.log.flush()
            weights = self.log.description.digest(self.model)  # a state_dict() may leave some out
            position = {"steps": self.steps, "epoch": epoch, "weights": weights, **self._held}
            checkpoint.write_checkpoint(self.log.folder, self._parts, self._generators, position)

    def close(self) -> None:
        """End recording: from now on requests know the model's weights.

        The checkpoint stays until the first request, in case the weights are not saved yet. Raises
        as :meth:`checkpoint`; recording has not ended then.
        """
        with self._alone:
            self._check()
            self.log.close(self.model, **self._held)
            self._watch.close()
