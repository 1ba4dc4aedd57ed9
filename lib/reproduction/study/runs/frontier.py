"""How little of each update is enough: one training, undone by masks that keep ever fewer entries.

A mask that is known before training, or after its first steps, is all that a log needs to record. A
mask that the request makes known saves nothing while recording; it shows what could be had.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from partial_unlearning.state import Layout
from partial_unlearning.training import Callback
from partial_unlearning.update_log.codecs import BatchCodec
from reproduction.study.configs import FrontierConfig, FrontierTrials
from reproduction.study.runs.frontier_masks import known_after, known_before, largest
from reproduction.study.runs.paths import Record, Scale, evenly, goals_of, stretched
from reproduction.study.runs.recorded_training import RecordedTraining, record_training
from reproduction.study.runs.setup import fresh_model, load_data, pruning_mask, rows_of

EARLY = 32
"""Steps after which a mask may be settled that depends on the updates seen so far."""

Arm = tuple[str, float | None, Tensor]
"""Name, the fraction of weights asked for where there is one, positions kept."""


class UpdateEnergy(Callback):
    """Adds up the squares of all updates, ``energy``, and of the first, ``early``; ``(size,)``."""

    def on_train_begin(self, model: nn.Module) -> None:
        """Start from zero."""
        self.layout = Layout.of(model)
        self._before = self.layout.vector(model)
        self.energy = torch.zeros_like(self._before)

    def on_step_end(self, step: int, model: nn.Module) -> None:
        """Add this step's."""
        after = self.layout.vector(model)
        self.energy += (after - self._before).square_()
        self._before = after
        if step < EARLY:
            self.early = self.energy.clone()


def _arms(
    config: FrontierConfig, layout: Layout, total: Tensor, watched: UpdateEnergy
) -> Iterator[Arm]:
    """Every arm at every fraction; single layers have a fraction of their own."""
    weights = int(layout.is_weight.sum())
    for fraction in config.fractions:
        kept = round(fraction * weights)
        found = known_before(layout, kept, seed=config.seed)
        found["early"] = largest(watched.early, kept)
        if not isinstance(config, FrontierTrials):  # there is nothing to choose for them
            found |= known_after(layout, kept, total, watched.energy)
        yield from ((name, fraction, positions) for name, positions in found.items())
    for number, part in enumerate(layout.slices, start=1):
        yield f"layer {number}", None, torch.arange(part.start, part.stop)


def _records(
    config: FrontierConfig, run: RecordedTraining, arms: Iterator[Arm], scale: Scale
) -> Iterator[Record]:
    """Each arm where it has forgotten enough, with how many weights it keeps."""
    total, is_weight = run.sums.sum(0), Layout.of(run.model).is_weight
    for name, fraction, positions in arms:
        kept = torch.zeros(len(total), dtype=torch.bool)
        kept[positions.cpu()] = True
        kept &= is_weight
        path = stretched(run.model, total * kept.to(total.device))
        [record] = scale.records(name, path, goals_of([config.level]))
        yield {**record, "fraction": fraction, "kept": int(kept.sum())}


def run(config: FrontierConfig) -> dict[str, Any]:
    """Train once; forget with each mask at each number of entries kept.

    Returns:
        ``rows``: the trained model; ``levels``: each arm where it has forgotten enough, among them
        ``proposed``, the paper's mask as Tables 1 and 2 have it; ``facts``.
    """
    data = load_data(config)
    model, watched = fresh_model(config, data), UpdateEnergy()
    mask, layout = pruning_mask(config.pruning, model, config.seed), Layout.of(model)
    recorded = record_training(
        config,
        data,
        model,
        config.target_placement,
        keep_buffers=True,
        by_epoch=False,
        callbacks=[watched],
    )
    total = recorded.sums.sum(0)
    scale = Scale(config, model, data, evenly(recorded.request, config.target_images))
    tables: list[Arm] = [("proposed", None, mask.kept(total))]
    every = iter([*tables, *_arms(config, layout, total, watched)])
    facts = {
        "weights": int(layout.is_weight.sum()),
        "batch_bytes": BatchCodec.holding(
            data.train.ids[-1:].cpu(), config.training.batch_size
        ).row.itemsize,
        "affected_fraction": recorded.affected_fraction,
    }
    return {
        "rows": rows_of(config, data, [("trained", model)]),
        "levels": list(_records(config, recorded, every, scale)),
        "facts": facts,
    }
