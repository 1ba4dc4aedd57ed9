"""SISA: accuracy against one model trained on everything, and what deletion requests cost."""

from statistics import mean
from typing import Any

import torch
from torch import Tensor

from partial_unlearning.models import build
from partial_unlearning.training import make_optimizer
from partial_unlearning.unlearners.partition import Partition, make_partition
from partial_unlearning.unlearners.sisa import Recipe, Sisa, aggregate, forget, train
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import SisaConfig
from reproduction.study.runs.setup import device, load_data, measure, row, trained_model

DRAWS = 1000
"""Random requests of each size that a mean cost is taken over."""


def recipe_of(config: SisaConfig, data: Dataset) -> Recipe:
    """How this configuration trains a shard model."""
    training = config.training
    rate = training.learning_rate
    return Recipe(
        build=lambda seed: build(
            config.model, classes=len(data.classes), seed=seed, width=config.width
        ).to(device()),
        optimizer=lambda model: make_optimizer(training.optimizer, model, learning_rate=rate),
        batch_size=training.batch_size,
        epochs=config.slice_epochs,
        seed=config.seed,
    )


def _cost(name: str, partition: Partition, requests: list[Tensor]) -> dict[str, Any]:
    """Mean and extremes over requests of one kind; shares in 0..1."""
    costs = [partition.cost(ids) for ids in requests]
    shares = [cost.cost_fraction for cost in costs]
    return {
        "request": name,
        "samples": len(requests[0]),
        "drawn": len(requests),
        "share": mean(shares),
        "least": min(shares),
        "most": max(shares),
        "shards": mean(cost.shards for cost in costs),
    }


def random_requests(ids: Tensor, size: int, *, seed: int) -> list[Tensor]:
    """:data:`DRAWS` random requests of ``size`` different samples."""
    generator = torch.Generator().manual_seed(seed)
    return [ids[torch.randperm(len(ids), generator=generator)[:size]] for _ in range(DRAWS)]


def costs(partition: Partition, target: Tensor, *, seed: int) -> list[dict[str, Any]]:
    """Retraining cost of one sample (every one tried), of 10, of 1 % and of a whole class."""
    ids = partition.ids
    percent = max(1, round(len(ids) / 100))
    return [
        _cost("one sample", partition, list(ids.split(1))),
        _cost("10 random samples", partition, random_requests(ids, 10, seed=seed)),
        _cost("1 % at random", partition, random_requests(ids, percent, seed=seed)),
        _cost("the target class", partition, [target]),
    ]


def _executed(name: str, before: Sisa, after: Sisa, request: Tensor) -> dict[str, Any]:
    """What a request really cost, beside what the partition foretold."""
    cost = before.partition.cost(request)
    epochs = before.visits // len(before.partition.ids)
    return {
        "request": name,
        "visits": after.visits,
        "foretold_visits": cost.visits * epochs,
        "full_visits": cost.full * epochs,
        "shards": cost.shards,
    }


def run(config: SisaConfig) -> dict[str, Any]:
    """Train one model and the ensemble, compute costs, carry out two requests.

    Args:
        config: with ``shards``, ``slices``, ``slice_epochs`` and ``partition`` (``iid`` or
            ``by class``) beside what every run has.

    Returns:
        ``rows``: ``trained`` (one model on everything), ``ensemble``, and the ensemble after one
        sample and after the whole target class were deleted; ``facts`` on costs and storage.
    """
    data = load_data(config)
    recipe, target = recipe_of(config, data), data.train.of_class(config.target).cpu()
    partition = make_partition(
        data.train,
        config.partition,
        shards=config.shards,
        slices=config.slices,
        seed=config.seed,
    )
    sisa = train(recipe, data.train, partition)
    requests = {"one sample": target[:1], "the target class": target}
    after = {name: forget(recipe, data.train, sisa, ids) for name, ids in requests.items()}
    models = {"ensemble": sisa} | {f"without {name}": state for name, state in after.items()}
    rows = [row(config, "trained", measure(config, trained_model(config, data), data))]
    for name, state in models.items():
        rows.append(row(config, name, measure(config, aggregate(recipe, state), data)))
    return {
        "rows": rows,
        "facts": {
            "costs": costs(partition, target, seed=config.seed),
            "executed": [_executed(n, sisa, after[n], ids) for n, ids in requests.items()],
            "stored_states": config.shards * (config.slices + 1),
            "state_size": len(sisa.states[0][0]),
        },
    }
