"""Runs what is missing, here, in several processes or on a grid; keeps each result as it ends."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from traceback import format_exception
from typing import Any

from partial_unlearning.errors import InputError
from partial_unlearning.system.progress import progress
from reproduction.machine.code import code_facts
from reproduction.machine.memory import keep_freed_memory
from reproduction.machine.workers import worker_pool
from reproduction.study.cache import shared_files
from reproduction.study.configs import Config
from reproduction.study.kinds import KINDS
from reproduction.study.scheduler import grid
from reproduction.study.stored_runs import Result, run_hash, run_name, run_path, save

log = logging.getLogger(__name__)

_PLACE = {"AlexNet": 0, "ResNet9": 1, "ConvNet": 2, "LeNet": 3, "MLP": 4}
"""Long runs begin first, so that no core waits for one at the end; an unknown model before all."""

_TRIES = 5
"""As often a run is begun whose worker dies; one that ends its worker itself must end as well."""

_LOOK = 1.0
"""Seconds after which workers are counted anew: some may have joined."""


def compute(config: Config) -> dict[str, Any]:
    """What is stored of a run beside its configuration, as JSON has it: a worker sends it back."""
    # Imported here: who only reads results needs neither torch nor the code of a run.
    import torch

    from reproduction.study.provenance import provenance
    from reproduction.study.runs.setup import device, load_data

    # One thread: results then do not depend on how many cores a machine has, and two runs side
    # by side are faster than one run on two cores.
    torch.set_num_threads(1)
    keep_freed_memory()
    code_facts()
    started = time.monotonic()
    outcome = KINDS[config.experiment].run(config)
    origin = provenance(started=started, device=device(), data_digest=load_data(config).digest)
    result = Result(config=config, **outcome, provenance=origin)
    return result.model_dump(mode="json", include=result.model_fields_set - {"config"})


def _next(waiting: list[Config], running: Iterable[Config], made: set[Path]) -> Config | None:
    """The first run that needs no file which another one is just making.

    Files that were ``made`` may lie with the worker that made them, where nobody else sees them.
    """
    shared = {path for config in running for path in shared_files(config)}
    being_made = {path for path in shared - made if not path.exists()}
    return next((c for c in waiting if being_made.isdisjoint(shared_files(c))), None)


def _in_order(configs: Iterable[Config]) -> list[Config]:
    return sorted(configs, key=lambda config: _PLACE.get(config.model, -1))


def _side_by_side(
    waiting: list[Config], submit: Callable[..., Future], room: Callable[[], int]
) -> Iterator[tuple[Config, Future]]:
    """Each run as it ends; what several need is made by the first of them.

    Args:
        waiting: runs to be made; emptied, and what is put into it meanwhile is made as well.
        submit: gives a task to a worker.
        room: how many tasks there are workers for.
    """
    running: dict[Future, Config] = {}
    made: set[Path] = set()
    while waiting or running:
        while len(running) < room() and (config := _next(waiting, running.values(), made)):
            waiting.remove(config)
            running[submit(compute, config)] = config
        for task in wait(running, _LOOK, FIRST_COMPLETED).done:
            config = running.pop(task)
            if not task.cancelled() and task.exception() is None:
                made.update(shared_files(config))
            yield config, task


def _in_processes(profile: str, configs: list[Config], jobs: int) -> None:
    """Keep ``jobs`` processes busy; the first run that raises ends it."""
    with (
        worker_pool(min(jobs, len(configs))) as pool,
        progress(total=len(configs), title=f"{profile} runs", unit="run", keep=True) as bar,
    ):
        for config, task in _side_by_side(_in_order(configs), pool.submit, lambda: jobs):
            save(profile, Result(config=config, **task.result()))
            bar.update()


def _on_grid(profile: str, configs: list[Config], scheduler: str) -> None:
    """Keep the workers of a cluster busy; a run that fails is reported when all others are done."""
    waiting, begun, failures = _in_order(configs), Counter[str](), []
    with (
        grid(scheduler) as workers,
        progress(total=len(configs), title=f"{profile} runs", unit="run", keep=True) as bar,
    ):
        for config, task in _side_by_side(waiting, workers.submit, workers.room):
            name, error = run_name(config), workers.error(task)
            begun[name] += 1
            if workers.died(error) and begun[name] < _TRIES:
                log.warning(f"a worker died; its run {name} is done again")
                waiting.append(config)
                continue
            bar.update()
            if error is None:
                save(profile, Result(config=config, **task.result()))
            else:
                failures.append(_reported(config, error))
    if failures:
        raise InputError(
            f"{len(failures)} of {len(configs)} runs failed; the others are stored, and the same "
            "command makes these again:\n" + "\n".join(failures)
        )


def _reported(config: Config, error: BaseException) -> str:
    """What to repeat at the end of a run that failed; where its code did, the log says it now."""
    name = run_name(config)
    trace = [] if isinstance(error, InputError) else format_exception(error)
    log.warning("".join([*trace, f"{name} failed ({type(error).__name__}); the others go on"]))
    return f"{name}: {type(error).__name__}: {error}\n  configuration: {config.model_dump_json()}"


def run_missing(
    profile: str, configs: Iterable[Config], *, jobs: int, scheduler: str | None = None
) -> int:
    """Run the configurations that have no stored result.

    Interrupted at any moment, it keeps every finished run; called again it does the rest. The
    first run that fails ends it, but on a grid, where the others are made first.

    Args:
        profile: under which results are stored.
        configs: of the runs.
        jobs: runs at a time, on this machine.
        scheduler: of a Dask cluster that makes the runs instead, see
            :func:`~reproduction.study.scheduler.grid`.

    Returns:
        How many runs were made.

    Raises:
        InputError: a setting that cannot be run, a scheduler that cannot be used, or runs that
            failed on it.
    """
    unique = {run_hash(config): config for config in configs}
    missing = [config for config in unique.values() if not run_path(profile, config).exists()]
    if scheduler and missing:
        _on_grid(profile, missing, scheduler)
    elif jobs > 1 and len(missing) > 1:
        _in_processes(profile, missing, jobs)
    else:
        for config in missing:
            save(profile, Result(config=config, **compute(config)))
    return len(missing)
