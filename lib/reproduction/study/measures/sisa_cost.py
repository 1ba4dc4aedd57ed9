"""What a deletion request costs under SISA, from the partition alone: exact, without training.

The unit is the sample visit: one sample in one training step of one epoch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from partial_unlearning.samples import refuse_unknown
from partial_unlearning.unlearners.partition import Partition


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
    def share(self) -> float:
        """Retraining as a share of training everything anew, in 0..1."""
        return self.visits / self.full


class Costs:
    """Costs of requests to a ``partition``, whose samples are looked up once: there may be many.

    >>> shard = (torch.tensor([0, 1]), torch.tensor([2, 3]))  # its two slices
    >>> Costs(Partition((shard,))).of(torch.tensor([2]))  # the first slice need not be repeated
    Cost(visits=1, full=3, shards=1)
    """

    def __init__(self, partition: Partition) -> None:
        parts = [part for shard in partition.slices for part in shard]
        self._ids, order = torch.cat(parts).sort()
        sizes = torch.tensor([len(part) for part in parts])
        self._slices = torch.arange(len(parts)).repeat_interleave(sizes)[order]
        self._sizes = sizes.view(len(partition.slices), -1)

    def _counts(self, ids: Tensor) -> Tensor:
        """How many of ``ids``, shape ``(k,)``, lie in each slice, int64 of shape ``(S, R)``."""
        places = torch.searchsorted(self._ids, ids).clamp(max=len(self._ids) - 1)
        if not self._ids[places].equal(ids):
            refuse_unknown(ids, self._ids, "in no shard; give ids that are in one")
        slices = self._slices[places]
        return torch.bincount(slices, minlength=self._sizes.numel()).view(self._sizes.shape)

    def of(self, ids: Tensor) -> Cost:
        """What deleting ``ids``, int64 of shape ``(k,)`` and not all there are, costs.

        Raises:
            InputError: an id is in no slice.
        """
        removed = self._counts(ids)
        remaining = self._sizes - removed
        retrained = (removed > 0).cumsum(1) > 0  # the first affected slice and all that follow it
        return Cost(
            visits=int(remaining[retrained].sum()),
            full=int(remaining.sum()),
            shards=int((removed > 0).any(1).sum()),
        )
