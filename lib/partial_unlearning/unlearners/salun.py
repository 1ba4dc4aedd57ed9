"""SalUn: give target samples wrong labels, and move only the weights that their loss hangs on.

Fan et al., arXiv 2310.12508. The weights with the largest gradient of the target samples' loss in
the trained model (the mask of Eq. 3) move, no others (Eq. 4), and lower (Eq. 5)

    L(D_t with random labels, w) + alpha * L(D_r, w).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from partial_unlearning.samples import Split
from partial_unlearning.unlearners.gradient import partial_step
from partial_unlearning.unlearners.steps import add_gradient

Selected = list[tuple[Tensor, Tensor]]
"""Each weight tensor with a bool mask of its shape, True where it may move."""


def salient(model: nn.Module, target: Split, *, fraction: float) -> Selected:
    """The ``fraction`` of weights of largest gradient on target samples; the paper's is a half.

    The model is put into evaluation mode, and stays as it is.
    """
    model.eval().zero_grad()
    add_gradient(lambda x, y: cross_entropy(model(x), y), target)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    sizes = torch.cat([torch.as_tensor(weight.grad).abs().flatten() for weight in weights])
    chosen = torch.zeros_like(sizes, dtype=torch.bool)
    chosen[sizes.topk(round(fraction * len(sizes))).indices] = True
    parts = chosen.split([weight.numel() for weight in weights])
    return [(weight, part.view_as(weight)) for weight, part in zip(weights, parts, strict=True)]


def step(
    model: nn.Module,
    optimizer: Optimizer,
    relabelled: Split,
    retained: Split,
    *,
    selected: Selected,
    alpha: float = 1.0,
) -> None:
    """One step on target samples with wrong labels and on retained ones, in evaluation mode."""
    model.eval()
    optimizer.zero_grad()
    add_gradient(lambda x, y: cross_entropy(model(x), y), relabelled)
    add_gradient(lambda x, y: alpha * cross_entropy(model(x), y), retained)
    partial_step(optimizer, selected)
