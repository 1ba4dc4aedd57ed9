"""Whether a model is changed between a recorded step and the optimizer's next one."""

import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from torch import nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook


class OptimizerWatch:
    """Looks at a model's weights whenever an optimizer is about to step.

    What changes them between two steps would else count as a part of the next one: best or averaged
    weights that are loaded, a step that nobody tells of. It is seen by the version counters of
    tensors, in a few microseconds. A forward pass may change weights as well (such as
    ``nn.Embedding`` with ``max_norm``), but not all of those that the optimizer has.

    Args:
        model: the model that is recorded.
        moved: says how many entries are not as the last step left them.

    Its ``found`` says what was found, and is empty until then.
    """

    def __init__(self, model: nn.Module, moved: Callable[[], int]) -> None:
        weights = (weight for weight in model.parameters() if not weight.is_inference())
        self._weights = {id(weight): weight for weight in weights}
        self._moved, own = moved, weakref.ref(self)
        self.note()

        def look(optimizer: Optimizer, *_: Any) -> None:  # noqa: ANN401 (those of its step)
            if watch := own():
                watch._look(optimizer)

        self.close = weakref.finalize(self, register_optimizer_step_pre_hook(look).remove)

    def _now(self, number: int) -> tuple[int, int]:
        weight = self._weights[number]
        return weight._version, weight.data_ptr()

    def note(self) -> None:
        """The model is as it should be: a step was recorded."""
        self._noted, self.found = {number: self._now(number) for number in self._weights}, ""
        self._stepped: set[int] = set()

    def _look(self, optimizer: Optimizer) -> None:
        given = (id(weight) for group in optimizer.param_groups for weight in group["params"])
        if self.found or not (mine := [number for number in given if number in self._noted]):
            return
        again, moved = id(optimizer) in self._stepped, 1
        changed = len(mine) > 1 and all(self._now(n) != self._noted[n] for n in mine)
        if again or (changed and not self._stepped):
            with suppress(ValueError, RuntimeError):  # of another shape, say
                moved = self._moved()
            if moved:
                self.found = "a step was left out" if again else "other weights were loaded"
        self._stepped.add(id(optimizer))
