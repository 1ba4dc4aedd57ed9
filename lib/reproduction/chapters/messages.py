"""What the update log says when something is wrong, as tests have heard it."""

import click

from reproduction import places
from reproduction.chapters.tables import Table, simple_table
from reproduction.yaml_files import read_yaml

FILE = places.book() / "messages.yaml"


def load_messages() -> list[dict[str, str]]:
    """The situations, each with the name of its test and the message."""
    found: list[dict[str, str]] = read_yaml(FILE)
    return found


def message_table() -> Table:
    """Situations and messages as a table."""
    return simple_table(
        [[entry["situation"], click.unstyle(entry["message"])] for entry in load_messages()],
        headings=("Situation", "What it says"),
        caption="What can go wrong with an update log, and what it says then.",
    )
