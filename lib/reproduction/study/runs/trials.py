"""Runs that try settings on held-out training data; ``study/tuning.py`` chooses among them."""

from typing import Any

from reproduction.study.configs import AmnesiacTrials, GradientTrials, settings_of
from reproduction.study.profiles import GradientArm, GradientSettings
from reproduction.study.runs.gradient import arm_path
from reproduction.study.runs.paths import Scale, evenly, goals_of, subtraction
from reproduction.study.runs.recorded_training import record_training
from reproduction.study.runs.setup import (
    fresh_model,
    load_data,
    pruning_mask,
    rows_of,
    trained_model,
)

Trial = dict[str, Any]


def amnesiac(config: AmnesiacTrials) -> dict[str, Any]:
    """A placement of target images, judged by the baseline, and prunings under it.

    Returns:
        ``rows``: the trained model, and the baseline with everything subtracted; ``trials``:
        where each pruning reaches the level.
    """
    data = load_data(config)
    model = fresh_model(config, data)
    masks = {str(n): pruning_mask(p, model, config.seed) for n, p in enumerate(config.grid)}
    placement, keep = config.target_placement, config.buffers == "keep"
    run = record_training(config, data, model, placement, keep_buffers=keep, masks=masks)
    scale = Scale(config, model, data, evenly(run.request, config.target_images))
    goals = goals_of([config.level])
    trials = []
    for number, pruning in enumerate(config.grid):
        path = subtraction(model, run.taken(run.pruned[str(number)].sum(0)))
        [record] = scale.records("proposed", path, goals)
        trials.append({"setting": pruning.model_dump(), **record})
    ends = [("trained", model), ("baseline", run.without(run.sums.sum(0)))]
    facts = {"affected_fraction": run.affected_fraction}
    return {"rows": rows_of(config, data, ends), "trials": trials, "facts": facts}


def gradient(config: GradientTrials) -> dict[str, Any]:
    """Where an arm reaches the level at every rate: ``trials``."""
    data = load_data(config)
    model = trained_model(config, data)
    request = evenly(data.train.of_class(config.target), config.target_images)
    scale, goals = Scale(config, model, data, request), goals_of([config.level])
    arm, trials = settings_of(config, GradientArm), []
    for optimizer, rate in config.rates:
        method = GradientSettings(**arm, optimizer=optimizer, learning_rate=rate)
        path = arm_path(config, data, model, request, method, config.family)
        [record] = scale.records(config.arm, path, goals)
        trials.append({"setting": {"optimizer": optimizer, "learning_rate": rate}, **record})
    return {"trials": trials}
