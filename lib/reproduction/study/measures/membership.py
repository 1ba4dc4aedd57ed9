"""Was it in the training data? Attacks that ask it of a model's outputs, and how well they do.

An attack gives each image a number, higher where it takes it for a member; numbers are float64.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn.functional import one_hot, softplus

from partial_unlearning.errors import InputError
from partial_unlearning.metrics import evaluated
from reproduction.study.measures.features import fit_probe


def label_logits(model: nn.Module, images: Tensor, labels: Tensor, *, chunk: int = 100) -> Tensor:
    """The logit log p - log (1-p) of the probability p of each image's label, ``(n,)``.

    Near a Gaussian over trainings (LiRA, arXiv 2112.03570). The model stays as it is; it goes from
    images ``(n, ...)`` to logits ``(n, classes)``. Labels are int64, ``(n,)``.
    """
    with evaluated(model):
        logits = torch.cat([model(part).double() for part in images.split(chunk)])
    own = one_hot(labels, logits.shape[1]).bool()
    return logits[own] - logits.masked_fill(own, -torch.inf).logsumexp(1)


def roc(members: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """False and true positive rates, 0..1, at every threshold, from (0, 0) to (1, 1).

    Args:
        members: scores of images that were trained on, ``(m,)``; one at least.
        others: of images that were not, ``(n,)``; one at least, or it is an InputError.
    """
    if not (len(members) and len(others)):
        raise InputError(f"{len(members)} members and {len(others)} others: give one at least")
    scores, order = torch.cat([members, others]).sort(descending=True)
    is_member = (order < len(members)).double().cumsum(0)
    last = torch.cat([scores[1:] != scores[:-1], torch.ones_like(scores[:1], dtype=torch.bool)])
    at = last.nonzero().flatten()  # equal scores are above a threshold together
    rates = torch.stack([(at + 1 - is_member[at]) / len(others), is_member[at] / len(members)])
    false, true = torch.cat([torch.zeros_like(rates[:, :1]), rates], dim=1)
    return false, true


def auc(rates: tuple[Tensor, Tensor]) -> float:
    """The area below false and true positive rates as :func:`roc` gives them; 0.5 knows nothing.

    It is the chance that a member scores above another image, ties by half.
    """
    return torch.trapezoid(rates[1], rates[0]).item()


def tpr_at(fpr: float, rates: tuple[Tensor, Tensor]) -> float:
    """The largest true positive rate at a false positive rate of at most ``fpr``, 0..1."""
    return rates[1][rates[0] <= fpr].max().item()


def population_accuracy(
    members: Tensor, others: Tensor, *, generator: torch.Generator, splits: int = 10
) -> float:
    """How often logistic regression on the loss tells members from others, 0..1; 0.5 is chance.

    As the starting kit of the NeurIPS 2023 unlearning challenge: as many of either, fitted to nine
    tenths, asked about the rest, and the mean over splits.

    Args:
        members: label logits of images that were trained on, ``(m,)``.
        others: of images that were not, ``(n,)``; ten of either at least.
        generator: draws the splits.
        splits: how many.
    """
    count = min(len(members), len(others))
    fitted, right = count - count // 10, 0.0
    for _ in range(splits):
        drawn = [
            softplus(-side[torch.randperm(len(side), generator=generator)[:count]])
            for side in (members, others)
        ]
        losses = torch.cat([side[:fitted] for side in drawn])
        is_member = torch.arange(2 * fitted) < fitted
        slope, bias = fit_probe(losses[:, None], is_member, penalty=1 / len(losses))
        told = [side[fitted:] * slope + bias > 0 for side in drawn]
        right += (told[0].double().mean() + (~told[1]).double().mean()).item() / 2
    return right / splits


def log_ratios(inside: Tensor, outside: Tensor) -> tuple[Tensor, Tensor]:
    """The log-likelihood ratio of each entry x, log N(x; inside) - log N(x; outside).

    Each image has a Gaussian on either side, fitted to all rows but that of the entry, so that who
    knows nothing is at chance. In U-LiRA (arXiv 2403.01218) inside are models that unlearned an
    image, and outside models retrained without it.

    Args:
        inside: label logits, a row a model and a column an image, ``(k, n)``, k at least 3.
        outside: of as many models, ``(k, n)``.
    """
    if len(inside) != len(outside) or len(inside) < 3:
        raise InputError(f"{len(inside)} and {len(outside)} models: give as many, three at least")
    known = [Normal(*_without_each(side)) for side in (inside, outside)]
    ratios = [known[0].log_prob(side) - known[1].log_prob(side) for side in (inside, outside)]
    return ratios[0], ratios[1]


def _without_each(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each column without the row, ``(k, n)`` each."""
    off, rest = values - values.mean(0), len(values) - 1
    mean = -off / rest  # of the others, whose sum is minus this one
    squares = off.square().sum(0) - off.square() - rest * mean.square()
    return mean + values.mean(0), (squares / (rest - 1)).clamp_min(1e-12).sqrt()


def rmia(target: Tensor, references: Tensor, population: Tensor, beside: Tensor) -> Tensor:
    """The share of a population that is less likely a member than each image, ``(n,)``.

    RMIA offline (Zarifzadeh et al., arXiv 2312.03262), gamma = 1, a = 0.3.

    Args:
        target: probability of each image's label under the attacked model, ``(n,)``.
        references: under models that never saw the images, ``(k, n)``.
        population: as ``target``, of images that nobody trained on, ``(z,)``.
        beside: as ``references``, of the population, ``(k, z)``.
    """
    pairs = ((target, references), (population, beside))
    ratio, others = (own / ((1.3 * known.mean(0) + 0.7) / 2) for own, known in pairs)
    return (ratio[:, None] >= others).double().mean(1)
