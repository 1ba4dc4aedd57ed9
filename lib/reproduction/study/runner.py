"""Runs what is missing, in this process or in several, and keeps each result as it ends."""

from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path

from partial_unlearning.system.progress import progress
from reproduction.machine.workers import worker_pool
from reproduction.study.cache import shared_files
from reproduction.study.configs import Config
from reproduction.study.stored_runs import run_hash, run_path

_SLOWEST_FIRST = ("AlexNet", "ResNet9", "ConvNet", "LeNet", "MLP")
"""Long runs begin first, so that no core waits for one at the end; an unknown model before all."""


def _run(profile: str, config: Config) -> None:
    # Imported here: it brings torch, which who only reads results does not need.
    from reproduction.study.single_run import run_and_save

    run_and_save(profile, config)


def _slowness(config: Config) -> int:
    known = config.model in _SLOWEST_FIRST
    return _SLOWEST_FIRST.index(config.model) if known else -1


def _to_make(configs: Iterable[Config]) -> set[Path]:
    """The files that several runs share, and that these runs will make."""
    files = {path for config in configs for path in shared_files(config)}
    return {path for path in files if not path.exists()}


def _next(waiting: list[Config], running: Iterable[Config]) -> Config | None:
    """The first run that needs no file which another one is just making."""
    being_made = _to_make(running)
    return next((config for config in waiting if not being_made & _to_make([config])), None)


def _side_by_side(profile: str, configs: list[Config], jobs: int) -> None:
    """Keep ``jobs`` workers busy; what several runs need is made by the first of them."""
    waiting, running = sorted(configs, key=_slowness), dict[Future[None], Config]()
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
