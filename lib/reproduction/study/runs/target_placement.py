"""Which batches hold target data, as a stored configuration says it."""

from collections.abc import Mapping

import torch
from torch import Tensor

from partial_unlearning.batching import BatchPlan, confined_plan, shuffled_plan
from partial_unlearning.errors import InputError


def plan_batches(
    ids: Tensor, target: Tensor, target_placement: Mapping[str, float], **options: int
) -> BatchPlan:
    """The batch plan of a placement.

    Args:
        ids: all sample ids, int64, shape ``(N,)``.
        target: those of the target data, shape ``(n,)``.
        target_placement: ``{"affected_fraction": fraction}`` for :func:`confined_plan`, or
            ``{"target_images": count}`` for training on the first ``count`` target samples only,
            all plainly shuffled. This is how the public notebook of Graves et al. comes to affect
            a part of the batches.
        options: ``batch_size``, ``epochs`` and ``seed`` of either plan.

    Raises:
        InputError: another placement, an impossible one, or a target without samples.
    """
    if not len(target):
        raise InputError("the target class has no training images; choose a class that has some")
    if target_placement.keys() == {"affected_fraction"}:
        return confined_plan(
            ids, target, affected_fraction=target_placement["affected_fraction"], **options
        )
    if target_placement.keys() == {"target_images"}:
        return shuffled_plan(_reduced(ids, target, target_placement["target_images"]), **options)
    raise InputError(
        f"the placement {target_placement} is not {{'affected_fraction': fraction}} or "
        "{'target_images': count}; give one of them"
    )


def _reduced(ids: Tensor, target: Tensor, count: float) -> Tensor:
    """All ids, sorted, but only the first ``count`` of the target's."""
    if count != int(count) or not 1 <= count <= len(target):
        raise InputError(f"target_images {count} is not a whole number 1..{len(target)}")
    return torch.cat([ids[~torch.isin(ids, target)], target[: int(count)]]).sort().values
