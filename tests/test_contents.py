"""Every numbered thing of the paper's Sections 3.2 to 5.6 is found in the book by its number."""

import re

import pytest
import yaml

from reproduction import paper, places
from reproduction.publishing import sources


def pages() -> str:
    """All Markdown of the pages in the table of contents, marks filled in."""
    contents = yaml.safe_load((places.ROOT / "_toc.yml").read_text())
    files = [contents["root"], *(c["file"] for part in contents["parts"] for c in part["chapters"])]
    prose = [(places.ROOT / f"{file}.md").read_text() for file in files if file.startswith("book/")]
    for source in sources.find([]):
        if f"notebooks/{source.name}" in files:
            cells = sources.read(source).cells
            prose += [cell.source for cell in cells if cell.cell_type == "markdown"]
    return re.sub(r"\s+", " ", "\n".join(prose))


@pytest.fixture(scope="module")
def book() -> str:
    return pages()


@pytest.mark.parametrize("item", paper.ITEMS)
def test_the_book_has_it(book, item):
    assert re.search(rf"\b{re.escape(item)}\b(?!\.?\d)", book), f"{item}: {paper.ITEMS[item]}"
