"""Is it really forgotten? The tables' methods where they have forgotten enough, beside a twin."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from reproduction.datasets.sets import Dataset
from reproduction.study.cache import next_seed
from reproduction.study.configs import ForgottenConfig
from reproduction.study.runs.beside import Beside
from reproduction.study.runs.fine_tuning import fine_tuned
from reproduction.study.runs.gradient import gradient_path
from reproduction.study.runs.paths import Record, Scale, evenly, goals_of, subtraction
from reproduction.study.runs.recorded_training import record_training
from reproduction.study.runs.retrained import twin
from reproduction.study.runs.setup import fresh_model, load_data, pruning_mask, trained_model

Stop = tuple[Record, nn.Module | None]
"""How a method stands at the primary level, and its model there, None where it gets not there."""


def _stop(scale: Scale, method: str, path: Iterator[Any], level: float) -> Stop:
    [goal] = goals_of([level])
    found = scale.walk(path, [goal])
    record = scale.record(method, goal, found)
    if not record["reached"]:
        return record, None
    return record, deepcopy(scale.load(found.reached[goal][0].weights))


def _amnesiac(
    config: ForgottenConfig, data: Dataset, model: nn.Module
) -> tuple[list[Stop], dict[str, nn.Module]]:
    """Train a fresh model; both methods at the level, and with everything subtracted."""
    run = record_training(
        config,
        data,
        model,
        config.target_placement,
        keep_buffers=config.buffers == "keep",
        masks={"partial": pruning_mask(config.pruning, model, config.seed)},
        by_epoch=False,
    )
    sums = {"amnesiac": run.sums, "partial amnesiac": run.pruned["partial"]}
    updates: dict[str, Tensor] = {name: run.taken(part.sum(0)) for name, part in sums.items()}
    scale = Scale(config, model, data, evenly(run.request, config.target_images))
    stops = [
        _stop(scale, name, subtraction(model, update), config.primary)
        for name, update in updates.items()
    ]
    whole = {f"{name}, published": run.without(update) for name, update in updates.items()}
    return stops, whole


def _gradient(config: ForgottenConfig, data: Dataset, model: nn.Module) -> Iterator[Stop]:
    """Every arm of both families at the level."""
    request = data.train.of_class(config.target)
    scale = Scale(config, model, data, evenly(request, config.target_images))
    for family, arms in config.gradient.items():
        for arm, settings in arms.items():
            path = gradient_path(
                model,
                data.train.subset(request),
                settings,
                family=family,
                classes=len(data.classes),
                seed=config.seed,
                max_steps=config.max_steps,
            )
            yield _stop(scale, NAMES[family, arm], path, config.primary)


NAMES = {
    ("label_flipping", "baseline"): "label flipping",
    ("label_flipping", "proposed"): "partial label flipping",
    ("optimization", "baseline"): "loss ascent",
    ("optimization", "proposed"): "partial loss ascent",
}


def run(config: ForgottenConfig) -> dict[str, Any]:
    """Forget by every method, and measure each beside the model that never saw the class.

    Returns:
        ``levels``: each method at the primary level, or that it does not get there; ``beside``:
        outputs; ``layers``: features; ``relearned`` from a few images; ``fine_tuned`` on retained
        data alone.
    """
    data = load_data(config)
    placed, trained = fresh_model(config, data), trained_model(config, data)
    stops, published = _amnesiac(config, data, placed)
    stops += _gradient(config, data, trained)
    unlearned = {record["method"]: model for record, model in stops if model is not None}
    twins = {"retrained": twin(config, data), "retrained, next seed": twin(next_seed(config), data)}
    known = {"trained": trained, "trained, placed": placed}
    measures = Beside(config, data, twins["retrained"])
    models = {**known, **twins, **unlearned, **published}
    level = measures.known_again(trained)
    layered = {"untrained": fresh_model(config, data), **models}
    return {
        "levels": [record for record, _ in stops],
        "beside": [measures.outputs(*named) for named in models.items()],
        "layers": [r for named in layered.items() for r in measures.layers(*named)],
        "relearned": [
            r
            for name, model in models.items()
            if name not in known
            for r in measures.relearned(name, model, level)
        ],
        "fine_tuned": [
            r
            for name, model in unlearned.items()
            for r in fine_tuned(config, deepcopy(model), data, {"method": name})
        ],
    }
