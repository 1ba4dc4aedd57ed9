"""Requests by files: sample ids from CSV, weights from and to safetensors, and what is told."""

import csv
import io
import os
import re
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

import click
import numpy as np
import safetensors
from safetensors.torch import save as to_bytes
from torch import Tensor

from partial_unlearning.errors import InputError
from partial_unlearning.state import State
from partial_unlearning.system.files import refuse_unwritable, remove_unfinished, write_atomic
from partial_unlearning.update_log.checkpoint import FILE as CHECKPOINT
from partial_unlearning.update_log.codecs import sample_ids
from partial_unlearning.update_log.folder import ROOT
from partial_unlearning.update_log.history import FILE as HISTORY
from partial_unlearning.update_log.history import Entry, from_ranges
from partial_unlearning.update_log.log import StoredLog, open_log
from partial_unlearning.update_log.model_description import ModelDescription
from partial_unlearning.update_log.requests import Preview, carry_out, preview, preview_undo, purge

OWN = (ROOT, HISTORY, CHECKPOINT, "updates", "batches")
"""What a log's folder holds."""


def _say(text: str, err: bool = False) -> None:
    """Print it where that is possible: a request goes on when nobody reads, as behind ``head``."""
    with suppress(OSError, ValueError):
        try:
            click.echo(text, err=err)
        except UnicodeEncodeError:  # the name of a file
            click.echo(text.encode("ascii", "backslashreplace").decode(), err=err)


def _why_as_before(plan: Preview) -> str:
    """Why the weights that a request led to are those it was given."""
    if (plan.before ^ plan.after) - plan.unchanged:
        return "what was recorded of these steps is nothing, or too little for the weights' type"
    if plan.kind == "undo":
        return "other requests still ask for these steps, or they were not subtracted from them"
    return "all of it was subtracted already" if plan.subtracted else "nothing of it was recorded"


def _number(cell: str) -> int:
    """The number in a cell: digits, perhaps after a plus. Else ValueError."""
    if not re.fullmatch("[+]?[0-9]{1,19}", cell):
        raise ValueError(f"{cell[:40]!r} is no whole number from 0 on")
    return int(sample_ids([int(cell)])[0])


def _numbers(rows: list[list[str]]) -> list[int]:
    """Sample ids in rows of cells; ValueError if a filled cell is neither one nor under a name."""
    if rows and len(rows[0]) == 1 and rows[0][0].casefold() != "id":
        rows = [["id"], *rows]
    names = [name.casefold() for row in rows[:1] for name in row]
    if rows and names.count("id") != 1:
        raise ValueError(f"of {len(names)} columns {names.count('id')} are named id")
    for row in rows[1:]:
        for cell, name in zip_longest(row, names, fillvalue=""):
            if cell and not name:
                raise ValueError(f"{cell[:40]!r} is in no column that has a name")
    return [_number("".join(row[names.index("id") :][:1])) for row in rows[1:]]


def read_ids(path: Path) -> list[int]:
    """Sample ids from the column ``id`` of a CSV file, or from its only column if it has no names.

    InputError if it is not in UTF-8, holds no ids, or something that is neither used nor named.
    """
    try:
        lines = io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, strict=True)]
        ids = _numbers([row for row in rows if any(row)])
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path}: {error}; give whole numbers in UTF-8, one a line or in one column named id"
        ) from error
    if not ids:
        raise InputError(f"{path} holds no sample ids; give at least one")
    return ids


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str] | None]:
    """Tensors by name, and the file's own metadata."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(
            f"cannot read {path} as safetensors weights: {error}; give a file that "
            "safetensors.torch.save_file(model.state_dict(), ...) wrote"
        ) from error


def _tell(plan: Preview, about: ModelDescription) -> None:
    _say(
        f"{len(plan.asked)} of {plan.steps} steps are affected "
        f"({plan.affected_fraction:.1%} of the training); "
        f"{len(plan.subtracted)} of them are subtracted already"
    )
    if also := plan.after - plan.before - plan.asked:
        _say(f"{len(also)} more steps of earlier requests are still in these weights")
    recorded, size = about.subtractable
    _say(
        f"of each step {recorded} of {size} {'weights' if about.buffers == 'keep' else 'entries'} "
        f"were recorded ({recorded / size:.1%}); the rest of what it did stays"
    )
    nbytes = len(plan.before ^ plan.after) * about.update_bytes
    _say(f"{nbytes} bytes to read; log verify checks them beforehand")


def _look(log: StoredLog, weights: State, request: Path | int, unfinished: bool) -> Preview:
    """The plan of a request, and what it says; of one to forget it says all."""
    if isinstance(request, int):
        plan = preview_undo(log, weights, request)
    else:
        ids = read_ids(request)
        plan = preview(log, weights, ids, unfinished=unfinished)
        _say(f"{len({*ids})} sample ids, from {min(ids)} to {max(ids)}")
        _tell(plan, log.description)
    if plan.kind == "forget" and (back := plan.before - plan.after):
        _say(f"{len(back)} steps are added again: the requests for them were undone")
    for told in plan.warnings:
        _say(f"warning: {told}", err=True)
    return plan


def _refuse_taken(out: Path, log: StoredLog, request: Path | int) -> None:
    """Raise InputError if the new weights would take the place of the ids or of the log's files."""
    real = os.path.realpath(out)
    taken = request if isinstance(request, Path) else log.folder.path(ROOT)
    inside = os.path.relpath(real, os.path.realpath(log.folder.root)) if log.folder.local else ""
    if real == os.path.realpath(taken) or inside.split(os.sep)[0] in OWN:
        raise InputError(f"{out} is the file of ids, or the log's own; name another for --out")


def answer(
    path: str,
    weights: Path,
    request: Path | int,
    out: Path | None,
    unfinished: bool = False,
    wrapped: bool = False,
) -> Entry | None:
    """Forget the samples of a file, or undo a request; without ``out`` only say what it would do.

    Raises as :func:`forget` and :func:`undo`, or InputError if a file cannot be read or written.
    """
    log = open_log(path)
    if out is not None:
        _refuse_taken(out, log, request)
        refuse_unwritable(out)  # before anything is done
    tensors, metadata = read_weights(weights)
    named = log.description.unwrapped(tensors) if wrapped else tensors
    mode = weights.stat().st_mode & 0o777  # private weights stay private, and a private file does
    if out is not None and out.exists():
        mode &= out.stat().st_mode
    with log.folder.locked():  # from the plan to its end: nobody changes the history in between
        plan = _look(log, named, request, unfinished)
        if out is None:
            return None
        remove_unfinished(out)
        entry = carry_out(
            log, named, plan, lambda: write_atomic(out, to_bytes(tensors, metadata), mode)
        )
    _say(f"request {entry.request}: {out} written, weights {entry.weights[:12]}")
    if entry.weights == plan.weights:
        _say(f"they are as before: {_why_as_before(plan)}")
    return entry


def make_final(path: str, request: int) -> None:
    """Purge a request that stands; say what that took, and what it cannot reach."""
    steps = len(from_ranges(purge(open_log(path), request).asked))
    _say(
        f"request {request} is final: {steps} steps are purged, with the ids of their batches\n"
        "Yours to delete: copies of the log, weights from before this request, and what a disk, "
        "snapshots or an object store keep of files that were replaced"
    )


def completed(path: str, ids: Path, out: Path) -> bool:
    """Complete a purge that was interrupted; whether it was that of these ids and weights."""
    log = open_log(path)
    if log.history.purging is None:
        return False
    make_final(path, log.history.purging)
    if log.seen_in(np.array(read_ids(ids)))[0]:
        return False
    _say("their ids are gone, so it cannot be checked that they are those of this file")
    weights = log.history.entries[-1].weights
    found = log.description.unwrapped(read_weights(out)[0])
    log.description.check(found)
    if log.description.digest(found) != weights:
        raise InputError(
            f"the purge of these samples is complete now, but {out} does not hold the weights "
            f"{weights[:12]} of that request; name the file that does"
        )
    return True
