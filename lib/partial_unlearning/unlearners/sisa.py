"""SISA: sharded, isolated, sliced and aggregated training (Section 3.2.1).

Each shard has a model of its own, trained on one slice after the other, and its weights are kept
before each slice. A request then means: take up the weights from before the first slice that
holds a requested sample, and train on from there without it.

Following the section's words, each step trains on its slice alone. In the original of Bourtoule et
al. a step sees its slice and all earlier ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from partial_unlearning.batching import shuffled_plan
from partial_unlearning.errors import InputError
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.training import fit
from partial_unlearning.unlearners.partition import Partition


@dataclass(frozen=True)
class Recipe:
    """How a shard model is trained on a slice.

    Attributes:
        build: makes a fresh model from a seed.
        optimizer: makes an optimizer for a model. Each slice begins with a new one, since only
            the weights are kept between slices.
        batch_size: samples a step.
        epochs: passes over each slice.
        seed: of initial weights and shuffling; each shard and slice has its own, derived from it.
    """

    build: Callable[[int], nn.Module]
    optimizer: Callable[[nn.Module], Optimizer]
    batch_size: int
    epochs: int
    seed: int

    def seed_of(self, shard: int, stage: int) -> int:
        """Seed of a shard's initial weights (stage 0) or of its r-th slice (stage r, from 1).

        It depends on nothing that a deletion changes: retraining repeats training bit by bit.
        """
        return int(np.random.SeedSequence((self.seed, shard, stage)).generate_state(1)[0])


@dataclass(frozen=True)
class Sisa:
    """A trained ensemble with all that a later request needs.

    Attributes:
        partition: which sample is in which slice of which shard.
        states: for each shard its state vectors, float32, shape ``(size,)``: before the first
            slice and after each. The last one is the shard's model w_s.
        visits: samples seen, over all epochs, in the training or retraining that led here.
    """

    partition: Partition
    states: tuple[tuple[Tensor, ...], ...]
    visits: int


class Aggregate(nn.Module):
    """The final model: the mean of the class probabilities of the shard models.

    The paper speaks of averaging without saying what. Weights of models that began apart have no
    meaningful mean. A majority vote drops how sure each model is, and with few shards often ties.
    """

    def __init__(self, models: list[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, images: Tensor) -> Tensor:
        """Probabilities, shape ``(n, classes)``, of images of shape ``(n, ...)``."""
        return torch.stack([model(images).softmax(dim=1) for model in self.models]).mean(dim=0)


def _train_shard(
    recipe: Recipe, data: Split, partition: Partition, shard: int, done: tuple[Tensor, ...] = ()
) -> tuple[tuple[Tensor, ...], int]:
    """Train a shard on the slices that follow the states it has; return its states and visits."""
    model = recipe.build(recipe.seed_of(shard, 0))
    layout = Layout.of(model)
    states = list(done) if done else [layout.vector(model)]
    layout.load(model, states[-1])
    visits = 0
    for number, ids in enumerate(partition.slices[shard][len(states) - 1 :], start=len(states)):
        if len(ids):  # a request may have emptied the slice
            plan = shuffled_plan(
                ids,
                batch_size=recipe.batch_size,
                epochs=recipe.epochs,
                seed=recipe.seed_of(shard, number),
            )
            fit(model, data, plan, recipe.optimizer(model), title=f"shard {shard} slice {number}")
            visits += recipe.epochs * len(ids)
        states.append(layout.vector(model))
    return tuple(states), visits


def train(recipe: Recipe, data: Split, partition: Partition) -> Sisa:
    """Train every shard from its initial weights on data that has the partition's samples."""
    trained = [_train_shard(recipe, data, partition, s) for s in range(len(partition.slices))]
    states, visits = zip(*trained, strict=True)
    return Sisa(partition, states, sum(visits))


def forget(recipe: Recipe, data: Split, sisa: Sisa, request: Tensor) -> Sisa:
    """Delete samples: retrain each affected shard from before the first slice they are in.

    The result is what :func:`train` makes of ``sisa.partition.without(request)``: bit by bit, on
    a processor that repeats a computation bit by bit. Where the other samples lie gives nothing
    away either, since no sample's content has a say in it.

    The recipe is the one that ``sisa`` was trained by, ``data`` holds at least the samples that
    remain, ``request`` is the ids to delete, int64 ``(n,)``. InputError if one is in no shard, or
    nothing would be left.
    """
    affected, partition = sisa.partition.first_affected(request), sisa.partition.without(request)
    if not len(partition.ids):
        raise InputError("the request names every sample, so that nothing is left to train on")
    states, visits = list(sisa.states), 0
    for shard, first in affected.items():
        kept = sisa.states[shard][: first + 1]
        states[shard], seen = _train_shard(recipe, data, partition, shard, kept)
        visits += seen
    return Sisa(partition, tuple(states), visits)


def aggregate(recipe: Recipe, sisa: Sisa) -> Aggregate:
    """The final model. A shard without samples has no say; InputError if all are without."""
    models = []
    for slices, states in zip(sisa.partition.slices, sisa.states, strict=True):
        if any(len(ids) for ids in slices):
            models.append(recipe.build(recipe.seed))
            Layout.of(models[-1]).load(models[-1], states[-1])
    if not models:
        raise InputError("no shard has any sample left, so that there is no model")
    return Aggregate(models)
