"""Every numbered thing of the paper's Sections 3.2 to 5.6 is found in the book by its number."""

import re

import pytest
import yaml

from reproduction import places
from reproduction.publishing import sources

ITEMS: dict[str, str] = {
    "Section 3.2.1": "SISA",
    "Section 3.2.2": "Amnesiac unlearning",
    "Section 3.2.3": "Label flipping",
    "Section 3.2.4": "Optimization-based unlearning",
    "Section 4.1": "Partial amnesiac unlearning",
    "Section 4.2": "Partial updates in label flipping",
    "Section 4.3": "Partial updates in optimization-based unlearning",
    "Section 5.2": "Data sets",
    "Section 5.3": "Network architectures",
    "Section 5.4": "Partial amnesiac unlearning, assessed",
    "Section 5.5": "Partial label flipping, assessed",
    "Section 5.6": "Partial optimization-based unlearning, assessed",
    "Figure 1": "Training and unlearning, MNIST",
    "Figure 2": "Training and unlearning, OrganAMNIST",
    "Figure 3": "Class activation maps of LeNet",
    "Figure 4": "Retained accuracy against affected batches",
    "Table 1": "Amnesiac, MNIST",
    "Table 2": "Amnesiac, OrganAMNIST",
    "Table 3": "Label flipping, MNIST",
    "Table 4": "Label flipping, OrganAMNIST",
    "Table 5": "Optimization-based, MNIST",
    "Table 6": "Optimization-based, OrganAMNIST",
}


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


@pytest.mark.parametrize("item", ITEMS)
def test_the_book_has_it(book, item):
    assert re.search(rf"\b{re.escape(item)}\b(?!\.?\d)", book), f"{item}: {ITEMS[item]}"
