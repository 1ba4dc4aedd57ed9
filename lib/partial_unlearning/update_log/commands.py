"""``partial-unlearning log`` and ``forget``: the update log from the command line."""

from pathlib import Path

import click

from partial_unlearning.errors import InputError
from partial_unlearning.update_log.folder import Folder
from partial_unlearning.update_log.history import from_ranges
from partial_unlearning.update_log.log_files import LogFiles

log_argument = click.argument("path", metavar="PATH")


class Once(click.Command):
    """A command that refuses an option given twice, of which click would take the last."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does."""
        _, _, given = self.make_parser(ctx).parse_args([*args])
        options = [one for one in given if isinstance(one, click.Option) and not one.is_flag]
        for option in options:
            if options.count(option) > 1:
                raise InputError(f"{option.opts[0]} is given more than once; put all into one")
        return super().parse_args(ctx, args)


@click.group("log")
def log_group() -> None:
    """Look at an update log, or check it."""


def _facts(log: LogFiles) -> dict[str, object]:
    about, steps, total = log.description, len(log), log.folder.total()
    sparsity = f"{about.sparsity_first:g} to {about.sparsity_last:g}"
    blocks = f", blocks of {about.block}" * (about.block > 1)
    dense = total / (4 * about.size * max(steps, 1))
    again = f", not complete: unless it is running, purge {log.history.purging} again"
    return {
        "model": f"{about.size} entries in {len(about.model['layers'])} layers",
        "pruning": f"{about.strategy}, {sparsity}, seed {about.seed}{blocks}",
        "update": f"{about.kept} values in {about.values}, positions {about.positions}",
        "steps": steps,
        "bytes": f"{total}, {dense:.2%} of a dense float32 log",
        "recording": "ended" if log.ended else "not ended",
        "purged": f"{len(log.history.purged)} steps" + again * bool(log.history.purging),
        "versions": ", ".join(f"{name} {number}" for name, number in about.versions.items()),
    }


@log_group.command("info")
@log_argument
def info(path: str) -> None:
    """Say what the log at PATH (a folder or URL) holds."""
    log = LogFiles(Folder(path))
    for name, value in _facts(log).items():
        click.echo(f"{name:10}{value}")
    if begun := log.history.announced:
        click.echo(f"a {begun.kind} has not ended: unless it is running, repeat it")
    for entry in log.history.entries:
        steps = len(from_ranges(entry.asked))
        name = f"request {entry.request}: {entry.kind}" if entry.request else entry.kind
        click.echo(f"  {entry.time}  {name}, {steps} steps -> weights {entry.weights[:12]}")


@log_group.command("verify")
@log_argument
def verify(path: str) -> None:
    """Read every byte of the log at PATH and check it; exit status 2 if anything is wrong."""
    from partial_unlearning.update_log.log import open_log  # loads torch: log info does without

    log = open_log(path)
    if problems := list(log.verify()):
        raise InputError("\n".join(problems))
    gone = f"; {len(log.history.purged)} of them are purged" * bool(log.history.purged)
    click.echo(f"{len(log)} steps, every one as it was written{gone}")


@click.command("forget", cls=Once)
@click.option("--log", "path", required=True, help="The update log, a folder or URL.")
@click.option("--weights", type=click.Path(path_type=Path), required=True, help="safetensors file.")
@click.option("--ids", type=click.Path(path_type=Path, exists=True), help="CSV with a column id.")
@click.option("--undo", "request", type=int, help="Take this request back instead.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the new weights."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--unfinished", is_flag=True, help="The log was not closed; these are its weights.")
@click.option("--wrapped", is_flag=True, help="Names of a compiled or wrapped model are meant.")
@click.option("--final", is_flag=True, help="Also purge it from the log, for good.")
def forget_command(
    path: str,
    weights: Path,
    ids: Path | None,
    request: int | None,
    out: Path | None,
    dry_run: bool,
    unfinished: bool,
    wrapped: bool,
    final: bool,
) -> None:
    """Subtract what training learned in every step that saw the given samples."""
    asked = request if ids is None else ids
    if asked is None or None not in (ids, request) or dry_run + final > (ids is not None):
        raise InputError("give either --ids, perhaps with --dry-run or --final, or --undo")
    if out is None and not dry_run:
        raise InputError("give --out, the file to write the new weights to, or --dry-run")
    from partial_unlearning.update_log.request_files import answer, completed, make_final

    if final and ids and out and completed(path, ids, out):
        return
    entry = answer(path, weights, asked, None if dry_run else out, unfinished, wrapped)
    if final and entry:
        make_final(path, entry.request)


@click.command("purge", cls=Once)
@click.option("--log", "path", required=True, help="The update log, a folder or URL.")
@click.argument("request", type=int)
def purge_command(path: str, request: int) -> None:
    """Overwrite the updates and sample ids that REQUEST, by its number, asked for: it is final."""
    from partial_unlearning.update_log.request_files import make_final  # loads torch

    make_final(path, request)
