"""Batches that keep the samples of a group together, such as those of a person."""

from collections.abc import Sequence

import torch
from torch import Tensor

from partial_unlearning.batching import BatchPlan, shuffled
from partial_unlearning.errors import InputError


def _together_epoch(
    groups: Sequence[Tensor], singles: Tensor, sizes: list[int], generator: torch.Generator
) -> tuple[Tensor, ...]:
    """One epoch in which each group stands in as few batches as it fills, the largest first."""
    room, parts = list(sizes), [list[Tensor]() for _ in sizes]
    pieces = [piece for group in groups for piece in shuffled(group, generator).split(max(sizes))]
    for piece in sorted(pieces, key=len, reverse=True):
        seats = torch.tensor([float(left) if left >= len(piece) else 0.0 for left in room])
        if not seats.any():
            raise InputError(
                f"a group of {len(piece)} samples finds no batch with as much room left; "
                "make batches larger, or groups smaller"
            )
        batch = int(torch.multinomial(seats, 1, generator=generator))
        room[batch] -= len(piece)
        parts[batch].append(piece)
    for found, others in zip(parts, shuffled(singles, generator).split(room), strict=True):
        found.append(others)
    return tuple(torch.cat(found) for found in parts)


def together_plan(
    ids: Tensor, groups: Sequence[Tensor], *, batch_size: int, epochs: int, seed: int
) -> BatchPlan:
    """Shuffled anew each epoch, but with the samples of a group, such as a person's, together.

    A group stands in as few batches as it fills; which ones is drawn, each seat being as likely.

    Args:
        ids: all sample ids, int64, shape ``(N,)``.
        groups: disjoint, of ids among them, each of shape ``(k,)``.
        batch_size: samples a batch; the last one of an epoch may be smaller.
        epochs: number of epochs.
        seed: of all shuffling.

    Raises:
        InputError: groups overlap or have other ids, or one finds no batch with enough room.

    >>> ids, groups = torch.arange(40), [torch.arange(3), torch.arange(3, 9)]
    >>> plan = together_plan(ids, groups, batch_size=4, epochs=2, seed=0)
    >>> [[len(steps) for steps in plan.affected(group)] for group in groups]
    [[1, 1], [2, 2]]
    """
    grouped = torch.cat([ids[:0], *groups])
    if len(torch.unique(grouped)) < len(grouped) or not torch.isin(grouped, ids).all():
        raise InputError("groups must be disjoint and hold ids of the training data alone")
    sizes = [len(part) for part in ids.split(batch_size)]
    singles = ids[~torch.isin(ids, grouped)]
    generator = torch.Generator().manual_seed(seed)
    return BatchPlan(
        tuple(_together_epoch(groups, singles, sizes, generator) for _ in range(epochs))
    )
