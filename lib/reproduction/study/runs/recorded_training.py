"""A training run of which the sums of the affected updates are kept."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain

from torch import Tensor, nn

from partial_unlearning.batching import BatchPlan
from partial_unlearning.masks import Mask
from partial_unlearning.state import Layout
from partial_unlearning.training import Callback
from partial_unlearning.unlearners.amnesiac import forget, prune
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import Config
from reproduction.study.profiles import TargetPlacement
from reproduction.study.runs.epoch_sums import EpochSums
from reproduction.study.runs.setup import make_plan, target_ids, train


@dataclass(frozen=True)
class RecordedTraining:
    """A trained model with what amnesiac unlearning needs to know of its training.

    Attributes:
        model: as it was trained.
        plan: the batches it was trained on.
        request: ids of the deletion request, all target images that were trained on, ``(n,)``.
        affected: the steps that hold any of them.
        sums: U, the whole affected updates by epoch, ``(E, size)``.
        pruned: the same of pruned updates, by the name of the mask.
        keep_buffers: whether unlearning leaves batch-norm statistics alone.
    """

    model: nn.Module
    plan: BatchPlan
    request: Tensor
    affected: list[int]
    sums: Tensor
    pruned: dict[str, Tensor]
    keep_buffers: bool

    @property
    def affected_fraction(self) -> float:
        """Affected steps of all steps, in 0..1."""
        return len(self.affected) / len(self.plan)

    def taken(self, update: Tensor) -> Tensor:
        """What is really subtracted of an update: nothing of statistics that are to be kept."""
        if not self.keep_buffers:
            return update
        return update * Layout.of(self.model).is_weight.to(update.device)

    def without(self, update: Tensor) -> nn.Module:
        """A copy of the model less an update, ``(size,)``; statistics as configured."""
        return forget(deepcopy(self.model), update, keep_buffers=self.keep_buffers)


def record_training(
    config: Config,
    data: Dataset,
    model: nn.Module,
    placement: TargetPlacement,
    *,
    keep_buffers: bool,
    masks: Mapping[str, Mask] | None = None,
    by_epoch: bool = True,
    callbacks: Sequence[Callback] = (),
) -> RecordedTraining:
    """Train a model, and keep the sums of the updates that the deletion request affects.

    Args:
        config: of the run, on this data.
        data: to train on.
        model: not trained yet; trained in place.
        placement: which batches hold target data, for :func:`plan_batches`.
        keep_buffers: whether unlearning leaves batch-norm statistics alone.
        masks: under which pruned updates are wanted too, by name.
        by_epoch: a sum for each epoch; one for the whole run, E = 1, where memory matters more.
        callbacks: that watch the training beside.
    """
    plan = make_plan(config, data, placement)
    request = target_ids(config, data, plan)
    affected = plan.affected(request)
    steps = list(chain(*affected))
    groups, layout, masks = affected if by_epoch else [steps], Layout.of(model), masks or {}
    whole = EpochSums(layout, groups)
    changing = {n: EpochSums(layout, groups, mask) for n, mask in masks.items() if not mask.fixed}
    train(config, model, data.train, plan, [whole, *changing.values(), *callbacks])
    pruned = {
        name: prune(whole.sums, mask.kept()) if mask.fixed else changing[name].sums
        for name, mask in masks.items()
    }
    return RecordedTraining(model, plan, request, steps, whole.sums, pruned, keep_buffers)
