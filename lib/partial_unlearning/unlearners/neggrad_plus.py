"""NegGrad+: descend on retained samples and ascend on target samples at once.

Kurmanji et al., "Towards Unbounded Machine Unlearning", arXiv 2302.09880, lower

    alpha * L(D_r, w) - (1 - alpha) * L(D_t, w)

with L the mean cross-entropy. With alpha = 0 it is the ascent of Eq. 5, with 1 fine-tuning.
"""

from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from partial_unlearning.samples import Split
from partial_unlearning.unlearners.steps import add_gradient


def step(
    model: nn.Module, optimizer: Optimizer, target: Split, retained: Split, *, alpha: float
) -> None:
    """One step on a batch of target and one of retained samples; ``alpha`` lies in 0..1.

    The model is put into evaluation mode.
    """
    model.eval()
    optimizer.zero_grad()
    add_gradient(lambda x, y: alpha * cross_entropy(model(x), y), retained)
    add_gradient(lambda x, y: (alpha - 1) * cross_entropy(model(x), y), target)
    optimizer.step()
