"""What recording costs, measured on a run of Table 1: bytes, accuracy, time."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from partial_unlearning import create, open_log, record
from partial_unlearning.metrics import Accuracy
from partial_unlearning.models import build
from partial_unlearning.recorders.recorders import UpdateRecorder
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.amnesiac import forget
from partial_unlearning.update_log.log import StoredLog
from reproduction.costs.public_notebook import NotebookScheme
from reproduction.costs.timing import alternate
from reproduction.machine.memory import keep_freed_memory
from reproduction.study.configs import AmnesiacConfig
from reproduction.study.results import resolve
from reproduction.study.runs import setup
from reproduction.study.runs.optimizers import make_optimizer
from reproduction.study.runs.setup import load_data

Settings = dict[str, Any]


@dataclass(frozen=True)
class LoggedRun:
    """One training, its logs by label, and the steps that the configuration's request affects."""

    config: AmnesiacConfig
    model: nn.Module
    logs: dict[str, StoredLog]
    affected: list[int]

    def after(self, label: str) -> Accuracy:
        """Accuracy when the affected steps of one log are subtracted."""
        model = forget(deepcopy(self.model), self.logs[label].sum(self.affected))
        return setup.measure(self.config, model, load_data(self.config))

    def bits(self, label: str) -> float:
        """Bits that one weight takes in one step, everything in the log's folder included."""
        log = self.logs[label]
        return 8 * log.folder.total() / len(log) / log.description.size

    def flushed(self, label: str, exact: str) -> float:
        """Share of the values, in 0..1, that are zero here but not in the log ``exact``."""
        steps = self.affected[:20]
        pairs = zip(self.logs[label].updates(steps), self.logs[exact].updates(steps), strict=True)
        found = torch.cat([stored[given != 0] for (_, stored), (_, given) in pairs])
        return (found == 0).float().mean().item()


def table_1_config(profile: str, model: str) -> AmnesiacConfig:
    """The configuration of a model's run in Table 1, with the profile's first seed."""
    _, configs = resolve("table_1", profile)
    return next(c for c in configs if isinstance(c, AmnesiacConfig) and c.model == model)


def record_run(config: AmnesiacConfig, folder: Path, settings: Mapping[str, Settings]) -> LoggedRun:
    """Train as the configuration says and record into one log for each of ``settings``."""
    data = load_data(config)
    plan = setup.make_plan(config, data, config.target_placement)
    model = setup.fresh_model(config, data)
    batches = {"ids": plan.ids, "batch_size": max(len(ids) for _, _, ids in plan)}
    writers = {
        label: create(folder / config.model / label, model, **batches, **chosen)
        for label, chosen in settings.items()
    }
    for log in writers.values():
        for batch in plan:
            log.announce(*batch)
    recorders = [UpdateRecorder(log.mask, log) for log in writers.values()]
    setup.train(config, model, data.train, plan, recorders)
    logs = {}
    for label, log in writers.items():
        log.close(model)
        logs[label] = open_log(log.folder.root, model)
    affected = logs[label].affected_steps(setup.target_ids(config, data, plan))
    return LoggedRun(config, model, logs, affected)


def schedule(config: AmnesiacConfig, **more: object) -> Settings:
    """The pruning that the configuration has, for :func:`create`."""
    return {**config.pruning.model_dump(), "seed": config.seed, **more}


def uniform(pruning: float, **more: object) -> Settings:
    """Random pruning by the same fraction in each layer."""
    return {"sparsity_first": pruning, "sparsity_last": pruning, **more}


class Stepper:
    """Training steps of a configuration, always on the first batch."""

    def __init__(self, config: AmnesiacConfig) -> None:
        data, training = load_data(config), config.training
        self.model, size = setup.fresh_model(config, data), training.batch_size
        self.optimizer = make_optimizer(
            training.optimizer, self.model, learning_rate=training.learning_rate
        )
        self.images, self.labels = data.train.images[:size], data.train.labels[:size]
        self.ids = data.train.ids[:size].cpu()

    def __call__(self) -> None:
        """Make a step."""
        loss = nn.functional.cross_entropy(self.model(self.images), self.labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()


def step_times(config: AmnesiacConfig, folder: Path, *, rounds: int) -> pd.DataFrame:
    """Times of a step without recording, with ours, and with the notebook's scheme."""
    keep_freed_memory()  # else page faults meet one side or another by chance
    plain, ours, theirs = Stepper(config), Stepper(config), Stepper(config)
    settings = {"ids": ours.ids, "batch_size": len(ours.ids), **uniform(0.9)}
    recording = record(ours.model, folder / f"timed {config.model}", **settings)
    scheme = NotebookScheme(folder / f"notebook {config.model}")
    scheme.on_train_begin(theirs.model)
    sides = {
        "no recording": plain,
        "update log": lambda: (ours(), recording.step(ours.ids, 0)),
        "public notebook": lambda: (theirs(), scheme.on_step_end(0, theirs.model)),
    }
    return alternate(sides, rounds=rounds, calls=16)


def notebook_bytes(model: nn.Module, folder: Path) -> tuple[int, int]:
    """Bytes that the notebook's scheme writes for one step, and how many of them it keeps."""
    scheme = NotebookScheme(folder / "one step")
    scheme.on_train_begin(model)
    scheme.on_step_end(0, model)
    return scheme.written, (folder / "one step" / "0.pkl").stat().st_size


def dense_bytes(config: AmnesiacConfig, steps: int) -> int:
    """Bytes of a dense float32 log over a whole run, of the model in the width that was run."""
    classes = {"mnist": 10, "organamnist": 11}[config.dataset]
    model = build(config.model, classes=classes, seed=0, width=config.width)
    return 4 * Layout.of(model).size * steps


def answer(run: LoggedRun, label: str) -> nn.Module:
    """All that a request takes: look up its steps, sum their updates, subtract the sum."""
    log = run.logs[label]
    targets = setup.target_ids(run.config, load_data(run.config), log.plan())
    return forget(deepcopy(run.model), log.sum(log.affected_steps(targets)))
