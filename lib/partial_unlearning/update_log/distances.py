"""How far a model is from what each step left: by it a stated number of steps is checked."""

from typing import NamedTuple

import torch
from torch import Tensor

from partial_unlearning.update_log.log import StoredLog

FLOAT, HALF = 2**-23, 2**-8
"""What weights lose by rounding, relative: in float32, and saved in bfloat16."""


class Distance(NamedTuple):
    """A norm over the kept weights, and what rounding explains of it.

    ``exact``: of the stored changes, some up and some down; ``rough``: and of weights saved in
    half; ``worst``: of changes all rounded to one side, and of weights that seem saved in half.
    """

    gap: float
    exact: float
    rough: float
    worst: float


def distances(log: StoredLog, now: Tensor, then: Tensor, steps: range) -> dict[int, Distance]:
    """From what each of ``steps`` left, by the changes since; the last is where the log ends.

    ``now`` and ``then``: the kept entries as the model has them, and as the last step left them.
    """
    where = log.description.layout.is_weight[log.mask.kept()]
    where &= now.isfinite() | then.isfinite()  # a constant infinity tells nothing
    now, then = now[where], then[where]
    stored = torch.finfo(getattr(torch, log.description.values))
    short = any(now.to(kind).double().equal(now) for kind in (torch.float16, torch.bfloat16))
    gap, way, squares = then - now, torch.zeros_like(now), torch.zeros_like(now)
    found = {}
    for step in reversed(steps):
        if step < steps[-1]:
            change = next(log.updates([step]))[1][where].double()
            gap, way, squares = gap - change, way + change.abs(), squares + change.square()
        lost = stored.smallest_normal * stored.eps * (steps[-1] - step) + FLOAT * (way + now.abs())
        exact = stored.eps * squares.sqrt() + lost
        rough = stored.eps * (way + now.abs()) + HALF * now.abs() + lost
        worst = stored.eps / 2 * way + (HALF * now.abs() if short else 0) + lost
        found[step] = Distance(*(part.norm().item() for part in (gap, exact, rough, worst)))
    return found


def belies(apart: dict[int, Distance], steps: int) -> bool:
    """Whether a model that is so far from each step cannot be what it was after this one.

    Nothing leads to a step that is not among them; then the model must not be what another left. A
    gap that is not a number, as after steps that were none, belies nothing.
    """
    if steps not in apart:
        return any(step.gap <= step.worst for step in apart.values())
    own, nearest = apart[steps], min(step.gap for step in apart.values())
    return own.gap > max(own.exact, min(own.rough, 2 * nearest))
