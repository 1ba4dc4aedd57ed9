"""Requests by files: sample ids from CSV, weights from and to safetensors, and what is told."""

import csv
import io
import re
from itertools import zip_longest
from pathlib import Path

import click
import safetensors
from safetensors.torch import save as to_bytes
from torch import Tensor

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from partial_unlearning.update_log.codecs import sample_ids
from partial_unlearning.update_log.description import Description
from partial_unlearning.update_log.log import open_log
from partial_unlearning.update_log.requests import Preview, carry_out, preview, preview_undo

UNCHANGED = {
    "forget": "they are as before: all of it was subtracted already",
    "undo": "they are as before: other requests still ask for these steps",
}


def _number(cell: str) -> int:
    """The number in a cell: digits, perhaps after a sign. Else ValueError; ``int`` takes 3_12."""
    if not re.fullmatch("[+-]?[0-9]{1,19}", cell):
        raise ValueError(f"{cell[:40]!r} is no whole number")
    return int(sample_ids([int(cell)])[0])


def _numbers(rows: list[list[str]]) -> list[int]:
    """Sample ids in rows of cells; ValueError if a filled cell is neither one nor under a name.

    Among several columns none is guessed: the wrong one would forget somebody else.
    """
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

    Raises:
        InputError: it is not in UTF-8, holds no ids, or something that is neither used nor named.
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
        raise InputError(f"cannot read {path} as safetensors weights: {error}") from error


def _tell(plan: Preview, about: Description) -> None:
    click.echo(
        f"{len(plan.asked)} of {plan.steps} steps are affected "
        f"({plan.affected_fraction:.1%} of the training); "
        f"{len(plan.subtracted)} of them are subtracted already"
    )
    if plan.also:
        click.echo(f"{len(plan.also)} more steps of earlier requests are still in these weights")
    click.echo(
        f"of each step {about.kept} of {about.size} entries were recorded "
        f"({about.kept / about.size:.1%}); the rest of what it did stays in the weights"
    )
    click.echo(f"{plan.nbytes} bytes to read; log verify checks them beforehand")
    if plan.warning:
        click.echo(f"warning: {plan.warning}", err=True)


def answer(
    path: str, weights: Path, request: Path | int, out: Path | None, unfinished: bool = False
) -> None:
    """Forget the samples of a file, or undo a request; without ``out`` only say what it would do.

    Raises:
        InputError: as :func:`forget` and :func:`undo`, or a file cannot be read or written.
    """
    log = open_log(path)
    tensors, metadata = read_weights(weights)
    mode = weights.stat().st_mode & 0o777  # private weights stay private
    with log.locked():  # from the plan to its end: nobody changes the history in between
        if isinstance(request, int):
            plan = preview_undo(log, tensors, request)
        else:
            ids = read_ids(request)
            plan = preview(log, tensors, ids, unfinished=unfinished)
            click.echo(f"{len(ids)} sample ids, from {min(ids)} to {max(ids)}")
            _tell(plan, log.description)
        if out is None:
            return

        def save() -> None:
            for name, first in log.description.tied.items():
                if name in tensors:
                    tensors[name] = tensors[first].clone()
            write_atomic(out, to_bytes(tensors, metadata), mode)

        entry = carry_out(log, tensors, plan, save)
    click.echo(f"request {entry.request}: {out} written, weights {entry.weights[:12]}")
    if entry.weights == plan.weights:
        click.echo(UNCHANGED[entry.kind])
