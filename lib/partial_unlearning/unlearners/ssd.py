"""Selective synaptic dampening: shrink the weights that matter to target samples above all.

Foster et al., arXiv 2308.07707: a weight w with importance T to the target samples and A to all
samples stays where T <= alpha * A; elsewhere it becomes min(lambda * A / T, 1) * w. Importance is
the diagonal of the Fisher information: the squared gradient, mean over samples. (The authors' code
squares the gradient of whole batches, in which samples of many classes cancel: ``batch`` above 1.)
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from partial_unlearning.samples import Split

Importance = dict[str, Tensor]
"""Of each weight, by the name of its tensor and in its shape."""


def importance(model: nn.Module, data: Split, *, batch: int = 1) -> Importance:
    """How much each weight matters to samples, ``batch`` of them at a time, in evaluation mode."""
    model.eval()
    total = {name: torch.zeros_like(weight) for name, weight in model.named_parameters()}
    for x, y in zip(data.images.split(batch), data.labels.split(batch), strict=True):
        model.zero_grad()
        cross_entropy(model(x), y).backward()
        for name, weight in model.named_parameters():
            total[name] += torch.as_tensor(weight.grad).square() * (len(x) / len(data))
    return total


@torch.no_grad()
def dampen(
    model: nn.Module, target: Importance, every: Importance, *, alpha: float, dampening: float
) -> nn.Module:
    """Dampen in place and return the model; ``dampening`` is the paper's lambda."""
    for name, weight in model.named_parameters():
        chosen = target[name] > alpha * every[name]
        beta = (dampening * every[name] / target[name]).clamp(max=1)
        weight.copy_(torch.where(chosen, beta * weight, weight))
    return model
