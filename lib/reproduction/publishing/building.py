"""Build the book from executed notebooks: it replaces the one before only when it is whole."""

import logging
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import files
from pathlib import Path

import click
from tqdm import tqdm

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import make_folder, write_atomic
from reproduction import places
from reproduction.chapters import explorer
from reproduction.chapters.claim_pages import generated
from reproduction.chapters.comparison import COMPLETE
from reproduction.checking.measurements import gather
from reproduction.publishing.environment import own_environment
from reproduction.publishing.execution import executed_notebooks, outdated

log = logging.getLogger(__name__)

# The package cannot be run with -m, and its script may not be on the path.
RUN = "from jupyter_book.cli.main import main; main()"
STRICT = ["-W", "-n", "--keep-going"]
MATHJAX = "tex-svg.js"


def build(profile: str, *, strict: bool = False) -> Path:
    """Build the book from a profile's executed notebooks and return its first page.

    Any warning fails a strict build.

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
    html = folder / "html"
    # A folder beside the final one, so that moving out of it is a rename.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".building-") as work:
        _run_jupyter_book(source, work, logfile=folder / "build.log", strict=strict)
        if html.exists():
            html.rename(Path(work) / "replaced")
        (Path(work) / "_build" / "html").rename(html)
    return html / "index.html"


def stage(profile: str, notebooks: Iterable[Path]) -> Path:
    """Gather all that the book is made of in ``_build/<profile>/source``."""
    source = places.output(profile) / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(places.root() / "book", source / "book")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(places.root() / name, source / name)
    for notebook in notebooks:
        write_atomic(source / "notebooks" / notebook.name, notebook.read_bytes())
    for name, text in generated(profile).items():
        write_atomic(source / "book" / "generated" / name, text)
    for name, text in explorer.files(gather(COMPLETE)).items():
        write_atomic(source / "book" / "_assets" / "explorer" / name, text)
    # The one file that sets the mathematics without a network (the package holds 24 MB more).
    mathjax = next(file for file in files("sphinx-mathjax-offline") or [] if file.name == MATHJAX)
    write_atomic(source / "book" / "_assets" / "mathjax" / MATHJAX, mathjax.read_binary())
    return source


def _run_jupyter_book(source: Path, work: str, *, logfile: Path, strict: bool) -> None:
    # An incremental build keeps stale values and hides failures: always all pages.
    command = [sys.executable, "-c", RUN, "build", str(source), "--path-output", work, "--all"]
    command += STRICT if strict else []
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    with own_environment(), subprocess.Popen(command, **output, errors="replace") as process:
        lines = list(map(click.unstyle, tqdm(process.stdout, desc="building", unit=" lines")))
    write_atomic(logfile, "".join(lines))
    if process.returncode != 0:
        found = [line for line in lines if re.search("WARNING|ERROR|CRITICAL|Error", line)]
        problems = "".join(found or lines[-20:]).rstrip()
        raise InputError(f"the book was not built; the whole log is {logfile}\n\n{problems}")
