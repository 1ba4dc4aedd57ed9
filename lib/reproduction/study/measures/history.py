"""A model's accuracies while it is trained."""

from torch import nn

from partial_unlearning.metrics import Accuracy, accuracy
from partial_unlearning.samples import Split
from partial_unlearning.training import Callback


class History(Callback):
    """D_t and D_r after each epoch of a training run.

    Args:
        data: test images, on the model's device.
        target: the target class.
        classes: number of classes.

    Attributes:
        curve: one :class:`Accuracy` an epoch.
    """

    def __init__(self, data: Split, *, target: int, classes: int) -> None:
        self.data, self.target, self.classes = data, target, classes
        self.curve: list[Accuracy] = []

    def on_epoch_end(self, epoch: int, model: nn.Module) -> None:
        """Measure the model and append to the curve."""
        self.curve.append(accuracy(model, self.data, target=self.target, classes=self.classes))
