"""How the public amnesiac notebook records updates, from its description, to compare with.

Before and after each step every weight is cloned; the differences go into a dictionary that is
pickled whole, once for every tensor put into it. Statistics of batch normalisation are left out.
"""

import pickle
from pathlib import Path

from torch import Tensor, nn

from partial_unlearning.training import Callback
from reproduction.machine.folders import make_folder


def _clone(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


class NotebookScheme(Callback):
    """Writes one pickle a step into a folder.

    Attributes:
        written: bytes written so far, of which the last pickle of each step is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.written = make_folder(folder), 0

    def on_train_begin(self, model: nn.Module) -> None:
        """Clone the weights before the first step."""
        self._before = _clone(model)

    def on_step_end(self, step: int, model: nn.Module) -> None:
        """Write the update of a step, and clone the weights before the next."""
        after, update = _clone(model), {}
        for name, weight in after.items():
            update[name] = weight - self._before[name]
            with (self.folder / f"{step}.pkl").open("wb") as file:
                pickle.dump(update, file)
                self.written += file.tell()
        self._before = _clone(model)
