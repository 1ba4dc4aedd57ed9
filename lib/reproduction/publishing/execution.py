"""Execute notebooks: each is written when it has succeeded, and until then nothing is touched."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any, TextIO

import click
import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from reproduction import places
from reproduction.machine.code import code_digest
from reproduction.machine.folders import make_folder
from reproduction.machine.workers import worker_pool
from reproduction.publishing import rerun, sources
from reproduction.publishing.environment import own_environment
from reproduction.study.profiles import load_profile

# These take longest. Begun first, they leave the short ones for the end, and workers end together.
LONGEST = (
    "cost",
    "update_log",
    "should_i_use_it",
    "partial_amnesiac",
    "amnesiac",
    "membership",
    "peers",
)
# Each kernel warns otherwise that it talks to us without encryption, on this very machine, and says
# as an error, when its work is done, that it was told to end.
QUIET = ["--log-level=CRITICAL"]
# What papermill, jupytext and widgets leave behind: times and paths that make every diff a mess.
NOTEBOOK_NOISE = ("papermill", "widgets", "jupytext")
CELL_NOISE = ("papermill", "execution", "lines_to_next_cell")


def parse_parameters(pairs: Sequence[str]) -> dict[str, Any]:
    """Turn ``["share=0.2", "model=MLP"]`` into values: as JSON has them, else as text.

    Raises:
        InputError: a pair has no name or no ``=``, or a name is given twice.
    """
    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise InputError(f"parameter {pair!r} is not of the form name=value, such as share=0.2")
        if name in values:
            raise InputError(f"parameter {name} is given twice; give it once")
        try:
            values[name] = json.loads(text, parse_constant=str)  # NaN is a word, as in YAML
        except json.JSONDecodeError:  # not YAML, which reads no as False, 010 as 8, 1e-1 as text
            values[name] = text
    return values


def execute(
    names: Sequence[str], profile: str, parameters: Mapping[str, Any], *, jobs: int = 1
) -> list[Path]:
    """Execute notebooks under a profile.

    Args:
        names: of the notebooks; all of them when empty.
        profile: handed to each notebook as its parameter ``profile``.
        parameters: values for the notebooks' other parameters.
        jobs: notebooks at a time.

    Returns:
        The executed notebooks, in ``_build/<profile>/notebooks``.

    Raises:
        InputError: a notebook or parameter is unknown, the folder cannot be written to, or a
            notebook failed; those that succeeded before it stay.
    """
    folder = make_folder(places.executed(profile))
    tasks = [
        (folder / f"{source.name}.ipynb", *_prepared(source, profile, parameters), places.root())
        for source in sources.find(names)
    ]
    bar = tqdm(_executed_each(tasks, jobs), total=len(tasks), unit="notebook", file=sys.stderr)
    with own_environment():
        for name in bar:
            bar.set_description(name)
    return [path for path, *_ in tasks]


def _executed_each(tasks: list[tuple], jobs: int) -> Iterator[str]:
    """The name of each notebook once it is written; a task has what is needed to write it."""
    if jobs == 1 or len(tasks) == 1:
        # A person at a terminal sees the progress of the training inside the notebook.
        stderr = sys.stderr if sys.stderr.isatty() else None
        yield from (_write_executed(*task, stderr) for task in tasks)
        return
    longest_first = sorted(tasks, key=lambda task: task[0].stem not in LONGEST)
    with worker_pool(jobs) as pool:
        for task in as_completed([pool.submit(_write_executed, *task) for task in longest_first]):
            yield task.result()


def publish(profile: str) -> list[Path]:
    """Copy the executed notebooks of a profile beside their sources, to be committed.

    Raises:
        InputError: a notebook has not been executed under this profile.
    """
    return [
        write_atomic(places.notebooks() / path.name, path.read_bytes())
        for path in executed_notebooks(profile)
    ]


def executed_notebooks(profile: str) -> list[Path]:
    """The executed notebook of every source, in the order of the book.

    Raises:
        InputError: a notebook has not been executed under this profile.
    """
    paths = [places.executed(profile) / f"{name}.ipynb" for name in sources.notebook_names()]
    missing = [path.stem for path in paths if not path.exists()]
    if missing:
        raise InputError(
            f"not executed under profile {profile!r}: {', '.join(missing)}; "
            f"run: python -m reproduction execute --profile {profile} {' '.join(missing)}"
        )
    return paths


def outdated(notebooks: Iterable[Path]) -> list[str]:
    """Names of executed notebooks that another state of the library made."""
    now = code_digest()
    return [
        path.stem
        for path in notebooks
        if json.loads(path.read_text(encoding="utf-8"))["metadata"].get("code_digest") != now
    ]


def _prepared(
    source: sources.Source, profile: str, parameters: Mapping[str, Any]
) -> tuple[NotebookNode, dict[str, Any]]:
    """The notebook to execute and all its parameter values."""
    notebook = sources.read(source)
    own = sources.parameters(source, notebook)
    values = rerun.accepted(source.name, own, profile, parameters)
    if not values and load_profile(profile).source == "complete":
        sources.without_own(notebook)  # it would be the same twice
    if values:  # a reader has to know that the page was executed with other values
        listed = ", ".join(f"`{key}={value}`" for key, value in parameters.items())
        banner = (
            f":::{{warning}}\nThis page was executed with {listed}. Its verdicts, and the front "
            f"page, are about the runs of profile `{profile}` as it stands. `.venv/bin/python -m "
            f"reproduction execute --profile {profile} {source.name}` brings the usual page back."
            "\n:::"
        )
        notebook.cells.insert(1, nbformat.v4.new_markdown_cell(banner))
    section = rerun.section(source.name, own, profile)
    notebook.cells.append(nbformat.v4.new_markdown_cell(section))
    given = {name: value for name, value in source.parameters.items() if value is not None}
    return notebook, {"profile": profile, **given, **values}


def _write_executed(
    path: Path,
    notebook: NotebookNode,
    values: dict[str, Any],
    root: Path,
    stderr: TextIO | None = None,
) -> str:
    """Run ``notebook`` in the folder ``root``, write the cleaned result, and return its name."""
    name = path.stem
    try:
        result = papermill.execute_notebook(
            notebook,
            None,
            parameters=values,
            cwd=root,
            progress_bar=False,
            extra_arguments=QUIET,
            stderr_file=stderr,
        )
    except PapermillExecutionError as error:
        if error.ename == InputError.__name__:  # what a person gave wrong
            raise InputError(f"notebook {name}: {error.evalue}") from error
        trace = click.unstyle("\n".join(error.traceback))
        problem = f"notebook {name} failed with {error.ename}: {error.evalue}\n\n{trace}"
        raise InputError(problem) from error
    except DeadKernelError as error:
        raise InputError(f"notebook {name}: its Python process died, perhaps of memory") from error
    result = _cleaned(result)
    result.metadata["code_digest"] = code_digest()
    write_atomic(path, nbformat.writes(result) + "\n")
    return name


def _cleaned(notebook: NotebookNode) -> NotebookNode:
    """Without what differs between two equal runs; the values of this run folded away."""
    for noise in NOTEBOOK_NOISE:
        notebook.metadata.pop(noise, None)
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number}"
        for noise in CELL_NOISE:
            cell.metadata.pop(noise, None)
        if cell.cell_type == "code":  # a warning on stderr is kept, a progress bar is not
            cell.outputs = [
                o for o in cell.outputs if o.get("name") != "stderr" or "Warning" in o.text
            ]
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("hide-input")
            cell.metadata["mystnb"] = {"code_prompt_show": "Parameters of this run"}
    return notebook
