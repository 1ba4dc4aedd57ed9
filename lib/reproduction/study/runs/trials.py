"""Runs that try settings on held-out training data; ``study/tuning.py`` chooses among them."""

from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from partial_unlearning.masks import build_mask, keep_all
from partial_unlearning.metrics import forgotten
from partial_unlearning.recorders.recorders import RunningSums, UpdateRecorder
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.amnesiac import ORDERS
from torch import Tensor, nn

from reproduction.datasets.sets import Dataset
from reproduction.study.runs import gradient
from reproduction.study.runs.setup import (
    fresh_model,
    load_data,
    make_plan,
    measure,
    point,
    recorded,
    target_ids,
    train,
)
from reproduction.study.runs.trained import trained_model
from reproduction.study.stored_runs import Config

Trial = dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """A trained model with what is known of its training.

    Attributes:
        model: as it was trained.
        log: whole affected updates, by epoch.
        affected: their steps, by epoch.
        share: affected steps of all steps, in 0..1.
        target: the images that are to be forgotten.
    """

    model: nn.Module
    log: RunningSums
    affected: list[list[int]]
    share: float
    target: Split


def _train_and_record(config: Config, data: Dataset) -> Recorded:
    plan = make_plan(config, data, config["protocol"])
    request = target_ids(config, data, plan)
    affected = plan.affected(request)
    model = fresh_model(config, data)
    layout = Layout.of(model)
    log = RunningSums(layout.size, affected)
    mask = recorded(config, layout, keep_all(layout))
    train(config, model, data.train, plan, [UpdateRecorder(mask, log)])
    share = sum(map(len, affected)) / len(plan)
    return Recorded(model, log, affected, share, data.train.subset(request))


def _judged(config: Config, model: nn.Module, target: Split, data: Dataset) -> dict[str, Any]:
    """What the rule asks of an unlearned model: has it forgotten, and what does it still know?"""
    reached = point(measure(config, model, data))
    return {"forgotten": forgotten(model, target.images, target.labels), **reached}


def _without(config: Config, run: Recorded, update: Tensor, data: Dataset) -> dict[str, Any]:
    """Judge a copy of the model from which an update is subtracted."""
    copy = deepcopy(run.model)
    Layout.of(copy).subtract(copy, update)
    return _judged(config, copy, run.target, data)


def protocol(config: Config) -> dict[str, Any]:
    """Conventional amnesiac unlearning under one batch protocol; the proposed method is not run."""
    data = load_data(config)
    run = _train_and_record(config, data)
    judged = _without(config, run, run.log.sum(chain(*run.affected)), data)
    trial = {"setting": config["protocol"], **judged}
    return {"trials": [trial], "facts": {"affected_share": run.share}}


def _pruned(total: Tensor, model: nn.Module, first: float, last: float, seed: int) -> Tensor:
    """The sum of pruned updates: a fixed mask commutes with the sum of Eq. 7."""
    layout = Layout.of(model)
    kept = build_mask("random", layout, sparsity_first=first, sparsity_last=last, seed=seed).kept()
    pruned = torch.zeros_like(total)
    pruned[kept] = total[kept]
    return pruned


def _ways(config: Config, run: Recorded) -> dict[str, list[tuple[Trial, Tensor]]]:
    """Every way of taking less back: its setting, and what it subtracts."""
    grid, total = config["grid"], run.log.sum(chain(*run.affected))
    return {
        "trials": [
            (
                {"strategy": "random", "first": first, "last": last},
                _pruned(total, run.model, first, last, config["seed"]),
            )
            for first, last in grid["pruning"]
        ],
        "scales": [({"scale": scale}, scale * total) for scale in grid["scales"]],
        "stops": [
            (
                {"order": order, "epochs": epochs},
                run.log.sum(chain(*list(ORDERS[order](run.affected))[:epochs])),
            )
            for order, counts in grid["stops"].items()
            for epochs in counts
        ],
    }


def pruning(config: Config) -> dict[str, Any]:
    """Ways of taking less back, from one training run.

    Returns:
        ``trials`` of partial amnesiac unlearning under every pruning of the grid; ``scales`` and
        ``stops``: those of its two simpler rivals.
    """
    data = load_data(config)
    run = _train_and_record(config, data)
    return {
        way: [{"setting": s, **_without(config, run, update, data)} for s, update in tried]
        for way, tried in _ways(config, run).items()
    }


def descent(config: Config) -> dict[str, Any]:
    """Label flipping or optimization-based unlearning at every setting, each to its own end."""
    data = load_data(config)
    model = trained_model(config, data)
    target = data.train.subset(data.train.of_class(config["target"]))
    trials = []
    for method in config["grid"]:
        unlearned, steps = gradient.unlearn(
            {**config, "experiment": config["family"]}, method, model, data
        )
        judged = _judged(config, unlearned, target, data)
        trials.append({"setting": method, "steps": steps, **judged})
    return {"trials": trials}
