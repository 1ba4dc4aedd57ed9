"""The reference of the library: all its names, examples that run, and links that lead to a name."""

import doctest
import re
from pydoc import locate

import pytest

import partial_unlearning
from reproduction import places

API = (places.book() / "api.md").read_text()
ROLE = re.compile(r"\{py:\w+\}`(?:[^`<]*<)?~?([\w.]+)>?`")


def targets() -> set[str]:
    """The names of the library that pages link to."""
    sources = [*places.book().glob("*.md"), *places.notebooks().glob("*.py")]
    sources.append(places.notebooks() / "templates.yaml")
    return {name for path in sources for name in ROLE.findall(path.read_text())}


def documented() -> set[str]:
    """The names and modules that the page is made from."""
    names = re.findall(r"^\.\. auto\w+:: (\S+)", API, re.MULTILINE)
    return {f"partial_unlearning.{name.removeprefix('partial_unlearning.')}" for name in names}


def test_every_name_that_one_imports_is_on_the_page():
    methods = {"amnesiac", "gradient", "sisa"}
    names = set(partial_unlearning.__all__) - {"__version__"} - methods
    missing = {f"partial_unlearning.{name}" for name in names} - documented()
    assert missing == set()


def test_every_method_is_on_the_page():
    """But what methods have in common, and what the page names one by one."""
    found = {
        f"partial_unlearning.unlearners.{path.stem}"
        for path in (places.ROOT / "lib/partial_unlearning/unlearners").glob("[a-z]*.py")
    }
    apart = {"unlearners.steps", "unlearners.partition"}
    assert found - documented() == {f"partial_unlearning.{name}" for name in apart}


def test_the_examples_of_the_page_run():
    failed, tried = doctest.testfile(str(places.book() / "api.md"), module_relative=False)
    assert failed == 0 and tried > 30


@pytest.mark.parametrize("name", sorted(targets()))
def test_a_link_leads_to_a_name_of_the_page(name):
    assert any(name == known or name.startswith(f"{known}.") for known in documented())
    owner, _, last = name.rpartition(".")
    assert locate(name) is not None or last in locate(owner).__annotations__
