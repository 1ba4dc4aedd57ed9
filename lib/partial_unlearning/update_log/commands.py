"""``partial-unlearning log`` and ``forget``: the update log from the command line."""

import csv
import shutil
from pathlib import Path

import click
import safetensors
import torch
from safetensors.torch import save
from torch import Tensor

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from partial_unlearning.update_log import StoredLog, forget, open_log, preview, undo
from partial_unlearning.update_log.description import Description
from partial_unlearning.update_log.history import Entry, from_ranges, weights_digest

log_argument = click.argument("path", metavar="PATH")


@click.group("log")
def log_group() -> None:
    """Look at an update log, or check it."""


def _ledger_line(entry: Entry) -> str:
    steps = len(from_ranges(entry.asked))
    what = f"request {entry.request}: {entry.kind}" if entry.request else entry.kind
    return f"  {entry.time}  {what}, {steps} steps -> weights {entry.weights[:12]}"


def _facts(log: StoredLog) -> dict[str, object]:
    said, steps = log.description, len(log)
    dense = 4 * log.size
    each = log.bytes_per_step()
    return {
        "model": f"{log.size} entries in {len(said.layers)} layers, {said.fingerprint[:12]}",
        "pruning": f"{said.strategy}, {said.first:g} to {said.last:g}, seed {said.seed}",
        "update": f"{said.kept} values in {said.values}, positions {said.positions}",
        "steps": steps,
        "bytes": f"{log.folder.total()}, {each} a step, {each / dense:.2%} of a dense float32 log",
        "recording": "ended" if steps == log.ledger.trained_steps else "not ended",
        "versions": ", ".join(f"{name} {number}" for name, number in said.versions.items()),
    }


@log_group.command("info")
@log_argument
def info(path: str) -> None:
    """Say what the log at PATH (a folder or URL) holds."""
    log = open_log(path)
    for name, value in _facts(log).items():
        click.echo(f"{name:10}{value}")
    for entry in log.ledger.entries:
        click.echo(_ledger_line(entry))


@log_group.command("verify")
@log_argument
def verify(path: str) -> None:
    """Read every byte of the log at PATH and check it; exit status 2 if anything is wrong."""
    log = open_log(path)
    problems = list(log.verify())
    if problems:
        raise InputError("\n".join(problems))
    click.echo(f"{len(log)} steps, every one as it was written")


def read_ids(path: Path) -> Tensor:
    """Sample ids from the column ``id`` of a CSV file, or from its only column if it has no names.

    Raises:
        InputError: no ids, several columns of which none is named ``id`` (the wrong one would
            forget somebody else), or something that is not a whole number.
    """
    with path.open(newline="") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    names = rows[0] if rows else []
    if len(names) > 1 and "id" not in names:
        raise InputError(
            f"{path} has {len(names)} columns and none is named id; name the one of sample ids so"
        )
    column = names.index("id") if "id" in names else 0
    try:
        ids = [int(row[column]) for row in rows["id" in names :]]
    except (ValueError, IndexError) as error:
        raise InputError(
            f"{path}: {error}; give whole numbers, one a line or in a column named id"
        ) from error
    if not ids:
        raise InputError(f"{path} holds no sample ids; give at least one")
    return torch.tensor(ids)


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str] | None]:
    """Tensors by name, and the file's own metadata.

    Raises:
        InputError: no such file, or not a safetensors file.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"cannot read {path} as safetensors weights: {error}") from error


def write_weights(
    path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None, said: Description
) -> None:
    """Write tensors, whole or not at all; tied ones under all their names."""
    for name, first in said.tied.items():
        if name in tensors:
            tensors[name] = tensors[first].clone()
    write_atomic(path, save(tensors, metadata))


@click.command("forget")
@click.option("--log", "path", required=True, help="The update log, a folder or URL.")
@click.option("--weights", type=click.Path(path_type=Path), required=True, help="safetensors file.")
@click.option("--ids", type=click.Path(path_type=Path, exists=True), help="CSV with a column id.")
@click.option("--undo", "request", type=int, help="Take this request back instead.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the new weights."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def forget_command(
    path: str, weights: Path, ids: Path | None, request: int | None, out: Path | None, dry_run: bool
) -> None:
    """Subtract what training learned in every step that saw the given samples."""
    if (ids is None) == (request is None) or (dry_run and ids is None):
        raise InputError("give either --ids, with or without --dry-run, or --undo")
    if not dry_run and out is None:
        raise InputError("give --out, the file to write the new weights to, or --dry-run")
    log = open_log(path)
    tensors, metadata = read_weights(weights)
    if ids is not None:
        _say(log, tensors, read_ids(ids))
    if dry_run:
        return

    def save() -> None:
        write_weights(out, tensors, metadata, log.description)
        shutil.copymode(weights, out)  # private weights stay private

    before = weights_digest(log.description.layout, tensors)
    if request is None:
        entry = forget(log, tensors, read_ids(ids), save)
    else:
        entry = undo(log, tensors, request, save)
    click.echo(f"request {entry.request}: {out} written, weights {entry.weights[:12]}")
    if entry.weights == before:
        click.echo(UNCHANGED[entry.kind])


UNCHANGED = {
    "forget": "they are as before: all of it was subtracted already",
    "undo": "they are as before: other requests still ask for these steps",
}


def _say(log: StoredLog, tensors: dict[str, Tensor], ids: Tensor) -> None:
    """Tell what a request means before it is carried out."""
    seen, kept = preview(log, tensors, ids), log.description.kept
    click.echo(f"{len(ids)} sample ids, from {ids.min()} to {ids.max()}")
    click.echo(
        f"{seen.affected} of {seen.steps} steps are affected ({seen.share:.1%} of the training); "
        f"{seen.subtracted} of them are subtracted already"
    )
    if seen.also:
        click.echo(f"{seen.also} more steps of earlier requests are still in these weights")
    click.echo(
        f"of each step {kept} of {log.size} entries were recorded ({kept / log.size:.1%}); "
        "the rest of what it did stays in the weights"
    )
    click.echo(f"{seen.nbytes} bytes to read; log verify checks them beforehand")
    if seen.warning:
        click.echo(f"warning: {seen.warning}", err=True)
