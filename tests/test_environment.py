"""Whatever surrounds a checkout and a command: the same pages, the same provenance, or an error."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from benchmarks.scheduler import copied
from conftest import link_project
from partial_unlearning import record
from partial_unlearning.errors import InputError
from reproduction import places, publishing
from reproduction.publishing import parse_parameters
from reproduction.study.overrides import PARAMETERS, override
from reproduction.study.profiles import load_profile

# Where a run comes from


def code_facts(project: Path, **environment: str) -> dict:
    """Commit and state of a project's code, as a process of its own finds them."""
    code = "from reproduction.machine.code import code_facts; print(code_facts())"
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
@given(st.sampled_from(list(PARAMETERS)), st.text(max_size=12))
def test_any_text_is_a_setting_or_refused(name, text):
    with suppress(InputError):
        override(load_profile("smoke"), parse_parameters([f"{name}={text}"]))


# What commands print

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}


def said(*arguments: str, **options: object) -> subprocess.CompletedProcess:
    """What a command says where nothing but ASCII can be printed."""
    command = [sys.executable, "-m", *arguments]
    path = {"PYTHONPATH": str(places.ROOT / "lib")}
    return subprocess.run(
        command, env=os.environ | path | ASCII, capture_output=True, text=True, **options
    )


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["claims", "--profile", "full"], 0),  # it has minus signs and dashes
        (["execute", "nöthing"], 2),
    ],
    ids=str,
)
def test_the_reproduction_prints_where_there_is_only_ascii(tmp_path, arguments, status):
    done = said("reproduction", *arguments, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert status or len(done.stdout.splitlines()) > 50


def test_requests_are_answered_where_there_is_only_ascii(tmp_path):
    folder, model = tmp_path / "mein prüject", nn.Linear(6, 3)
    model.register_buffer("größe", torch.zeros(2))
    recording = record(model, folder / "lög", ids=range(4), batch_size=4)
    with torch.no_grad():
        model.weight += 1
    recording.step(range(4), 0)
    recording.close()
    save_file(model.state_dict(), folder / "w.safetensors")
    (folder / "ids.csv").write_text("name,id\nJosé,3\n", encoding="utf-8")
    (folder / "wrong.csv").write_text("id\nä\n", encoding="utf-8")
    request = ["forget", "--log", "lög", "--weights", "w.safetensors", "--out", "nü.safetensors"]
    for arguments, status in (
        (["log", "info", "lög"], 0),
        (["log", "verify", "lög"], 0),
        (["log", "info", "nöthing"], 2),
        ([*request, "--ids", "wrong.csv"], 2),
        ([*request, "--ids", "ids.csv"], 0),
    ):
        done = said("partial_unlearning", *arguments, cwd=folder)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout if status == 0 else done.stderr.startswith("error: ")
    assert (folder / "nü.safetensors").exists()


# Notebooks

DRAWS = """# %% [markdown]
# # A figure

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %%
import os, sys, time
import matplotlib.pyplot as plt
from reproduction.chapters.figures import apply_style
apply_style()
plt.plot([1, 3, 2], label="ü")
plt.legend();

# %%
with open("text.txt", "w") as file:
    file.write("“ü”")
print("“ü”", sys.prefix)
"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Executes one notebook that draws, in a folder with a space and an ü in its name."""
    root = tmp_path / "my prüject"
    (root / "notebooks").mkdir(parents=True)
    (root / "notebooks" / "figure.py").write_text(DRAWS, encoding="utf-8")
    (root / "notebooks" / "templates.yaml").write_text("{}")
    (root / "_toc.yml").write_text("root: book/index")
    link_project(root)
    monkeypatch.setattr(places, "ROOT", root)

    def execute() -> bytes:
        (path,) = publishing.execute([], "smoke", {})
        return path.read_bytes()

    return execute


def home(folder: Path) -> dict[str, str]:
    """A person's home with another look, start-up code and a kernel that is none."""
    files = {
        ".config/matplotlib/matplotlibrc": "axes.facecolor: red\nbackend: agg\n",
        ".ipython/profile_default/startup/first.py": "raise SystemExit('start-up')\n",
        ".ipython/profile_default/ipython_kernel_config.py": "c.InlineBackend.figure_formats = []",
        ".local/share/jupyter/kernels/python3/kernel.json": '{"argv": ["false"], '
        '"display_name": "Python 3", "language": "python"}',
        "matplotlibrc": "axes.facecolor: red\nbackend: agg\n",
        "start.py": "raise SystemExit('start-up')\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return {"HOME": str(folder)}


ENVIRONMENTS = {
    "a backend that shows nothing": lambda _: {"MPLBACKEND": "agg"},
    "a backend that does not exist": lambda _: {"MPLBACKEND": "no_such_backend"},
    "a home full of settings": home,
    "another look": lambda folder: home(folder) | {"MATPLOTLIBRC": str(folder)},
    "a foreign kernel": lambda folder: (
        home(folder) | {"JUPYTER_PATH": str(folder / ".local/share/jupyter")}
    ),
    "start-up files": lambda folder: (
        home(folder)
        | {"IPYTHONDIR": str(folder / ".ipython"), "PYTHONSTARTUP": str(folder / "start.py")}
    ),
    "a home that nothing can be written to": lambda _: {"HOME": "/dev/null/home"},
    "a locale without letters": lambda _: ASCII,
    "an unknown locale": lambda _: {"LC_ALL": "xx_YY.ISO-8859-1", "LANG": "xx_YY"},
    "another time zone": lambda _: {"TZ": "Pacific/Kiritimati"},
    "warnings as errors": lambda _: {"PYTHONWARNINGS": "error"},
}


@pytest.fixture(scope="module")
def plain_page() -> list[bytes]:
    """The page as it is where nothing is set: filled by whoever comes first."""
    return []


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_page_is_the_same_in(page, plain_page, tmp_path, monkeypatch, name):
    if not plain_page:
        plain_page.append(page())
        assert plain_page[0].count(b'"image/svg+xml"') == 1
    for variable, value in ENVIRONMENTS[name](tmp_path / "home").items():
        monkeypatch.setenv(variable, value)
    surrounding = dict(os.environ)
    assert page() == plain_page[0]
    assert dict(os.environ) == surrounding


def test_a_matplotlibrc_in_the_checkout_changes_nothing(page, plain_page):
    (places.root() / "matplotlibrc").write_text("axes.facecolor: red\nsavefig.dpi: 30\n")
    assert page() == plain_page[0]


LOOKS = """# %%
import matplotlib.pyplot as plt
from reproduction.chapters.figures import apply_style
apply_style()

# %% tags=["nbval-check-output"]
print("“ü”", plt.get_backend(), plt.rcParams["axes.facecolor"])
"""


def test_nbval_compares_pages_in_the_environment_they_were_made_in(tmp_path, page):
    (places.root() / "notebooks" / "figure.py").write_text(LOOKS, encoding="utf-8")
    page()
    notebook = places.executed("smoke") / "figure.ipynb"
    assert b"matplotlib_inline" in notebook.read_bytes()
    foreign = home(tmp_path / "home")
    foreign |= {"MATPLOTLIBRC": foreign["HOME"], "MPLBACKEND": "agg", **ASCII}
    foreign |= {"IPYTHONDIR": f"{foreign['HOME']}/.ipython"}
    foreign |= {"PYTHONSTARTUP": f"{foreign['HOME']}/start.py"}
    foreign |= {"PYTHONPATH": str(places.ROOT / "lib")}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0"]
    command += ["-p", "reproduction.publishing.nbval_plugin"]
    command += ["--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider", notebook]
    done = subprocess.run(command, env=os.environ | foreign, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
