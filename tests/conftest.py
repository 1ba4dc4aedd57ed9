"""What tests share. They run on one thread: models are small, and the machine is shared."""

from pathlib import Path

import torch

from reproduction import places

torch.set_num_threads(1)


def link_project(folder: Path, *names: str) -> None:
    """Let a folder stand for the project, with the real files and folders of these names in it."""
    for name in ("lib", "profiles", "results", "requirements.txt", *names):
        (folder / name).symlink_to(places.root() / name)
