"""Whether a model is changed between a recorded step and the optimizer's next one."""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from partial_unlearning.state import named_tensors

WHOLE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""By the bytes of an entry a type in which it is compared as it stands."""


class _Weight:
    """A weight under its name in a module, whichever tensor that is."""

    def __init__(self, home: Mapping[str, Tensor | None], name: str) -> None:
        self._home, self._name = home, name
        self._memory: tuple[Any, ...] = ()
        self._few: tuple[np.ndarray, ...] = ()
        self.noted = self.state()

    def state(self) -> tuple[Any, ...]:
        """Is another once the weight is replaced, or changed.

        Writing to ``.data`` leaves the version, so that one entry a row and column are in it too.
        """
        weight = self._home.get(self._name)
        if weight is None:
            return ()
        try:
            memory = id(weight), weight.data_ptr(), weight.stride()
            if memory != self._memory:
                self._memory, self._few = memory, _row_and_column(weight)
        except Exception:  # sharded, sparse or anyone's kind of tensor since record()
            return (id(weight),)
        version = 0 if weight.is_inference() else weight._version
        return (*memory, version, *(few.tobytes() for few in self._few))


def _row_and_column(weight: Tensor) -> tuple[np.ndarray, ...]:
    """The middle ones, in the weight's own memory; none where numpy cannot have it."""
    whole = WHOLE.get(weight.itemsize)
    weight = weight.detach().permute(np.argsort(weight.stride())[::-1].tolist())
    own = weight.is_contiguous() and not weight.is_neg()  # else numpy would have a copy
    if weight.device.type != "cpu" or whole is None or not own:
        return ()
    rows = len(weight) if weight.ndim else 1
    table = weight.view(rows, -1).view(whole).numpy()
    return table[rows // 2], table[:, table.shape[1] // 2]


def rescaled(module: nn.Module) -> bool:
    """Whether forward passes scale the rows of a module."""
    return isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.max_norm is not None


class OptimizerWatch:
    """Looks at a model's weights whenever an optimizer is about to step.

    What changes them between two steps would else count as a part of the next one: weights that are
    loaded or drawn anew, a step that nobody tells of, one of another model that shares them, an
    average that no optimizer holds. It takes microseconds; with a fused one, which leaves versions
    alone, as long as a reading. Embeddings with ``max_norm``, which forward passes change, are left
    out. Of two optimizers that share weights each needs a recorded step. Not seen are single
    entries written through ``.data``, on a GPU any, and what no optimizer of torch follows.
    ``strayed`` says whether weights, by their ids, are not as the last step left them, and
    ``found`` whether that was so at an optimizer's step since the last recorded one. Of the
    optimizers that stepped, ``trains`` names the model's tensors that they hold, ``beside`` counts
    what else is held by those that hold some.
    """

    def __init__(self, model: nn.Module, strayed: Callable[[set[int], bool], bool]) -> None:
        self._model, self._met = model, WeakKeyDictionary[Optimizer, set[int]]()
        self._told = WeakKeyDictionary[Optimizer, int]()  # how many it holds beside the model
        self.trains: set[str] = set()
        self.beside = 0
        self._weights = [
            _Weight(home, name)
            for module in model.modules()
            if not rescaled(module)
            for home in (module._parameters, module._buffers)
            for name, weight in home.items()
            if weight is not None and weight.numel() and not weight.is_inference()
            if home is module._parameters or (weight.requires_grad and weight.is_leaf)
        ]
        self._strayed, self.found, self._noted = strayed, False, True
        self._stepped: set[int] = set()  # weights by their ids, since the last recorded step
        _WATCHES.add(self)

    def close(self) -> None:
        """Look no more."""
        _WATCHES.discard(self)

    def note(self) -> None:
        """The model is as it should be: a step was recorded."""
        self.found, self._noted = False, True
        self._stepped.clear()
        for weight in self._weights:
            weight.noted = weight.state()

    def look(self, optimizer: Optimizer, *, within: bool = False) -> None:
        """At all but what another optimizer has stepped since the last recorded step.

        ``within`` the step of another one, which may change weights before it, only where a step
        was recorded since that began.
        """
        own = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
        if own != self._met.get(optimizer):  # groups come and go
            self._met[optimizer] = own
            self._meet(optimizer, own)
        if not within or self._noted:
            self._compare(optimizer, own)
        self._noted = self._noted and within
        self._stepped |= own

    def _compare(self, optimizer: Optimizer, own: set[int]) -> None:
        others = self._stepped - own
        states = [(weight.state(), weight.noted) for weight in self._weights]
        mine = [(n, then) for n, then in states if others.isdisjoint((*n[:1], *then[:1]))]
        fused = any(group.get("fused") for group in optimizer.param_groups)
        if not self.found and (fused or any(now != then for now, then in mine)):
            self.found = True
            with suppress(Exception):  # another shape, or kind
                ids = {now[0] for now, _ in mine if now}
                again = not self._stepped.isdisjoint(own & ids)  # rounding is a step left out then
                self.found = self._strayed(ids, again)

    def _meet(self, optimizer: Optimizer, own: set[int]) -> None:
        """Compare what an optimizer holds with what the model does."""
        names = {id(tensor): name for name, tensor in named_tensors(self._model).items()}
        if held := own & names.keys():
            self.trains |= {names[number] for number in held}
            others, told = len(own - held), self._told.get(optimizer, 0)
            self.beside += max(0, others - told)
            self._told[optimizer] = max(others, told)

    @property
    def elsewhere(self) -> bool:
        """Whether optimizers stepped, and none of them holds a tensor of the model."""
        return bool(self._met) and not self.trains


_WATCHES: WeakSet[OptimizerWatch] = WeakSet()


def _begin(optimizer: Optimizer, *_: Any) -> None:  # noqa: ANN401 (those of its step)
    step = sys._getframe(1)  # torch's code round every optimizer's step
    outer = step.f_back
    while outer and outer.f_code is not step.f_code:
        outer = outer.f_back
    for watch in list(_WATCHES):
        watch.look(optimizer, within=outer is not None)


# Once, and never removed: a watch that is collected within a step must not change torch's hooks.
register_optimizer_step_pre_hook(_begin)
