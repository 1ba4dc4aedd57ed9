"""Who only reads, draws or asks starts without torch, which takes seconds."""

import subprocess
import sys

MODULES = (
    "reproduction.checking.audit",
    "reproduction.chapters.assumptions",
    "reproduction.chapters.claim_pages",
    "reproduction.chapters.comparison",
    "reproduction.chapters.curves",
    "reproduction.chapters.figure_3",
    "reproduction.chapters.figures",
    "reproduction.chapters.peers",
    "reproduction.chapters.provenance_table",
    "reproduction.chapters.search_tables",
    "reproduction.chapters.settings_tables",
    "reproduction.chapters.sisa",
    "reproduction.publishing.building",
)
HEAVY = {"torch", "scipy", "torchvision", "medmnist"}


def loaded_by(*modules: str) -> set[str]:
    """All that a new process has loaded after these."""
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_pages_need_no_torch() -> None:
    assert not HEAVY & loaded_by(*MODULES)


def test_commands_load_what_they_need_when_they_need_it() -> None:
    slow = {"matplotlib", "sphinx", "papermill", "dask"}
    assert not (HEAVY | slow) & loaded_by("reproduction.__main__")
