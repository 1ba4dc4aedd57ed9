"""Which batches hold target data, as a stored configuration says it.

How batches come to hold target data is not said in the paper, and decides what amnesiac unlearning
can do: here it is a parameter.
"""

from collections import Counter
from collections.abc import Mapping
from math import ceil

import torch
from torch import Tensor

from partial_unlearning.batching import BatchPlan, shuffled, shuffled_plan
from partial_unlearning.errors import InputError


def _deal(sizes: list[int], count: int) -> Counter[int]:
    """Deal ``count`` samples in rounds to batches of these sizes; return how many each got."""
    seats = sorted((turn, batch) for batch, size in enumerate(sizes) for turn in range(size))
    return Counter(batch for _, batch in seats[:count])


def _confined_epoch(
    target: Tensor, retained: Tensor, sizes: list[int], affected: int, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """One epoch in which a random choice of ``affected`` batches hold all target samples.

    The last batch, which may be short, is among them only where all are: the target data fits.
    """
    candidates = len(sizes) if affected == len(sizes) else len(sizes) - 1
    chosen = torch.randperm(candidates, generator=generator)[:affected].tolist()
    dealt = _deal([sizes[batch] for batch in chosen], len(target))
    counts = [0] * len(sizes)
    for seat, batch in enumerate(chosen):
        counts[batch] = dealt[seat]
    targets = shuffled(target, generator).split(counts)
    others = shuffled(retained, generator).split(
        [size - count for size, count in zip(sizes, counts, strict=True)]
    )
    return tuple(torch.cat(pair) for pair in zip(targets, others, strict=True))


def _affected_count(fraction: float, target: int, batches: int, batch_size: int) -> int:
    """How many batches an epoch a fraction means; raises InputError where that is impossible."""
    if not 0 < fraction <= 1:
        raise InputError(f"affected fraction {fraction} is outside (0, 1]; give one such as 0.3")
    count, least = round(fraction * batches), ceil(target / batch_size)
    if count < least:
        raise InputError(
            f"affected fraction {fraction} allows {count} of {batches} batches to hold target "
            f"data, but {target} target samples fill {least}; the smallest possible fraction is "
            f"{least / batches:.4f}"
        )
    if count > target:
        raise InputError(
            f"affected fraction {fraction} means {count} batches, more than the {target} target "
            f"samples; the largest possible fraction is {target / batches:.4f}"
        )
    return count


def confined_plan(
    ids: Tensor,
    target: Tensor,
    *,
    affected_fraction: float,
    batch_size: int,
    epochs: int,
    seed: int,
) -> BatchPlan:
    """Target samples in a fraction of each epoch's batches, dealt evenly among them.

    Which batches those are, and which retained samples are in them too, is drawn anew each epoch.
    Fraction 1 is plain shuffling.

    Args:
        ids: all sample ids, int64, shape ``(N,)``.
        target: those of the target data, shape ``(n,)``.
        affected_fraction: of an epoch's batches, in (0, 1], that hold target data.
        batch_size: samples a batch; the last one of an epoch may be smaller.
        epochs: number of epochs.
        seed: of all shuffling.

    Raises:
        InputError: the fraction is outside (0, 1], smaller than the target data needs, or larger
            than its number of samples can fill; or target ids that are not among ``ids``.

    >>> ids, target = torch.arange(40), torch.arange(6)
    >>> plan = confined_plan(ids, target, affected_fraction=0.2, batch_size=4, epochs=2, seed=0)
    >>> [len(steps) for steps in plan.affected(target)]  # of the ten batches of an epoch
    [2, 2]
    """
    if not torch.isin(target, ids).all():
        raise InputError("some target ids are not among the ids of the training data")
    if affected_fraction == 1:
        return shuffled_plan(ids, batch_size=batch_size, epochs=epochs, seed=seed)
    sizes = [len(part) for part in ids.split(batch_size)]
    affected = _affected_count(affected_fraction, len(target), len(sizes), batch_size)
    retained = ids[~torch.isin(ids, target)]
    generator = torch.Generator().manual_seed(seed)
    return BatchPlan(
        tuple(_confined_epoch(target, retained, sizes, affected, generator) for _ in range(epochs))
    )


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
