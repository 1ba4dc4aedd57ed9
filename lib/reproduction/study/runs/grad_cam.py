"""Class activation maps (Section 5.4.3), by captum, and how alike two maps are.

The paper names no kind of map. Grad-CAM is the one that works for LeNet, which has fully connected
layers after its convolutions: the channels of a convolution, weighted by the mean gradient of
the class score, summed, and cut off at 0.
"""

import warnings

import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError

FLAT = 1e-6
"""A map counts as flat when its spread is at most this part of its size: mere rounding."""


@torch.no_grad()
def last_spatial_convolution(model: nn.Module, images: Tensor) -> nn.Module:
    """The last convolution whose output still has places: more than 1 x 1.

    LeNet's very last convolution sees all of the image at once and could say nothing of where.

    Raises:
        InputError: the model has no such convolution.
    """
    found: list[nn.Module] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if output.shape[-2:].numel() > 1:
            found.append(module)

    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    hooks = [module.register_forward_hook(keep) for module in convolutions]
    try:
        model(images[:1])
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise InputError(
            "class activation maps need a convolution with an output larger than 1 x 1, this "
            "model has none; choose a convolutional model such as LeNet"
        )
    return found[-1]


def class_maps(model: nn.Module, images: Tensor, labels: Tensor, *, chunk: int = 250) -> Tensor:
    """Where each image speaks for its class, as the model sees it.

    Args:
        model: in any mode; its mode is left as it was.
        images: shape ``(n, 1, h, w)``.
        labels: the class whose map is wanted, for each image, shape ``(n,)``.
        chunk: images at a time.

    Returns:
        Maps of at least 0, enlarged to the images' size by bilinear interpolation, ``(n, h, w)``.

    Raises:
        InputError: the model has no suitable convolution.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in a notebook: that it finds no progress widgets
        from captum.attr import LayerAttribution, LayerGradCam  # much that no other run needs
    explain = LayerGradCam(model, last_spatial_convolution(model, images))
    was_training = model.training
    model.eval()
    parts = []
    for x, y in zip(images.split(chunk), labels.split(chunk), strict=True):
        small = explain.attribute(x, target=y, relu_attributions=True).detach()
        size = tuple(x.shape[-2:])
        parts.append(LayerAttribution.interpolate(small, size, "bilinear"))
    model.train(was_training)
    return torch.cat(parts).squeeze(1)


def scaled(maps: Tensor) -> Tensor:
    """Each map divided by its largest value, so that it spans 0..1; a zero map stays zero."""
    largest = maps.amax(dim=(1, 2), keepdim=True)
    return maps / torch.where(largest > 0, largest, torch.ones_like(largest))


def _centred(maps: Tensor) -> Tensor:
    flat = maps.flatten(1).to(torch.float64)
    return flat - flat.mean(dim=1, keepdim=True)


def is_flat(maps: Tensor) -> Tensor:
    """Whether each map has one value everywhere, shape ``(n,)``; a zero map has."""
    size = maps.flatten(1).to(torch.float64).norm(dim=1)
    return _centred(maps).norm(dim=1) <= FLAT * size


def similarity(first: Tensor, second: Tensor) -> Tensor:
    """Pearson's correlation over the pixels of two maps, image by image.

    It is 1 when the same regions stand out to the same relative degree, whatever the scale, and
    around 0 for unrelated maps. Cosine similarity would not do: maps are never negative, so
    that any two broad blobs come out alike.

    A flat map points out no region, and its correlation is undefined. By our convention it is 0
    to a map that has regions (they were lost) and 1 to another flat map (there were none to
    lose).

    Args:
        first: maps, shape ``(n, h, w)``.
        second: maps of the same images, same shape.

    Returns:
        float64 in -1..1, shape ``(n,)``.
    """
    a, b = _centred(first), _centred(second)
    flat_a, flat_b = is_flat(first), is_flat(second)
    norms = (a.norm(dim=1) * b.norm(dim=1)).masked_fill(flat_a | flat_b, 1)
    correlation = ((a * b).sum(dim=1) / norms).clamp(-1, 1)
    return torch.where(flat_a | flat_b, (flat_a & flat_b).to(torch.float64), correlation)
