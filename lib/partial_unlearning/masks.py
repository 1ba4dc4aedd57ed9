"""Pruning masks P_l (Section 4.1) and selection masks S_l,e (Sections 4.2 and 4.3).

A mask is given by the positions it keeps in the flat vector of :class:`Layout`: at 90 % pruning
they are a tenth of it, and gathering them is all that recording costs. Sparsity is the fraction of
a layer that a pruning mask takes away; an update fraction the part that a selection mask moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from partial_unlearning.errors import InputError, fraction, whole_number
from partial_unlearning.state import Layout


def depth_schedule(first_layer: float, last_layer: float, layers: int) -> list[float]:
    """One fraction a layer, on a straight line from the first of ``layers`` to the last.

    InputError if a fraction is outside 0..1.

    >>> depth_schedule(1.0, 0.5, 3)
    [1.0, 0.75, 0.5]
    """
    first, last = (fraction("a layer's fraction", end) for end in (first_layer, last_layer))
    half = (layers + 1) // 2
    step = (last - first) / max(layers - 1, 1)  # torch.linspace rounds as the processor does
    rear = [last - step * n for n in reversed(range(layers - half))]
    return [first + step * n for n in range(half)] + rear


def kept_count(sparsity: float, size: int) -> int:
    """How many of ``size`` entries remain when the fraction ``sparsity``, 0..1, is pruned."""
    return round((1 - sparsity) * size)


def last_layers(layer_sizes: Sequence[int], kept: int) -> list[int]:
    """How many entries of each layer are kept when ``kept`` fill the layers from the last one back.

    >>> last_layers([100, 50, 20], 45)
    [0, 25, 20]
    """
    counts: list[int] = []
    for size in reversed(layer_sizes):
        counts.insert(0, min(size, kept - sum(counts)))
    return counts


@dataclass(frozen=True)
class FixedMask:
    """The same positions for every update of a run, as in layer-wise random pruning.

    Attributes:
        positions: the positions kept, sorted, int64, shape ``(k,)``.
    """

    fixed: ClassVar[bool] = True
    positions: Tensor

    @classmethod
    def draw(
        cls, layout: Layout, counts: Sequence[int], *, seed: int, block: int = 1
    ) -> "FixedMask":
        """Keep ``counts[l]`` random entries of each layer l.

        Args:
            layout: the model's layout.
            counts: entries kept of each layer, see :func:`kept_count`.
            seed: of the mask; the same seed and layout give the same mask.
            block: so many neighbours are kept or pruned together, counted from the layer's first
                entry; one block is cut where the count asks for it. 1 is the paper's reading.

        InputError if these are no whole numbers, or a count is not 0..size.
        """
        block = whole_number("block", block, 1, 2**16)
        generator = torch.Generator().manual_seed(whole_number("seed", seed, 0, 2**63))
        parts = []
        for part, count in zip(layout.slices, counts, strict=True):
            size = part.stop - part.start
            if type(count) is not int or not 0 <= count <= size:
                raise InputError(f"{count!r} is no count of 0..{size}; kept_count makes one")
            order = torch.randperm(-(-size // block), generator=generator, device="cpu")
            drawn = order[: count // block + 2]  # enough, although the last block may be shorter
            entries = (drawn[:, None] * block + torch.arange(block, device="cpu")).flatten()
            entries = entries[entries < size][:count]
            parts.append(part.start + entries.sort().values)
        return cls(torch.cat(parts))

    def kept(self, update: Tensor | None = None) -> Tensor:
        """The same positions for every update, int64, shape ``(k,)``."""
        return self.positions


def keep_all(layout: Layout) -> FixedMask:
    """The mask that prunes nothing: with it Eq. 7 is Eq. 4."""
    return FixedMask(torch.arange(layout.size, device="cpu"))


@dataclass(frozen=True)
class MagnitudeMask:
    """Magnitude pruning: in each part of the update, keep the entries of largest magnitude.

    Layer-wise pruning has a part for each layer; global pruning has one, the whole update. Eq. 6
    writes one matrix for the whole run, but magnitudes belong to one update: this mask is
    computed anew for each.

    Attributes:
        parts: slices of the flat vector, first to last.
        counts: how many entries of each are kept.
    """

    fixed: ClassVar[bool] = False
    parts: tuple[slice, ...]
    counts: tuple[int, ...]

    def kept(self, update: Tensor | None = None) -> Tensor:
        """Positions kept in this update of shape ``(size,)``; int64, shape ``(k,)``."""
        assert update is not None, "a magnitude mask needs the update it prunes"
        magnitudes = update.abs()
        chosen = [
            part.start + magnitudes[part].topk(count, sorted=False).indices
            for part, count in zip(self.parts, self.counts, strict=True)
        ]
        return torch.cat(chosen).sort().values


Mask = FixedMask | MagnitudeMask
"""Which entries of an update are kept (Eq. 6); ``fixed``: the same ones of every update."""

STRATEGIES = ("random", "last_layers", "layer_magnitude", "global_magnitude")


def build_mask(
    strategy: str,
    layout: Layout,
    *,
    sparsity_first: float,
    sparsity_last: float,
    seed: int,
    block: int = 1,
) -> Mask:
    """The pruning mask of a strategy, with sparsity on a straight line over the layers (Eq. 6).

    ``last_layers`` keeps as many entries in all, but fills the layers from the last one back; of a
    layer that is filled in part, random ones.

    Args:
        strategy: ``random``, ``last_layers``, ``layer_magnitude`` or ``global_magnitude``; all keep
            equally many entries.
        layout: the model's layout.
        sparsity_first: fraction of the first layer that is pruned away, 0..1.
        sparsity_last: the same for the last layer.
        seed: of what is random; magnitude masks draw nothing.
        block: entries that ``random`` keeps or prunes together, see :meth:`FixedMask.draw`.

    InputError if one of these makes no sense: a sparsity outside 0..1, say.
    """
    if not isinstance(strategy, str) or strategy not in STRATEGIES:
        raise InputError(f"unknown pruning strategy {strategy!r}; choose from {list(STRATEGIES)}")
    if whole_number("block", block, 1, 2**16) > 1 and strategy != "random":
        raise InputError(f"block is {block} with strategy {strategy!r}, which has none; give 1")
    sparsity = depth_schedule(sparsity_first, sparsity_last, len(layout.layers))
    counts = tuple(map(kept_count, sparsity, layout.layer_sizes))
    if strategy == "random":
        return FixedMask.draw(layout, counts, seed=seed, block=block)
    if strategy == "last_layers":
        return FixedMask.draw(layout, last_layers(layout.layer_sizes, sum(counts)), seed=seed)
    if strategy == "layer_magnitude":
        return MagnitudeMask(layout.slices, counts)
    return MagnitudeMask((slice(0, layout.size),), (sum(counts),))


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
    def draw(
        cls, layout: Layout, update_fractions: Sequence[float], *, seed: int
    ) -> "SelectionMask":
        """Lay the weights of each layer on a ring; the same seed and layout give the same masks.

        ``update_fractions`` are what an epoch may change of each layer; InputError outside 0..1.

        >>> layout = Layout.of(torch.nn.Linear(9, 1))
        >>> mask = SelectionMask.draw(layout, [0.5], seed=0)
        >>> torch.cat([mask.at(0), mask.at(1)]).sort().values
        tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        >>> torch.equal(mask.at(2), mask.at(0))  # the next time round
        True
        """
        parts = [fraction("an update fraction", part) for part in update_fractions]
        generator = torch.Generator().manual_seed(whole_number("seed", seed, 0, 2**63))
        rings = tuple(
            part.start + torch.randperm(part.stop - part.start, generator=generator)
            for part in layout.slices
        )
        sizes = zip(parts, layout.layer_sizes, strict=True)
        return cls(rings, tuple(round(part * size) for part, size in sizes))

    def at(self, epoch: int) -> Tensor:
        """Positions selected in ``epoch`` (counted from 0), int64, shape ``(k,)``."""
        parts = []
        for ring, count in zip(self.rings, self.counts, strict=True):
            turn = (torch.arange(count) + epoch * count) % max(len(ring), 1)
            parts.append(ring[turn])
        return torch.cat(parts)
