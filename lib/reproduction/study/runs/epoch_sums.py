"""U: the sum of each epoch's affected updates, collected while the model is trained."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from partial_unlearning.masks import Mask
from partial_unlearning.state import Layout
from partial_unlearning.training import Callback

ORDERS: dict[str, Callable[[Sequence[int]], Iterator[int]]] = {
    "backward": reversed,
    "forward": iter,
}
"""In which order epochs are undone: from the last one back, or from the first one on."""


class EpochSums(Callback):
    """Adds up the updates of the steps that a deletion request affects, epoch by epoch.

    An experiment knows its request before training and only ever needs these sums, so that a run
    of any length fits in memory. A fixed mask commutes with the sum and is applied to it later
    (:func:`partial_unlearning.unlearners.amnesiac.prune`); another has to be given here.

    Args:
        layout: of the model that is trained.
        affected_by_epoch: the affected steps of each of E epochs, counted over the whole run.
        mask: prunes each update before it is added (Eq. 6); None adds whole updates.

    Its ``sums`` are U, float32, shape ``(E, size)``, on the model's device.
    """

    def __init__(
        self, layout: Layout, affected_by_epoch: Sequence[Sequence[int]], mask: Mask | None = None
    ) -> None:
        self.layout, self.mask = layout, mask
        self._epochs = len(affected_by_epoch)
        self._epoch_of = {s: e for e, steps in enumerate(affected_by_epoch) for s in steps}

    def on_train_begin(self, model: nn.Module) -> None:
        """Start from zero, and read the initial weights."""
        self._before = self.layout.vector(model)
        self.sums = torch.zeros(self._epochs, self.layout.size, device=self._before.device)

    def on_step_end(self, step: int, model: nn.Module) -> None:
        """Add this step's update if it is an affected one."""
        if step in self._epoch_of:
            after = self.layout.vector(model)
            self._add(self._epoch_of[step], torch.sub(after, self._before, out=self._before))
            self._before = after
        elif step + 1 in self._epoch_of:  # what other steps leave behind is never needed
            self._before = self.layout.vector(model)

    def _add(self, epoch: int, update: Tensor) -> None:
        if self.mask is None:
            self.sums[epoch] += update
        else:
            kept = self.mask.kept(update)
            self.sums[epoch, kept] += update[kept]


def undone(sums: Tensor, order: str) -> Iterator[Tensor]:
    """Yield what is subtracted once 1, 2, ..., E epochs are undone: rows of ``U[order].cumsum(0)``.

    The total, and so the end, is the same in any order; the way there is not. ``backward`` undoes
    the last epoch first. The paper draws this curve in Figure 1 without giving its order.

    Args:
        sums: U, shape ``(E, size)``.
        order: a key of :data:`ORDERS`.
    """
    return accumulate(sums[epoch] for epoch in ORDERS[order](range(len(sums))))
