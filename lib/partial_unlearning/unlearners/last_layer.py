"""EU-k: the last k layers trained anew on retained samples, on top of the others as they are.

Goel et al., arXiv 2201.06640, "exact unlearning of the last k layers". Nothing of target samples is
left in these layers; the earlier ones do not move.
"""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.unlearners import finetuning


def retrain(
    model: nn.Module, optimizer: Optimizer, batches: Iterable[Split], *, layers: int, seed: int
) -> nn.Module:
    """Train the last ``layers`` anew in place, a step for each batch of retained samples.

    The optimizer is over the model's weights and has made no step; ``seed`` is of fresh weights.
    The model is put into evaluation mode.
    """
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    model.eval().requires_grad_(False).zero_grad()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            modules = dict(model.named_modules())
            for name in Layout.of(model).layers[-layers:]:
                layer = modules[name].requires_grad_(True)
                layer.reset_parameters()  # each layer of torch has it
        for batch in batches:
            finetuning.step(model, optimizer, batch)
    finally:
        model.requires_grad_(False)
        for weight in trained:
            weight.requires_grad_()
    return model
