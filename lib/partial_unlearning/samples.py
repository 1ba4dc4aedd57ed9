"""Samples with labels and ids, held in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from partial_unlearning.errors import InputError


def refuse_unknown(ids: Tensor, known: Tensor, where: str) -> None:
    """Raise InputError unless all ids, shape ``(n,)``, are among the ``known`` ones.

    The message says ``where`` the others are not, and which ids to give.
    """
    unknown = ids[~torch.isin(ids, known)]
    if len(unknown):
        first = ", ".join(map(str, unknown[:5].tolist()))
        raise InputError(f"{len(unknown)} of {len(ids)} sample ids, {first}, are {where}")


@dataclass(frozen=True, eq=False)
class Split:
    """Images with labels and ids, in the order of their ids; InputError if they are not.

    Attributes:
        images: float32 ``(n, ...)`` as the model takes them; the paper's ``(n, 1, 28, 28)``, 0..1.
        labels: int64, shape ``(n,)``.
        ids: int64, shape ``(n,)``, ascending.
    """

    images: Tensor
    labels: Tensor
    ids: Tensor

    def __post_init__(self) -> None:
        alike = len(self.images) == len(self.labels) == len(self.ids)
        if not alike or (self.ids.diff() <= 0).any():
            raise InputError("give as many images, labels and ids, in ascending order of the ids")

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, ids: Tensor | Sequence[int]) -> Tensor:
        """Where each id of ``(k,)`` stands, int64 ``(k,)``; InputError if one is not here."""
        wanted = torch.as_tensor(ids, device=self.ids.device)
        refuse_unknown(wanted, self.ids, f"not among the {len(self)} here; give ids of this data")
        return torch.searchsorted(self.ids, wanted)

    def subset(self, ids: Tensor | Sequence[int]) -> "Split":
        """Return the images with these ids ``(k,)``, each once; raises as :meth:`positions`."""
        return self._at(torch.unique(self.positions(ids)))

    def without(self, ids: Tensor | Sequence[int]) -> "Split":
        """Return the images that have none of these ids ``(k,)``; raises as :meth:`positions`."""
        keep = torch.ones(len(self), dtype=torch.bool, device=self.ids.device)
        keep[self.positions(ids)] = False
        return self._at(keep)

    def of_class(self, label: int) -> Tensor:
        """Return the ids of the images of one class, int64 ``(k,)``; InputError if it has none."""
        ids = self.ids[self.labels == label]
        if not len(ids):
            present = ", ".join(map(str, self.labels.unique().tolist()))
            raise InputError(f"class {label} has no images here; labels present: {present}")
        return ids

    def to(self, device: str | torch.device) -> "Split":
        """Return the split on another device."""
        return Split(self.images.to(device), self.labels.to(device), self.ids.to(device))

    def _at(self, where: Tensor) -> "Split":
        return Split(self.images[where], self.labels[where], self.ids[where])
