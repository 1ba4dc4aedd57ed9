"""SISA: accuracy against one model trained on everything, and what deletion requests cost."""

from statistics import mean
from typing import Any

import torch
from torch import Tensor

from partial_unlearning.errors import InputError
from partial_unlearning.samples import Split
from partial_unlearning.unlearners.partition import Partition, make_partition, sliced
from partial_unlearning.unlearners.sisa import Recipe, Sisa, aggregate, forget, train
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import SisaConfig
from reproduction.study.measures.sisa_cost import Costs
from reproduction.study.runs.optimizers import make_optimizer
from reproduction.study.runs.setup import fresh_model, load_data, rows_of, trained_model

DRAWS = 1000
"""Random requests of each size that a mean cost is taken over."""


def recipe_of(config: SisaConfig, data: Dataset) -> Recipe:
    """How this configuration trains a shard model."""
    how, rate = config.training, config.training.learning_rate
    return Recipe(
        build=lambda seed: fresh_model(config.model_copy(update={"seed": seed}), data),
        optimizer=lambda model: make_optimizer(how.optimizer, model, learning_rate=rate),
        batch_size=how.batch_size,
        epochs=config.slice_epochs,
        seed=config.seed,
    )


def by_class(data: Split, shards: int) -> list[Tensor]:
    """Whole classes, neighbouring labels together: each shard sees a part of the classes only.

    Raises:
        InputError: more shards than there are classes.
    """
    present = data.labels.unique().cpu()
    if shards > len(present):
        raise InputError(
            f"{shards} shards by class need as many classes, there are {len(present)}; "
            "choose fewer shards"
        )
    groups = present.tensor_split(shards)
    return [data.ids[torch.isin(data.labels.cpu(), group)].cpu() for group in groups]


def partition_of(config: SisaConfig, data: Split) -> Partition:
    """The partition of a configuration: at random, or whole classes to a shard."""
    if config.partition == "iid":
        cut = {"shards": config.shards, "slices": config.slices, "seed": config.seed}
        return make_partition(data.ids, **cut)
    generator = torch.Generator().manual_seed(config.seed)
    return sliced(by_class(data, config.shards), config.slices, generator)


def _costs(partition: Partition, target: Tensor, *, seed: int) -> list[dict[str, Any]]:
    """Retraining cost of one sample (every one tried), of 10, of 1 % and of a whole class.

    Returns:
        For each kind of request the mean and the extremes over all drawn; shares in 0..1.
    """
    ids, requests = partition.ids, {"one sample": partition.ids.split(1)}
    sizes = {"10 random samples": 10, "1 % at random": max(1, round(len(ids) / 100))}
    for name, size in sizes.items():
        draw = torch.Generator().manual_seed(seed)
        orders = (torch.randperm(len(ids), generator=draw) for _ in range(DRAWS))
        requests[name] = [ids[order[:size]] for order in orders]
    requests["the target class"] = [target]
    found, costs = [], Costs(partition)
    for name, drawn in requests.items():
        each = [costs.of(request) for request in drawn]
        shares = [cost.share for cost in each]
        counts = {"request": name, "samples": len(drawn[0]), "drawn": len(drawn)}
        span = {"share": mean(shares), "least": min(shares), "most": max(shares)}
        found.append({**counts, **span, "shards": mean(cost.shards for cost in each)})
    return found


def _executed(name: str, before: Sisa, after: Sisa, request: Tensor) -> dict[str, Any]:
    """What a request really cost, beside what the partition foretold."""
    cost = Costs(before.partition).of(request)
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

    Returns:
        ``rows``: ``trained`` (one model on everything), ``ensemble``, and the ensemble after one
        sample and after the whole target class were deleted; ``facts`` on costs and storage.
    """
    data = load_data(config)
    recipe, target = recipe_of(config, data), data.train.of_class(config.target).cpu()
    partition = partition_of(config, data.train)
    sisa = train(recipe, data.train, partition)
    requests = {"one sample": target[:1], "the target class": target}
    after = {name: forget(recipe, data.train, sisa, ids) for name, ids in requests.items()}
    ensembles = {"ensemble": sisa, **{f"without {name}": state for name, state in after.items()}}
    models = {name: aggregate(recipe, state) for name, state in ensembles.items()}
    trained = {"trained": trained_model(config, data)}
    return {
        "rows": rows_of(config, data, (trained | models).items()),
        "facts": {
            "costs": _costs(partition, target, seed=config.seed),
            "executed": [_executed(n, sisa, after[n], ids) for n, ids in requests.items()],
            "stored_states": config.shards * (config.slices + 1),
            "state_size": len(sisa.states[0][0]),
        },
    }
