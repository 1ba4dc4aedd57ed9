"""One training run, one deletion request, answered by amnesiac and partial amnesiac unlearning."""

from itertools import chain
from typing import Any

from torch import Tensor

from partial_unlearning.masks import Mask
from partial_unlearning.metrics import Accuracy
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.amnesiac import ORDERS, undone
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import AmnesiacConfig
from reproduction.study.runs.recorded_training import RecordedTraining, record_training
from reproduction.study.runs.setup import (
    fresh_model,
    history_of,
    load_data,
    measure,
    point,
    pruning_mask,
    rows_of,
)

LAST_EPOCHS = (1, 2, 3)
"""Ablation: what subtracting all of the last few epochs only would have done."""


def _curves(
    config: AmnesiacConfig, run: RecordedTraining, sums: Tensor, trained: Accuracy, data: Dataset
) -> dict[str, list[dict[str, float]]]:
    """D_t and D_r after each epoch undone, in either order, beginning with the trained model."""
    curves = {}
    for order in ORDERS:
        after = [measure(config, run.without(update), data) for update in undone(sums, order)]
        curves[order] = [point(measured) for measured in (trained, *after)]
    return curves


def stopped(sums: Tensor, order: str, epochs: int) -> Tensor:
    """The whole updates of the epochs that are undone first, summed, shape ``(size,)``."""
    return (sums[-epochs:] if order == "backward" else sums[:epochs]).sum(0)


def _ways(config: AmnesiacConfig, run: RecordedTraining) -> dict[str, tuple[Tensor, bool]]:
    """By the name of the row: what is subtracted, and whether batch-norm statistics are kept.

    Beside both methods there are ablations, among them the reading of the statistics that the
    configuration does not follow, and rivals with the setting that their tuning chose.
    """
    sums, keep = run.sums, run.keep_buffers
    updates = {"baseline": sums.sum(0), "proposed": run.pruned["proposed"].sum(0)}
    ways = {name: (update, keep) for name, update in updates.items()}
    if Layout.of(run.model).buffers:
        other = "subtracted" if keep else "kept"
        for name, update in updates.items():
            ways[f"{name}_statistics_{other}"] = (update, not keep)
    for epochs in LAST_EPOCHS:
        ways[f"last_{epochs}_epochs"] = (sums[-epochs:].sum(0), keep)
    if config.scale is not None:
        ways["scaled"] = (config.scale * updates["baseline"], keep)
    if config.stop is not None:
        ways["stopped"] = (stopped(sums, config.stop.order, config.stop.epochs), keep)
    return ways


def _facts(run: RecordedTraining, mask: Mask) -> dict[str, float]:
    """The size of the request, of its effect, and of what the mask keeps of an update."""
    layout = Layout.of(run.model)
    kept = mask.kept(run.sums.sum(0)).cpu()
    if run.keep_buffers:
        kept = kept[layout.is_weight[kept]]
    return {
        "request": len(run.request),
        "steps": len(run.plan),
        "affected_steps": len(run.affected),
        "affected_share": run.share,
        "kept_share": len(kept) / layout.size,
    }


def run(config: AmnesiacConfig) -> dict[str, Any]:
    """Train, record, forget, measure.

    Returns:
        ``rows`` (trained, baseline, proposed and ablations), ``curves`` over the epochs of
        training and of unlearning, and ``facts`` about the request.
    """
    data = load_data(config)
    model = fresh_model(config, data)
    mask = pruning_mask(config.pruning, model, config.seed)
    history = history_of(config, data)
    untrained = point(measure(config, model, data))
    recorded = record_training(
        config, data, model, config.protocol, masks={"proposed": mask}, callbacks=[history]
    )
    trained, sums = history.curve[-1], {"baseline": recorded.sums, **recorded.pruned}
    ways = _ways(config, recorded).items()
    unlearned = ((name, recorded.without(*way)) for name, way in ways)
    return {
        "rows": rows_of(config, data, chain([("trained", model)], unlearned)),
        "curves": {
            "training": [untrained, *map(point, history.curve)],
            **{name: _curves(config, recorded, sums[name], trained, data) for name in sums},
        },
        "facts": _facts(recorded, mask),
    }
