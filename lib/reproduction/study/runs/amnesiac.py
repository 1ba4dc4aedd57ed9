"""One training run, one deletion request, undone by every arm of amnesiac unlearning."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from partial_unlearning.errors import InputError
from partial_unlearning.masks import Mask
from partial_unlearning.metrics import Accuracy
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.amnesiac import forget
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import AmnesiacConfig
from reproduction.study.runs.amnesiac_arms import controls
from reproduction.study.runs.epoch_sums import ORDERS, undone
from reproduction.study.runs.fine_tuning import fine_tuned
from reproduction.study.runs.paths import Record, Scale, evenly, goals_of, subtraction
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
from reproduction.study.runs.strength import Goal

PAPER_ARMS = ("baseline", "proposed")


def _curves(
    config: AmnesiacConfig, run: RecordedTraining, sums: Tensor, trained: Accuracy, data: Dataset
) -> dict[str, list[dict[str, float]]]:
    """D_t and D_r after each epoch undone, in either order, beginning with the trained model."""
    curves = {}
    for order in ORDERS:
        after = [measure(config, run.without(update), data) for update in undone(sums, order)]
        curves[order] = [point(measured) for measured in (trained, *after)]
    return curves


def _published(
    config: AmnesiacConfig, run: RecordedTraining, arms: dict[str, Tensor]
) -> Iterator[tuple[str, nn.Module]]:
    """Each arm's model after everything it names was subtracted, as the paper does.

    Both of the paper's methods also under the other reading of batch-norm statistics, where it
    leaves a model: without the affected steps a variance may be below 0. Under the run's own
    reading that is an error.
    """
    for name, update in arms.items():
        yield name, run.without(update)
    if Layout.of(run.model).buffers:
        other = "keep" if config.buffers == "subtract" else "subtract"
        whole = {"baseline": run.sums.sum(0), "proposed": run.pruned["proposed"].sum(0)}
        for name, update in whole.items():
            try:
                model = forget(deepcopy(run.model), update, keep_buffers=other == "keep")
            except InputError:  # there is no such model
                continue
            yield f"{name}_buffers_{other}", model


def _at_levels(
    config: AmnesiacConfig, model: nn.Module, scale: Scale, arms: dict[str, Tensor]
) -> list[Record]:
    """Each arm where it has forgotten enough."""
    found: list[Record] = []
    for name, update in arms.items():
        levels = config.levels if name in PAPER_ARMS else (config.primary,)
        goals = goals_of(levels, config.test_levels)
        found += scale.records(name, subtraction(model, update), goals)
    return found


def _all_fine_tuned(
    config: AmnesiacConfig, run: RecordedTraining, scale: Scale, arms: dict[str, Tensor]
) -> list[Record]:
    """Both of the paper's methods, fine-tuned from their own end and from the primary level."""
    found: list[Record] = []
    if not config.fine_tuning:
        return found
    for name in PAPER_ARMS:
        ends = {"published": run.without(arms[name])}
        goal = Goal("train", config.primary)
        reached = scale.walk(subtraction(run.model, arms[name]), [goal]).reached
        if goal in reached:
            ends["equal"] = deepcopy(scale.load(reached[goal][0].weights))
        for end, model in ends.items():
            head = {"method": name, "end": end}
            found += fine_tuned(config, model, scale.data, head)
    return found


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
        "affected_fraction": run.affected_fraction,
        "density": len(kept) / layout.size,
    }


def arms_of(config: AmnesiacConfig, run: RecordedTraining) -> dict[str, Tensor]:
    """What each arm subtracts, ``(size,)``."""
    total, layout = run.sums.sum(0), Layout.of(run.model)
    arms = {"baseline": total, "proposed": run.pruned["proposed"].sum(0)}
    arms |= controls(layout, total, config.pruning, config.seed)
    return {name: run.taken(update) for name, update in arms.items()}


def run(config: AmnesiacConfig) -> dict[str, Any]:
    """Train, record, forget by every arm, measure.

    Returns:
        ``rows`` (trained, and each arm with all of it subtracted), ``levels`` (each arm where it
        has forgotten enough), ``fine_tuned``, ``curves`` over the epochs of training and of
        unlearning, and ``facts`` about the request.
    """
    data = load_data(config)
    model = fresh_model(config, data)
    mask = pruning_mask(config.pruning, model, config.seed)
    history = history_of(config, data)
    untrained = point(measure(config, model, data))
    recorded = record_training(
        config,
        data,
        model,
        config.target_placement,
        keep_buffers=config.buffers == "keep",
        masks={"proposed": mask},
        callbacks=[history],
    )
    trained, sums = history.curve[-1], {"baseline": recorded.sums, **recorded.pruned}
    arms = arms_of(config, recorded)
    scale = Scale(config, model, data, evenly(recorded.request, config.target_images))
    return {
        "rows": rows_of(config, data, [("trained", model)])
        + rows_of(config, data, _published(config, recorded, arms)),
        "levels": _at_levels(config, model, scale, arms),
        "fine_tuned": _all_fine_tuned(config, recorded, scale, arms),
        "curves": {
            "training": [untrained, *map(point, history.curve)],
            **{name: _curves(config, recorded, sums[name], trained, data) for name in sums},
        },
        "facts": _facts(recorded, mask),
    }
