"""Shards and slices: how SISA cuts up the training data."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from partial_unlearning.batching import shuffled
from partial_unlearning.errors import InputError
from partial_unlearning.samples import refuse_unknown


@dataclass(frozen=True)
class Partition:
    """The training data in S shards of R slices each (Section 3.2.1).

    Attributes:
        slices: for each shard the sorted sample ids of each slice, D_s,r; a slice may be empty.
    """

    slices: tuple[tuple[Tensor, ...], ...]

    @cached_property
    def ids(self) -> Tensor:
        """All sample ids, sorted, int64, shape ``(n,)``."""
        return torch.cat([part for shard in self.slices for part in shard]).sort().values

    def without(self, ids: Tensor) -> "Partition":
        """The partition without samples of shape ``(k,)``; every other one keeps its place."""
        return Partition(
            tuple(tuple(part[~torch.isin(part, ids)] for part in shard) for shard in self.slices)
        )

    def first_affected(self, ids: Tensor) -> dict[int, int]:
        """Shard -> the first slice with any of ``ids``, ``(k,)``; InputError if one is in none."""
        refuse_unknown(ids, self.ids, "in no shard; give ids trained on and not yet deleted")
        hit = [[bool(torch.isin(part, ids).any()) for part in shard] for shard in self.slices]
        return {shard: slices.index(True) for shard, slices in enumerate(hit) if any(slices)}


def sliced(shards: Iterable[Tensor], slices: int, generator: torch.Generator) -> Partition:
    """The partition that cuts the ids of each shard, int64 ``(n,)``, at random into slices."""
    cut = [shuffled(ids, generator).tensor_split(slices) for ids in shards]
    return Partition(tuple(tuple(part.sort().values for part in shard) for shard in cut))


def make_partition(ids: Tensor, *, shards: int, slices: int, seed: int) -> Partition:
    """Cut all sample ids, int64 ``(n,)``, at random into S shards, and each into R slices.

    InputError if a count is below 1, or there are more slices than samples.
    """
    if not (shards >= 1 and slices >= 1 and shards * slices <= len(ids)):
        raise InputError(
            f"{shards} shards of {slices} slices cannot be made of {len(ids)} samples; "
            "give at least 1 of each, and at least one sample a slice"
        )
    generator = torch.Generator().manual_seed(seed)
    return sliced(shuffled(ids.cpu(), generator).tensor_split(shards), slices, generator)
