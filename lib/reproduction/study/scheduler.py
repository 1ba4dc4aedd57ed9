"""Runs as tasks of a Dask cluster: one that exists, or one made of processes on this machine."""

import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from partial_unlearning.errors import InputError
from reproduction.machine.code import code_facts, versions

if TYPE_CHECKING:  # who runs without a cluster imports nothing of Dask
    from distributed import Client, LocalCluster, Worker

log = logging.getLogger(__name__)

ADDRESS = re.compile(r"tcp://([\w.-]+|\[[\da-fA-F:]+\]):\d+|local:[1-9]\d*")

LOST = (
    "the connection to the Dask scheduler is lost; finished runs are kept: see that it runs, and "
    "start again to go on"
)


def check_address(text: str) -> str:
    """The address of a scheduler, as it was given.

    Raises:
        InputError: it has neither of the two forms.
    """
    if ADDRESS.fullmatch(text):
        return text
    raise InputError(
        f"--scheduler {text}: give tcp://HOST:PORT, the address that an existing Dask scheduler "
        "prints when it starts, or local:N for N worker processes on this machine"
    )


def _needs() -> dict[str, Any]:
    """What has to be the same on a worker and here, so that both give the same numbers."""
    return {"code": code_facts()["code_digest"], **versions()}


def _problem(needs: dict[str, Any], dask_worker: "Worker") -> str | None:
    """On a worker: why its runs would give other results than its caller's, None if the same."""
    own, name = _needs(), f"the worker {dask_worker.address}"
    if other := [part for part, state in needs.items() if own[part] != state]:
        return (
            f"{name} has another {', another '.join(other)} than this checkout: bring its "
            "checkout and its environment to the same state and start it again"
        )
    if (threads := dask_worker.state.nthreads) != 1:  # a process has one stream of random numbers
        return (
            f"{name} has {threads} threads, and runs side by side in one process would disturb "
            "each other: start it with --nthreads 1"
        )
    return None


def _checked(needs: dict[str, Any], function: Callable[..., Any], *arguments: object) -> object:
    """On a worker, which may have joined since the others were looked at: call a function."""
    from distributed import get_worker

    if problem := _problem(needs, get_worker()):
        raise UnfitWorker(problem)
    return function(*arguments)


@contextmanager
def _connected() -> Iterator[None]:
    """Say readably that the scheduler does not answer any more."""
    try:
        yield
    except OSError as error:
        raise InputError(LOST) from error


class UnfitWorker(InputError):
    """A worker that would give other results than its caller."""


class Grid:
    """The workers of a cluster, used like a pool of processes."""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._needs = _needs()
        self._executor: Executor = client.get_executor(pure=False)

    def check(self) -> None:
        """Look at the scheduler, and at the workers that are there already.

        Raises:
            InputError: one would give other results or cannot load this code, or the scheduler is
                gone.
        """
        with _connected():
            found = self._client.run(_problem, self._needs, on_error="return")
            try:  # it reads each task as well
                self._client.run_on_scheduler(check_address, "local:1")
            except ImportError as error:
                found["the scheduler"] = error
            if not self._client.nthreads():
                log.warning("the Dask cluster has no worker yet; runs wait for one")
        problems = [
            f"{name} cannot load the code of this checkout ({problem}): start it from an equal one"
            if isinstance(problem, Exception)
            else problem
            for name, problem in found.items()
        ]
        if any(problems):
            raise InputError("\n".join(filter(None, problems)))

    def submit(self, function: Callable[..., Any], *arguments: object) -> Future:
        """Have a worker call a function."""
        return self._executor.submit(_checked, self._needs, function, *arguments)

    def room(self) -> int:
        """Tasks that find a worker of their own now; at least 1, which may wait for a worker.

        Raises:
            InputError: the scheduler is gone.
        """
        with _connected():
            return max(1, len(self._client.nthreads()))

    def error(self, task: Future) -> BaseException | None:
        """What an ended task raised.

        Raises:
            InputError: the scheduler is gone, and all tasks with it; or a worker that joined is
                unfit, which would soon have failed at all of them.
        """
        if task.cancelled():
            raise InputError(LOST)
        if isinstance(error := task.exception(), UnfitWorker):
            raise error
        return error

    def died(self, error: BaseException | None) -> bool:
        """Whether a task ended because its worker did."""
        from distributed import KilledWorker

        return isinstance(error, KilledWorker)


@contextmanager
def grid(address: str) -> Iterator[Grid]:
    """The workers that are found at an address.

    Args:
        address: see :func:`check_address`.

    Raises:
        InputError: no scheduler answers there, or one of its workers would give other results.
    """
    with _client(check_address(address)) as client:
        found = Grid(client)
        found.check()
        yield found


@contextmanager
def _client(address: str) -> Iterator["Client"]:
    from distributed import Client

    for name in ("distributed", "distributed.client"):  # what matters is said here
        logging.getLogger(name).setLevel(logging.CRITICAL)
    kind, place = address.split(":", 1)
    with _local_cluster(int(place)) if kind == "local" else nullcontext(address) as scheduler:
        try:
            client = Client(scheduler)
        except (OSError, ValueError) as error:
            raise InputError(
                f"no Dask scheduler answers at {address} ({error}): start one with `dask "
                "scheduler` and workers with `dask worker ADDRESS --nthreads 1`, or use "
                "--scheduler local:N"
            ) from error
        with client:
            yield client


def _local_cluster(workers: int) -> "LocalCluster":
    import dask
    from distributed import LocalCluster

    # A task runs on a thread beside the main one, whose large blocks glibc else gives back to the
    # system at once: a tenth of a ResNet9's step.
    with dask.config.set({"distributed.nanny.pre-spawn-environ.MALLOC_ARENA_MAX": 1}):
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,  # none: beyond its share a worker would be ended, its run begun again
            dashboard_address=":0",  # any free port
            silence_logs=logging.CRITICAL,  # also by the workers
            env={"TQDM_DISABLE": "1"},  # bars of several processes would overwrite each other
        )
