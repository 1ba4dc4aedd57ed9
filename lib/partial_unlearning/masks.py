"""Pruning masks P_l (Section 4.1) and selection masks S_l,e (Sections 4.2 and 4.3).

A mask is given by the positions it keeps in the flat vector of :class:`Layout`: at
90 % pruning they are a tenth of the vector, and gathering them is all that recording costs.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from partial_unlearning.errors import InputError
from partial_unlearning.state import Layout


def _checked(name: str, values: list[float]) -> list[float]:
    bad = [value for value in values if not 0 <= value <= 1]
    if bad:
        raise InputError(f"{name} {bad[0]} is outside 0..1")
    return values


def depth_schedule(first: float, last: float, layers: int) -> list[float]:
    """One value a layer, on a straight line from the first layer to the last.

    Raises:
        InputError: a value is outside 0..1.
    """
    _checked("the depth schedule's end", [first, last])
    return torch.linspace(first, last, layers, dtype=torch.float64).tolist()


def kept_count(pruning: float, size: int) -> int:
    """How many of ``size`` entries remain at a pruning fraction in 0..1."""
    return round((1 - pruning) * size)


class Mask(Protocol):
    """Which entries of an update are kept (Eq. 6).

    Attributes:
        fixed: whether every update of the run is pruned by the same mask.
    """

    fixed: bool

    def kept(self, update: Tensor | None = None) -> Tensor:
        """Sorted positions kept, int64 ``(k,)``; a mask that is not fixed needs the update."""
        ...


@dataclass(frozen=True)
class FixedMask:
    """Layer-wise random pruning: one mask P_l a layer, drawn once and fixed for the run.

    Attributes:
        positions: the positions kept, sorted, shape ``(k,)``.
    """

    positions: Tensor
    fixed: bool = True

    @classmethod
    def draw(cls, layout: Layout, pruning: list[float], *, seed: int) -> "FixedMask":
        """Keep ``kept_count(pruning[l], size of l)`` random entries of each layer l.

        Args:
            layout: the model's layout.
            pruning: fraction pruned away, 0..1, one for each layer.
            seed: of the mask; the same seed and layout give the same mask.
        """
        _checked("pruning", pruning)
        generator = torch.Generator().manual_seed(seed)
        parts = []
        for part, fraction in zip(layout.slices, pruning, strict=True):
            size = part.stop - part.start
            order = torch.randperm(size, generator=generator)
            parts.append(part.start + order[: kept_count(fraction, size)].sort().values)
        return cls(torch.cat(parts))

    def kept(self, update: Tensor | None = None) -> Tensor:
        """The same positions for every update, shape ``(k,)``."""
        return self.positions


def keep_all(layout: Layout) -> FixedMask:
    """The mask that prunes nothing: with it Eq. 7 is Eq. 4."""
    return FixedMask(torch.arange(layout.size))


def _largest(update: Tensor, count: int) -> Tensor:
    return update.abs().topk(count, sorted=False).indices


@dataclass(frozen=True)
class LayerMagnitudeMask:
    """Layer-wise magnitude pruning: in each layer, keep the entries of largest magnitude.

    Eq. 6 writes one matrix for the whole run, but magnitudes belong to one update: this mask is
    computed anew for each.
    """

    layout: Layout
    pruning: tuple[float, ...]
    fixed: bool = False

    def kept(self, update: Tensor | None = None) -> Tensor:
        """Positions kept in this update, shape ``(k,)``."""
        assert update is not None, "a magnitude mask needs the update it prunes"
        parts = [
            part.start + _largest(update[part], kept_count(fraction, part.stop - part.start))
            for part, fraction in zip(self.layout.slices, self.pruning, strict=True)
        ]
        return torch.cat(parts).sort().values


@dataclass(frozen=True)
class GlobalMagnitudeMask:
    """Global pruning: keep the entries of largest magnitude in the whole update."""

    layout: Layout
    pruning: float
    fixed: bool = False

    def kept(self, update: Tensor | None = None) -> Tensor:
        """Positions kept in this update, shape ``(k,)``."""
        assert update is not None, "a magnitude mask needs the update it prunes"
        return _largest(update, kept_count(self.pruning, self.layout.size)).sort().values


@dataclass(frozen=True)
class WeightsOnly:
    """Another mask with the batch-norm statistics taken out: unlearning leaves them as they are.

    The paper prunes and subtracts "the model parameters"; running statistics are none, though
    each step changes them.
    """

    mask: Mask
    is_weight: Tensor

    @property
    def fixed(self) -> bool:
        """As the other mask is."""
        return self.mask.fixed

    def kept(self, update: Tensor | None = None) -> Tensor:
        """Positions of the other mask that are trained weights, shape ``(k,)``."""
        positions = self.mask.kept(update)
        return positions[self.is_weight.to(positions.device)[positions]]


def random_depth(layout: Layout, *, sparsity_first: float, sparsity_last: float, seed: int) -> Mask:
    """Random pruning on a straight line from the first layer to the last."""
    return FixedMask.draw(
        layout, depth_schedule(sparsity_first, sparsity_last, len(layout.layers)), seed=seed
    )


def layer_magnitude(
    layout: Layout, *, sparsity_first: float, sparsity_last: float, seed: int
) -> Mask:
    """Layer-wise magnitude pruning with the same schedule; ``seed`` draws nothing here."""
    schedule = depth_schedule(sparsity_first, sparsity_last, len(layout.layers))
    return LayerMagnitudeMask(layout, tuple(schedule))


def global_magnitude(
    layout: Layout, *, sparsity_first: float, sparsity_last: float, seed: int
) -> Mask:
    """Global pruning that keeps as many entries as the same schedule keeps layer by layer."""
    schedule = depth_schedule(sparsity_first, sparsity_last, len(layout.layers))
    sizes = layout.layer_sizes
    kept = sum(kept_count(p, n) for p, n in zip(schedule, sizes, strict=True))
    return GlobalMagnitudeMask(layout, 1 - kept / layout.size)


STRATEGIES = {
    "random": random_depth,
    "layer_magnitude": layer_magnitude,
    "global_magnitude": global_magnitude,
}


def build_mask(
    strategy: str, layout: Layout, *, sparsity_first: float, sparsity_last: float, seed: int
) -> Mask:
    """The pruning mask of a strategy in :data:`STRATEGIES`.

    Raises:
        InputError: unknown strategy, or a pruning fraction outside 0..1.
    """
    if strategy not in STRATEGIES:
        raise InputError(f"unknown pruning strategy {strategy!r}; choose from {list(STRATEGIES)}")
    return STRATEGIES[strategy](
        layout, sparsity_first=sparsity_first, sparsity_last=sparsity_last, seed=seed
    )


@dataclass(frozen=True)
class SelectionMask:
    """Selection masks S_l,e (Eq. 9): which weights an unlearning epoch may change.

    The weights of each layer are laid on a ring in a seeded random order. Epoch e selects the
    next ``counts[l]`` of them, so that the mask of epoch e + 1 is the mask of epoch e shifted
    round the ring, and every weight has its turn once a cycle. The paper gives neither the first
    mask nor the length of the shift.

    Attributes:
        rings: for each layer, its positions in the flat vector in ring order.
        counts: how many of them one epoch selects.
    """

    rings: tuple[Tensor, ...]
    counts: tuple[int, ...]

    @classmethod
    def draw(cls, layout: Layout, fractions: list[float], *, seed: int) -> "SelectionMask":
        """Select ``fractions[l]`` of each layer l an epoch.

        Raises:
            InputError: a fraction is outside 0..1.
        """
        _checked("the fraction of weights selected", fractions)
        generator = torch.Generator().manual_seed(seed)
        rings = tuple(
            part.start + torch.randperm(part.stop - part.start, generator=generator)
            for part in layout.slices
        )
        counts = (round(f * n) for f, n in zip(fractions, layout.layer_sizes, strict=True))
        return cls(rings, tuple(counts))

    def at(self, epoch: int) -> Tensor:
        """Positions selected in ``epoch`` (counted from 0), shape ``(k,)``."""
        parts = []
        for ring, count in zip(self.rings, self.counts, strict=True):
            turn = (torch.arange(count) + epoch * count) % max(len(ring), 1)
            parts.append(ring[turn])
        return torch.cat(parts)
