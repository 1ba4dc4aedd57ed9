"""What is measured of a model beside its retrained twin."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from partial_unlearning.metrics import labels_of
from partial_unlearning.samples import Split
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import ForgottenConfig
from reproduction.study.measures.features import features, linear_cka, probe
from reproduction.study.measures.twin import (
    agreement,
    average_gap,
    destinations,
    divergence,
    log_probabilities,
    total_variation,
    tug_of_war,
)
from reproduction.study.runs.paths import Record, evenly
from reproduction.study.runs.relearning import recognised, relearning_curve

COMPARED = ("forget", "retain", "test")
"""Target and retained images that were trained on, and all test images."""


class Beside:
    """A retrained twin, and the images on which models are compared with it.

    Args:
        config: of the run.
        data: the twin was trained on what of it is retained.
        twin: of the models that will be measured.
    """

    def __init__(self, config: ForgottenConfig, data: Dataset, twin: nn.Module) -> None:
        self.config, self.test = config, data.evaluation
        target = data.train.of_class(config.target)
        retained = data.train.without(target)
        self.target = data.train.subset(target)
        self.parts = {
            "forget": self.target.subset(evenly(target, config.target_images)),
            "retain": retained.subset(evenly(retained.ids, config.target_images)),
        }
        inside = self.test.of_class(config.target)
        outside = self.test.without(inside).ids
        inside = evenly(inside, config.images)
        self.inside = self.test.subset(inside)
        self.outside = self.test.subset(evenly(outside, len(inside)))
        self.answers, self.features = log_probabilities(twin, self.test.images), self._seen(twin)
        self.accuracies = self._accuracies(twin, self.answers)

    def _seen(self, model: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
        """Features of images in and out of the class, by layer."""
        inside, outside = (features(model, part.images) for part in (self.inside, self.outside))
        return {layer: (inside[layer], outside[layer]) for layer in inside}

    def _accuracies(self, model: nn.Module, answers: Tensor) -> dict[str, float]:
        """The fraction recognised, in 0..1, of each of :data:`COMPARED`."""
        found = {name: recognised(model, part) / 100 for name, part in self.parts.items()}
        hits = labels_of(answers) == self.test.labels
        return {**found, "test": hits.double().mean().item()}

    def outputs(self, method: str, model: nn.Module) -> Record:
        """How a model's accuracies and answers differ from the twin's; accuracies in percent.

        The gap is in points, the divergence in nats, all else in percent but ToW, in 0..1.
        ``destinations`` has the classes that test images of the target class are put into.
        """
        answers = log_probabilities(model, self.test.images)
        own, hits = self._accuracies(model, answers), labels_of(answers) == self.test.labels
        is_target = self.test.labels == self.config.target
        record: Record = {"method": method, **{name: 100 * own[name] for name in COMPARED}}
        record["average_gap"] = 100 * average_gap(own, self.accuracies)
        record["tow"] = tug_of_war(own, self.accuracies)
        for kind, where in (("target", is_target), ("retained", ~is_target)):
            mine, twins = answers[where], self.answers[where]
            record[f"d_{kind[0]}"] = 100 * hits[where].double().mean().item()
            record[f"agreement_{kind}"] = 100 * agreement(mine, twins)
            record[f"divergence_{kind}"] = divergence(mine, twins)
            record[f"total_variation_{kind}"] = 100 * total_variation(mine, twins)
        places, at_twin = destinations(answers[is_target]), destinations(self.answers[is_target])
        record["misplaced"] = 50 * (places - at_twin).abs().sum().item()
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in record.items()}
        return rounded | {"destinations": [round(100 * share, 2) for share in places.tolist()]}

    def layers(self, method: str, model: nn.Module) -> Iterator[Record]:
        """What a probe tells of the class in each layer, and likeness to the twin's; percent."""
        for layer, (inside, outside) in self._seen(model).items():
            generator = torch.Generator().manual_seed(self.config.seed)
            twins = self.features[layer]
            yield {
                "method": method,
                "layer": layer,
                "width": inside.shape[1],
                "probe": round(100 * probe(inside, outside, generator=generator), 4),
                "cka_target": round(100 * linear_cka(inside, twins[0]), 4),
                "cka_retained": round(100 * linear_cka(outside, twins[1]), 4),
            }

    def known_again(self, trained: nn.Module) -> float:
        """The percentage of its test images from which on the class counts as relearned."""
        return self.config.relearned / 100 * recognised(trained, self.inside)

    def relearned(self, method: str, model: nn.Module, level: float) -> Iterator[Record]:
        """How soon a level is reached from each number of images; fewer are among the more."""
        seed, config = self.config.seed, self.config
        order = torch.randperm(len(self.target), generator=torch.Generator().manual_seed(seed))
        for count in config.shown:
            curve = relearning_curve(
                model,
                self._of(self.target, order[:count]),
                self.parts["retain"],
                self.inside,
                how=config.training,
                level=level,
                max_steps=config.relearning_steps,
                seed=seed,
            )
            yield {
                **{"method": method, "shown": count, "level": round(level, 4)},
                **{"reached": curve[-1] >= level, "steps": len(curve) - 1},
                "curve": [round(value, 2) for value in curve],
            }

    @staticmethod
    def _of(split: Split, where: Tensor) -> Split:
        return split.subset(split.ids[where.to(split.ids.device)])
