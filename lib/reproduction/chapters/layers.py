"""An architecture layer by layer."""

from partial_unlearning.models import MODELS, build, parameter_count
from partial_unlearning.state import Layout
from torch import nn

from reproduction.chapters.tables import Table, simple_table


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
    for number, (layer, part) in enumerate(zip(layout.layers, layout.slices, strict=True), 1):
        weights = int(layout.is_weight[part].sum())
        kind = _kind(model.get_submodule(layer))
        rows.append([number, kind, weights, part.stop - part.start - weights])
    return rows


def layer_table(name: str, *, classes: int, width: int | None = None) -> Table:
    """The layers of an architecture with their parameters.

    Args:
        name: a key of :data:`MODELS`.
        classes: number of outputs.
        width: of the first layer; the model's own when None.
    """
    model = build(name, classes=classes, seed=0, width=width)
    rows = layer_rows(model)
    body = [[*row[:2], f"{row[2]:,}", f"{row[3]:,}"] for row in rows]
    buffers = sum(row[3] for row in rows)
    total = ["", "total", f"{parameter_count(model):,}", f"{buffers:,}"]
    caption = f"{name}, width {width or MODELS[name][1]}, {classes} classes."
    headings = ("Layer", "Kind", "Parameters", "Statistics (not trained)")
    return simple_table([*body, total], headings=headings, caption=caption, labels=2)
