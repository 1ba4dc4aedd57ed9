"""Unlearning by a few more gradient steps on the target data alone.

Label flipping descends on wrong labels (Section 3.2.3, Eq. 8), optimization-based unlearning
ascends on the true ones (Section 3.2.4, Eqs. 5 and 10). With a selection mask S_l,e only a
fraction of each layer moves (Eq. 9); a fraction of 1 is the naive method.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from partial_unlearning.masks import SelectionMask
from partial_unlearning.state import Layout

ASCEND = -1.0
"""The sign of a loss that is to rise: the optimizer lowers its negative."""
DESCEND = 1.0
"""The sign of a loss that the optimizer lowers."""


def flipped_labels(labels: Tensor, *, classes: int, seed: int) -> Tensor:
    """A wrong one of ``classes`` for each label, int64 ``(n,)``, each as likely (Section 3.2.3)."""
    generator = torch.Generator().manual_seed(seed)
    shift = torch.randint(1, classes, labels.shape, generator=generator)
    return (labels + shift.to(labels.device)) % classes


def _accumulate_gradient(
    model: nn.Module, images: Tensor, labels: Tensor, sign: float, chunk: int = 250
) -> None:
    """The gradient of ``sign`` times the mean loss over all samples, in bounded memory."""
    model.zero_grad(set_to_none=True)
    for x, y in zip(images.split(chunk), labels.split(chunk), strict=True):
        loss = cross_entropy(model(x), y, reduction="sum") / len(images)
        (sign * loss).backward()


def _selected(model: nn.Module, layout: Layout, positions: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Each weight tensor with a boolean mask of its shape: whether an entry is selected."""
    chosen = torch.zeros(layout.size, dtype=torch.bool)
    chosen[positions] = True
    parts = chosen.split([shape.numel() for shape in layout.shapes])
    where = dict(zip(layout.names, parts, strict=True))
    return [(w, where[name].view_as(w).to(w.device)) for name, w in model.named_parameters()]


@torch.no_grad()
def partial_step(optimizer: Optimizer, selected: list[tuple[Tensor, Tensor]]) -> None:
    """One optimizer step in which only selected entries move (Eq. 9).

    Zeroing the other gradients is not enough: momentum and Adam's averages would still move
    those weights. They are put back, so that they stay bit-identical; so are their averages, which
    wait for the entry's next turn. ``selected`` is each weight with a bool mask of its shape, True
    where S_l,e is 1.
    """
    before = [[t.clone() for t in _with_averages(optimizer, weight)] for weight, _ in selected]
    for weight, mask in selected:
        if weight.grad is not None:
            weight.grad *= mask
    optimizer.step()
    for (weight, mask), old in zip(selected, before, strict=True):
        # Averages that only began with this step are zero where the gradient was: no old ones.
        for now, then in zip(_with_averages(optimizer, weight), old, strict=False):
            now.copy_(torch.where(mask, now, then))


def _with_averages(optimizer: Optimizer, weight: Tensor) -> list[Tensor]:
    """The weight, and what the optimizer remembers of each of its entries."""
    remembered = optimizer.state.get(weight, {})
    averages = [t for name, t in remembered.items() if name != "step" and torch.is_tensor(t)]
    return [weight, *averages]


def gradient_step(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    sign: float,
    optimizer: Optimizer,
    positions: Tensor,
) -> None:
    """One step on all the samples given, in evaluation mode; only weights at ``positions`` move.

    The arguments are those of :func:`unlearn_by_gradient`; ``positions`` of the flat vector of
    :class:`Layout`, int64, shape ``(k,)``.
    """
    _accumulate_gradient(model.eval(), images, labels, sign)
    partial_step(optimizer, _selected(model, Layout.of(model), positions))


def unlearn_by_gradient(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    sign: float,
    optimizer: Optimizer,
    selection: SelectionMask,
    epochs: int,
) -> nn.Module:
    """Unlearn in place by full-batch gradient steps (Eqs. 5, 8 and 10).

    The paper's equations take one step an epoch on all of D_t, and S_l,e moves on each epoch.
    Batch-norm statistics stay as they are: estimated on one class alone they would ruin the
    model by themselves, whatever the weights do.

    Args:
        model: the trained model w, becomes w'.
        images: the target data, shape ``(n, ...)``.
        labels: their true labels to ascend, or flipped ones to descend, int64, shape ``(n,)``.
        sign: :data:`ASCEND` or :data:`DESCEND`.
        optimizer: over the model's weights; its learning rate is alpha'.
        selection: which weights each epoch may move.
        epochs: number of steps; to look at the model between them, call :func:`gradient_step`.
    """
    for epoch in range(epochs):
        where = selection.at(epoch)
        gradient_step(model, images, labels, sign=sign, optimizer=optimizer, positions=where)
    return model
