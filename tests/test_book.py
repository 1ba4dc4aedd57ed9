"""Executing notebooks and building the book, on a small project of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from importlib.metadata import version
from pathlib import Path

import nbformat
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conftest import heed_interrupts, link_project
from partial_unlearning.errors import InputError
from reproduction import places
from reproduction import publishing as book
from reproduction.publishing import building, execution, sources

PLAIN = """# %% [markdown]
# # Plain
# See [Eq. (1)](#eq-1).

# %% tags=["parameters", "remove-cell"]
profile = "quick"
share = 0.2

# %%
import sys
from partial_unlearning.errors import InputError
if not 0 < share <= 1:
    raise InputError(f"share {share} is outside (0, 1]")
print("progress", file=sys.stderr)
print(profile, share)
"""
TEMPLATE = """# %% [markdown]
# # {{title}}

# %% tags=["parameters", "remove-cell"]
profile = "quick"
table = 0

# %%
print(table * 10)
"""
LISTING = """
made_1: {source: made.py, parameters: {table: 1}, substitutions: {title: First}}
made_2: {source: made.py, parameters: {table: 2}, substitutions: {title: Second}}
"""
CONTENTS = """
format: jb-book
root: book/index
chapters:
  - file: book/preliminaries
  - file: notebooks/made_2
  - file: notebooks/plain
  - file: notebooks/made_1
  - file: book/references
"""


PROJECT = places.ROOT  # the real one, also where a test puts another in its place


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one plain notebook and two made from a template."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (notebooks / "plain.py").write_text(PLAIN)
    (notebooks / "made.py").write_text(TEMPLATE)
    (notebooks / "templates.yaml").write_text(LISTING)
    (tmp_path / "_toc.yml").write_text(CONTENTS)
    link_project(tmp_path)
    monkeypatch.setattr("reproduction.places.ROOT", tmp_path)
    return tmp_path


def outputs(path: Path) -> list[str]:
    cells = nbformat.read(path, 4).cells
    return [output.text for cell in cells for output in cell.get("outputs", [])]


# The repository's own configuration


def contents() -> list[str]:
    return re.findall(r"(?:root|file):\s*(\S+)", (places.ROOT / "_toc.yml").read_text())


def test_every_page_of_the_contents_has_a_source():
    names = book.notebook_names()
    missing = [
        page
        for page in contents()
        if not (places.ROOT / f"{page}.md").exists()
        and not (page.startswith("notebooks/") and Path(page).name in names)
    ]
    assert missing == []


def test_every_notebook_is_in_the_contents_and_has_a_profile():
    for name in book.notebook_names():
        assert f"notebooks/{name}" in contents()
        (source,) = sources.find([name])
        assert next(iter(sources.parameters(source, sources.read(source)))) == "profile", name


def test_notebooks_are_executed_before_the_build_and_never_by_it():
    settings = yaml.safe_load((places.ROOT / "_config.yml").read_text())
    assert settings["execute"]["execute_notebooks"] == "off"
    assert settings["launch_buttons"]["thebe"] is False


def test_requirements_are_exact_and_installed():
    lines = (places.ROOT / "requirements.txt").read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert lines.pop() == "-e ."
    pins = [re.fullmatch(r"([A-Za-z0-9_.-]+)==([\w.]+)", line) for line in lines]
    assert None not in pins
    wrong = {pin[1]: pin[2] for pin in pins if version(pin[1]).partition("+")[0] != pin[2]}
    assert wrong == {}


def test_the_citation_names_the_paper_and_the_version_of_the_package():
    citation = yaml.safe_load((places.ROOT / "CITATION.cff").read_text())
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == ["Gogineni", "Nadimi"]
    assert (paper["year"], paper["month"]) == (2024, 3)
    assert citation["license"] == "Apache-2.0"
    project = tomllib.loads((places.ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"]
    changes = (places.ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## (\S+)", changes, re.MULTILINE)[1] == project["version"]


# Sources


def test_names_come_in_the_order_of_the_contents(project):
    assert book.notebook_names() == ["made_2", "plain", "made_1"]
    (project / "notebooks" / "later.py").write_text(PLAIN)
    assert book.notebook_names() == ["made_2", "plain", "made_1", "later"]


def test_a_template_fills_marks_in_text_and_metadata(project):
    text = TEMPLATE.replace(
        "# %%\nprint", '# %% mystnb={"figure": {"caption": "{{ title }}"}}\nprint'
    )
    (project / "notebooks" / "made.py").write_text(text)
    first, second = (sources.read(source) for source in sources.find(["made_1", "made_2"])[::-1])
    assert first.cells[0].source == "# First"
    assert second.cells[-1].metadata["mystnb"]["figure"]["caption"] == "Second"


def test_a_mark_without_text_is_named(project):
    (project / "notebooks" / "made.py").write_text(TEMPLATE.replace("{{title}}", "{{subtitle}}"))
    with pytest.raises(InputError, match=r"\{\{subtitle\}\}.*made_1"):
        sources.read(sources.find(["made_1"])[0])


# Execution


def test_execute_runs_cleans_and_publishes(project):
    paths = book.execute([], "smoke", {})
    assert [path.name for path in paths] == ["made_2.ipynb", "plain.ipynb", "made_1.ipynb"]
    assert [outputs(path) for path in paths] == [["20\n"], ["smoke 0.2\n"], ["10\n"]]
    notebook = nbformat.read(paths[1], 4)
    assert set(notebook.metadata) == {"kernelspec", "language_info", "code_digest"}
    assert [cell.id for cell in notebook.cells] == [f"cell-{number}" for number in range(1, 6)]
    assert not any({"papermill", "execution"} & set(cell.metadata) for cell in notebook.cells)
    assert "hide-input" in notebook.cells[2].metadata.tags
    assert str(project) not in paths[1].read_text()
    published = book.publish("smoke")
    assert published[1] == project / "notebooks" / "plain.ipynb"
    assert published[1].read_text() == paths[1].read_text()


def test_equal_runs_give_equal_files(project):
    first, second = (book.execute(["plain"], "smoke", {})[0].read_bytes() for _ in range(2))
    assert first == second


def test_a_parameter_reaches_the_notebook(project):
    values = book.parse_parameters(["share=0.5"])
    (path,) = book.execute(["plain"], "quick", values)
    assert outputs(path) == ["quick 0.5\n"]
    assert "executed with `share=0.5`" in nbformat.read(path, 4).cells[1].source
    assert "executed with" not in book.execute(["plain"], "quick", {})[0].read_text()


def test_pages_of_other_code_are_named(project, monkeypatch):
    paths = book.execute(["plain", "made_1"], "smoke", {})
    assert execution.outdated(paths) == []
    monkeypatch.setattr(execution, "code_digest", lambda: "changed")
    assert execution.outdated(paths) == ["plain", "made_1"]


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        (["nope"], {}, "unknown notebook nope; the notebooks are: made_2, plain, made_1"),
        (["plain"], {"shore": 1}, "no parameter shore; it has: share"),
        (["plain"], {"profile": "full"}, "no parameter profile.*--profile"),
        (["plain"], {"share": 1.5}, r"^notebook plain: share 1\.5 is outside \(0, 1\]$"),
        (["plain"], {"share": "a"}, "plain failed with TypeError: .*not supported"),
    ],
)
def test_bad_input_has_one_message_and_leaves_what_was_there(project, names, values, message):
    before = project / "_build" / "quick" / "notebooks" / "plain.ipynb"
    before.parent.mkdir(parents=True)
    before.write_text("as it was")
    with pytest.raises(InputError, match=message):
        book.execute(names, "quick", values)
    assert [path.name for path in before.parent.iterdir()] == ["plain.ipynb"]
    assert before.read_text() == "as it was"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.2", 0.2),
        ("1e-1", 0.1),
        ("-3", -3),
        ("[0, 1]", [0, 1]),
        ("null", None),
        ("true", True),
        ("010", "010"),
        ("1:30", "1:30"),
        ("no", "no"),
        ("MLP", "MLP"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_a_parameter_is_a_value_of_json_or_a_text(text, value):
    (found,) = book.parse_parameters([f"name={text}"]).values()
    assert found == value and type(found) is type(value)


@given(st.text())
def test_words_are_taken_as_they_are(text):
    assert book.parse_parameters([f"name=a{text}"]) == {"name": f"a{text}"}


@given(
    st.recursive(
        st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False), st.lists
    )
)
def test_values_of_json_are_read_as_they_were_written(value):
    assert book.parse_parameters([f"name={json.dumps(value)}"]) == {"name": value}


@pytest.mark.parametrize("pair", ["share", "=0.5"])
def test_a_malformed_parameter_is_refused(pair):
    with pytest.raises(InputError, match="share|name=value"):
        book.parse_parameters([pair])


def test_a_warning_is_kept_for_tests_to_see_and_a_progress_bar_is_not():
    def output(text):
        return nbformat.v4.new_output("stream", name="stderr", text=text)

    bar, warning = output("50%|#####     | 1/2"), output("x.py:1: UserWarning: careful")
    cell = nbformat.v4.new_code_cell(outputs=[bar, warning])
    cleaned = execution._cleaned(nbformat.v4.new_notebook(cells=[cell]))
    assert cleaned.cells[0].outputs == [warning]


def test_an_unwritable_output_folder_is_one_message(project):
    (project / "_build").write_text("a file where the folder should be")
    with pytest.raises(InputError, match="cannot write to the folder"):
        book.execute(["plain"], "smoke", {})


def test_notebooks_executed_side_by_side_are_the_same(project):
    alone = {path.name: path.read_bytes() for path in book.execute([], "smoke", {})}
    together = book.execute([], "smoke", {}, jobs=3)
    assert [path.name for path in together] == list(alone)
    assert {path.name: path.read_bytes() for path in together} == alone


def test_of_notebooks_executed_side_by_side_a_failed_one_says_why(project):
    (project / "notebooks" / "plain.py").write_text(PLAIN.replace("share = 0.2", "share = 2"))
    with pytest.raises(InputError, match=r"^notebook plain: share 2 is outside \(0, 1\]$"):
        book.execute(["plain", "made_1"], "smoke", {}, jobs=2)
    assert not (project / "_build" / "smoke" / "notebooks" / "plain.ipynb").exists()


@pytest.mark.parametrize("names", [["plain"], ["plain", "made_1", "made_2"]])
def test_an_interrupt_leaves_nothing_behind(project, names):
    (project / "notebooks" / "plain.py").write_text(
        PLAIN + "import pathlib, time\npathlib.Path('started').touch()\ntime.sleep(60)\n"
    )
    script = (
        "import pathlib, reproduction.places, reproduction.publishing as book\n"
        f"reproduction.places.ROOT = pathlib.Path({str(project)!r})\n"
        f"if __name__ == '__main__': book.execute({names!r}, 'smoke', {{}}, jobs={len(names)})\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    deadline = time.monotonic() + 60
    while not (project / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in errors
    left = {path.name for path in (project / "_build" / "smoke" / "notebooks").iterdir()}
    assert not left & {"plain.ipynb", ".plain.ipynb"}
    assert left <= {"made_1.ipynb", "made_2.ipynb"}  # those that ended before it


# Building


def test_build_asks_for_what_is_missing(project):
    with pytest.raises(
        InputError, match="made_2, plain, made_1.*reproduction execute --profile smoke made_2"
    ):
        book.build("smoke")


def test_a_failed_build_keeps_the_book_before_it(project, monkeypatch):
    monkeypatch.setattr(building, "generated", lambda profile: {})  # what pages show of results
    (project / "book").mkdir()
    for name in ("claims.yaml", "paper", "_assets"):  # what claims and pages are made from
        (project / "book" / name).symlink_to(PROJECT / "book" / name)
    (project / "book" / "index.md").write_text("# Index\n\n[](nowhere.md)\n")
    (project / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    (project / "_config.yml").write_bytes((PROJECT / "_config.yml").read_bytes())
    for path in (project / "notebooks").glob("*.py"):
        path.unlink()
    (project / "notebooks" / "templates.yaml").write_text("{}")
    old = project / "_build" / "smoke" / "html" / "index.html"
    old.parent.mkdir(parents=True)
    old.write_text("the book before")
    with pytest.raises(InputError, match="not built.*\n[^$]*nowhere"):
        book.build("smoke", strict=True)
    assert old.read_text() == "the book before"
    left = {path.name for path in (project / "_build" / "smoke").iterdir()}
    assert left == {"html", "source", "build.log"}


@pytest.mark.parametrize("name", ["table_1", "persons", "rule_of_thumb", "cost"])
def test_pages_of_the_complete_data_show_nothing_twice(name):
    (source,) = sources.find([name])
    whole, cut = sources.read(source), sources.read(source)
    sources.without_own(cut)
    assert not any(sources.OWN in cell.source for cell in cut.cells)
    assert not any("this-machine" in cell.metadata.get("tags", []) for cell in cut.cells)
    heads = [re.findall(r"^## .*$", c.source, re.M) for c in whole.cells if c.cell_type != "code"]
    left = [re.findall(r"^## .*$", c.source, re.M) for c in cut.cells if c.cell_type != "code"]
    assert sum(left, []) == [head for head in sum(heads, []) if head != sources.OWN]
    assert (len(cut.cells) == len(whole.cells)) == (name == "cost")
