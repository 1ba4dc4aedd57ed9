"""Masks that keep a given number of entries of an update, by when one can know them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from partial_unlearning.masks import (
    FixedMask,
    MagnitudeMask,
    depth_schedule,
    kept_count,
    last_layers,
)
from partial_unlearning.state import Layout

BLOCKS = {f"blocks of {size}": size for size in (16, 32, 64)}
"""Name of a mask -> neighbours that it keeps or prunes together, at random."""
LEAST = 1e-8
"""Added to the size of an entry's updates, so that one that never moved is not divided by zero."""


def steepest_schedule(layer_sizes: Sequence[int], kept: int) -> list[float]:
    """The steepest straight line of sparsities over the layers that keeps ``kept`` entries in all.

    It prunes the whole first layer, or nothing of the last.

    Args:
        layer_sizes: number of entries of each layer, first to last.
        kept: entries to keep of all; up to rounding in each layer.

    >>> steepest_schedule([100, 100, 100], 75)
    [1.0, 0.75, 0.5]
    """
    line = depth_schedule(0.0, 1.0, len(layer_sizes))
    most = sum(part * size for part, size in zip(line, layer_sizes, strict=True))
    if kept < most:
        return [1 - part * kept / most for part in line]
    first = (kept - most) / (sum(layer_sizes) - most)  # what is kept of the first layer
    return [(1 - first) * (1 - part) for part in line]


def depth_counts(layout: Layout, kept: int) -> list[int]:
    """How many entries of each layer the steepest schedule keeps."""
    sizes = layout.layer_sizes
    return [kept_count(*layer) for layer in zip(steepest_schedule(sizes, kept), sizes, strict=True)]


def _first(layout: Layout, orders: Sequence[Tensor], counts: Sequence[int]) -> Tensor:
    """Positions of the first ``counts[l]`` entries of each layer l in its order."""
    each = zip(layout.slices, orders, counts, strict=True)
    return torch.cat([part.start + order[:count] for part, order, count in each])


def _outputs(shape: torch.Size) -> Tensor:
    """Which output each entry of a weight or bias of this shape belongs to, int64 ``(numel,)``."""
    outputs = shape[0] if shape else 1
    return torch.arange(outputs).repeat_interleave(shape.numel() // outputs)


def rows(layout: Layout, counts: Sequence[int], *, seed: int) -> Tensor:
    """Positions of ``counts[l]`` entries in each layer l: all that belongs to random outputs.

    The last output that there is room for is kept in part.
    """
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.cat([_outputs(shape) for shape in layout.shapes])
    orders = []
    for part in layout.slices:
        own = outputs[part]
        turn = torch.randperm(int(own.max()) + 1, generator=generator)
        orders.append(turn[own].argsort(stable=True))
    return _first(layout, orders, counts)


def known_before(layout: Layout, kept: int, *, seed: int) -> dict[str, Tensor]:
    """Masks that are known before training: positions kept, by the name of the arm."""
    depth = depth_counts(layout, kept)
    last = last_layers(layout.layer_sizes, kept)
    drawn = {
        name: FixedMask.draw(layout, depth, seed=seed, block=block).kept()
        for name, block in {"depth": 1, **BLOCKS}.items()
    }
    return drawn | {
        "rows": rows(layout, depth, seed=seed),
        "last_layers": FixedMask.draw(layout, last, seed=seed).kept(),
    }


def known_after(layout: Layout, kept: int, total: Tensor, energy: Tensor) -> dict[str, Tensor]:
    """Masks that only a request makes known, so that whole updates have to be recorded.

    Args:
        layout: of the model.
        kept: entries to keep.
        total: the sum of the affected updates, ``(size,)``.
        energy: sum of the squares of all updates, affected or not, ``(size,)``.
    """
    layers = MagnitudeMask(layout.slices, tuple(depth_counts(layout, kept)))
    return {
        "layer_magnitude": layers.kept(total),
        "global_magnitude": largest(total, kept),
        "salient": largest(total / (energy.sqrt() + LEAST), kept),
    }


def largest(scores: Tensor, kept: int) -> Tensor:
    """Positions of the scores ``(size,)`` of largest magnitude."""
    return MagnitudeMask((slice(0, len(scores)),), (kept,)).kept(scores)
