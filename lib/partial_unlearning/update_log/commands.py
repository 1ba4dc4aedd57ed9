"""``partial-unlearning log`` and ``forget``: the update log from the command line.

Torch is loaded by the commands that need it, when they run: ``log info`` does without.
"""

import csv
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click
import safetensors

import partial_unlearning
from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from partial_unlearning.update_log.description import Description
from partial_unlearning.update_log.folder import Folder
from partial_unlearning.update_log.history import Entry, from_ranges
from partial_unlearning.update_log.log_files import LogFiles

if TYPE_CHECKING:
    from torch import Tensor

    from partial_unlearning.update_log.log import StoredLog
    from partial_unlearning.update_log.requests import Preview

log_argument = click.argument("path", metavar="PATH")


@click.group("log")
def log_group() -> None:
    """Look at an update log, or check it."""


def _history_line(entry: Entry) -> str:
    steps = len(from_ranges(entry.asked))
    name = f"request {entry.request}: {entry.kind}" if entry.request else entry.kind
    return f"  {entry.time}  {name}, {steps} steps -> weights {entry.weights[:12]}"


def _facts(log: LogFiles) -> dict[str, object]:
    about, steps, each = log.description, len(log), log.bytes_per_step()
    sparsity = f"{about.sparsity_first:g} to {about.sparsity_last:g}"
    dense = each / (4 * log.size)
    return {
        "model": f"{log.size} entries in {len(about.layers)} layers, {about.fingerprint[:12]}",
        "pruning": f"{about.strategy}, {sparsity}, seed {about.seed}",
        "update": f"{about.kept} values in {about.values}, positions {about.positions}",
        "steps": steps,
        "bytes": f"{log.folder.total()}, {each} a step, {dense:.2%} of a dense float32 log",
        "recording": "ended" if steps == log.history.trained_steps else "not ended",
        "versions": ", ".join(f"{name} {number}" for name, number in about.versions.items()),
    }


@log_group.command("info")
@log_argument
def info(path: str) -> None:
    """Say what the log at PATH (a folder or URL) holds."""
    log = LogFiles(Folder(path))
    for name, value in _facts(log).items():
        click.echo(f"{name:10}{value}")
    for entry in log.history.entries:
        click.echo(_history_line(entry))


@log_group.command("verify")
@log_argument
def verify(path: str) -> None:
    """Read every byte of the log at PATH and check it; exit status 2 if anything is wrong."""
    log = partial_unlearning.open_log(path)
    problems = list(log.verify())
    if problems:
        raise InputError("\n".join(problems))
    click.echo(f"{len(log)} steps, every one as it was written")


def read_ids(path: Path) -> list[int]:
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
    return ids


def read_weights(path: Path) -> tuple[dict[str, "Tensor"], dict[str, str] | None]:
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
    path: Path, tensors: dict[str, "Tensor"], metadata: dict[str, str] | None, tied: dict[str, str]
) -> None:
    """Write tensors, whole or not at all; ``tied`` ones (name -> first name) under all names."""
    from safetensors.torch import save  # loads torch

    for name, first in tied.items():
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
    if out is None and not dry_run:
        raise InputError("give --out, the file to write the new weights to, or --dry-run")
    log = partial_unlearning.open_log(path)
    tensors, metadata = read_weights(weights)
    if out is None or dry_run:
        _plan(log, tensors, ids, request)
        return

    def save() -> None:
        write_weights(out, tensors, metadata, log.description.tied)
        shutil.copymode(weights, out)  # private weights stay private

    with log.locked():  # from the plan to its end: nobody changes the history in between
        plan = _plan(log, tensors, ids, request)
        entry = partial_unlearning.carry_out(log, tensors, plan, save)
    click.echo(f"request {entry.request}: {out} written, weights {entry.weights[:12]}")
    if entry.weights == plan.weights:
        click.echo(UNCHANGED[entry.kind])


UNCHANGED = {
    "forget": "they are as before: all of it was subtracted already",
    "undo": "they are as before: other requests still ask for these steps",
}


def _plan(
    log: "StoredLog", tensors: dict[str, "Tensor"], ids: Path | None, request: int | None
) -> "Preview":
    """The plan of a request; what forgetting means is told before it is carried out."""
    if ids is None:
        assert request is not None, "either sample ids or a request"
        return partial_unlearning.preview_undo(log, tensors, request)
    numbers = read_ids(ids)
    plan = partial_unlearning.preview(log, tensors, numbers)
    click.echo(f"{len(numbers)} sample ids, from {min(numbers)} to {max(numbers)}")
    _tell(plan, log.description)
    return plan


def _tell(plan: "Preview", about: Description) -> None:
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
