"""Fine-tuning: plain training steps on retained samples (Golatkar et al., arXiv 1911.04933).

It hopes that what is no longer rehearsed is forgotten.
"""

from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from partial_unlearning.samples import Split
from partial_unlearning.unlearners.steps import add_gradient


def step(model: nn.Module, optimizer: Optimizer, retained: Split) -> None:
    """Lower the cross-entropy of a batch of retained samples by one step, in evaluation mode."""
    model.eval()
    optimizer.zero_grad()
    add_gradient(lambda x, y: cross_entropy(model(x), y), retained)
    optimizer.step()
