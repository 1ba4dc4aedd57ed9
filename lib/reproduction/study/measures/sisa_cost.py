"""What a deletion request costs under SISA, from the partition alone: exact, without training.

The unit is the sample visit: one sample in one training step of one epoch.
"""

from dataclasses import dataclass

from torch import Tensor

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


def cost_of(partition: Partition, ids: Tensor) -> Cost:
    """What deleting ``ids``, int64 of shape ``(k,)`` and not all there are, costs.

    Raises:
        InputError: an id is in no slice.

    >>> import torch
    >>> shard = (torch.tensor([0, 1]), torch.tensor([2, 3]))  # its two slices
    >>> cost_of(Partition((shard,)), torch.tensor([2]))  # the first slice need not be repeated
    Cost(visits=1, full=3, shards=1)
    """
    removed = partition.counts(ids)
    remaining = partition.counts(partition.ids) - removed
    retrained = (removed > 0).cumsum(1) > 0  # the first affected slice and all that follow it
    return Cost(
        visits=int(remaining[retrained].sum()),
        full=int(remaining.sum()),
        shards=int((removed > 0).any(1).sum()),
    )
