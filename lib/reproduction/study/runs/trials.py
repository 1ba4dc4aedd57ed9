"""Runs that try settings on held-out training data; ``study/tuning.py`` chooses among them."""

from typing import Any

from torch import Tensor, nn

from partial_unlearning.masks import build_mask
from partial_unlearning.metrics import forgotten
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.amnesiac import prune
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import Config, DescentTrials, ProtocolTrial, PruningTrials
from reproduction.study.runs import gradient
from reproduction.study.runs.amnesiac import stopped
from reproduction.study.runs.recorded_training import RecordedTraining, record_training
from reproduction.study.runs.setup import fresh_model, load_data, measure, point, trained_model

Trial = dict[str, Any]


def _judged(config: Config, model: nn.Module, target: Split, data: Dataset) -> dict[str, Any]:
    """What the rule asks of an unlearned model: has it forgotten, and what does it still know?"""
    reached = point(measure(config, model, data))
    return {"forgotten": forgotten(model, target.images, target.labels), **reached}


def _recorded(config: ProtocolTrial, data: Dataset) -> RecordedTraining:
    return record_training(config, data, fresh_model(config, data), config.protocol)


def protocol(config: ProtocolTrial) -> dict[str, Any]:
    """Conventional amnesiac unlearning under one batch protocol; the proposed method is not run."""
    data = load_data(config)
    run = _recorded(config, data)
    target = data.train.subset(run.request)
    judged = _judged(config, run.without(run.sums.sum(0)), target, data)
    trial = {"setting": config.protocol, **judged}
    return {"trials": [trial], "facts": {"affected_share": run.share}}


def _pruned(run: RecordedTraining, first: float, last: float, seed: int) -> Tensor:
    """What partial amnesiac unlearning subtracts under a schedule of random pruning."""
    mask = build_mask(
        "random", Layout.of(run.model), sparsity_first=first, sparsity_last=last, seed=seed
    )
    return prune(run.sums.sum(0), mask.kept())


def _ways(config: PruningTrials, run: RecordedTraining) -> dict[str, list[tuple[Trial, Tensor]]]:
    """Every way of taking less back: its setting, and what it subtracts."""
    grid, total = config.grid, run.sums.sum(0)
    return {
        "trials": [
            (
                {"strategy": "random", "first": first, "last": last},
                _pruned(run, first, last, config.seed),
            )
            for first, last in grid["pruning"]
        ],
        "scales": [({"scale": scale}, scale * total) for scale in grid["scales"]],
        "stops": [
            ({"order": order, "epochs": epochs}, stopped(run.sums, order, epochs))
            for order, counts in grid["stops"].items()
            for epochs in counts
        ],
    }


def pruning(config: PruningTrials) -> dict[str, Any]:
    """Ways of taking less back, from one training run.

    Returns:
        ``trials`` of partial amnesiac unlearning under every pruning of the grid; ``scales`` and
        ``stops``: those of its two simpler rivals.
    """
    data = load_data(config)
    run = _recorded(config, data)
    target = data.train.subset(run.request)
    return {
        way: [
            {"setting": setting, **_judged(config, run.without(update), target, data)}
            for setting, update in tried
        ]
        for way, tried in _ways(config, run).items()
    }


def descent(config: DescentTrials) -> dict[str, Any]:
    """Label flipping or optimization-based unlearning at every setting, each to its own end."""
    data = load_data(config)
    model = trained_model(config, data)
    target = data.train.subset(data.train.of_class(config.target))
    trials = []
    for method in config.grid:
        unlearned, steps = gradient.unlearn(config, config.family, method, model, data)
        judged = _judged(config, unlearned, target, data)
        trials.append({"setting": method.model_dump(), "steps": steps, **judged})
    return {"trials": trials}
