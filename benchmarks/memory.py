"""How much memory a piece of work needs, on Linux."""

import ctypes
from collections.abc import Callable
from pathlib import Path


def resident(field: str) -> int:
    """Bytes of ``VmRSS`` (memory now) or ``VmHWM`` (the most so far) of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(field)).split()[1])


def peak_memory(work: Callable[[], object]) -> int:
    """Bytes that ``work`` needs at most beyond what is in use before it."""
    # Freed memory goes back: what ``work`` takes from it again would not be seen.
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = resident("VmRSS")
    work()
    return max(0, resident("VmHWM") - before)
