"""The arms of amnesiac unlearning: what each subtracts, of the same sum of affected updates."""

import torch
from torch import Tensor

from partial_unlearning.masks import FixedMask, MagnitudeMask, depth_schedule, kept_count
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.amnesiac import prune
from reproduction.study.profiles import Pruning

MASKS = 4
"""Further random masks with the proposed method's fractions."""


def _smallest(layout: Layout, total: Tensor, counts: tuple[int, ...]) -> Tensor:
    """Positions of the entries of smallest magnitude, so many in each layer."""
    parts = [
        part.start + total[part].abs().topk(count, largest=False).indices
        for part, count in zip(layout.slices, counts, strict=True)
    ]
    return torch.cat(parts).sort().values


def _dense(layout: Layout, total: Tensor, sparsity: list[float]) -> Tensor:
    """Every entry times the fraction of its layer that a mask would keep."""
    parts = [(1 - p) * total[part] for p, part in zip(sparsity, layout.slices, strict=True)]
    return torch.cat(parts)


def controls(layout: Layout, total: Tensor, pruning: Pruning, seed: int) -> dict[str, Tensor]:
    """What each control subtracts of ``total``, the sum of all affected updates, ``(size,)``.

    All but the last layer alone and the dense factors keep as many entries as the proposed
    method. Magnitudes are those of the sum.
    """
    layers = len(layout.layers)
    sparsity = depth_schedule(pruning.sparsity_first, pruning.sparsity_last, layers)
    counts = tuple(map(kept_count, sparsity, layout.layer_sizes))
    level = [1 - sum(counts) / layout.size] * layers
    random = {f"mask_{n}": (counts, seed + 1000 * n) for n in range(1, MASKS + 1)}
    for name, other in (("reversed", sparsity[::-1]), ("uniform", level)):
        random[name] = tuple(map(kept_count, other, layout.layer_sizes)), seed
    kept = {n: FixedMask.draw(layout, c, seed=s).kept() for n, (c, s) in random.items()}
    last = layout.slices[-1]
    kept["last_layer"] = torch.arange(last.start, last.stop)
    kept["layer_magnitude"] = MagnitudeMask(layout.slices, counts).kept(total)
    kept["global_magnitude"] = MagnitudeMask((slice(0, layout.size),), (sum(counts),)).kept(total)
    kept["lowest_magnitude"] = _smallest(layout, total, counts)
    return {n: prune(total, k) for n, k in kept.items()} | {
        "dense_factors": _dense(layout, total, sparsity)
    }
