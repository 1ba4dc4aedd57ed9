"""Runs what is missing, in this process or in several, and keeps each result as it ends."""

import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait

from partial_unlearning.system.progress import progress
from reproduction.machine.memory import keep_freed_memory
from reproduction.machine.workers import worker_pool
from reproduction.study.cache import shared_files
from reproduction.study.configs import Config
from reproduction.study.kinds import KINDS
from reproduction.study.stored_runs import Result, run_hash, run_path, save

_PLACE = {"AlexNet": 0, "ResNet9": 1, "ConvNet": 2, "LeNet": 3, "MLP": 4}
"""Long runs begin first, so that no core waits for one at the end; an unknown model before all."""


def _run(profile: str, config: Config) -> None:
    """Compute the result of a configuration, describe where it comes from, and store it."""
    # Imported here: who only reads results needs neither torch nor the code of a run.
    import torch

    from reproduction.study.provenance import code_facts, provenance
    from reproduction.study.runs.setup import device, load_data

    # One thread: results then do not depend on how many cores a machine has, and two runs side
    # by side are faster than one run on two cores.
    torch.set_num_threads(1)
    keep_freed_memory()
    code_facts()
    started = time.monotonic()
    outcome = KINDS[config.experiment].run(config)
    origin = provenance(started=started, device=device(), data_digest=load_data(config).digest)
    save(profile, Result(config=config, **outcome, provenance=origin))


def _next(waiting: list[Config], running: Iterable[Config]) -> Config | None:
    """The first run that needs no file which another one is just making."""
    shared = {path for config in running for path in shared_files(config)}
    being_made = {path for path in shared if not path.exists()}
    return next((c for c in waiting if being_made.isdisjoint(shared_files(c))), None)


def _side_by_side(profile: str, configs: list[Config], jobs: int) -> None:
    """Keep ``jobs`` workers busy; what several runs need is made by the first of them."""
    waiting = sorted(configs, key=lambda config: _PLACE.get(config.model, -1))
    running: dict[Future[None], Config] = {}
    with (
        worker_pool(min(jobs, len(configs))) as pool,
        progress(total=len(configs), title=f"{profile} runs", unit="run", keep=True) as bar,
    ):
        while waiting or running:
            while len(running) < jobs and (config := _next(waiting, running.values())):
                waiting.remove(config)
                running[pool.submit(_run, profile, config)] = config
            for task in wait(running, return_when=FIRST_COMPLETED).done:
                del running[task]
                task.result()
                bar.update()


def run_missing(profile: str, configs: Iterable[Config], *, jobs: int) -> int:
    """Run the configurations that have no stored result, ``jobs`` at a time.

    Interrupted at any moment, it keeps every finished run; called again it does the rest. The
    first run that fails ends it.

    Returns:
        How many runs were made.
    """
    unique = {run_hash(config): config for config in configs}
    missing = [config for config in unique.values() if not run_path(profile, config).exists()]
    if jobs > 1 and len(missing) > 1:
        _side_by_side(profile, missing, jobs)
    else:
        for config in missing:
            _run(profile, config)
    return len(missing)
