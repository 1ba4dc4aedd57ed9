"""Optimizers by the names that a configuration gives them."""

from torch import nn
from torch.optim import SGD, Adam, Optimizer

from partial_unlearning.errors import InputError

OPTIMIZERS: dict[str, type[Adam] | type[SGD]] = {"adam": Adam, "sgd": SGD}


def make_optimizer(name: str, model: nn.Module, *, learning_rate: float) -> Optimizer:
    """An optimizer over all weights of a model.

    Args:
        name: a key of :data:`OPTIMIZERS`.
        model: on the device it is trained on.
        learning_rate: alpha of Eq. 3.

    Raises:
        InputError: unknown name.
    """
    if name not in OPTIMIZERS:
        raise InputError(f"unknown optimizer {name!r}; choose from {', '.join(OPTIMIZERS)}")
    # The fused step halves the time of an MLP's step and differs by rounding only.
    return OPTIMIZERS[name](model.parameters(), lr=learning_rate, fused=True)
