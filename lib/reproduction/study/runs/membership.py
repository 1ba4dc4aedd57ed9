"""Population attacks: was this class in the training data? One attacker for all its images."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from partial_unlearning.samples import Split
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import MembershipConfig
from reproduction.study.measures.membership import (
    auc,
    label_logits,
    population_accuracy,
    roc,
    tpr_at,
)
from reproduction.study.runs.membership_arms import endings
from reproduction.study.runs.paths import Record, Scale, evenly
from reproduction.study.runs.recorded_training import record_training
from reproduction.study.runs.retrained import retrained_model
from reproduction.study.runs.setup import accuracies, fresh_model, load_data

RATES = {"tpr_1": 0.01, "tpr_01": 0.001}
"""Of false positives, at which the true positives are read."""


def rates(curve: tuple[Tensor, Tensor]) -> dict[str, float]:
    """What :func:`roc` says of an attack: its area, and true positives where false are few."""
    return {"auc": auc(curve), **{name: tpr_at(rate, curve) for name, rate in RATES.items()}}


def withhold(config: MembershipConfig, data: Dataset) -> tuple[Dataset, Split]:
    """The data without a random part of the target class, and that part."""
    ids = data.train.of_class(config.target)
    generator = torch.Generator().manual_seed(config.seed)
    order = torch.randperm(len(ids), generator=generator)
    part = ids[order[: round(config.withheld * len(ids))].to(ids.device)]
    return replace(data, train=data.train.without(part)), data.train.subset(part)


class Attack:
    """Attacks on the class to forget, told from images of it that nobody trained on.

    Args:
        config: of the run.
        data: that models were trained on.
        withheld: images of the class that were kept out of it; of the same source as its members.
    """

    def __init__(self, config: MembershipConfig, data: Dataset, withheld: Split) -> None:
        self.config = config
        self.members = data.train.subset(data.train.of_class(config.target))
        tested = data.evaluation.subset(data.evaluation.of_class(config.target))
        self.others = {"withheld": withheld, "test": tested}

    def records(self, method: str, model: nn.Module) -> Iterator[Record]:
        """How well each attack does, in percent: beside images withheld, and those of the test."""
        members = label_logits(model, self.members.images, self.members.labels)
        for kind, split in self.others.items():
            others = label_logits(model, split.images, split.labels)
            generator = torch.Generator().manual_seed(self.config.seed)
            told = population_accuracy(members.cpu(), others.cpu(), generator=generator)
            known = {"accuracy": told, **rates(roc(members, others))}
            yield {
                "method": method,
                "others": kind,
                "member_logit": round(members.mean().item(), 4),
                "other_logit": round(others.mean().item(), 4),
                **{name: round(100 * value, 4) for name, value in known.items()},
            }


def run(config: MembershipConfig) -> dict[str, Any]:
    """Forget a class by every method, and attack each model and the retrained twin.

    Returns:
        ``levels``: accuracies of each method, and whether it has forgotten enough; ``attacks``: a
        row for each method and kind of images that members are told from; ``facts``: how many.
    """
    data, withheld = withhold(config, load_data(config))
    model = fresh_model(config, data)
    placement = config.target_placement
    run = record_training(config, data, model, placement, keep_buffers=True, by_epoch=False)
    scale = Scale(config, model, data, evenly(run.request, config.target_images))
    attack, levels, attacks = Attack(config, data, withheld), [], []

    def note(method: str, found: nn.Module, reached: bool) -> None:
        levels.append({"method": method, "reached": reached, **accuracies(config, found, data)})
        attacks.extend(attack.records(method, found))

    note("trained", model, False)
    note("retrained", retrained_model(config, data), True)
    for ending in endings(
        config,
        model,
        run.sums.sum(0),
        data.train.subset(run.request),
        classes=len(data.classes),
        measure=scale.recognised("train"),
        level=config.primary,
    ):
        note(ending.method, scale.load(ending.weights), ending.reached)
    others = {kind: len(split) for kind, split in attack.others.items()}
    facts = {"members": len(attack.members), **others}
    return {"levels": levels, "attacks": attacks, "facts": facts}
