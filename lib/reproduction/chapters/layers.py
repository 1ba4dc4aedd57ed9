"""An architecture layer by layer: its sizes, its masks as pictures, and which weights move."""

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from partial_unlearning.masks import SelectionMask
from partial_unlearning.models import MODELS, build
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.gradient import DESCEND, gradient_step
from reproduction.chapters.tables import Table, simple_table
from reproduction.study.runs.optimizers import make_optimizer


def parameter_count(model: nn.Module) -> int:
    """Number of trainable weights."""
    return sum(p.numel() for p in model.parameters())


def _kind(module: nn.Module) -> str:
    """A layer in words: what it maps to what."""
    if isinstance(module, nn.Conv2d):
        size = "×".join(map(str, module.kernel_size))
        return f"convolution {size}, {module.in_channels} → {module.out_channels} channels"
    return f"fully connected, {module.in_features} → {module.out_features}"


def layer_rows(model: nn.Module) -> list[list[object]]:
    """One row a layer: number, kind, parameters and buffer entries.

    A normalisation counts with the layer whose output it normalises.
    """
    layout = Layout.of(model)
    rows: list[list[object]] = []
    for layer, part in zip(layout.layers, layout.slices, strict=True):
        weights = int(layout.is_weight[part].sum())
        kind = _kind(model.get_submodule(layer))
        rows.append([len(rows) + 1, kind, weights, part.stop - part.start - weights])
    return rows


def layer_table(name: str, *, classes: int) -> Table:
    """The layers of an architecture, at its own width, with their parameters.

    Args:
        name: a key of :data:`MODELS`.
        classes: number of outputs.
    """
    model = build(name, classes=classes, seed=0)
    rows = layer_rows(model)
    body = [[number, kind, f"{own:,}", f"{buffers:,}"] for number, kind, own, buffers in rows]
    total = ["", "total", f"{parameter_count(model):,}", f"{sum(row[3] for row in rows):,}"]
    heads = ("Layer", "Kind", "Parameters", "Statistics (not trained)")
    caption = f"{name}, width {MODELS[name][1]}, {classes} classes."
    return simple_table([*body, total], headings=heads, caption=caption, labels=2)


def layer_masks(layout: Layout, positions: Tensor) -> dict[str, np.ndarray]:
    """The mask of each layer's weight matrix: outputs down, inputs across, True where kept.

    Args:
        layout: of the model.
        positions: in the flat vector, int64 ``(k,)``.
    """
    kept = torch.isin(torch.arange(layout.size), positions)
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


def moved(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    selection: SelectionMask,
    *,
    optimizer: str,
    epochs: int,
) -> list[tuple[str, int, int, int, int]]:
    """How many weights moved in each epoch, inside and outside S_l,e.

    Args:
        model: stays as it is.
        images: shape ``(n, 1, 28, 28)``.
        labels: to descend on, shape ``(n,)``.
        selection: which weights each epoch may move.
        optimizer: a key of :data:`OPTIMIZERS`.
        epochs: number of steps.

    Returns:
        Optimizer, epoch from 1, weights selected, moved inside S_l,e, moved outside.
    """
    copy, layout = deepcopy(model), Layout.of(model)
    stepping = {"sign": DESCEND, "optimizer": make_optimizer(optimizer, copy, learning_rate=0.01)}
    rows = []
    for epoch in range(epochs):
        before, chosen = layout.vector(copy), selection.at(epoch)
        gradient_step(copy.eval(), images, labels, positions=chosen, **stepping)
        changed = before != layout.vector(copy)
        inside = torch.isin(torch.arange(layout.size), chosen)
        parts = (inside, changed & inside, changed & ~inside)
        rows.append((optimizer, epoch + 1, *(int(part.sum()) for part in parts)))
    return rows
