"""Which edition of the book this is: version, date, where it lies, and how to cite it."""

import os
from datetime import UTC, datetime

from reproduction import places
from reproduction.machine.code import commit_date
from reproduction.yaml_files import read_yaml

# Set where the book is deployed, so that pages can name themselves; elsewhere nothing is assumed.
ADDRESS, REPOSITORY = "BOOK_ADDRESS", "BOOK_REPOSITORY"


def edition() -> dict[str, str]:
    """What the foot and the head of every page say.

    Returns:
        version, date, paper, cite; and address and repository, empty unless the environment
        names them.
    """
    citation = read_yaml(places.citation())
    paper = citation["references"][0]
    address = os.environ.get(ADDRESS, "").rstrip("/")
    date = commit_date() or datetime.now(UTC).strftime("%Y-%m-%d")
    return {
        "version": citation["version"],
        "date": date,
        "paper": paper["url"],
        "repository": os.environ.get(REPOSITORY, ""),
        "address": f"{address}/" if address else "",
        "cite": f"{_book(citation, date, address)}\n\n{_paper(paper)}",
    }


def _book(citation: dict, date: str, address: str) -> str:
    """The book as a BibTeX entry."""
    fields = {
        "title": f"{{{citation['title']}}}",
        "author": f"{{{citation['authors'][0]['name']}}}",
        "year": date[:4],
        "version": citation["version"],
    }
    return _entry("misc", "partial_unlearning_book", fields | ({"url": address} if address else {}))


def _paper(paper: dict) -> str:
    authors = " and ".join(f"{a['family-names']}, {a['given-names']}" for a in paper["authors"])
    fields = {"title": f"{{{paper['title']}}}", "author": authors, "year": str(paper["year"])}
    return _entry("misc", "gogineni2024", fields | {"url": paper["url"]})


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])
