"""Brief training on retained data alone, after unlearning."""

import math

import torch
from torch import Tensor, nn

from partial_unlearning.batching import BatchPlan, shuffled_plan
from partial_unlearning.training import Callback, fit
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import AmnesiacConfig, ForgottenConfig
from reproduction.study.runs.optimizers import make_optimizer
from reproduction.study.runs.paths import Record
from reproduction.study.runs.setup import accuracies

FineTuned = AmnesiacConfig | ForgottenConfig


class _Tuned(Callback):
    """Accuracies after so many steps of fine-tuning."""

    def __init__(self, config: FineTuned, data: Dataset, head: Record) -> None:
        self.config, self.data, self.head = config, data, head
        self.records: list[Record] = []

    def on_step_end(self, step: int, model: nn.Module) -> None:
        """Measure where the configuration asks for it."""
        if step + 1 in self.config.fine_tuning:
            known = accuracies(self.config, model, self.data)
            self.records.append({**self.head, "steps": step + 1, **known})


def tuning_plan(retained: Tensor, *, steps: int, batch_size: int, seed: int) -> BatchPlan:
    """So many batches of retained samples: a random choice of them, or as many epochs as it takes.

    Args:
        retained: ids to choose from, ``(N,)``.
        steps: number of batches.
        batch_size: of each but the last one of an epoch.
        seed: of the choice and of the order.
    """
    order = torch.randperm(len(retained), generator=torch.Generator().manual_seed(seed))
    chosen = retained[order[: steps * batch_size]]
    epochs = math.ceil(steps / math.ceil(len(chosen) / batch_size))
    plan = shuffled_plan(chosen, batch_size=batch_size, epochs=epochs, seed=seed)
    left = steps - sum(map(len, plan.epochs[:-1]))
    return BatchPlan((*plan.epochs[:-1], plan.epochs[-1][:left]))


def fine_tuned(config: FineTuned, model: nn.Module, data: Dataset, head: Record) -> list[Record]:
    """What brief training on retained data alone brings back, of the retained and the target.

    Args:
        config: with ``fine_tuning``, after how many steps it is measured.
        model: trained in place.
        data: to train on, without the target class, and to measure on.
        head: begins each of the records returned.
    """
    how = config.training
    retained = data.train.without(data.train.of_class(config.target))
    steps = max(config.fine_tuning)
    plan = tuning_plan(retained.ids.cpu(), steps=steps, batch_size=how.batch_size, seed=config.seed)
    watch = _Tuned(config, data, head)
    optimizer = make_optimizer(how.optimizer, model, learning_rate=how.learning_rate)
    fit(model, retained, plan, optimizer, [watch], title=f"fine-tuning {config.model}")
    return watch.records
