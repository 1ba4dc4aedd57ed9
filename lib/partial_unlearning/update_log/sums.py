"""The streamed sum of stored updates."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from partial_unlearning.update_log.codecs import Seeded, UpdateCodec

GROUP = 1 << 19  # values converted to float32 at a time, so that they stay in the cache


def _add_values(total: Tensor, values: Tensor) -> None:
    """Add rows ``(n, kept)`` of stored values to ``total`` in float32.

    Several times faster than ``values.sum(0, dtype=torch.float32)``, which walks down columns.
    """
    for part in values.split(max(1, GROUP // values.shape[1])):
        total += part[0] if len(part) == 1 else part.to(torch.float32).sum(0)


def add_rows(codec: UpdateCodec, blocks: Iterable[np.ndarray], size: int) -> Tensor:
    """The sum of the updates in ``blocks`` of rows, dense, float32, shape ``(size,)``."""
    if isinstance(codec.positions, Seeded):  # one place for each value: scatter once, at the end
        total = torch.zeros(codec.kept)
        for rows in blocks:
            _add_values(total, codec.values_of(rows))
        return torch.zeros(size).index_add_(0, codec.positions.positions, total)
    total = torch.zeros(size)
    for rows in blocks:
        for row, values in zip(rows, codec.values_of(rows), strict=True):
            total.index_add_(0, codec.positions_of(row), values.to(torch.float32))
    return total
