"""Work too small to share among threads, and calls that only one may make."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

from partial_unlearning.errors import InputError


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread inside a ``with`` block; other threads of Python are not concerned.

    Waking a second thread to add some ten thousand numbers brings nothing, and takes milliseconds
    where more threads want to run than there are cores.
    """
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


class Alone:
    """Lets one call in at a time, ``with`` it; InputError, which says ``why``, for another."""

    def __init__(self, why: str) -> None:
        self._lock, self._why = Lock(), why

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):  # a signal handler would wait for itself
            raise InputError(self._why)

    def __exit__(self, *_: object) -> None:
        self._lock.release()
