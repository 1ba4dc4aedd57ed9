"""What a model's layers know, whatever it answers."""

from collections import defaultdict

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from partial_unlearning.errors import InputError
from partial_unlearning.metrics import evaluated
from partial_unlearning.state import Layout


def features(model: nn.Module, images: Tensor, *, chunk: int = 100) -> dict[str, Tensor]:
    """What each layer with weights is given for ``(n, ...)`` images: its name -> ``(n, width)``.

    The first are the images themselves; the model's outputs come last, as ``outputs``.

    Raises:
        InputError: a layer is not given one row for each image.
    """
    found: dict[str, list[Tensor]] = defaultdict(list)
    hooks = [
        model.get_submodule(name).register_forward_pre_hook(
            lambda _, given, name=name: found[name].append(given[0].flatten(1))
        )
        for name in Layout.of(model).layers
    ]
    try:
        with evaluated(model):
            outputs = [model(part) for part in images.split(chunk)]
    finally:
        for hook in hooks:
            hook.remove()
    whole = {name: torch.cat(parts) for name, parts in found.items()}
    for name, rows in whole.items():
        if len(rows) != len(images):
            raise InputError(f"layer {name} is given {len(rows)} rows for {len(images)} images")
    return whole | {"outputs": torch.cat(outputs)}


def linear_cka(one: Tensor, other: Tensor) -> float:
    """Linear CKA, 0..1, of features ``(n, p)`` and ``(n, q)`` of the same images.

    Rotating or scaling a side changes nothing; 0 where a side is the same for all images
    (Kornblith et al., arXiv 1905.00414).
    """
    grams = [(x - x.mean(0)) @ (x - x.mean(0)).T for x in (one, other)]
    size = grams[0].norm() * grams[1].norm()
    return ((grams[0] * grams[1]).sum() / size).item() if size > 0 else 0.0


def fit_probe(x: Tensor, y: Tensor, *, penalty: float = 0.01) -> Tensor:
    """Logistic regression of ``y``, bool ``(n,)``, on ``x``, float64 ``(n, d)``.

    Minimises the mean cross-entropy plus ``penalty / 2`` times the sum of the squared weights.

    Returns:
        The weights and, last and without penalty, the bias: ``(d + 1,)``.
    """
    weights = x.new_zeros(x.shape[1] + 1, requires_grad=True)
    solver = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        scores = x @ weights[:-1] + weights[-1]
        value = binary_cross_entropy_with_logits(scores, y.to(x.dtype))
        value = value + penalty / 2 * weights[:-1].square().sum()
        value.backward()
        return value

    solver.step(loss)
    return weights.detach()


def probe(inside: Tensor, outside: Tensor, *, generator: torch.Generator) -> float:
    """The fraction, in 0..1, of images that a linear probe puts rightly in or out of a class.

    It is fitted to one half of them, standardised, and asked about the other; 0.5 is chance.

    Args:
        inside: features of images of the class, ``(n, d)``.
        outside: of as many others.
        generator: draws the halves.
    """
    first, second = torch.randperm(len(inside), generator=generator).tensor_split(2)
    fitted, tested = (torch.cat([inside[h], outside[h]]).double() for h in (first, second))
    mean, spread = fitted.mean(0), fitted.std(0)
    scale = torch.where(spread > 0, spread, 1)
    weights = fit_probe((fitted - mean) / scale, torch.arange(len(fitted)) < len(first))
    told = (tested - mean) / scale @ weights[:-1] + weights[-1] > 0
    return (told == (torch.arange(len(tested)) < len(second))).double().mean().item()
