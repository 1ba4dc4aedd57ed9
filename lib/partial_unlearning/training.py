"""The one training loop, and the callbacks that watch it."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from partial_unlearning.batching import BatchPlan
from partial_unlearning.samples import Split
from partial_unlearning.system.progress import progress


class Callback:
    """Something told of each moment of a training run; the default does nothing."""

    def on_train_begin(self, model: nn.Module) -> None:
        """Before the first step."""

    def on_step_end(self, step: int, model: nn.Module) -> None:
        """After step number ``step`` (from 0 over the whole run)."""

    def on_epoch_end(self, epoch: int, model: nn.Module) -> None:
        """After the last step of ``epoch`` (from 0)."""


def train_step(model: nn.Module, data: Split, where: torch.Tensor, optimizer: Optimizer) -> None:
    """One minibatch step (Eq. 3) on the cross-entropy (Eq. 1), in the mode the model is in.

    The batch stands at positions ``where`` in ``data``, int64, shape ``(n,)``.
    """
    loss = cross_entropy(model(data.images[where]), data.labels[where])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def fit(
    model: nn.Module,
    data: Split,
    plan: BatchPlan,
    optimizer: Optimizer,
    callbacks: Sequence[Callback] = (),
    *,
    title: str = "training",
) -> nn.Module:
    """Train ``model`` in place along the plan and return it (Section 3.1, Eqs. 1 and 3).

    Args:
        model: on the device of ``data``; from images to logits of shape ``(n, classes)``.
        data: the samples that the plan's ids name, else InputError.
        plan: the batches.
        optimizer: over the model's weights.
        callbacks: told of the start, each step and each epoch.
        title: shown by the progress bar on stderr; with ``TQDM_DISABLE=1`` set there is none.

    >>> from partial_unlearning.batching import shuffled_plan
    >>> data = Split(torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.arange(4))
    >>> model, plan = nn.Linear(4, 2), shuffled_plan(data.ids, batch_size=2, epochs=1, seed=0)
    >>> fit(model, data, plan, torch.optim.SGD(model.parameters(), lr=0.1))
    Linear(in_features=4, out_features=2, bias=True)
    """
    for callback in callbacks:
        callback.on_train_begin(model)
    step = 0
    with progress(total=len(plan), title=title) as bar:
        for epoch, batches in enumerate(plan.epochs):
            # Looking up a whole epoch at once costs far less than batch by batch.
            for where in data.positions(torch.cat(batches)).split([len(ids) for ids in batches]):
                model.train()
                train_step(model, data, where, optimizer)
                for callback in callbacks:
                    callback.on_step_end(step, model)
                step += 1
                bar.update()
            for callback in callbacks:
                callback.on_epoch_end(epoch, model)
    return model
