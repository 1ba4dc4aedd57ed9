"""Figure 4: one training at one share of affected batches, undone under every pruning strategy."""

from copy import deepcopy
from typing import Any

from partial_unlearning.masks import Mask, build_mask, depth_schedule, keep_all, kept_count
from partial_unlearning.recorders.recorders import RunningSums, UpdateRecorder
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.amnesiac import forget

from reproduction.study.runs.setup import (
    fresh_model,
    load_data,
    make_plan,
    measure,
    recorded,
    row,
    target_ids,
    train,
)
from reproduction.study.stored_runs import Config


def strategies(layout: Layout, pruning: dict[str, Any], *, seed: int) -> dict[str, Mask]:
    """The masks compared; all but the first keep equally many entries of an update.

    So that only the choice of entries differs, the uniform strategy prunes each layer by the
    share that the depth schedule prunes of the whole model.
    """
    ends = {"sparsity_first": pruning["first"], "sparsity_last": pruning["last"]}
    schedule = depth_schedule(pruning["first"], pruning["last"], len(layout.layers))
    sizes = layout.layer_sizes
    kept = sum(kept_count(p, n) for p, n in zip(schedule, sizes, strict=True))
    uniform = dict.fromkeys(ends, 1 - kept / layout.size)
    return {
        "amnesiac": keep_all(layout),
        "random, decreasing with depth": build_mask("random", layout, **ends, seed=seed),
        "random, uniform": build_mask("random", layout, **uniform, seed=seed),
        "layer-wise magnitude": build_mask("layer_magnitude", layout, **ends, seed=seed),
        "global magnitude": build_mask("global_magnitude", layout, **ends, seed=seed),
    }


def run(config: Config) -> dict[str, Any]:
    """Train once with a recorder for each strategy, then forget under each.

    Returns:
        ``rows``: the trained model, and the model after each strategy's unlearning; ``facts``.
    """
    data = load_data(config)
    plan = make_plan(config, data, {"share": config["share"]})
    affected = plan.affected(target_ids(config, data, plan))
    model = fresh_model(config, data)
    layout = Layout.of(model)
    masks = strategies(layout, config["pruning"], seed=config["seed"])
    steps = [step for epoch in affected for step in epoch]
    logs = {name: RunningSums(layout.size, [steps]) for name in masks}
    train(
        config,
        model,
        data.train,
        plan,
        [
            UpdateRecorder(recorded(config, layout, mask), logs[name])
            for name, mask in masks.items()
        ],
    )
    rows = [row(config, "trained", measure(config, model, data))]
    for name, log in logs.items():
        forgotten = forget(deepcopy(model), log, steps)
        rows.append(row(config, name, measure(config, forgotten, data)))
    return {"rows": rows, "facts": {"affected_share": len(steps) / len(plan)}}
