"""What two Dask workers save: ``python -m benchmarks.scheduler``, on a machine that is idle.

The command of a person, whole, its start included: without workers and with two, each from a copy
of the checkout that has no results yet.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from reproduction import places

BOUND = 0.65
"""Time with two workers over time without; half would be perfect."""


def copied(folder: Path) -> Path:
    """A checkout without results: what the runs share has to be made anew."""
    for name in ("lib", "profiles", "book"):
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(places.root() / name, folder / name, ignore=skipped)
    for name in ("requirements.txt", ".gitignore"):
        shutil.copy(places.root() / name, folder)
    return folder


def timed(project: Path, command: list[str]) -> float:
    """Seconds that a command of the reproduction takes in a copy of the checkout."""
    environment = os.environ | {"PYTHONPATH": str(project / "lib")}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "reproduction", *command],
        cwd=project,
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


def stored(project: Path) -> dict[str, object]:
    """Names of the runs of a copy, and all that they measured."""
    runs = project.glob("results/*/runs/*.json")
    found = {run.name: json.loads(run.read_text(encoding="utf-8")) for run in runs}
    return {
        name: {k: v for k, v in run.items() if k != "provenance"} for name, run in found.items()
    }


@click.command()
@click.option("--profile", default="quick", show_default=True)
@click.option("--experiment", default="table_1", show_default=True)
@click.option("--seeds", default="0,1,2,3", show_default=True)
def main(profile: str, experiment: str, seeds: str) -> None:
    """Time the runs of an experiment without workers and with two, and compare their results."""
    command = ["run", experiment, "--profile", profile, "-p", f"seeds={seeds}", "--jobs", "1"]
    sides = {"none": [], "two workers": ["--scheduler", "local:2"]}
    seconds, results = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, options in sides.items():
            project = copied(Path(folder) / name)
            seconds[name] = timed(project, [*command, *options])
            results[name] = stored(project)
    found = {
        "seconds": seconds,
        "two_workers_over_none": seconds["two workers"] / seconds["none"],
        "bound": BOUND,
        "runs": len(results["none"]),
        "equal": results["none"] == results["two workers"],
    }
    click.echo(json.dumps(found))


if __name__ == "__main__":
    main()
