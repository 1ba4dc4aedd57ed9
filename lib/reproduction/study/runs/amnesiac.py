"""One training run, one deletion request, answered by amnesiac and partial amnesiac unlearning."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from partial_unlearning.batching import BatchPlan
from partial_unlearning.masks import Mask, build_mask, keep_all
from partial_unlearning.metrics import History
from partial_unlearning.recorders.recorders import RunningSums, UpdateRecorder
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.amnesiac import ORDERS, forget, forget_by_epoch
from torch import Tensor, nn

from reproduction.datasets.sets import Dataset
from reproduction.study.runs.setup import (
    fresh_model,
    load_data,
    make_plan,
    measure,
    point,
    recorded,
    row,
    target_ids,
    train,
)
from reproduction.study.stored_runs import Config

METHODS = ("baseline", "proposed")
OTHER_READING = {"kept": "subtracted", "subtracted": "kept"}

LAST_EPOCHS = (1, 2, 3)
"""Ablation: what subtracting all of the last few epochs only would have done."""


def _curves(
    config: Config, model: nn.Module, data: Dataset, log: RunningSums, epochs: list[list[int]]
) -> dict[str, list[dict[str, float]]]:
    """D_t and D_r after each epoch undone, in either order, beginning with the trained model."""
    curves = {}
    for order in ORDERS:
        copy = deepcopy(model)
        undone = forget_by_epoch(copy, log, epochs, order=order)
        curves[order] = [point(measure(config, copy, data))]
        curves[order] += [point(measure(config, step, data)) for step in undone]
    return curves


def _forgotten(
    config: Config,
    method: str,
    model: nn.Module,
    data: Dataset,
    log: RunningSums,
    epochs: Sequence[Sequence[int]],
) -> dict[str, Any]:
    """The row of a model from which these epochs' affected updates were subtracted."""
    steps = [step for epoch in epochs for step in epoch]
    return row(config, method, measure(config, forget(deepcopy(model), log, steps), data))


def _scaled(
    config: Config, model: nn.Module, data: Dataset, log: RunningSums, steps: list[int]
) -> dict[str, Any]:
    """Rival: subtract every entry of the updates, times a factor."""
    copy = deepcopy(model)
    Layout.of(copy).subtract(copy, config["scale"] * log.sum(steps))
    return row(config, "scaled", measure(config, copy, data))


def _rivals(
    config: Config, model: nn.Module, data: Dataset, log: RunningSums, epochs: list[list[int]]
) -> list[dict[str, Any]]:
    """Simpler ways of taking less back, each with the setting that its own tuning chose."""
    rows = []
    if config["scale"] is not None:
        steps = [step for epoch in epochs for step in epoch]
        rows.append(_scaled(config, model, data, log, steps))
    if config["stop"] is not None:
        order, count = config["stop"]["order"], config["stop"]["epochs"]
        part = list(ORDERS[order](epochs))[:count]
        rows.append(_forgotten(config, "stopped", model, data, log, part))
    return rows


def _masks(config: Config, layout: Layout) -> dict[str, Mask]:
    """What each method subtracts.

    Where there are batch-norm statistics, the reading of them that the configuration does not
    follow comes along as an ablation.
    """
    pruning = config["pruning"]
    mask = build_mask(
        pruning["strategy"],
        layout,
        sparsity_first=pruning["first"],
        sparsity_last=pruning["last"],
        seed=config["seed"],
    )
    masks = {"baseline": keep_all(layout), "proposed": mask}
    read = {name: recorded(config, layout, mask) for name, mask in masks.items()}
    if layout.buffers:
        other = OTHER_READING[config["statistics"]]
        for name, mask in masks.items():
            key = f"{name}_statistics_{other}"
            read[key] = recorded({**config, "statistics": other}, layout, mask)
    return read


def _facts(plan: BatchPlan, request: Tensor, steps: list[int], kept: float) -> dict[str, float]:
    """The size of the request and of its effect."""
    return {
        "request": len(request),
        "steps": len(plan),
        "affected_steps": len(steps),
        "affected_share": len(steps) / len(plan),
        "kept_share": kept,
    }


def run(config: Config) -> dict[str, Any]:
    """Train, record, forget, measure.

    Args:
        config: with ``protocol`` and ``pruning`` beside what every run has.

    Returns:
        ``rows`` (trained, baseline, proposed and ablations), ``curves`` over the epochs of
        training and of unlearning, and ``facts`` about the request.
    """
    data = load_data(config)
    plan = make_plan(config, data, config["protocol"])
    request = target_ids(config, data, plan)
    affected = plan.affected(request)
    steps = [step for epoch in affected for step in epoch]

    model = fresh_model(config, data)
    layout = Layout.of(model)
    masks = _masks(config, layout)
    logs = {name: RunningSums(layout.size, affected) for name in masks}
    history = History(data.evaluation, target=config["target"], classes=len(data.classes))
    untrained = measure(config, model, data)
    recorders = [UpdateRecorder(masks[name], logs[name]) for name in masks]
    train(config, model, data.train, plan, [*recorders, history])

    full = logs["baseline"]
    kept = len(masks["proposed"].kept(full.sum(steps))) / layout.size
    last = {f"last_{n}_epochs": affected[-n:] for n in LAST_EPOCHS}
    return {
        "rows": [
            row(config, "trained", history.curve[-1]),
            *(_forgotten(config, name, model, data, logs[name], affected) for name in logs),
            *(_forgotten(config, name, model, data, full, part) for name, part in last.items()),
            *_rivals(config, model, data, full, affected),
        ],
        "curves": {
            "training": [point(untrained), *map(point, history.curve)],
            **{m: _curves(config, model, data, logs[m], affected) for m in METHODS},
        },
        "facts": _facts(plan, request, steps, kept),
    }
