"""Runs that try settings on held-out training data; :mod:`lib.tuning` chooses among them."""

from copy import deepcopy
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from lib.data import Dataset
from lib.experiments import gradient
from lib.experiments.common import (
    fresh_model,
    load_data,
    make_plan,
    measure,
    point,
    recorded,
    target_ids,
    train,
)
from lib.experiments.store import Config
from lib.experiments.trained import trained_model
from lib.masks import build_mask, keep_all
from lib.recorders import RunningSums, UpdateRecorder
from lib.state import Layout
from lib.unlearners.amnesiac import ORDERS

Trial = dict[str, Any]


def _train_and_record(
    config: Config, data: Dataset
) -> tuple[nn.Module, RunningSums, list[list[int]], float]:
    """The trained model, its whole affected updates by epoch, their steps, the affected share."""
    plan = make_plan(config, data, config["protocol"])
    affected = plan.affected(target_ids(config, data, plan))
    model = fresh_model(config, data)
    layout = Layout.of(model)
    log = RunningSums(layout.size, affected)
    mask = recorded(config, layout, keep_all(layout))
    train(config, model, data.train, plan, [UpdateRecorder(mask, log)])
    return model, log, affected, sum(map(len, affected)) / len(plan)


def _without(config: Config, model: nn.Module, update: Tensor, data: Dataset) -> dict[str, float]:
    """Held-out accuracy after an update is subtracted from a copy of the model."""
    copy = deepcopy(model)
    Layout.of(copy).subtract(copy, update)
    return point(measure(config, copy, data))


def protocol(config: Config) -> dict[str, Any]:
    """Conventional amnesiac unlearning under one batch protocol; the proposed method is not run."""
    data = load_data(config)
    model, log, affected, share = _train_and_record(config, data)
    forgotten = _without(config, model, log.sum(chain(*affected)), data)
    trial = {"setting": config["protocol"], **forgotten}
    return {"trials": [trial], "facts": {"affected_share": share}}


def _pruned(total: Tensor, model: nn.Module, first: float, last: float, seed: int) -> Tensor:
    """The sum of pruned updates: a fixed mask commutes with the sum of Eq. 7."""
    layout = Layout.of(model)
    kept = build_mask("random", layout, first=first, last=last, seed=seed).kept()
    pruned = torch.zeros_like(total)
    pruned[kept] = total[kept]
    return pruned


def pruning(config: Config) -> dict[str, Any]:
    """Ways of taking less back, from one training run.

    Returns:
        ``trials`` of partial amnesiac unlearning under every pruning of the grid; ``scales`` and
        ``stops``: those of its two simpler rivals.
    """
    data = load_data(config)
    model, log, affected, _ = _train_and_record(config, data)
    total, grid = log.sum(chain(*affected)), config["grid"]
    tries = {
        "trials": [
            (
                {"strategy": "random", "first": first, "last": last},
                _pruned(total, model, first, last, config["seed"]),
            )
            for first, last in grid["pruning"]
        ],
        "scales": [({"scale": scale}, scale * total) for scale in grid["scales"]],
        "stops": [
            (
                {"order": order, "epochs": epochs},
                log.sum(chain(*list(ORDERS[order](affected))[:epochs])),
            )
            for order, counts in grid["stops"].items()
            for epochs in counts
        ],
    }
    return {
        way: [{"setting": s, **_without(config, model, update, data)} for s, update in tried]
        for way, tried in tries.items()
    }


def descent(config: Config) -> dict[str, Any]:
    """Label flipping or optimization-based unlearning at every setting, each to its own end."""
    data = load_data(config)
    model = trained_model(config, data)
    trials = []
    for method in config["grid"]:
        unlearned, steps = gradient.unlearn(
            {**config, "experiment": config["family"]}, method, model, data
        )
        reached = point(measure(config, unlearned, data))
        trials.append({"setting": method, "steps": steps, **reached})
    return {"trials": trials}
