"""Amnesiac unlearning (Eq. 4) and partial amnesiac unlearning (Eq. 7): one subtraction.

What is subtracted is made of U, the sums of the affected updates by epoch, of shape ``(E, size)``,
each as an update log sums them:

=========================  =========================
conventional (Eq. 4)       ``U.sum(0)``
partial (Eq. 7)            ``prune(U.sum(0), kept)``
scaled by a factor c       ``c * U.sum(0)``
the last n epochs only     ``U[-n:].sum(0)``
epoch after epoch, back    ``U.flip(0).cumsum(0)``
=========================  =========================
"""

import torch
from torch import Tensor, nn

from partial_unlearning.state import Layout


def forget(model: nn.Module, update: Tensor, *, keep_buffers: bool = False) -> nn.Module:
    """Subtract the sum of the affected updates: w' = w - update (Eq. 4).

    InputError, and nothing is changed, if a result is no number.

    Args:
        model: the trained model w; becomes w', in place, and is returned.
        update: the sum over all affected steps, shape ``(size,)``; a pruned one makes it Eq. 7.
        keep_buffers: leave running statistics as they were trained. The paper subtracts from "the
            model parameters"; statistics are none, though each step changes them.
    """
    Layout.of(model).subtract(model, update, keep_buffers=keep_buffers)
    return model


def prune(update: Tensor, kept: Tensor) -> Tensor:
    """P * update, with P one at ``kept`` and zero elsewhere (Eqs. 6 and 7).

    Of an update, or of a sum of them, ``(..., size)``: a fixed mask commutes with the sum of Eq. 7.
    ``kept`` is int64, shape ``(k,)``.
    """
    kept = kept.to(update.device)
    pruned = torch.zeros_like(update)
    pruned[..., kept] = update[..., kept]
    return pruned
