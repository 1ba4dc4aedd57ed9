"""Which images are whose, where many models are trained to learn what each says of an image."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from partial_unlearning.batching import BatchPlan, shuffled_plan
from partial_unlearning.errors import InputError
from partial_unlearning.samples import Split
from partial_unlearning.unlearners.gradient import flipped_labels
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import CrowdConfig
from reproduction.study.runs.together import together_plan

REFERENCES = 4
"""Twins that RMIA compares with; an even number, as the others are looked at in pairs."""


@dataclass(frozen=True)
class Draw:
    """Which images are whose.

    Attributes:
        data: all images, those of the pool with the labels that models are trained on.
        common: ids of the images that every model is trained on.
        pool: ids of those that a model has or not, ``(n,)``.
        unseen: images that nobody is trained on.
        unseen_alike: the same with labels as right or wrong as those of the pool.
        members: whether a model has an image, bool, ``(rows, n)``; there are rows for twins too,
            as if they had been models.
        classes: number of classes.
    """

    data: Split
    common: Tensor
    pool: Tensor
    unseen: Split
    unseen_alike: Split
    members: Tensor
    classes: int

    @cached_property
    def looked_at(self) -> tuple[Tensor, Tensor]:
        """Images and labels of the pool and then of the unseen ones."""
        where = self.data.positions(self.pool)
        images = torch.cat([self.data.images[where], self.unseen.images])
        return images, torch.cat([self.data.labels[where], self.unseen.labels])

    def requests(self, model: int, size: int) -> list[Tensor]:
        """The ids that a model is asked to forget, so many at a time."""
        return list(self.pool[self.members[model]].split(size))

    def judging(self, model: int, size: int) -> list[Tensor]:
        """For each request the images that judge its outcome, bool, ``(n,)``.

        They are those of the request, and of those that the model never had an equal part.
        """
        never, requests = self.pool[~self.members[model]], self.requests(model, size)
        return [
            torch.isin(self.pool, torch.cat([ids, never[turn :: len(requests)]]))
            for turn, ids in enumerate(requests)
        ]


def _halves(models: int, images: int, generator: torch.Generator) -> Tensor:
    """Whether a model has an image, ``(models, images)``: a random half, the next the others."""
    pairs = []
    for _ in range(models // 2):
        first = torch.randperm(images, generator=generator) < images // 2
        pairs += [first, ~first]
    return torch.stack(pairs)


def _check(config: CrowdConfig, sizes: list[int], there: int) -> None:
    """InputError where models or images cannot be paired or divided so."""
    pairs = config.models // 2
    if config.models % 2 or config.twins % 2 or config.twins < max(pairs, REFERENCES + 6):
        raise InputError(
            f"{config.models} models and {config.twins} twins: give an even number of each, and of "
            f"twins half as many as models and {REFERENCES + 6} at least"
        )
    if config.pool % 2 or config.pool // 2 % config.request or sum(sizes) > there:
        raise InputError(
            f"a pool of {config.pool}, requests of {config.request}, {sum(sizes)} images of "
            f"{there}: half the pool must be a multiple of a request, and all images be there"
        )


def draw(config: CrowdConfig, data: Dataset) -> Draw:
    """Divide the training images at random.

    Raises:
        InputError: sizes that cannot be halved or divided, or more images than there are.
    """
    sizes = [config.pool, config.unseen, config.images]
    _check(config, sizes, len(data.train))
    generator = torch.Generator().manual_seed(config.seed)
    order = torch.randperm(len(data.train), generator=generator)
    pool, unseen, common = (
        data.train.ids.cpu()[part].sort().values for part in order[: sum(sizes)].split(sizes)
    )
    seen, labels = data.train.subset(unseen), data.train.labels.clone()
    alike, at = seen.labels, data.train.positions(pool)
    if config.labels == "wrong":
        options = {"classes": len(data.classes), "seed": config.seed}
        alike, labels[at] = (flipped_labels(right, **options) for right in (alike, labels[at]))
    return Draw(
        data=Split(data.train.images, labels, data.train.ids),
        common=common,
        pool=pool,
        unseen=seen,
        unseen_alike=Split(seen.images, alike, seen.ids),
        members=_halves(max(config.models, config.twins), len(pool), generator),
        classes=len(data.classes),
    )


def plan_of(config: CrowdConfig, ids: Tensor, requests: list[Tensor], seed: int) -> BatchPlan:
    """The batches of a model that is trained on ``ids``, ``(k,)``, those of its requests too."""
    how, ids = config.training, ids.sort().values
    options = {"batch_size": how.batch_size, "epochs": how.epochs, "seed": seed}
    if config.batches == "together":
        return together_plan(ids, requests, **options)
    return shuffled_plan(ids, **options)
