"""Which edition the pages say they are: one version everywhere, and how to cite it."""

import re
import tomllib

import yaml

from reproduction import places
from reproduction.publishing.edition import edition

CITATION = yaml.safe_load(places.citation().read_text())


def test_one_version_in_the_package_the_citation_and_the_changelog():
    project = tomllib.loads((places.root() / "pyproject.toml").read_text())["project"]
    newest = re.search(r"^## (\S+)", (places.root() / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert project["version"] == CITATION["version"] == newest[1]


def test_the_edition_names_version_day_and_paper_and_assumes_no_address(monkeypatch):
    monkeypatch.delenv("BOOK_ADDRESS", raising=False)
    monkeypatch.delenv("BOOK_REPOSITORY", raising=False)
    found = edition()
    assert found["version"] == CITATION["version"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found["date"])
    assert found["paper"] == CITATION["references"][0]["url"]
    assert (found["address"], found["repository"]) == ("", "")


def test_it_cites_the_book_and_the_paper(monkeypatch):
    monkeypatch.setenv("BOOK_ADDRESS", "https://example.org/book/")
    found = edition()
    assert found["address"] == "https://example.org/book/"
    book, paper = found["cite"].split("\n\n")
    assert "url = {https://example.org/book}" in book
    assert "author = {Gogineni, Vinay Chakravarthi and Nadimi, Esmaeil}" in paper
