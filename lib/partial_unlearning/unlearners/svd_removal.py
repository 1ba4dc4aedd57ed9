"""Class removal in closed form: weights lose what only target samples' activations use.

Kodge et al., "Deep Unlearning", arXiv 2312.00761. Let a layer's inputs, one a column, have left
singular vectors U and singular values s, and v = s^2 / sum(s^2). With P of target samples and Q of
retained ones, P = U diag(alpha v / ((alpha - 1) v + 1)) U^T, the layer's weights W become
W (I - P (I - Q))^T. Here P is computed as alpha S ((alpha - 1) S + I)^-1, the same without a
decomposition, where S is the second moment of the inputs, scaled to trace 1.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

Layer = nn.Linear | nn.Conv2d


def _inputs(layer: Layer, x: Tensor) -> Tensor:
    """What a layer's weights are multiplied with, one a row: features, or patches of an image."""
    if isinstance(layer, nn.Linear):
        return x.flatten(0, -2)
    around = (layer.dilation, layer.padding, layer.stride)
    return unfold(x, layer.kernel_size, *around).transpose(1, 2).flatten(0, 1)  # type: ignore[arg-type]


@torch.no_grad()
def second_moments(model: nn.Module, images: Tensor, *, chunk: int = 100) -> dict[Layer, Tensor]:
    """S of each layer, float64, ``(inputs, inputs)``; of convolutions, ungrouped ones only.

    The model is put into evaluation mode.
    """
    sums: dict[Layer, Tensor] = {}

    def add(layer: Layer, given: tuple[Tensor, ...]) -> None:
        x = _inputs(layer, given[0]).double()
        sums[layer] = sums.get(layer, 0) + x.T @ x

    layers = [module for module in model.eval().modules() if isinstance(module, Layer)]
    hooks = [layer.register_forward_pre_hook(add) for layer in layers]
    for part in images.split(chunk):
        model(part)
    for hook in hooks:
        hook.remove()
    return {layer: moment / moment.trace() for layer, moment in sums.items()}


def projection(moment: Tensor, alpha: float) -> Tensor:
    """P of a second moment: near 1 along what inputs use, 0 along what they do not."""
    identity = torch.eye(len(moment), dtype=moment.dtype, device=moment.device)
    return torch.linalg.solve((alpha - 1) * moment + identity, alpha * moment)


@torch.no_grad()
def remove(
    model: nn.Module, target: Tensor, retained: Tensor, *, alpha_t: float, alpha_r: float
) -> nn.Module:
    """Remove the class of target images ``(n, ...)`` from each layer, in place.

    ``alpha_t`` and ``alpha_r``, above 0, say how readily a direction counts as used.
    """
    ours, others = second_moments(model, target), second_moments(model, retained)
    for layer, moment in ours.items():
        only = projection(moment, alpha_t)
        only = only - only @ projection(others[layer], alpha_r)
        weight = layer.weight.flatten(1).double()
        layer.weight.copy_((weight - weight @ only.T).view_as(layer.weight))
    return model
