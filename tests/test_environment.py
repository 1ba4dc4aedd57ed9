"""Whatever surrounds a checkout and a command: the same pages, the same provenance, or an error."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scheduler import copied
from partial_unlearning.errors import InputError
from reproduction.publishing import parse_parameters
from reproduction.study.overrides import OVERRIDES, override
from reproduction.study.profiles import load_profile

# Where a run comes from


def code_facts(project: Path, **environment: str) -> dict:
    """Commit and state of a project's code, as a process of its own finds them."""
    code = "from reproduction.study.provenance import code_facts; print(code_facts())"
    variables = os.environ | {"PYTHONPATH": str(project / "lib")} | environment
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return eval(done.stdout)


def git(folder: Path, *arguments: str) -> str:
    person = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", folder, *person, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def committed(folder: Path) -> str:
    """The commit of a new repository with all that lies in a folder."""
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "All.", "--allow-empty")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A checkout that is no repository, inside another one, with a space and an ü in its path."""
    around = tmp_path_factory.mktemp("around")
    committed(around)
    return copied(around / "my prüject")


def test_a_repository_around_the_checkout_is_not_its_own(project):
    facts = code_facts(project)
    assert facts["commit"] is None and facts["dirty"] is None
    assert len(facts["code_digest"]) == 64


@pytest.mark.parametrize("where", ["nowhere", "unusable"])
def test_without_git_there_is_no_commit(project, tmp_path, where):
    if where == "unusable":
        (tmp_path / "git").write_text("not a program")
    facts = code_facts(project, PATH=str(tmp_path))
    assert facts["commit"] is None and facts["dirty"] is None


def test_a_repository_of_its_own_is_named_whatever_git_is_told(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    committed(other)
    project = copied(tmp_path / "my prüject")
    commit = committed(project)
    told = {"GIT_DIR": str(other / ".git"), "LC_ALL": "C", "PYTHONUTF8": "0"}
    facts = code_facts(project, **told)
    assert (facts["commit"], facts["dirty"]) == (commit, False)
    (project / "requirements.txt").write_text("changed\n")
    assert code_facts(project)["dirty"] is True


# Parameters given as text


@pytest.mark.parametrize(
    "text",
    ["1_000", "inf", "-Infinity", "NaN", "nan", "infinity", "٣", "１", "0x10", "0o17", "1:30"],
)
@pytest.mark.parametrize("name", ["epochs", "seeds", "target"])
def test_what_yaml_reads_as_another_number_or_a_word_is_refused(name, text):
    with pytest.raises(InputError, match=name):
        override(load_profile("smoke"), parse_parameters([f"{name}={text}"]))


@pytest.mark.parametrize(
    ("text", "value"), [("010", 10), ("+7", 7), ("70e-1", 7), ("7", 7), ("7.0", 7)]
)
def test_decimal_numbers_are_what_yaml_says(text, value):
    changed = override(load_profile("smoke"), parse_parameters([f"epochs={text}"]))
    assert changed.training.epochs == value


def test_a_parameter_given_twice_is_refused():
    with pytest.raises(InputError, match="epochs is given twice"):
        parse_parameters(["epochs=1", "target=2", "epochs=3"])


@settings(deadline=None)
@given(st.sampled_from(OVERRIDES), st.text(max_size=12))
def test_any_text_is_a_setting_or_refused(name, text):
    with suppress(InputError):
        override(load_profile("smoke"), parse_parameters([f"{name}={text}"]))
