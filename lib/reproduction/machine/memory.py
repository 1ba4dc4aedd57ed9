"""What the C library does with memory, and how much of it is in use."""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of options, from malloc.h of glibc
_MOST = 2**31 - 1


def _c_library(name: str) -> Callable[..., int] | None:
    """A function of glibc; None where there is none (musl, macOS, Windows)."""
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None


def keep_freed_memory() -> None:
    """Have this process keep the memory that it frees, instead of taking it anew all the time.

    By default glibc gives large blocks back to the system at once, and gets them again, page by
    page, in the next training step: thousands of page faults, a fifth to a half of a convolutional
    network's step. Whether it does so depends on what else was allocated, so recording, or
    anything else done between steps, can seem to cost what in truth the page faults do.
    """
    if option := _c_library("mallopt"):
        option(_MMAP_THRESHOLD, 1 << 30)
        option(_TRIM_THRESHOLD, _MOST)


def resident(field: str) -> int:
    """Bytes of ``VmRSS`` (memory now) or ``VmHWM`` (the most so far) of this process, on Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(field)).split()[1])


def peak_memory(work: Callable[[], object]) -> int:
    """Bytes that ``work`` needs at most beyond what is in use before it, on Linux."""
    if trim := _c_library("malloc_trim"):
        trim(0)  # freed memory goes back: what ``work`` takes from it again would not be seen
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = resident("VmRSS")
    work()
    return max(0, resident("VmHWM") - before)
