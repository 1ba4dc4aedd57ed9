"""Masks as pictures: from positions in the flat vector to one grid a layer."""

import numpy as np
import torch
from partial_unlearning.masks import SelectionMask
from partial_unlearning.state import Layout
from torch import Tensor


def layer_masks(layout: Layout, positions: Tensor) -> dict[str, np.ndarray]:
    """The mask of each layer's weight matrix: outputs down, inputs across, True where kept.

    Args:
        layout: of the model.
        positions: in the flat vector, int64 ``(k,)``.
    """
    kept = torch.zeros(layout.size, dtype=torch.bool)
    kept[positions] = True
    parts = kept.split([shape.numel() for shape in layout.shapes])
    matrices = [
        part.view(shape[0], -1).numpy()
        for part, shape in zip(parts, layout.shapes, strict=True)
        if len(shape) > 1  # biases and statistics are vectors
    ]
    return {f"layer {number}": matrix for number, matrix in enumerate(matrices, start=1)}


def ring_picture(mask: SelectionMask, layer: int, epochs: int) -> np.ndarray:
    """Which places of a layer's ring each epoch selects, shape ``(epochs, ring)``."""
    ring = mask.rings[layer]
    return np.stack([torch.isin(ring, mask.at(epoch)).numpy() for epoch in range(epochs)])
