"""Several processes that train together: each sees only the ids of its own samples."""

import torch
from torch import Tensor, distributed

from partial_unlearning.errors import InputError
from partial_unlearning.update_log.codecs import sample_ids


def gather_ids(ids: Tensor) -> Tensor:
    """The sample ids, int64 ``(n,)``, of all processes that share a step; each of them calls it."""
    own = torch.tensor(sample_ids(ids))
    parts = [own] * _processes()
    if len(parts) > 1:
        distributed.all_gather_object(parts, own)
    return torch.cat(parts)


def _processes() -> int:
    """How many processes train together."""
    grouped = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if grouped else 1


def refuse_ungathered(gathered: bool) -> None:
    """Raise InputError where ids of other processes would be missing."""
    if _processes() > 1 and not gathered:
        raise InputError(
            "each of several processes sees only its own sample ids: record(..., gathered=True) in "
            "one of them, batch_size of all, and step(gather_ids(ids)); all call gather_ids"
        )
