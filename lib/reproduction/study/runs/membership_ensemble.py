"""Many small models of one architecture, trained side by side, each on batches of its own.

One vectorised step moves all of them. That is for accelerators, of which one small model leaves
most idle. A processor's core is filled by one MLP (measured: 4.4 ms a step and model for four at
once, 4.0 for one; of LeNet 25 and 16).
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import cross_entropy

from partial_unlearning.batching import BatchPlan
from partial_unlearning.errors import InputError
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.training import fit
from reproduction.study.profiles import Training
from reproduction.study.runs.epoch_sums import EpochSums
from reproduction.study.runs.optimizers import make_optimizer

Requests = Sequence[Tensor]
"""Ids of each deletion request to a model, int64, ``(k,)``."""


def train_in_turn(
    models: Sequence[nn.Module],
    data: Split,
    plans: Sequence[BatchPlan],
    requests: Sequence[Requests],
    how: Training,
) -> list[Tensor]:
    """Train models one after another, in place, and record what their requests will need.

    Args:
        models: not trained yet.
        data: that all plans draw on.
        plans: of each model.
        requests: of each model, any number.
        how: optimizer and learning rate.

    Returns:
        For each model the sums of the updates that each request affects, ``(requests, size)``.
    """
    found = []
    for model, plan, asked in zip(models, plans, requests, strict=True):
        steps = [list(chain(*plan.affected(ids))) for ids in asked]
        layout = Layout.of(model)
        recorders = [EpochSums(layout, [own]) for own in steps]
        optimizer = make_optimizer(how.optimizer, model, learning_rate=how.learning_rate)
        fit(model, data, plan, optimizer, recorders)
        none = layout.vector(model).new_zeros(0, layout.size)
        found.append(torch.cat([none, *(recorder.sums for recorder in recorders)]))
    return found


def train_at_once(
    bare: nn.Module,
    models: Sequence[nn.Module],
    data: Split,
    plans: Sequence[BatchPlan],
    requests: Sequence[Requests],
    how: Training,
) -> list[Tensor]:
    """The same as :func:`train_in_turn` but for rounding, with one step for all models.

    Args:
        bare: the architecture, without hooks.
        models: not trained yet.
        data: that all plans draw on.
        plans: of each model, with batches of the same sizes.
        requests: of each model, any number.
        how: optimizer and learning rate.

    Raises:
        InputError: models with buffers, whose statistics a vectorised step does not follow.
    """
    layout = Layout.of(bare)
    if layout.buffers:
        raise InputError("models with buffers cannot be trained at once; train them in turn")
    state, _ = stack_module_state(list(models))
    weights = nn.ParameterList([state[name].detach() for name in layout.names])
    forward = vmap(lambda named, images: functional_call(bare, named, (images,)))
    optimizer = make_optimizer(how.optimizer, weights, learning_rate=how.learning_rate)
    sums = [torch.zeros(len(asked), layout.size, device=data.ids.device) for asked in requests]
    affected = _affected(plans, requests)
    for step, where in enumerate(_batches(data, plans)):
        before = {model: _vector(weights, model) for model, _ in affected[step]}
        logits = forward(dict(zip(layout.names, weights, strict=True)), data.images[where])
        loss = cross_entropy(logits.flatten(0, 1), data.labels[where].flatten(), reduction="sum")
        optimizer.zero_grad(set_to_none=True)
        (loss / where.shape[1]).backward()
        optimizer.step()
        for model, request in affected[step]:
            sums[model][request] += _vector(weights, model) - before[model]
    for number, model in enumerate(models):
        layout.load(model, _vector(weights, number))
    return sums


def _affected(
    plans: Sequence[BatchPlan], requests: Sequence[Requests]
) -> dict[int, list[tuple[int, int]]]:
    """Step -> the pairs of a model and a request of it whose images are in the model's batch."""
    found = defaultdict(list)
    for model, (plan, asked) in enumerate(zip(plans, requests, strict=True)):
        for request, ids in enumerate(asked):
            for step in chain(*plan.affected(ids)):
                found[step].append((model, request))
    return found


def _batches(data: Split, plans: Sequence[BatchPlan]) -> list[Tensor]:
    """For each step the positions of every model's batch, ``(models, batch)``."""
    each = []
    for plan in plans:
        batches = [ids for _, _, ids in plan]
        each.append(data.positions(torch.cat(batches)).split([len(ids) for ids in batches]))
    return [torch.stack(parts) for parts in zip(*each, strict=True)]


def _vector(weights: nn.ParameterList, model: int) -> Tensor:
    """The flat weights of one of the models, a copy, ``(size,)``."""
    return torch.cat([tensor.detach()[model].flatten() for tensor in weights])
