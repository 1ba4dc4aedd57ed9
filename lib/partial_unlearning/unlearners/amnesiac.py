"""Amnesiac unlearning (Eq. 4) and partial amnesiac unlearning (Eq. 7).

They are one thing: what differs is the mask under which the updates were recorded.
"""

from collections.abc import Iterable, Iterator, Sequence

from torch import nn

from partial_unlearning.recorders.recorders import UpdateLog
from partial_unlearning.state import Layout

ORDERS = {"backward": reversed, "forward": iter}
"""In which order epochs are undone: from the last one back, or from the first one on."""


def forget(model: nn.Module, log: UpdateLog, steps: Iterable[int]) -> nn.Module:
    """Subtract the recorded updates of ``steps`` from the model, in place (Eq. 4, Eq. 7).

    Args:
        model: the trained model w; becomes w'.
        log: the updates recorded while it was trained.
        steps: the affected steps of all epochs.

    Raises:
        InputError: the log lacks one of the steps.
    """
    Layout.of(model).subtract(model, log.sum(steps))
    return model


def forget_by_epoch(
    model: nn.Module, log: UpdateLog, epochs: Sequence[Sequence[int]], *, order: str = "backward"
) -> Iterator[nn.Module]:
    """Subtract one epoch's affected updates after the other, yielding the model after each.

    The sum, and so the end, is the same in any order; the way there is not. ``backward`` undoes
    the last epoch first. The paper draws this curve in Figure 1 without giving its order.

    Args:
        model: the trained model; changed in place.
        log: the updates recorded while it was trained.
        epochs: the affected steps of each epoch, as from :meth:`BatchPlan.affected`.
        order: a key of :data:`ORDERS`.
    """
    for steps in ORDERS[order](list(epochs)):
        yield forget(model, log, steps)
