"""The batch plan: which sample is in which step of which epoch.

It is the record that amnesiac unlearning asks the data holder to keep (Section 3.2.2), made
before training rather than noted down during it. How batches come to hold target data is not
said in the paper, and decides what amnesiac unlearning can do: here it is a parameter.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod

import torch
from torch import Tensor

from partial_unlearning.errors import InputError


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
        """The steps whose batch holds any of ``ids`` (the set B_t of Eq. 4), epoch by epoch.

        Args:
            ids: sample ids to forget, int64, shape ``(n,)``.

        Raises:
            InputError: an id is in no batch, so that nothing could be removed for it.
        """
        unknown = ids[~torch.isin(ids, self.ids)]
        if len(unknown):
            raise InputError(
                f"{len(unknown)} of {len(ids)} sample ids are in no batch of the plan, "
                f"the first is {unknown[0].item()}; give ids that were trained on"
            )
        found: list[list[int]] = [[] for _ in self.epochs]
        for step, epoch, batch in self:
            if torch.isin(batch, ids).any():
                found[epoch].append(step)
        return found

    def affected_fraction(self, ids: Tensor) -> float:
        """The fraction of all steps, in 0..1, whose batch holds any of ``ids``, shape ``(n,)``."""
        return sum(map(len, self.affected(ids))) / len(self)


def shuffled_plan(ids: Tensor, *, batch_size: int, epochs: int, seed: int) -> BatchPlan:
    """Plain shuffling, anew each epoch.

    Args:
        ids: all sample ids, int64, shape ``(N,)``.
        batch_size: samples a batch; the last one of an epoch may be smaller.
        epochs: number of epochs.
        seed: of all shuffling.

    Raises:
        InputError: there are no samples.

    >>> plan = shuffled_plan(torch.arange(10), batch_size=4, epochs=2, seed=0)
    >>> [[len(batch) for batch in batches] for batches in plan.epochs]
    [[4, 4, 2], [4, 4, 2]]
    >>> len(plan), plan.affected_fraction(torch.arange(10))
    (6, 1.0)
    """
    if not len(ids):
        raise InputError("a batch plan needs at least one sample, none was given")
    generator = torch.Generator().manual_seed(seed)
    return BatchPlan(
        tuple(tuple(shuffled(ids, generator).split(batch_size)) for _ in range(epochs))
    )


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


def expected_affected_fraction(samples: int, batch_size: int, request: int) -> float:
    """The fraction of steps that a random request affects under plain shuffling, in expectation.

    A batch of b of N samples holds none of k with chance C(N-b, k) / C(N, k): the hypergeometric
    distribution, close to (1 - b/N)^k where k is small.

    Args:
        samples: N, that are shuffled.
        batch_size: samples a batch; the last one may be smaller.
        request: k, 0..N, samples to forget.

    >>> expected_affected_fraction(12, 4, 1), expected_affected_fraction(12, 4, 9)
    (0.33333333333333337, 1.0)
    """
    full, rest = divmod(samples, batch_size)
    sizes = [batch_size] * full + [rest] * (rest > 0)
    none = [prod((samples - size - n) / (samples - n) for n in range(request)) for size in sizes]
    return 1 - sum(none) / len(none)
