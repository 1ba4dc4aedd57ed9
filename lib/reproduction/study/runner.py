"""Runs what is missing, in this process or in several, and keeps each result as it ends."""

import time
from collections.abc import Iterable
from concurrent.futures import Executor, Future, as_completed

import torch
from partial_unlearning.system.progress import progress

from reproduction.machine.memory import keep_freed_memory
from reproduction.machine.workers import worker_pool
from reproduction.study.cache import weights_file
from reproduction.study.experiments import KINDS
from reproduction.study.provenance import code_facts, provenance
from reproduction.study.runs.setup import device, load_data, trained_model
from reproduction.study.stored_runs import Config, Result, find, run_hash, save

# Experiments that start from the same plainly trained model.
_SHARE_WEIGHTS = ("label_flipping", "optimization", "tune_label_flipping", "tune_optimization")


def _settle() -> None:
    """Make this process one that trains."""
    # One thread: results then do not depend on how many cores a machine has, and two runs side
    # by side are faster than one run on two cores.
    torch.set_num_threads(1)
    keep_freed_memory()


def run_one(profile: str, config: Config) -> Result:
    """The result of a configuration: the stored one, else computed now and stored."""
    stored = find(profile, config)
    if stored is not None:
        return stored
    _settle()
    code_facts()
    started = time.monotonic()
    outcome = KINDS[config["experiment"]](config)
    origin = provenance(started=started, device=device(), data_digest=load_data(config).digest)
    save(profile, {"config": config, **outcome, "provenance": origin})
    return find(profile, config)  # as read from the file, so that first and later calls agree


def _run(profile: str, config: Config) -> None:
    run_one(profile, config)


def _train_weights(config: Config) -> None:
    _settle()
    trained_model(config, load_data(config))


def _untrained(configs: Iterable[Config]) -> list[Config]:
    """One configuration for each trained model that several runs start from and nobody has yet."""
    return list({path: c for c in configs if not (path := weights_file(c)).exists()}.values())


def run_missing(profile: str, configs: list[Config], *, jobs: int) -> None:
    """Run the configurations that have no stored result, ``jobs`` at a time.

    Interrupted at any moment, it keeps every finished run; called again it does the rest.
    """
    unique = {run_hash(config): config for config in configs}
    missing = [config for config in unique.values() if find(profile, config) is None]
    if jobs == 1 or len(missing) <= 1:
        for config in missing:
            run_one(profile, config)
        return
    with (
        worker_pool(jobs) as pool,
        progress(total=len(missing), title=f"{profile} runs", unit="run", keep=True) as bar,
    ):
        for task in as_completed(_submitted(pool, profile, missing)):
            task.result()
            bar.update()


def _submitted(pool: Executor, profile: str, configs: list[Config]) -> list[Future[None]]:
    """A task for each configuration; a model that several start from is trained before them."""
    later = [config for config in configs if config["experiment"] in _SHARE_WEIGHTS]
    trainings = [pool.submit(_train_weights, config) for config in _untrained(later)]
    tasks = [pool.submit(_run, profile, config) for config in configs if config not in later]
    for training in trainings:
        training.result()
    return tasks + [pool.submit(_run, profile, config) for config in later]
