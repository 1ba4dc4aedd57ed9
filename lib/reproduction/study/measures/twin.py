"""How far a model is from its twin, retrained without the target data: accuracies and answers.

Answers are natural logarithms of class probabilities, float64 of shape ``(n, classes)``; two of
them are of the same images in the same order.
"""

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div

from partial_unlearning.metrics import evaluated, labels_of


def log_probabilities(model: nn.Module, images: Tensor, *, chunk: int = 100) -> Tensor:
    """What a model answers to images ``(n, ...)``; it stays as it is."""
    with evaluated(model):
        return torch.cat([model(x).double().log_softmax(dim=1) for x in images.split(chunk)])


def average_gap(method: Mapping[str, float], twin: Mapping[str, float]) -> float:
    """Mean difference, without sign, of accuracies on forget, retain and test data, by name.

    Both have the same names, that of an attack too where one was made, and the same unit.
    """
    return sum(abs(method[name] - twin[name]) for name in {**method, **twin}) / len(twin)


def tug_of_war(method: Mapping[str, float], twin: Mapping[str, float]) -> float:
    """ToW, the product of ``1 - |difference|`` of accuracies in 0..1 (RUM, arXiv 2406.01257)."""
    return prod(1 - abs(method[name] - twin[name]) for name in {**method, **twin})


def agreement(answers: Tensor, twin: Tensor) -> float:
    """The fraction of images that both put into the same class, in 0..1."""
    return (labels_of(answers) == labels_of(twin)).double().mean().item()


def divergence(answers: Tensor, twin: Tensor) -> float:
    """KL(twin || model) in nats, the mean over images, not over images times classes."""
    return kl_div(answers, twin, reduction="batchmean", log_target=True).item()


def total_variation(answers: Tensor, twin: Tensor) -> float:
    """Half the sum over classes of the probabilities' differences, mean over images, in 0..1."""
    return (answers.exp() - twin.exp()).abs().sum(1).mean().item() / 2


def destinations(answers: Tensor) -> Tensor:
    """The fraction of images that is put into each class, float64 ``(classes,)``."""
    labels = labels_of(answers)
    return torch.bincount(labels[labels >= 0], minlength=answers.shape[1]).double() / len(answers)
