"""Work too small to share among threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


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
