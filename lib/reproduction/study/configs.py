"""Configurations: everything that a run's result depends on but the code.

The names of the fields are the stored keys, and so part of each run's hash.
"""

from typing import Any, Literal

from reproduction.study.profiles import (
    Amnesiac,
    GradientSettings,
    Pair,
    Pruning,
    Settings,
    Training,
)


class Config(Settings):
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
