"""Where a result comes from: code, data, software and machine."""

import hashlib
import os
import platform
import resource
import subprocess
import sys
import time
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from reproduction import places

PACKAGES = ("torch", "torchvision", "medmnist", "numpy")
# What a result depends on beside its configuration, which is stored whole; an uncommitted change
# elsewhere does not make it doubtful.
SOURCES = ("lib", "requirements.txt")


def _git(*arguments: str) -> str | None:
    """The output of a git command about this checkout, None without git or a checkout."""
    # Variables such as GIT_DIR, which a hook sets, would have it look at another repository.
    environment = {name: v for name, v in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", places.root(), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, env=environment)
    except OSError:  # there is no git, or it cannot be run
        return None
    return os.fsdecode(done.stdout).strip() if done.returncode == 0 else None


def _checkout(*arguments: str) -> str | None:
    """The same, but None also where the repository is one around this folder."""
    top = _git("rev-parse", "--show-toplevel")
    return _git(*arguments) if top and Path(top).samefile(places.root()) else None


@cache
def code_facts() -> dict[str, Any]:
    """Commit, uncommitted changes and digest of the code, as they were at the first call.

    Asked before a process makes its first run: files that change later are not what it runs.
    """
    status = _checkout("status", "--porcelain", "--", *SOURCES)
    return {
        "commit": _checkout("rev-parse", "HEAD"),
        "dirty": None if status is None else bool(status),
        "code_digest": code_digest(),
    }


def commit_date() -> str | None:
    """The day of the commit that this checkout is at, as 2024-03-13; None outside of one."""
    return _checkout("log", "-1", "--format=%cs")


def code_digest() -> str:
    """SHA-256 over every source file of the library and the pinned requirements.

    It names the code by what it is: a commit's name is lost when a history is rewritten.
    """
    found = hashlib.sha256()
    root = places.root()
    for path in [root / "requirements.txt", *sorted((root / "lib").rglob("*.py"))]:
        content = path.read_bytes()
        found.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return found.hexdigest()


def versions() -> dict[str, str]:
    """The packages that results depend on."""
    return {package: version(package) for package in PACKAGES}


def _name_and_peak(device: torch.device) -> tuple[str, int]:
    """The kind of device, and the peak of memory in MiB: of the process, or of an accelerator."""
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device)
        return f"cuda ({torch.cuda.get_device_name(device)})", peak // 2**20
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return f"{device.type} ({platform.machine()})", peak // 2**20


def provenance(*, started: float, device: torch.device, data_digest: str) -> dict[str, Any]:
    """All that is known of a run that began at ``started`` (of ``time.monotonic``)."""
    name, peak = _name_and_peak(device)
    return {
        **code_facts(),
        "python": platform.python_version(),
        "versions": versions(),
        "device": name,
        "threads": torch.get_num_threads(),
        "data_digest": data_digest,
        "seconds": round(time.monotonic() - started, 1),
        "peak_memory_mb": peak,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
