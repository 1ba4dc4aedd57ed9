"""Exact replay: train again along the recorded batches, without the samples to forget.

"Unlearning at Scale", arXiv 2508.12220. From a checkpoint before the first affected step on, this
ends bit by bit where training along the same batches without these samples would have ended. That
is the twin it equals: same initial weights, order and draws of dropout, but smaller batches. It is
no twin whose batches were shuffled anew.
"""

from torch import Tensor, isin, nn
from torch.optim import Optimizer

from partial_unlearning.batching import BatchPlan
from partial_unlearning.errors import InputError
from partial_unlearning.samples import Split
from partial_unlearning.training import fit


def without(plan: BatchPlan, ids: Tensor) -> BatchPlan:
    """The plan without ids ``(n,)``; a batch of nothing else is a step no more.

    InputError if there are no other samples.
    """
    smaller = [[batch[~isin(batch, ids)] for batch in batches] for batches in plan.epochs]
    epochs = [tuple(batch for batch in batches if len(batch)) for batches in smaller]
    if not any(epochs):
        raise InputError("the request names every sample, so that nothing is left to train on")
    return BatchPlan(tuple(batches for batches in epochs if batches))


def replay(
    model: nn.Module, optimizer: Optimizer, data: Split, plan: BatchPlan, ids: Tensor, *, done: int
) -> nn.Module:
    """Train on along ``plan`` without samples ``ids`` of shape ``(n,)``, in place.

    Model (with buffers), optimizer and torch's generator are to be as they were after ``done``
    steps; InputError if one of these had a sample to forget, so that the model knows it.
    """
    first = min(step for steps in plan.affected(ids) for step in steps)
    if done > first:
        raise InputError(
            f"step {first} had a sample to forget and {done} steps were made; go back to a "
            f"checkpoint of at most {first} steps"
        )
    rest = BatchPlan((tuple(batch for step, _, batch in plan if step >= done),))
    return fit(model, data, without(rest, ids), optimizer, title="replay")
