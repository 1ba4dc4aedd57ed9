"""``python -m reproduction COMMAND``; ``--help`` after any command explains it."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pandas as pd

from partial_unlearning.errors import InputError
from partial_unlearning.update_log.commands import forget_command, log_group, purge_command
from reproduction import __doc__ as purpose
from reproduction import publishing
from reproduction.checking.claims import READINGS
from reproduction.datasets.embedded import make_sample
from reproduction.machine.workers import cores
from reproduction.study import results, tuning
from reproduction.study.experiments import EXPERIMENTS
from reproduction.study.overrides import PARAMETERS
from reproduction.study.profiles import load_profile, names
from reproduction.study.scheduler import check_address
from reproduction.study.stored_runs import find, run_name


class _Commands(click.Group):
    """Turns an InputError into one readable message and exit status 2, Ctrl-C into 130."""

    def invoke(self, context: click.Context) -> object:
        """Run the command that was asked for."""
        try:
            return super().invoke(context)
        except InputError as error:
            click.echo(f"error: {error}", err=True)
            context.exit(2)
        except KeyboardInterrupt:
            click.echo("interrupted; finished runs are kept, start again to go on", err=True)
            context.exit(130)


def _set_data_root(_: click.Context, __: click.Parameter, value: Path | None) -> None:
    """Worker processes and notebook kernels find the data through the environment."""
    if value is not None:
        os.environ["UNLEARN_DATA"] = str(value.resolve())


def _scheduler(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuse a wrong address at once, also where no run turns out to be missing."""
    return None if value is None else check_address(value)


profile_option = click.option(
    "--profile", type=click.Choice(names()), default="quick", show_default=True, help="Settings."
)
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    callback=_set_data_root,
    expose_value=False,
    help="Folder of the complete data sets (else UNLEARN_DATA, else data/).",
)
jobs_option = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=cores(),
    show_default="number of cores",
    help="Runs or notebooks at a time; each uses one core, and results do not depend on it.",
)
scheduler_option = click.option(
    "--scheduler",
    metavar="ADDRESS",
    callback=_scheduler,
    help="Make the runs on a Dask cluster: tcp://HOST:PORT of one that exists, or local:N.",
)
parameter_option = click.option(
    "-p",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help=f"Change a setting; repeatable: {', '.join(PARAMETERS)}.",
)
strict_option = click.option(
    "--strict", is_flag=True, help="Treat every warning of the build as an error."
)


def run_options(command: Callable) -> Callable:
    """The options of all commands that train."""
    return profile_option(data_option(jobs_option(command)))


@click.group(cls=_Commands, help=purpose)
def main() -> None:
    """Say on stderr what the library has to say, such as which data it runs on."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    for name in ("partial_unlearning", "reproduction"):
        logging.getLogger(name).setLevel(logging.INFO)


MISSING = (
    "The others need the complete data and hours: name their folder, or an empty one to download "
    "them into, with --data (make book DATA=...) or UNLEARN_DATA"
)


def _check_data(profile: str) -> None:
    """Raise InputError for all data sets that cannot be had, before anything is run."""
    from reproduction.datasets.sets import load  # with torch, which most commands do without

    settings, problems = load_profile(profile), []
    for name in settings.datasets:
        try:
            load(name, source=settings.source)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))


@main.command()
@run_options
@scheduler_option
@strict_option
def book(profile: str, jobs: int, scheduler: str | None, strict: bool) -> None:
    """Run what is missing, execute every notebook, build the book and print its path.

    Of a profile on the complete data it is run only where these are named: pages show what is
    stored.
    """
    there, planned = results.standing(profile)
    if there < planned and results.lacks_data(profile):
        click.echo(f"{there} of {planned} runs are stored, and shown. {MISSING}", err=True)
    else:
        if there < planned:
            _check_data(profile)
        # all that the notebooks will look up
        results.run_everything(profile, jobs=jobs, scheduler=scheduler)
    publishing.execute([], profile, {}, jobs=jobs)
    click.echo(publishing.build(profile, strict=strict))


@main.command()
@run_options
@parameter_option
@click.option("--publish", is_flag=True, help="Copy the executed notebooks to notebooks/ as well.")
@click.argument("notebooks", nargs=-1)
def execute(
    profile: str, jobs: int, parameters: tuple[str, ...], publish: bool, notebooks: tuple[str]
) -> None:
    """Execute NOTEBOOKS (all of them when none is named) under a profile."""
    values = publishing.parse_parameters(parameters)
    for path in publishing.execute(notebooks, profile, values, jobs=jobs):
        click.echo(path)
    if publish:
        publishing.publish(profile)


@main.command()
@profile_option
@strict_option
def build(profile: str, strict: bool) -> None:
    """Build the book from the notebooks executed under a profile and print its path."""
    click.echo(publishing.build(profile, strict=strict))


@main.command()
@run_options
@scheduler_option
@parameter_option
@click.argument("experiment")
def run(
    experiment: str,
    profile: str,
    jobs: int,
    scheduler: str | None,
    parameters: tuple[str, ...],
) -> None:
    """Run EXPERIMENT (such as table_1, figure_4, sisa) and print its rows.

    Results that exist are read.
    """
    changes = publishing.parse_parameters(parameters)
    results.refuse_unused(experiment, profile, **changes)
    found = results.results(experiment, profile, jobs=jobs, scheduler=scheduler, **changes)
    results.write_tables(profile)
    if not found:
        raise InputError(
            f"{experiment} has no runs with these settings under profile {profile}: "
            "its data set has other models, or nothing was tuned for them yet"
        )
    rows = [
        result.config.model_dump(include={"experiment", "model", "seed"}) | row
        for result in found
        for row in result.rows
    ]
    with pd.option_context("display.width", 160, "display.float_format", "{:.2f}".format):
        click.echo(pd.DataFrame(rows).fillna("").to_string(index=False))


@main.command()
@profile_option
def status(profile: str) -> None:
    """List each run of a profile: whether it exists, and how long it took."""
    for name in EXPERIMENTS:
        _, configs = results.resolve(name, profile)
        found = [find(profile, config) for config in configs]
        spent = [result.provenance["seconds"] for result in found if result]
        click.echo(f"{name}: {len(spent)} of {len(configs)} runs, {sum(spent):.0f} s")
        for config, result in zip(configs, found, strict=True):
            took = f"{result.provenance['seconds']:7.1f} s" if result else "  missing"
            click.echo(f"  {took}  {run_name(config)}")


@main.command()
@run_options
@scheduler_option
@click.option("--family", help="Tune one family only: amnesiac, label_flipping, optimization.")
@click.option("--dataset", help="Tune on one data set only.")
@click.option("--model", help="Tune one model only.")
def tune(
    profile: str,
    jobs: int,
    scheduler: str | None,
    family: str | None,
    dataset: str | None,
    model: str | None,
) -> None:
    """Choose settings on held-out training data by the book's rule, into profiles/tuned/."""
    names = {"family": family, "dataset": dataset, "model": model}
    for line in tuning.tune(profile, jobs=jobs, scheduler=scheduler, **names):
        click.echo(line)


@main.command()
@profile_option
def claims(profile: str) -> None:
    """Judge every claim of the paper by the stored results and write the result into the README."""
    from reproduction.chapters.claim_pages import write_result  # with matplotlib

    dates = ["committed", "first_run"]
    shown = ["id", "coverage", *READINGS, *dates]
    click.echo(write_result(profile)[shown].to_string(index=False))


@main.command()
@data_option
def sample() -> None:
    """Make the embedded sample anew from the complete data sets."""
    for path in make_sample():
        click.echo(path)


main.add_command(log_group)
main.add_command(forget_command)
main.add_command(purge_command)


if __name__ == "__main__":
    main(prog_name="python -m reproduction")
