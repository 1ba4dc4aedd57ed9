"""How soon a model knows a class again that it is shown a few images of."""

from copy import deepcopy

import torch
from torch import nn

from partial_unlearning.metrics import predict
from partial_unlearning.samples import Split
from partial_unlearning.training import train_step
from reproduction.study.profiles import Training
from reproduction.study.runs.optimizers import make_optimizer


def relearning_curve(
    model: nn.Module,
    shown: Split,
    retained: Split,
    tested: Split,
    *,
    how: Training,
    level: float,
    max_steps: int,
    seed: int,
) -> list[float]:
    """What is recognised of a class before and after each step of learning it again.

    A step takes half a batch of the images shown and half of retained ones, drawn with
    replacement, so that answering the class to everything does not pay.

    Args:
        model: stays as it is; a copy learns.
        shown: images of the class.
        retained: images of the others.
        tested: further images of the class.
        how: optimizer, rate and batch size.
        level: percent at which the curve ends.
        max_steps: after which it ends too.
        seed: of the draw.

    Returns:
        Percent recognised, one number more than steps.
    """
    copy = deepcopy(model).train()
    optimizer = make_optimizer(how.optimizer, copy, learning_rate=how.learning_rate)
    parts, half = (shown, retained), how.batch_size // 2
    images, labels = (torch.cat([getattr(p, name) for p in parts]) for name in ("images", "labels"))
    both = Split(images, labels, torch.arange(len(labels)))
    generator = torch.Generator().manual_seed(seed)
    curve = [recognised(copy, tested)]
    while curve[-1] < level and len(curve) <= max_steps:
        drawn = [torch.randint(len(part), (half,), generator=generator) for part in parts]
        where = torch.cat([drawn[0], drawn[1] + len(shown)])
        train_step(copy, both, where.to(labels.device), optimizer)
        curve.append(recognised(copy, tested))
    return curve


def recognised(model: nn.Module, images: Split) -> float:
    """Percent of images that a model puts into their class."""
    return 100 * (predict(model, images.images) == images.labels).double().mean().item()
