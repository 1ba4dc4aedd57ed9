"""``partial-unlearning COMMAND``; ``--help`` after any command explains it."""

import sys

import click

from partial_unlearning.errors import InputError
from partial_unlearning.update_log.commands import forget_command, log_group, purge_command


@click.group(commands=[log_group, forget_command, purge_command])
@click.version_option(package_name="partial-unlearning")
def commands() -> None:
    """Unlearn from the command line, with an update log that was recorded while training."""


def main() -> None:
    """Run a command; what a person got wrong is said in one message, with exit status 2."""
    try:
        commands(prog_name="partial-unlearning")
    except (InputError, OSError) as error:  # a link that leads nowhere, say
        click.echo(f"error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
