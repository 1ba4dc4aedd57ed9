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
import nbformat
import yaml
from tqdm import tqdm

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from reproduction import places
from reproduction.chapters import explorer
from reproduction.chapters.claim_pages import generated
from reproduction.chapters.complete import complete
from reproduction.chapters.social_card import social_card
from reproduction.machine.folders import make_folder
from reproduction.publishing.edition import edition
from reproduction.publishing.environment import own_environment
from reproduction.publishing.execution import executed_notebooks, outdated
from reproduction.publishing.folding import folded
from reproduction.publishing.phone_figures import phone_figures
from reproduction.publishing.reading_time import in_notebook, in_page
from reproduction.yaml_files import read_yaml

log = logging.getLogger(__name__)

# The package cannot be run with -m, and its script may not be on the path.
RUN = "from jupyter_book.cli.main import main; main()"
STRICT = ["-W", "-n", "--keep-going"]
MATHJAX = "tex-svg.js"
WITHOUT_TIME = ("index", "references")
"""Pages that nobody reads from end to end."""


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
        for notebook in notebooks:  # what the page offers to download runs from top to bottom
            shutil.copy(notebook, Path(work) / "_build" / "html" / "_sources" / "notebooks")
        if html.exists():
            html.rename(Path(work) / "replaced")
        (Path(work) / "_build" / "html").rename(html)
    return html / "index.html"


def stage(profile: str, notebooks: Iterable[Path]) -> Path:
    """Gather all that the book is made of in ``_build/<profile>/source``."""
    source = places.output(profile) / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(places.root() / "book", source / "book")
    shutil.copy(places.root() / "_toc.yml", source / "_toc.yml")
    shutil.copy(Path(__file__).with_name("sphinx_pages.py"), source)
    config = read_yaml(places.root() / "_config.yml")
    config["sphinx"]["config"]["edition"] = edition()
    write_atomic(source / "_config.yml", yaml.safe_dump(config, allow_unicode=True))
    pieces = generated(profile)
    for page in (source / "book").rglob("*.md"):
        if page.stem not in WITHOUT_TIME:
            write_atomic(page, in_page(page.read_text(encoding="utf-8"), pieces))
    for name, content in pieces.items():
        write_atomic(source / "book" / "generated" / name, content)
    _stage_notebooks(source, notebooks)
    _stage_assets(source / "book" / "_assets")
    return source


def _stage_notebooks(source: Path, notebooks: Iterable[Path]) -> None:
    """Each notebook as its page shows it."""
    for notebook in notebooks:
        page = folded(in_notebook(nbformat.read(notebook, as_version=4)))
        for name, picture in phone_figures(page):
            write_atomic(source / "book" / "_assets" / "narrow" / f"{name}.svg", picture)
        write_atomic(source / "notebooks" / notebook.name, nbformat.writes(page))


def _stage_assets(assets: Path) -> None:
    """Files that pages load or lead to, beside those that people write."""
    write_atomic(assets / "LICENSE.txt", (places.root() / "LICENSE").read_bytes())
    write_atomic(assets / "card.png", social_card())
    for name, text in explorer.files(complete().data).items():
        write_atomic(assets / "explorer" / name, text)
    # The one file that sets the mathematics without a network (the package holds 24 MB more).
    mathjax = next(file for file in files("sphinx-mathjax-offline") or [] if file.name == MATHJAX)
    write_atomic(assets / "mathjax" / MATHJAX, mathjax.read_binary())


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
