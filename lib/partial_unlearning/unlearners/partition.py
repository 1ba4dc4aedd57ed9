"""Shards and slices: how SISA cuts up the training data, and what a request then costs.

The unit of cost is the sample visit: one sample in one training step of one epoch. Visits follow
from the partition alone, so costs are exact and need no training.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from partial_unlearning.batching import shuffled
from partial_unlearning.errors import InputError
from partial_unlearning.samples import Split


@dataclass(frozen=True)
class Cost:
    """What a deletion request costs.

    Attributes:
        visits: samples seen while retraining, in one pass over each slice retrained.
        full: the same for training everything anew without the request.
        shards: how many shards are retrained.
    """

    visits: int
    full: int
    shards: int

    @property
    def cost_fraction(self) -> float:
        """Retraining as a fraction of training everything anew, in 0..1."""
        return self.visits / self.full


@dataclass(frozen=True)
class Partition:
    """The training data in S shards of R slices each (Section 3.2.1).

    Attributes:
        slices: for each shard the sorted sample ids of each slice, D_s,r; a slice may be empty.
    """

    slices: tuple[tuple[Tensor, ...], ...]

    @cached_property
    def _places(self) -> tuple[Tensor, Tensor]:
        """All ids, sorted, and for each the number of its slice, counted over all shards."""
        parts = [part for shard in self.slices for part in shard]
        ids = torch.cat(parts)
        sizes = torch.tensor([len(part) for part in parts])
        order = ids.argsort()
        return ids[order], torch.arange(len(parts)).repeat_interleave(sizes)[order]

    @property
    def ids(self) -> Tensor:
        """All sample ids, sorted, int64, shape ``(n,)``."""
        return self._places[0]

    @cached_property
    def sizes(self) -> Tensor:
        """How many samples each slice holds, int64 of shape ``(S, R)``."""
        return self.counts(self.ids)

    def counts(self, ids: Tensor) -> Tensor:
        """How many of ``ids``, shape ``(k,)``, lie in each slice, int64 of shape ``(S, R)``.

        Raises:
            InputError: an id is in no slice.
        """
        known, slices = self._places
        found = torch.searchsorted(known, ids).clamp(max=len(known) - 1)
        unknown = ids[known[found] != ids]
        if len(unknown):
            raise InputError(
                f"{len(unknown)} of {len(ids)} sample ids are in no shard, the first is "
                f"{unknown[0].item()}; give ids that were trained on and not yet deleted"
            )
        places = slices[found]
        shape = (len(self.slices), len(self.slices[0]))
        return torch.bincount(places, minlength=shape[0] * shape[1]).view(shape)

    def without(self, ids: Tensor) -> "Partition":
        """The partition without samples of shape ``(k,)``; every other one keeps its place."""
        return Partition(
            tuple(tuple(part[~torch.isin(part, ids)] for part in shard) for shard in self.slices)
        )

    def first_affected(self, ids: Tensor) -> dict[int, int]:
        """For each shard that holds any of ``ids``, shape ``(k,)``, the first slice that does."""
        affected = self.counts(ids) > 0
        return {shard: int(row.int().argmax()) for shard, row in enumerate(affected) if row.any()}

    def cost(self, ids: Tensor) -> Cost:
        """What deleting ``ids``, int64 of shape ``(k,)``, costs.

        Raises:
            InputError: an id is in no slice, or nothing would be left to train on.

        >>> shard = (torch.tensor([0, 1]), torch.tensor([2, 3]))  # its two slices
        >>> Partition((shard,)).cost(torch.tensor([2]))  # the first slice need not be repeated
        Cost(visits=1, full=3, shards=1)
        """
        removed = self.counts(ids)
        remaining = self.sizes - removed
        if not remaining.any():
            raise InputError("the request names every sample, so that nothing is left to train on")
        retrained = (removed > 0).cumsum(1) > 0  # the first affected slice and all that follow it
        return Cost(
            visits=int(remaining[retrained].sum()),
            full=int(remaining.sum()),
            shards=int((removed > 0).any(1).sum()),
        )


def _by_class(data: Split, shards: int) -> list[Tensor]:
    """Whole classes, neighbouring labels together: each shard sees a part of the classes only."""
    present = torch.unique(data.labels).cpu()
    if shards > len(present):
        raise InputError(
            f"{shards} shards by class need as many classes, there are {len(present)}; "
            "choose fewer shards"
        )
    groups = present.tensor_split(shards)
    return [data.ids[torch.isin(data.labels.cpu(), group)].cpu() for group in groups]


PARTITIONS = ("iid", "by class")
"""How samples come to shards: at random, or whole classes at a time."""


def make_partition(data: Split, how: str, *, shards: int, slices: int, seed: int) -> Partition:
    """Cut the training data into shards and, at random, each shard into slices.

    Args:
        data: the training data.
        how: one of :data:`PARTITIONS`.
        shards: number of shards S.
        slices: number of slices R of each shard.
        seed: of the partition.

    Raises:
        InputError: unknown ``how``, a count below 1, or more slices than there are samples.

    >>> data = Split(torch.zeros(13, 1), torch.zeros(13, dtype=torch.int64), torch.arange(13))
    >>> make_partition(data, "iid", shards=2, slices=3, seed=0).sizes
    tensor([[3, 2, 2],
            [2, 2, 2]])
    """
    if how not in PARTITIONS:
        raise InputError(f"unknown partition {how!r}; choose from {', '.join(PARTITIONS)}")
    if not (shards >= 1 and slices >= 1 and shards * slices <= len(data)):
        raise InputError(
            f"{shards} shards of {slices} slices cannot be made of {len(data)} samples; "
            "give at least 1 of each, and at least one sample a slice"
        )
    generator = torch.Generator().manual_seed(seed)
    if how == "iid":
        parts = list(shuffled(data.ids.cpu(), generator).tensor_split(shards))
    else:
        parts = _by_class(data, shards)
    return Partition(
        tuple(
            tuple(part.sort().values for part in shuffled(ids, generator).tensor_split(slices))
            for ids in parts
        )
    )
