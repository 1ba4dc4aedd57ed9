"""Runs that try settings on held-out training data; ``study/tuning.py`` chooses among them."""

from typing import Any

from torch import Tensor, nn

from partial_unlearning.metrics import forgotten
from partial_unlearning.unlearners.amnesiac import prune
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import Config, DescentTrials, ProtocolTrial, PruningTrials
from reproduction.study.profiles import Pruning
from reproduction.study.runs import gradient
from reproduction.study.runs.amnesiac import stopped
from reproduction.study.runs.recorded_training import RecordedTraining, record_training
from reproduction.study.runs.setup import (
    fresh_model,
    load_data,
    measure,
    point,
    pruning_mask,
    trained_model,
)

Trial = dict[str, Any]


def _judged(config: Config, model: nn.Module, request: Tensor, data: Dataset) -> Trial:
    """What the rule asks of an unlearned model: has it forgotten, and what does it still know?"""
    target = data.train.subset(request)
    reached = point(measure(config, model, data))
    return {"forgotten": forgotten(model, target.images, target.labels), **reached}


def protocol(config: ProtocolTrial) -> dict[str, Any]:
    """Conventional amnesiac unlearning under one batch protocol; the proposed method is not run."""
    data = load_data(config)
    run = record_training(config, data, fresh_model(config, data), config.protocol)
    judged = _judged(config, run.without(run.sums.sum(0)), run.request, data)
    trial = {"setting": config.protocol, **judged}
    return {"trials": [trial], "facts": {"affected_share": run.share}}


def _ways(config: PruningTrials, run: RecordedTraining) -> dict[str, list[tuple[Trial, Tensor]]]:
    """Every way of taking less back: its setting, and what it subtracts."""
    grid, total = config.grid, run.sums.sum(0)
    prunings = [Pruning(first=first, last=last) for first, last in grid["pruning"]]
    masks = [pruning_mask(pruning, run.model, config.seed) for pruning in prunings]
    stops = [(order, epochs) for order, counts in grid["stops"].items() for epochs in counts]
    return {
        "trials": [
            (pruning.model_dump(), prune(total, mask.kept()))
            for pruning, mask in zip(prunings, masks, strict=True)
        ],
        "scales": [({"scale": scale}, scale * total) for scale in grid["scales"]],
        "stops": [({"order": o, "epochs": n}, stopped(run.sums, o, n)) for o, n in stops],
    }


def pruning(config: PruningTrials) -> dict[str, Any]:
    """Ways of taking less back, from one training run.

    Returns:
        ``trials`` of partial amnesiac unlearning under every pruning of the grid; ``scales`` and
        ``stops``: those of its two simpler rivals.
    """
    data = load_data(config)
    run = record_training(config, data, fresh_model(config, data), config.protocol)
    return {
        way: [
            {"setting": setting, **_judged(config, run.without(update), run.request, data)}
            for setting, update in tried
        ]
        for way, tried in _ways(config, run).items()
    }


def descent(config: DescentTrials) -> dict[str, Any]:
    """Label flipping or optimization-based unlearning at every setting, each to its own end."""
    data = load_data(config)
    model, request = trained_model(config, data), data.train.of_class(config.target)
    trials = []
    for method in config.grid:
        unlearned, steps = gradient.unlearn(config, config.family, method, model, data)
        judged = _judged(config, unlearned, request, data)
        trials.append({"setting": method.model_dump(), "steps": steps, **judged})
    return {"trials": trials}
