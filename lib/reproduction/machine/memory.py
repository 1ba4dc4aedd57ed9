"""What the C library does with memory."""

import ctypes
import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of options, from malloc.h of glibc
_MOST = 2**31 - 1


def keep_freed_memory() -> None:
    """Have this process keep the memory that it frees, instead of taking it anew all the time.

    By default glibc gives large blocks back to the system at once, and gets them again, page by
    page, in the next training step: thousands of page faults, a fifth to a half of a convolutional
    network's step. Whether it does so depends on what else was allocated, so recording, or
    anything else done between steps, can seem to cost what in truth the page faults do.
    """
    libc = ctypes.CDLL(None) if os.name == "posix" else None
    if option := getattr(libc, "mallopt", None):  # musl, macOS and Windows have none
        option(_MMAP_THRESHOLD, 1 << 30)
        option(_TRIM_THRESHOLD, _MOST)
