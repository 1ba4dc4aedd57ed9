"""The five architectures of Section 5.3, for 28 x 28 images of one channel.

The paper gives no widths for ConvNet, AlexNet and ResNet9; ``width`` is the number of channels
of the first convolution, and every other layer keeps its proportion to it.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError


def _dense(*widths: int) -> list[nn.Module]:
    """Flattened, then fully connected layers of these widths, a ReLU after each but the last."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return layers[:-1]


def mlp(classes: int, width: int) -> nn.Module:
    """Two fully connected layers, ``width`` hidden neurons (Section 5.3: 500)."""
    return nn.Sequential(*_dense(28 * 28, width, classes))


def _pooled(inputs: int, outputs: int) -> list[nn.Module]:
    """Convolution, max pooling, ReLU; the last two may be swapped, and this order costs less."""
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]


def convnet(classes: int, width: int) -> nn.Module:
    """Three convolutions, each followed by max pooling, and three fully connected layers.

    Section 1.1 speaks of two convolutions; Section 5.3, which describes the experiments, of three.
    """
    return nn.Sequential(
        *_pooled(1, width),  # 28 -> 14 -> 7 -> 3
        *_pooled(width, 2 * width),
        *_pooled(2 * width, 4 * width),
        *_dense(4 * width * 3 * 3, 8 * width, 4 * width, classes),
    )


def lenet(classes: int, width: int) -> nn.Module:
    """LeNet-5: three convolutions, two poolings, two fully connected layers (LeCun et al., 1998).

    ``width`` is 6 in the original. Max pooling and ReLU take the place of its trainable
    subsampling and scaled tanh, as in every present-day version.
    """
    return nn.Sequential(
        nn.Conv2d(1, width, 5, padding=2),  # the original pads 28 to 32
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(width, 16 * width // 6, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(16 * width // 6, 20 * width, 5),
        nn.ReLU(),
        *_dense(20 * width, 14 * width, classes),
    )


def alexnet(classes: int, width: int) -> nn.Module:
    """Five convolutions and three fully connected layers (Krizhevsky et al., 2012), for 28 x 28.

    Channels stand as 1 : 3 : 6 : 4 : 4, as in the single-stream AlexNet, whose ``width`` is 64.
    Kernels are 3 x 3, since 11 x 11 with stride 4 would leave 5 x 5 of a 28 x 28 image. Dropout
    is left out: eight epochs do not overfit, and its draws would make a resumed run differ.
    """
    return nn.Sequential(
        *_pooled(1, width),
        *_pooled(width, 3 * width),
        nn.Conv2d(3 * width, 6 * width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(6 * width, 4 * width, 3, padding=1),
        nn.ReLU(),
        *_pooled(4 * width, 4 * width),
        *_dense(4 * width * 3 * 3, 64 * width, 64 * width, classes),
    )


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as ``x``."""
        return x + self.body(x)


def _block(inputs: int, outputs: int, *, pool: bool = False) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    pooling = [nn.MaxPool2d(2)] if pool else []
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), *pooling, nn.ReLU())


def resnet9(classes: int, width: int) -> nn.Module:
    """Eight convolutions, two of the blocks residual, and one fully connected layer.

    Channels 1 : 2 : 4 : 8 times ``width`` (64 in the usual ResNet9), batch normalisation after
    each convolution.
    """
    return nn.Sequential(
        _block(1, width),
        _block(width, 2 * width, pool=True),
        Residual(_block(2 * width, 2 * width), _block(2 * width, 2 * width)),
        _block(2 * width, 4 * width, pool=True),
        _block(4 * width, 8 * width, pool=True),
        Residual(_block(8 * width, 8 * width), _block(8 * width, 8 * width)),
        nn.AdaptiveMaxPool2d(1),
        *_dense(8 * width, classes),
    )


MODELS: dict[str, tuple[Callable[[int, int], nn.Module], int]] = {
    "MLP": (mlp, 500),
    "ConvNet": (convnet, 16),
    "LeNet": (lenet, 6),
    "AlexNet": (alexnet, 64),
    "ResNet9": (resnet9, 64),
}
"""Name -> (constructor, usual width)."""


def _channels_last(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Hand images on with channels innermost: CPU convolutions are up to 1.6 times faster so."""
    return tuple(x.to(memory_format=torch.channels_last) for x in inputs)


def build(name: str, *, classes: int, seed: int, width: int | None = None) -> nn.Module:
    """A freshly initialised model: from images ``(n, 1, 28, 28)`` to logits ``(n, classes)``.

    ``name`` is MLP, ConvNet, LeNet, AlexNet or ResNet9, else InputError; ``width`` the channels of
    the first layer, the model's usual one when None. The global random state is left as it was.
    """
    if name not in MODELS:
        raise InputError(f"unknown model {name!r}; choose from {', '.join(MODELS)}")
    constructor, usual_width = MODELS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = constructor(classes, width or usual_width)
    model.register_forward_pre_hook(_channels_last)
    return model
