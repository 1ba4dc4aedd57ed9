"""Configurations: everything that a run's result depends on but the code.

The names of the fields are the stored keys, and so part of each run's hash.
"""

from collections.abc import Collection
from typing import Any, Literal

from pydantic import BaseModel

from reproduction.study.profiles import (
    Amnesiac,
    GradientSettings,
    Pair,
    Pruning,
    Settings,
    Training,
)


class KeyAccess(BaseModel):
    """Temporary: lets chapters that still read ``config["model"]`` go on; attributes replace it."""

    def keys(self) -> Collection[str]:
        """The names of the fields."""
        return type(self).model_fields.keys()

    def __contains__(self, key: str) -> bool:
        return key in self.keys()

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 (whatever the field holds)
        value = getattr(self, key)
        plain = isinstance(value, KeyAccess) or not isinstance(value, BaseModel | tuple)
        return value if plain else self.model_dump(mode="json", include={key})[key]

    def get(self, key: str, default: object = None) -> Any:  # noqa: ANN401
        """As of a dictionary."""
        return self[key] if key in self else default  # noqa: SIM401 (this is that get)


class Config(KeyAccess, Settings):
    """What every run on a data set with a model has; that is all of a retrained reference."""

    source: str
    dataset: str
    target: int
    columns: tuple[int, int, int]
    model: str
    width: int | None
    seed: int
    training: Training
    statistics: Literal["kept", "subtracted"]
    experiment: str


class AmnesiacConfig(Config, Amnesiac):
    """Tables 1 and 2, Figures 1 and 2."""

    protocol: dict[str, int | float]


class PairConfig(Config, Pair):
    """Tables 3 to 6: the naive and the partial method of gradient steps."""


class MapsConfig(Config):
    """Figure 3."""

    protocol: dict[str, int | float]
    pruning: Pruning
    images: int


class SharesConfig(Config):
    """Figure 4."""

    pruning: Pruning
    share: float


class SisaConfig(Config):
    """A design of SISA."""

    shards: int
    slices: int
    slice_epochs: int
    partition: Literal["iid", "by class"]


class ProtocolTrial(Config):
    """Tuning runs measure held-out training images in place of the test's."""

    tuning: Literal[True]
    protocol: dict[str, int | float]


class PruningTrials(ProtocolTrial):
    """Ways of taking less back; the grid names them."""

    grid: dict[str, Any]


class DescentTrials(Config):
    """Settings of one gradient method."""

    tuning: Literal[True]
    family: str
    grid: tuple[GradientSettings, ...]
