"""Build the book from executed notebooks: it replaces the one before only when it is whole."""

import logging
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import files
from pathlib import Path

from tqdm import tqdm

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import make_folder, write_atomic
from reproduction import places
from reproduction.chapters.claim_pages import generated
from reproduction.publishing.execution import executed_notebooks, outdated, uncoloured
from reproduction.publishing.sources import notebook_names

log = logging.getLogger(__name__)

PHASES = ("reading sources", "writing output")
PROGRESS = re.compile(rf"^({'|'.join(PHASES)})\.\.\. \[\s*(\d+)%\]")
# The package cannot be run with -m, and its script may not be on the path.
RUN = "from jupyter_book.cli.main import main; main()"
STRICT = ("-W", "-n", "--keep-going")
BAR = "{l_bar}{bar}| {elapsed}<{remaining}"
MATHJAX = "tex-svg.js"


def build(profile: str, *, strict: bool = False) -> Path:
    """Build the book of a profile.

    Args:
        profile: its executed notebooks are the pages.
        strict: any warning fails the build.

    Returns:
        The first page, ``_build/<profile>/html/index.html``.

    Raises:
        InputError: a notebook has not been executed, the folder cannot be written to, or the
            build failed.
    """
    notebooks = executed_notebooks(profile)
    if old := outdated(notebooks):
        log.warning(
            f"{len(old)} of {len(notebooks)} notebooks were executed by another state of the "
            f"library: {', '.join(old)}; make book brings them up to date"
        )
    folder = make_folder(places.output(profile))
    source = stage(profile, notebooks)
    with _scratch(folder) as work:
        _run_jupyter_book(source, work, logfile=folder / "build.log", strict=strict)
        _replace(folder / "html", work / "_build" / "html")
    return folder / "html" / "index.html"


def stage(profile: str, notebooks: Iterable[Path]) -> Path:
    """Gather all that the book is made of in ``_build/<profile>/source``."""
    source = places.output(profile) / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(places.root() / "book", source / "book")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(places.root() / name, source / name)
    for notebook in notebooks:
        write_atomic(source / "notebooks" / notebook.name, notebook.read_bytes())
    for name, text in generated(profile, notebook_names()).items():
        write_atomic(source / "book" / "generated" / name, text)
    write_atomic(source / "book" / "_assets" / "mathjax" / MATHJAX, _mathjax().read_bytes())
    return source


def _mathjax() -> Path:
    """The one file that sets the mathematics without a network (the package holds 24 MB more)."""
    listed = files("sphinx-mathjax-offline") or []
    return Path(next(file for file in listed if file.name == MATHJAX).locate())


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder beside the final one, so that moving out of it is a rename; gone afterwards."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".building-") as name:
        yield Path(name)


def _run_jupyter_book(source: Path, work: Path, *, logfile: Path, strict: bool) -> None:
    # An incremental build keeps stale values and hides failures: always all pages.
    command = [sys.executable, "-c", RUN, "build", str(source)]
    command += ["--path-output", str(work), "--all", *(STRICT if strict else ())]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        lines = list(_watched(process.stdout or ()))
    write_atomic(logfile, "".join(lines))
    if process.returncode != 0:
        raise InputError(
            f"the book was not built; the whole log is {logfile}\n\n{_complaints(lines)}"
        )


def _watched(lines: Iterable[str]) -> Iterator[str]:
    """Pass ``lines`` on while a progress bar follows them."""
    with tqdm(total=100, desc="pages", bar_format=BAR, file=sys.stderr) as bar:
        for line in map(uncoloured, lines):
            if match := PROGRESS.match(line):
                bar.update(50 * PHASES.index(match[1]) + int(match[2]) // 2 - bar.n)
            yield line


def _complaints(lines: list[str]) -> str:
    """Warnings and errors of the log, or its end when it has none."""
    found = [line for line in lines if re.search(r"\b(WARNING|ERROR|CRITICAL|Error)\b", line)]
    return "".join(found or lines[-20:]).rstrip()


def _replace(old: Path, new: Path) -> None:
    """Put the folder ``new`` in the place of ``old``."""
    if old.exists():
        old.rename(new.with_name("replaced"))
    new.rename(old)
