"""What tests share. They run on one thread: models are small, and the machine is shared."""

from pathlib import Path
from signal import SIG_DFL, SIGINT, signal
from typing import Any

import torch

from reproduction import places
from reproduction.study.experiments import EXPERIMENTS, configs_of
from reproduction.study.profiles import load_profile
from reproduction.study.stored_runs import Result

torch.set_num_threads(1)


def heed_interrupts() -> None:
    """Let a new process heed Ctrl-C, also where the tests run in the background and ignore it."""
    signal(SIGINT, SIG_DFL)


def link_project(folder: Path, *names: str) -> None:
    """Let a folder stand for the project, with the real files and folders of these names in it."""
    for name in ("lib", "profiles", "results", "requirements.txt", *names):
        (folder / name).symlink_to(places.root() / name)


def made_run(experiment: str, config: dict[str, Any] | None = None, **content: object) -> Result:
    """A result written by hand: of the first run of its kind under ``smoke``, with changes."""
    profile = load_profile("smoke")
    found = (c for name in EXPERIMENTS for c in configs_of(name, profile))
    first = next(c for c in found if c.experiment == experiment)
    content = {"provenance": {}, **content}
    return Result(config=first.model_copy(update=config or {}), **content)
