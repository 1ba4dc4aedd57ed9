"""What tests share. They run on one thread: models are small, and the machine is shared."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from signal import SIG_DFL, SIGINT, signal
from typing import Any

import pytest
import torch
import yaml
from filelock import FileLock

from partial_unlearning.errors import InputError
from reproduction import places
from reproduction.chapters.messages import FILE, load_messages
from reproduction.study.experiments import EXPERIMENTS, configs_of
from reproduction.study.profiles import load_profile
from reproduction.study.stored_runs import Result

torch.set_num_threads(1)
MESSAGES = load_messages()  # once: reading them for each test took longer than many a test


def heed_interrupts() -> None:
    """Let a new process heed Ctrl-C, also where the tests run in the background and ignore it."""
    signal(SIGINT, SIG_DFL)


def link_project(folder: Path, *names: str) -> None:
    """Let a folder stand for the project, with the real files and folders of these names in it."""
    kept = ("lib", "profiles", "results", "requirements.txt", "CITATION.cff", "LICENSE")
    for name in (*kept, *names):
        (folder / name).symlink_to(places.root() / name)


def made_run(experiment: str, config: dict[str, Any] | None = None, **content: object) -> Result:
    """A result written by hand: of the first run of its kind under ``smoke``, with changes."""
    profile = load_profile("smoke")
    found = (c for name in EXPERIMENTS for c in configs_of(name, profile))
    first = next(c for c in found if c.experiment == experiment)
    content = {"provenance": {}, **content}
    return Result(config=first.model_copy(update=config or {}), **content)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--book", help="A built book to check, such as _build/full/html.")
    parser.addoption(
        "--write-messages", action="store_true", help="Write what the log says for the book."
    )


@pytest.fixture(autouse=True)
def _the_book_shows_what_is_said(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The last error of a test that the book names is the message that the book has for it."""
    entry = next((e for e in MESSAGES if e["test"] == request.node.name), None)
    if entry is None:
        yield
        return
    said: list[str] = []
    monkeypatch.setattr(InputError, "__init__", lambda error, *given: said.append(str(given[0])))
    yield
    # Neither digests, nor how far a killed process had come, nor folders.
    varying = r"\b[0-9a-f]{12}\b|(?<=hold the )\d+(?= steps)"
    message = re.sub(r"/\S*/(?=[\w.]+)", "", re.sub(varying, "...", said[-1]))
    if request.config.getoption("--write-messages"):
        entry["message"] = message
        head = "".join(FILE.read_text(encoding="utf-8").splitlines(keepends=True)[:2])
        text = yaml.safe_dump(MESSAGES, sort_keys=False, allow_unicode=True, width=110)
        FILE.write_text(head + text, encoding="utf-8")
    assert entry["message"] == message


@pytest.fixture(scope="session")
def html(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book, built from the committed notebooks; nothing is executed."""
    if request.config.getoption("--book"):
        return Path(request.config.getoption("--book"))
    own = tmp_path_factory.getbasetemp()
    root = (own.parent if hasattr(request.config, "workerinput") else own) / "book-of-tests"
    with FileLock(f"{root}.lock"):  # the first worker builds it, for all
        built = root / "_build" / "smoke" / "html"
        return built if built.exists() else _build(root)


def _build(root: Path) -> Path:
    from reproduction import publishing  # it takes long to import, and few tests need it

    shutil.rmtree(root, ignore_errors=True)  # of a worker that was stopped
    for name in ("book", "notebooks"):
        shutil.copytree(places.ROOT / name, root / name)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(places.ROOT / name, root / name)
    link_project(root)
    executed = root / "_build" / "smoke" / "notebooks"
    executed.mkdir(parents=True)
    for notebook in (places.ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, executed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reproduction.places.ROOT", root)
        return publishing.build("smoke", strict=True).parent


def pages(html: Path) -> list[Path]:
    """The pages of the built book."""
    found = sorted([*html.glob("book/*.html"), *html.glob("notebooks/*.html")])
    assert len(found) > 2
    return found
