"""Persons of a few random images each: what forgetting one of them touches, and what it leaves."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from math import ceil
from typing import Any

import torch
from torch import Tensor, nn

from partial_unlearning.batching import (
    BatchPlan,
    shuffled_plan,
)
from partial_unlearning.metrics import labels_of, predict
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import PersonsConfig
from reproduction.study.measures.membership import auc, label_logits, roc
from reproduction.study.measures.twin import agreement, log_probabilities, total_variation
from reproduction.study.runs.epoch_sums import EpochSums
from reproduction.study.runs.membership_arms import (
    SUBTRACTED,
    Ending,
    endings,
    mean_logit,
    subtracted,
)
from reproduction.study.runs.paths import Record
from reproduction.study.runs.setup import fresh_model, load_data, train
from reproduction.study.runs.together import together_plan
from reproduction.study.shuffling import expected_affected_fraction

BATCHES = ("shuffled", "together")
"""Plainly shuffled, or with each person's images together."""


@dataclass(frozen=True)
class Requests:
    """Who asks, and what for.

    Attributes:
        data: that models are trained on.
        unseen: images that nobody is trained on.
        alone: number of images -> the ids of the one person who has so many.
        in_turn: the ids of each of those who ask one after another.
    """

    data: Dataset
    unseen: Split
    alone: dict[int, Tensor]
    in_turn: list[Tensor]

    @property
    def persons(self) -> list[Tensor]:
        """The ids of every person."""
        return [*self.alone.values(), *self.in_turn]

    @property
    def so_far(self) -> list[Tensor]:
        """The ids of all who have asked in turn, after each of them."""
        return list(accumulate(self.in_turn, lambda one, other: torch.cat([one, other])))


def draw_requests(config: PersonsConfig, data: Dataset) -> Requests:
    """Draw persons at random from the training images, none of whom share one."""
    count, size = config.in_turn
    sizes = [config.unseen, *config.sizes, *[size] * count]
    generator = torch.Generator().manual_seed(config.seed)
    order = torch.randperm(len(data.train), generator=generator)[: sum(sizes)]
    unseen, *persons = (data.train.ids.cpu()[part].sort().values for part in order.split(sizes))
    return Requests(
        replace(data, train=data.train.without(unseen)),
        data.train.subset(unseen),
        dict(zip(config.sizes, persons, strict=False)),
        persons[len(config.sizes) :],
    )


def _plan(config: PersonsConfig, requests: Requests, batches: str) -> BatchPlan:
    how, ids = config.training, requests.data.train.ids.cpu()
    options = {"batch_size": how.batch_size, "epochs": how.epochs, "seed": config.seed}
    if batches == "together":
        return together_plan(ids, requests.persons, **options)
    return shuffled_plan(ids, **options)


def without(plan: BatchPlan, ids: Tensor) -> BatchPlan:
    """The same batches in the same order without some samples; a batch left empty is none."""
    left = ([batch[~torch.isin(batch, ids)] for batch in epoch] for epoch in plan.epochs)
    return BatchPlan(tuple(tuple(batch for batch in epoch if len(batch)) for epoch in left))


class Trained:
    """A model under one kind of batches, the updates of each request, and a twin of each.

    A twin is trained on the same batches without the images of the request.
    """

    def __init__(self, config: PersonsConfig, requests: Requests, batches: str) -> None:
        self.config, self.requests, self.batches = config, requests, batches
        self.plan, data = _plan(config, requests, batches), requests.data
        self.model = fresh_model(config, data)
        layout, asked = Layout.of(self.model), [*requests.alone.values(), *requests.so_far]
        affected = [list(chain(*self.plan.affected(ids))) for ids in asked]
        recorders = [EpochSums(layout, [steps]) for steps in affected]
        train(config, self.model, data.train, self.plan, recorders)
        self.updates = [recorder.sums[0] for recorder in recorders]
        self.fractions = [len(steps) / len(self.plan) for steps in affected]
        self.twins = {size: self._twin(ids) for size, ids in requests.alone.items()}

    def _twin(self, ids: Tensor) -> nn.Module:
        model, data = fresh_model(self.config, self.requests.data), self.requests.data.train
        return train(self.config, model, data, without(self.plan, ids))

    def affected(self) -> Iterator[Record]:
        """The share of steps that each person's request affects, measured and by closed form."""
        count, batch = len(self.requests.data.train), self.config.training.batch_size
        for size, measured in zip(self.requests.alone, self.fractions, strict=False):
            expected = expected_affected_fraction(count, batch, size)
            if self.batches == "together":
                expected = ceil(size / batch) / ceil(count / batch)
            yield {
                "batches": self.batches,
                "images": size,
                "measured": measured,
                "expected": expected,
            }

    def endings(self, ids: Tensor, update: Tensor) -> Iterator[Ending]:
        """A request, ``(k,)``, carried out by every method.

        Enough is forgotten where the model is as unsure of its images as it was of unseen ones.
        """
        request, copy = self.requests.data.train.subset(ids), deepcopy(self.model)
        layout = Layout.of(copy)

        def measure(weights: Tensor) -> float:
            layout.load(copy, weights)
            return mean_logit(copy, request)

        level = mean_logit(self.model, self.requests.unseen)
        classes = len(self.requests.data.classes)
        options = {"classes": classes, "measure": measure, "level": level}
        return endings(self.config, self.model, update, request, **options)


class Beside:
    """A person's twin, and how far from it another model is.

    Args:
        requests: of the run.
        request: the person's images.
        twin: trained without them.
    """

    def __init__(self, requests: Requests, request: Split, twin: nn.Module) -> None:
        self.test, self.unseen, self.request = requests.data.evaluation, requests.unseen, request
        self.answers = log_probabilities(twin, self.test.images)
        self.logits = label_logits(twin, request.images, request.labels)

    def record(self, model: nn.Module) -> Record:
        """In percent, or as label logits; ``auc`` of a population attack, beside unseen images."""
        answers = log_probabilities(model, self.test.images)
        own = label_logits(model, self.request.images, self.request.labels)
        others = label_logits(model, self.unseen.images, self.unseen.labels)
        right = (labels_of(answers) == self.test.labels).double().mean().item()
        found = {
            "accuracy": 100 * right,
            "agreement": 100 * agreement(answers, self.answers),
            "total_variation": 100 * total_variation(answers, self.answers),
            "logit": own.mean().item(),
            "logit_gap": (own - self.logits).mean().item(),
            "auc": 100 * auc(roc(own, others)),
        }
        return {name: round(value, 4) for name, value in found.items()}


def _carried_out(trained: Trained, other_twins: Mapping[int, nn.Module]) -> Iterator[Record]:
    """Each person's request by every method, beside the person's twin.

    ``another training`` is a twin on other batches: how far apart models are that never saw it.
    """
    layout, copy = Layout.of(trained.model), deepcopy(trained.model)
    for (size, ids), update in zip(trained.requests.alone.items(), trained.updates, strict=False):
        request, twin = trained.requests.data.train.subset(ids), trained.twins[size]
        beside = Beside(trained.requests, request, twin)
        head = {"batches": trained.batches, "images": size}
        known = {"trained": trained.model, "retrained": twin, "another training": other_twins[size]}
        for name, model in known.items():
            yield head | {"method": name, "reached": False, **beside.record(model)}
        for ending in trained.endings(ids, update):
            layout.load(copy, ending.weights)
            yield {
                **head,
                "method": ending.method,
                "reached": ending.reached,
                **beside.record(copy),
            }


def _in_turn(trained: Trained) -> Iterator[Record]:
    """Test accuracy after each of the persons who ask in turn, everything subtracted each time.

    A step that several of them affect is subtracted once.
    """
    first, layout = len(trained.requests.alone), Layout.of(trained.model)
    copy = deepcopy(trained.model)
    test, weights = trained.requests.data.evaluation, layout.vector(trained.model)
    told = zip(trained.updates[first:], trained.fractions[first:], strict=True)
    for count, (update, fraction) in enumerate(told, start=1):
        for method, part in subtracted(trained.config, trained.model, update).items():
            layout.load(copy, weights - part)
            hits = predict(copy, test.images) == test.labels
            yield {
                "batches": trained.batches,
                "persons": count,
                "affected": fraction,
                "method": f"{method}, {SUBTRACTED}",
                "accuracy": round(100 * hits.double().mean().item(), 4),
            }


def run(config: PersonsConfig) -> dict[str, Any]:
    """Train under both kinds of batches, carry every request out by every method, and compare.

    Returns:
        ``levels``: each person's request by each method, beside the person's twin; ``facts``: the
        share of steps that each request ``affected``, and test accuracy as persons ask
        ``in_turn``.
    """
    requests = draw_requests(config, load_data(config))
    runs = {batches: Trained(config, requests, batches) for batches in BATCHES}
    others = dict(zip(BATCHES, reversed(BATCHES), strict=True))
    levels = [r for name in BATCHES for r in _carried_out(runs[name], runs[others[name]].twins)]
    facts = {
        "affected": [record for trained in runs.values() for record in trained.affected()],
        "in_turn": [record for trained in runs.values() for record in _in_turn(trained)],
    }
    return {"levels": levels, "facts": facts}
