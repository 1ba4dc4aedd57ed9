"""The batch plan: which sample is in which step of which epoch.

It is the record that amnesiac unlearning asks the data holder to keep (Section 3.2.2), made
before training rather than noted down during it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from partial_unlearning.errors import InputError
from partial_unlearning.samples import refuse_unknown


def shuffled(ids: Tensor, generator: torch.Generator) -> Tensor:
    """The ids, shape ``(n,)``, in random order."""
    return ids[torch.randperm(len(ids), generator=generator)]


@dataclass(frozen=True)
class BatchPlan:
    """Sample ids of every batch.

    Attributes:
        epochs: for each epoch its batches, each an int64 tensor of sample ids.
    """

    epochs: tuple[tuple[Tensor, ...], ...]

    def __len__(self) -> int:
        """Number of steps."""
        return sum(len(batches) for batches in self.epochs)

    def __iter__(self) -> Iterator[tuple[int, int, Tensor]]:
        """Yield (step, epoch, sample ids); steps are counted from 0 over the whole run."""
        step = 0
        for epoch, batches in enumerate(self.epochs):
            for ids in batches:
                yield step, epoch, ids
                step += 1

    @cached_property
    def ids(self) -> Tensor:
        """All sample ids of the plan, sorted, each once; int64, shape ``(N,)``."""
        return torch.unique(torch.cat([ids for _, _, ids in self]))

    def affected(self, ids: Tensor) -> list[list[int]]:
        """The steps whose batch holds any of ``ids`` ``(n,)`` (B_t of Eq. 4), epoch by epoch.

        InputError if an id is in no batch, so that nothing could be removed for it.
        """
        refuse_unknown(ids, self.ids, "in no batch of the plan; give ids that were trained on")
        found: list[list[int]] = [[] for _ in self.epochs]
        for step, epoch, batch in self:
            if torch.isin(batch, ids).any():
                found[epoch].append(step)
        return found

    def affected_fraction(self, ids: Tensor) -> float:
        """The fraction of all steps, in 0..1, whose batch holds any of ``ids``, shape ``(n,)``."""
        return sum(map(len, self.affected(ids))) / len(self)


def shuffled_plan(ids: Tensor, *, batch_size: int, epochs: int, seed: int) -> BatchPlan:
    """Plain shuffling of all sample ids, int64 ``(N,)``, anew each epoch.

    The last batch of an epoch may be smaller. InputError if there are no samples.

    >>> plan = shuffled_plan(torch.arange(10), batch_size=4, epochs=2, seed=0)
    >>> [[len(batch) for batch in batches] for batches in plan.epochs]
    [[4, 4, 2], [4, 4, 2]]
    >>> len(plan), plan.affected_fraction(torch.arange(10))
    (6, 1.0)
    """
    if not len(ids):
        raise InputError("a batch plan needs at least one sample, none was given")
    generator = torch.Generator().manual_seed(seed)
    cut = [shuffled(ids, generator).split(batch_size) for _ in range(epochs)]
    return BatchPlan(tuple(map(tuple, cut)))
