"""Which weights an unlearning epoch moves: counted, for either way of holding the others still."""

from copy import deepcopy

import torch
from partial_unlearning.masks import SelectionMask
from partial_unlearning.state import Layout
from partial_unlearning.training import make_optimizer
from partial_unlearning.unlearners.gradient import DESCEND, unlearn_by_gradient
from torch import Tensor, nn

Row = tuple[str, int, int, int, int]


def _states(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    selection: SelectionMask,
    optimizer: str,
    epochs: int,
) -> list[Tensor]:
    """The model's state before the first epoch and after each."""
    copy, layout = deepcopy(model), Layout.of(model)
    states = [layout.vector(copy)]

    def keep_state(_: int) -> bool:
        states.append(layout.vector(copy))
        return False

    unlearn_by_gradient(
        copy,
        images,
        labels,
        sign=DESCEND,
        optimizer=make_optimizer(optimizer, copy, learning_rate=0.01),
        selection=selection,
        max_epochs=epochs,
        enough=keep_state,
    )
    return states


def moved(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    selection: SelectionMask,
    *,
    optimizer: str,
    epochs: int,
) -> list[Row]:
    """How many weights moved in each epoch, inside and outside S_l,e.

    Args:
        model: stays as it is.
        images: shape ``(n, 1, 28, 28)``.
        labels: to descend on, shape ``(n,)``.
        selection: which weights each epoch may move.
        optimizer: a key of :data:`OPTIMIZERS`.
        epochs: number of steps.

    Returns:
        Optimizer, epoch from 1, weights selected, moved inside S_l,e, moved outside.
    """
    states = _states(model, images, labels, selection, optimizer, epochs)
    rows: list[Row] = []
    for epoch, (before, after) in enumerate(zip(states, states[1:], strict=False)):
        inside = torch.zeros(len(before), dtype=torch.bool)
        inside[selection.at(epoch)] = True
        changed = before != after
        counts = (inside, changed & inside, changed & ~inside)
        rows.append((optimizer, epoch + 1, *(int(part.sum()) for part in counts)))
    return rows
