"""Beside today's methods: one recorded training, forgotten by every method, beside its twin."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import torch
from torch import Tensor, nn

from partial_unlearning.batching import BatchPlan
from partial_unlearning.models import build
from partial_unlearning.state import Layout
from partial_unlearning.training import Callback, fit
from partial_unlearning.unlearners.amnesiac import prune
from partial_unlearning.unlearners.replay import replay
from partial_unlearning.update_log import checkpoint
from partial_unlearning.update_log.folder import Folder
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import Config, PeersConfig, PeerTrials
from reproduction.study.measures import features, twin
from reproduction.study.runs.epoch_sums import EpochSums
from reproduction.study.runs.gradient import gradient_path
from reproduction.study.runs.optimizers import make_optimizer
from reproduction.study.runs.paths import Record, Scale, evenly, subtraction
from reproduction.study.runs.peer_paths import Case, Timed, peer_path
from reproduction.study.runs.retrained import retrained_model
from reproduction.study.runs.setup import (
    accuracies,
    device,
    fresh_model,
    load_data,
    make_plan,
    pruning_mask,
    train,
)
from reproduction.study.runs.strength import Goal, Point

AMNESIAC = ("conventional", "proposed")


class TwinComparison:
    """Everything that is measured of a model, with its twin beside it.

    Args:
        config: of the run.
        data: to measure on.
        retrained: the twin, which never saw the target class.
    """

    def __init__(self, config: Config, data: Dataset, retrained: nn.Module) -> None:
        self.config, self.data = config, data
        self._target = data.evaluation.subset(data.evaluation.of_class(config.target))
        others = data.evaluation.without(self._target.ids)
        self._others = others.subset(evenly(others.ids, len(self._target)))
        sides = (("target", self._target), ("retained", others))
        self._sides = {
            name: (images.images, twin.log_probabilities(retrained, images.images))
            for name, images in sides
        }

    def __call__(self, model: nn.Module) -> Record:
        """Test accuracies, and in percent or nats how the model answers beside its twin.

        ``probe`` is the percentage of images that a linear probe of what the last layer is given
        puts rightly into or out of the target class.
        """
        found = accuracies(self.config, model, self.data)
        for side, (images, theirs) in self._sides.items():
            answers = twin.log_probabilities(model, images)
            found[f"agreement_{side}"] = round(100 * twin.agreement(answers, theirs), 4)
            found[f"variation_{side}"] = round(100 * twin.total_variation(answers, theirs), 4)
            found[f"divergence_{side}"] = round(twin.divergence(answers, theirs), 5)
        return {**found, "probe": self._probe(model)}

    def _probe(self, model: nn.Module) -> float:
        last = Layout.of(model).layers[-1]
        inside, outside = (
            features.features(model, images.images)[last] for images in (self._target, self._others)
        )
        generator = torch.Generator().manual_seed(self.config.seed)
        return round(100 * features.probe(inside, outside, generator=generator), 4)


class Checkpoints(Callback):
    """One before the training and one after each epoch, each in a folder of its own."""

    def __init__(self, folder: Path, optimizer: torch.optim.Optimizer, plan: BatchPlan) -> None:
        self.folder, self.optimizer = folder, optimizer
        ends = [0, *(len(batches) for batches in plan.epochs)]
        self.steps = torch.tensor(ends).cumsum(0).tolist()

    def on_train_begin(self, model: nn.Module) -> None:
        """Keep the initial state."""
        self.on_epoch_end(-1, model)

    def on_epoch_end(self, epoch: int, model: nn.Module) -> None:
        """Keep the state after an epoch."""
        done = self.steps[epoch + 1]
        position = {"steps": done}
        folder = Folder(self.folder / str(done))
        checkpoint.write_checkpoint(folder, [model, self.optimizer], [], position)

    def last_before(self, step: int) -> dict[str, Any]:
        """The last state that is not later than a step."""
        done = max(done for done in self.steps if done <= step)
        return checkpoint.read_checkpoint(Folder(self.folder / str(done))) or {}

    @property
    def bytes(self) -> int:
        """Of all checkpoints."""
        return Folder(self.folder).total()


@dataclass(frozen=True)
class Training:
    """A recorded training.

    Attributes:
        model: trained.
        plan: the batches.
        request: ids of all target images, ``(n,)``.
        affected: steps that hold any of them.
        update: the sum of these steps' updates, zero for statistics that are kept, ``(size,)``.
        replayed: what exact replay makes of it.
        replay_seconds: processor time of that.
        checkpoint_bytes: of all checkpoints.
        replayed_steps: that replay went along.
    """

    model: nn.Module
    plan: BatchPlan
    request: Tensor
    affected: list[int]
    update: Tensor
    replayed: nn.Module
    replay_seconds: float
    checkpoint_bytes: int
    replayed_steps: int


def _record(config: PeersConfig, data: Dataset, folder: Path) -> Training:
    """Train under the placement with everything kept that the request needs, and replay."""
    plan, how = make_plan(config, data, config.target_placement), config.training
    request = data.train.of_class(config.target).cpu()
    request = request[torch.isin(request, plan.ids)]
    affected = list(chain(*plan.affected(request)))
    model = fresh_model(config, data)
    optimizer = make_optimizer(how.optimizer, model, learning_rate=how.learning_rate)
    sums = EpochSums(Layout.of(model), [affected])
    kept = Checkpoints(folder, optimizer, plan)
    fit(model, data.train, plan, optimizer, [sums, kept], title=f"{config.model}, recorded")
    update = sums.sums[0]
    if config.buffers == "keep":
        update = update * Layout.of(model).is_weight.to(update.device)
    started = process_time()
    back = fresh_model(config, data)
    again = make_optimizer(how.optimizer, back, learning_rate=how.learning_rate)
    done = checkpoint.restore(kept.last_before(affected[0]), [back, again], [])["steps"]
    replay(back, again, data.train, plan, request, done=done)
    spent, left = process_time() - started, len(plan) - done
    return Training(model, plan, request, affected, update, back, spent, kept.bytes, left)


def _case(config: PeersConfig | PeerTrials, data: Dataset, model: nn.Module) -> Case:
    classes = len(data.classes)
    other = build(config.model, classes=classes, seed=config.seed + 1, width=config.width)
    return Case(
        model=model,
        untrained=other.to(device()).eval(),
        train=data.train,
        target=config.target,
        classes=classes,
        seed=config.seed,
        images=config.images,
        steps=config.steps,
    )


def _paths(
    config: PeersConfig, data: Dataset, run: Training
) -> Iterator[tuple[str, bool, Iterator[Point]]]:
    """Each method with its path, and whether it has an end of its own."""
    mask = pruning_mask(config.pruning, run.model, config.seed)
    for name, update in zip(AMNESIAC, (run.update, prune(run.update, mask.kept())), strict=True):
        yield name, True, subtraction(run.model, update)
    target = data.train.subset(run.request)
    shared = {"classes": len(data.classes), "seed": config.seed, "max_steps": config.steps}
    for family, arms in config.gradient.items():
        for arm, how in arms.items():
            path = gradient_path(run.model, target, how, family=family, **shared)
            yield f"{family}_{arm}", False, path
    case = _case(config, data, run.model)
    for method, setting in config.peers.items():
        yield method, True, peer_path(case, method, setting)


def _followed(
    name: str,
    has_end: bool,
    path: Iterator[Point],
    scale: Scale,
    goal: Goal,
    beside: TwinComparison,
) -> tuple[Record, Record | None]:
    """A method where it has forgotten enough, and at its own end; None where it has none."""
    timed = Timed(path)
    found = scale.walk(timed, [goal])
    record = {**scale.record(name, goal, found), "seconds": round(timed.seconds, 3)}
    if record["reached"]:
        record |= beside(scale.load(found.reached[goal][0].weights))
    if not has_end or found.last is None:
        return record, None
    *_, end = chain([found.last], timed)
    if not end.weights.isfinite().all():
        return record, None
    known = beside(scale.load(end.weights))
    return record, {"method": name, **known, "seconds": round(timed.seconds, 3)}


def _facts(config: PeersConfig, data: Dataset, run: Training) -> dict[str, Any]:
    """What each method has to keep beside the model and the images that it needs, in bytes."""
    layout = Layout.of(run.model)
    mask = pruning_mask(config.pruning, run.model, config.seed)
    ids = 4 * sum(len(batch) for _, _, batch in run.plan)  # a number of 32 bits an image
    dense = 4 * layout.size * len(run.plan)
    kept = 4 * len(mask.kept()) * len(run.plan)
    return {
        "request": len(run.request),
        "retained": len(data.train) - len(run.request),
        "steps": len(run.plan),
        "affected_steps": len(run.affected),
        "first_affected": run.affected[0],
        "replayed_steps": run.replayed_steps,
        "bytes": {
            "conventional": ids + dense,
            "proposed": ids + kept,
            "replay": ids + run.checkpoint_bytes,
            "ssd": 4 * sum(weight.numel() for weight in run.model.parameters()),
        },
    }


def run(config: PeersConfig) -> dict[str, Any]:
    """Train once, forget by every method, measure each beside a retrained twin.

    Returns:
        ``rows``: trained, retrained, replay, and each method at its own end, that is after all of
        its steps; ``levels``: each where it has forgotten enough; ``facts``: sizes and bytes, and
        the processor seconds of retraining, of which a method's own are a part.
    """
    data = load_data(config)
    with TemporaryDirectory() as folder:
        training = _record(config, data, Path(folder))
    started = process_time()
    retrained = retrained_model(config, data)
    retraining = process_time() - started
    beside = TwinComparison(config, data, retrained)
    rows = [
        {"method": "trained", **beside(training.model), "seconds": 0.0},
        {"method": "retrained", **beside(retrained), "seconds": round(retraining, 3)},
        {
            "method": "replay",
            **beside(training.replayed),
            "seconds": round(training.replay_seconds, 3),
        },
    ]
    scale = Scale(config, training.model, data, evenly(training.request, config.target_images))
    goal, levels = Goal("train", config.level), []
    for name, has_end, path in _paths(config, data, training):
        record, end = _followed(name, has_end, path, scale, goal, beside)
        levels.append(record)
        rows += [end] if end else []
    facts = {**_facts(config, data, training), "retraining_seconds": round(retraining, 3)}
    return {"rows": rows, "levels": levels, "facts": facts}


def trials(config: PeerTrials) -> dict[str, Any]:
    """Where each setting of each method reaches the level: ``trials``."""
    data = load_data(config)
    plan = make_plan(config, data, config.target_placement)
    model = train(config, fresh_model(config, data), data.train, plan)
    request = evenly(data.train.of_class(config.target), config.target_images)
    scale, goal = Scale(config, model, data, request), Goal("train", config.level)
    case, found = _case(config, data, model), []
    for method, setting in config.grid:
        path = peer_path(case, method, setting)
        [record] = scale.records(method, path, [goal])
        found.append({"setting": setting, **record})
    return {"trials": found}
