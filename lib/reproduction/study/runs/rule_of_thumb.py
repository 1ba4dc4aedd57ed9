"""One training at one fraction of affected batches, undone at each number of entries kept."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from partial_unlearning.masks import FixedMask
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.amnesiac import prune
from reproduction.study.configs import ThumbConfig
from reproduction.study.runs.frontier_masks import depth_counts
from reproduction.study.runs.paths import Scale, evenly, goals_of, stretched
from reproduction.study.runs.recorded_training import record_training
from reproduction.study.runs.setup import accuracies, fresh_model, load_data, rows_of


def _masks(config: ThumbConfig, layout: Layout) -> Iterator[tuple[str, float, Tensor]]:
    """Name, fraction of the weights kept, and positions: by depth, and of the last layer alone."""
    for fraction in config.kept:
        counts = depth_counts(layout, round(fraction * layout.size))
        yield "depth", fraction, FixedMask.draw(layout, counts, seed=config.seed).kept()
    counts = [0] * (len(layout.layers) - 1) + [layout.layer_sizes[-1]]
    last = FixedMask.draw(layout, counts, seed=config.seed).kept()
    yield "last_layer", len(last) / layout.size, last


def run(config: ThumbConfig) -> dict[str, Any]:
    """Train once; subtract everything kept, and as much of it as forgets enough.

    Returns:
        ``rows``: the trained model, and each mask with everything subtracted; ``levels``: each
        where it has forgotten enough; both with ``kept``, a fraction; ``facts``.
    """
    data = load_data(config)
    model = fresh_model(config, data)
    placement = {"affected_fraction": config.affected_fraction}
    recorded = record_training(config, data, model, placement, keep_buffers=True, by_epoch=False)
    scale = Scale(config, model, data, evenly(recorded.request, config.target_images))
    total, goals = recorded.taken(recorded.sums.sum(0)), goals_of([config.level])
    rows, levels = rows_of(config, data, [("trained", model)]), []
    for name, fraction, positions in _masks(config, Layout.of(model)):
        update, head = prune(total, positions), {"method": name, "kept": fraction}
        rows.append({**head, **accuracies(config, recorded.without(update), data)})
        [found] = scale.records(name, stretched(model, update), goals)
        levels.append({**head, **found})
    facts = {"affected_fraction": recorded.affected_fraction}
    return {"rows": rows, "levels": levels, "facts": facts}
