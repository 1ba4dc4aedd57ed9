"""Pages that only read and draw what is stored start without torch, which takes seconds."""

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
)
HEAVY = "torch", "scipy", "torchvision", "medmnist"


def test_pages_need_no_torch() -> None:
    code = f"import sys, {', '.join(MODULES)}; print(*set({HEAVY}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
