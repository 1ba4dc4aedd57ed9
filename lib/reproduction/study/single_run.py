"""One run in this process: computed, described by where it comes from, and stored."""

import time

import torch

from reproduction.machine.memory import keep_freed_memory
from reproduction.study.configs import Config
from reproduction.study.kinds import KINDS
from reproduction.study.provenance import code_facts, provenance
from reproduction.study.runs.setup import device, load_data
from reproduction.study.stored_runs import Result, save


def run_and_save(profile: str, config: Config) -> None:
    """Compute the result of a configuration and store it."""
    # One thread: results then do not depend on how many cores a machine has, and two runs side
    # by side are faster than one run on two cores.
    torch.set_num_threads(1)
    keep_freed_memory()
    code_facts()
    started = time.monotonic()
    outcome = KINDS[config.experiment].run(config)
    origin = provenance(started=started, device=device(), data_digest=load_data(config).digest)
    save(profile, Result(config=config, **outcome, provenance=origin))
