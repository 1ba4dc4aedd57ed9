"""Figure 4: one training at one fraction of affected batches, undone by every strategy."""

from itertools import chain
from typing import Any

from partial_unlearning.masks import Mask, build_mask, depth_schedule, kept_count
from partial_unlearning.state import Layout
from reproduction.study.configs import SharesConfig
from reproduction.study.profiles import Pruning
from reproduction.study.runs.paths import Scale, goals_of, subtraction
from reproduction.study.runs.recorded_training import record_training
from reproduction.study.runs.setup import fresh_model, load_data, rows_of


def strategies(layout: Layout, pruning: Pruning, *, seed: int) -> dict[str, Mask]:
    """The masks compared; all of them keep equally many entries of an update.

    So that only the choice of entries differs, the uniform strategy prunes each layer by the
    share that the depth schedule prunes of the whole model.
    """
    schedule = depth_schedule(pruning.sparsity_first, pruning.sparsity_last, len(layout.layers))
    kept = sum(kept_count(p, n) for p, n in zip(schedule, layout.layer_sizes, strict=True))
    uniform = 1 - kept / layout.size
    level = {"sparsity_first": uniform, "sparsity_last": uniform, "seed": seed}
    ends = pruning.model_dump(exclude={"strategy"}) | {"seed": seed}
    return {
        "random, decreasing with depth": build_mask("random", layout, **ends),
        "random, uniform": build_mask("random", layout, **level),
        "layer-wise magnitude": build_mask("layer_magnitude", layout, **ends),
        "global magnitude": build_mask("global_magnitude", layout, **ends),
    }


def run(config: SharesConfig) -> dict[str, Any]:
    """Train once, then forget whole updates and updates pruned by each strategy.

    Returns:
        ``rows``: the trained model, and the model after each strategy's unlearning; ``levels``:
        each strategy where it has forgotten enough; ``facts``.
    """
    data = load_data(config)
    model = fresh_model(config, data)
    masks = strategies(Layout.of(model), config.pruning, seed=config.seed)
    recorded = record_training(
        config,
        data,
        model,
        {"affected_fraction": config.affected_fraction},
        keep_buffers=config.buffers == "keep",
        masks=masks,
        by_epoch=False,
    )
    sums = {"amnesiac": recorded.sums, **recorded.pruned}
    updates = {name: recorded.taken(part.sum(0)) for name, part in sums.items()}
    scale, goals = Scale(config, model, data, recorded.request), goals_of(config.levels)
    unlearned = ((name, recorded.without(update)) for name, update in updates.items())
    rows = rows_of(config, data, chain([("trained", model)], unlearned))
    paths = ((name, subtraction(model, update)) for name, update in updates.items())
    levels = [record for name, path in paths for record in scale.records(name, path, goals)]
    facts = {"affected_fraction": recorded.affected_fraction}
    return {"rows": rows, "levels": levels, "facts": facts}
