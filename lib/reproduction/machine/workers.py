"""Worker processes that end with their parent, and how many there is room for."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from signal import SIG_DFL, SIGINT, signal
from threading import Thread


def _exit_with_parent() -> None:
    parent_process().join()
    os._exit(1)


def _prepare() -> None:
    """Ctrl-C ends a worker at once and silently; no worker outlives a parent that was killed."""
    signal(SIGINT, SIG_DFL)
    Thread(target=_exit_with_parent, daemon=True).start()


def cores() -> int:
    """How many processor cores this process may use; a container may have fewer than its host."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def worker_pool(jobs: int) -> Iterator[Executor]:
    """Processes that work side by side; tasks that have not begun are dropped at the end."""
    os.environ["TQDM_DISABLE"] = "1"  # for the workers: their bars would overwrite each other
    # Spawned, not forked: a fork copies torch's thread pool in a state that can hang.
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_prepare)
    try:
        yield pool
    except (KeyboardInterrupt, GeneratorExit):
        for worker in active_children():  # one that is just starting may have missed the signal
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        del os.environ["TQDM_DISABLE"]
