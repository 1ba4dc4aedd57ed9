"""The state of a training run, from which it can go on as if it had not been interrupted."""

import hashlib
import io
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import partial
from pickle import PicklingError, UnpicklingError
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from partial_unlearning.errors import InputError
from partial_unlearning.update_log.folder import Folder
from partial_unlearning.update_log.history import from_ranges

if TYPE_CHECKING:  # it loads much
    from torch.distributed.checkpoint.stateful import Stateful

FILE = "checkpoint.bin"
_DIGEST = 32


def _taken(parts: Sequence["Stateful"], generators: Sequence[torch.Generator]) -> dict[str, Any]:
    """The states of parts and generators, and of torch's own generators."""
    return {
        "parts": [part.state_dict() for part in parts],
        "generators": [generator.get_state() for generator in generators],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _put(
    saved: dict[str, Any], parts: Sequence["Stateful"], generators: Sequence[torch.Generator]
) -> None:
    for part, state in zip(parts, saved["parts"], strict=True):
        part.load_state_dict(state)
    for generator, state in zip(generators, saved["generators"], strict=True):
        generator.set_state(state)
    torch.set_rng_state(saved["torch"])
    for number, state in enumerate(saved["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, number)


def _ways_back(
    parts: Sequence["Stateful"], generators: Sequence[torch.Generator]
) -> list[Callable[[], object]]:
    """What puts each part and generator back as it is now; not those that do not let it."""
    ways: list[Callable[[], object]] = [partial(torch.set_rng_state, torch.get_rng_state())]
    if torch.cuda.is_available():
        ways.append(partial(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
    for part in parts:
        with suppress(Exception):
            if isinstance(part, nn.Module):
                ways.append(_way_of_tensors(part))
            else:
                ways.append(partial(part.load_state_dict, deepcopy(part.state_dict())))
    for generator in generators:
        ways.append(partial(generator.set_state, generator.get_state()))
    return ways


def _way_of_tensors(module: nn.Module) -> Callable[[], object]:
    """What puts back a module's own tensors, and their values."""
    parts = [*module.modules()]
    homes: list[dict[str, Any]] = [h for part in parts for h in (part._parameters, part._buffers)]
    held = [(home, name, own) for home in homes for name, own in home.items() if own is not None]
    values = [own.detach().to("cpu", copy=True) for *_, own in held]

    def put() -> None:
        for (home, name, own), value in zip(held, values, strict=True):
            home[name] = own
            own.copy_(value)

    return put


def write_checkpoint(
    folder: Folder,
    parts: Sequence["Stateful"],
    generators: Sequence[torch.Generator],
    position: dict[str, Any],
) -> None:
    """Save the states of parts and generators, of torch's own generators, and a position."""
    content, buffer = {**_taken(parts, generators), "position": position}, io.BytesIO()
    try:
        torch.save(content, buffer)
    except (PicklingError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise _not_plain(error) from error
    _load(buffer)  # before it takes the place of one that can be read
    folder.put(FILE, hashlib.sha256(buffer.getbuffer()).digest() + buffer.getvalue())


def read_checkpoint(folder: Folder) -> dict[str, Any] | None:
    """What :func:`write_checkpoint` saved, None if it never did; InputError if damaged."""
    if folder.size(FILE) is None:
        return None
    content = folder.read(FILE).tobytes()
    if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
        raise InputError(f"{folder.path(FILE)} is damaged; restore it from a copy")
    return _load(io.BytesIO(content[_DIGEST:]))


def _load(buffer: io.BytesIO) -> dict[str, Any]:
    buffer.seek(0)
    try:
        return dict(torch.load(buffer, map_location="cpu", weights_only=True))
    except (UnpicklingError, RuntimeError) as error:
        raise _not_plain(error) from error


def _not_plain(error: Exception) -> InputError:
    strange = re.search(r"GLOBAL ([\w.]+)", str(error))  # torch names what it would not read
    first = strange[1] if strange else re.split(r"(?<=[.!?])\s|\n", str(error))[0]
    reason = (first or type(error).__name__).rstrip(".")
    return InputError(
        "what is kept holds more than tensors, plain numbers, texts and lists of them: "
        f"{reason}. Make it plain, such as float(learning_rate), or keep it in a file of your own"
    )


def lacking(position: dict[str, Any]) -> set[int]:
    """The steps of which a checkpoint's weights hold nothing that anyone can tell."""
    return from_ranges([*position.get("subtracted", []), *position.get("inseparable", [])])


def lacks(folder: Folder, steps: set[int]) -> bool:
    """Whether there is a checkpoint, and it lacks all of these steps."""
    try:
        saved = read_checkpoint(folder)
    except InputError:  # damaged
        return False
    return saved is not None and steps <= lacking(saved["position"])


def _refuse_others(position: dict[str, Any], digest: str) -> None:
    """Raise InputError unless the weights are those that the checkpoint was made of."""
    if position.get("weights", digest) != digest:  # earlier code saved none
        raise InputError(
            "the checkpoint does not bring back all weights that the model had: its "
            "state_dict() leaves some out, or its load_state_dict() changes them. Give it a "
            "state_dict() that holds all, or load those that it leaves out before record()"
        )


def restore(
    saved: dict[str, Any],
    parts: Sequence["Stateful"],
    generators: Sequence[torch.Generator],
    digest: Callable[[], str] | None = None,
) -> dict[str, Any]:
    """Put everything back as it was saved, and return the position.

    InputError, and all stays as it is, for other parts or generators, or if the weights' ``digest``
    is another than when it was made.
    """
    held, given = (len(saved["parts"]), len(saved["generators"])), (len(parts), len(generators))
    if held != given:
        raise InputError(
            f"the checkpoint was made of {held[0]} parts (the model and keep) and {held[1]} "
            f"generators, not of {given[0]} and {given[1]}; give record() the same as then"
        )
    ways = _ways_back(parts, generators)
    try:
        _put(saved, parts, generators)
        if digest:
            _refuse_others(saved["position"], digest())
    except Exception as error:  # whatever a part of anyone's raises
        for way in ways:
            with suppress(Exception), torch.no_grad():
                way()
        if isinstance(error, InputError):
            raise
        raise InputError(f"the checkpoint was made of other parts: {error}; give those") from error
    return dict(saved["position"])
