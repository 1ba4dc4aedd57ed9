"""Beginning to record a training run, or going on with it."""

import os
from collections.abc import Sequence
from inspect import getfullargspec
from numbers import Real
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from partial_unlearning.errors import InputError, warn
from partial_unlearning.update_log.description import Description
from partial_unlearning.update_log.folder import ROOT
from partial_unlearning.update_log.log import append_to, create, exists
from partial_unlearning.update_log.optimizer_watch import rescaled
from partial_unlearning.update_log.processes import refuse_ungathered
from partial_unlearning.update_log.recording import Recording

if TYPE_CHECKING:
    from torch.distributed.checkpoint.stateful import Stateful


def _warn_of_norms(model: nn.Module) -> None:
    """Say what is not seen of embeddings whose rows forward passes scale."""
    names = [name or "it" for name, part in model.named_modules() if rescaled(part)]
    if names:
        warn(
            f"forward passes change {', '.join(names)} (max_norm): what else changes them between "
            "two steps is not noticed and counts as a part of the next. Call step() once after "
            "each optimizer.step(), and restart() after you load other weights"
        )


def _stateful(parts: Any, generators: Any) -> tuple[list[Any], list[Any]]:  # noqa: ANN401 (given)
    """Both as lists; InputError unless a checkpoint can save them all."""
    try:
        parts, generators = list(parts), list(generators)  # an iterator can be read once
        _ = [(part.state_dict, part.load_state_dict) for part in parts]
        _ = [(generator.get_state, generator.set_state) for generator in generators]
        return parts, generators
    except (TypeError, AttributeError) as error:
        raise InputError(
            f"{error}: give keep=[...], a list of what has state_dict and load_state_dict, such as "
            "the optimizer, and generators=[...], one of random generators"
        ) from error


def _refuse_other(about: Description, settings: dict[str, Any]) -> None:
    """Raise InputError for settings that are not those the log was begun with."""
    for name, value in settings.items():
        begun = getattr(about, name, "no such setting")
        value = float(value) if isinstance(begun, float) and isinstance(value, Real) else value
        same = isinstance(value, Real | str) and value == begun
        if value is not None and name != "ids" and not same:
            raise InputError(
                f"{name} is {value!r}, but the log was begun with {begun!r}; leave it out to go on "
                "with the log, or record to a new folder"
            )


def record(
    model: nn.Module,
    path: str | os.PathLike[str],
    *,
    keep: Sequence["Stateful"] = (),
    generators: Sequence[torch.Generator] = (),
    resume: bool = False,
    gathered: bool = False,
    **settings: Any,  # noqa: ANN401 (those of create)
) -> Recording:
    """Begin to record, or go on with it; what is returned the loop tells of its steps.

    Args:
        model: the model to train; any module.
        path: folder of the log, or an fsspec URL.
        keep: what a checkpoint must hold beside the model: the optimizer, a scheduler, an object
            of one's own, anything with ``state_dict`` and ``load_state_dict``.
        generators: random generators that the loop draws from; torch's own is always kept.
        resume: go on at the log's checkpoint, whatever weights ``model`` has, or at its end if
            they are those it ended with; begin a new log if there is none.
        gathered: of several processes that train together this one records, and gives the ids
            of all (:func:`gather_ids`).
        settings: of a new log, see :func:`create`.

    InputError if there is a log, and ``resume`` is not set or it cannot go on with this model and
    settings; or several processes train, and ``gathered`` is not set.
    """
    refuse_ungathered(gathered)
    keep, generators = _stateful(keep, generators)
    known = resume and exists(path)
    choices = getfullargspec(create).kwonlyargs
    if not known and not settings.keys() <= set(choices):
        raise InputError(f"the settings are {', '.join(choices)}; given were {', '.join(settings)}")
    log = append_to(path, model) if known else create(path, model, **settings)
    try:
        if known:
            _refuse_other(log.description, settings)
            if settings.get("ids") is not None:
                log.declare(settings["ids"])
        recording = Recording(model, log, keep, generators, gathered)
        _warn_of_norms(model)
        return recording
    except BaseException:  # a warning that was made an error, too
        if not known:
            log.folder.remove(ROOT)  # nothing is in it
        log.folder.unlock()  # so that it can be tried again
        raise
