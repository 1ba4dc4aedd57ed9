"""Profiles: every hyperparameter of every run, read from ``profiles/*.yaml``.

``profiles/NAME.yaml`` is written by people. ``profiles/tuned/NAME.yaml`` holds the settings that
``python -m reproduction tune`` chose by the rule of :mod:`reproduction.study.tuning`, and is
written by that command.
"""

from pathlib import Path
from typing import Any, Literal

import yaml
from partial_unlearning.errors import InputError
from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from reproduction import places

DEFAULT = "quick"


class Settings(BaseModel):
    """A group of settings; a name it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Training(Settings):
    """How the model to unlearn from is trained (Section 5.4.1)."""

    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    optimizer: str


class Pruning(Settings):
    """A pruning strategy with the fractions pruned in the first and last layer."""

    strategy: str = "random"
    first: float
    last: float


class Stop(Settings):
    """Whole updates of some epochs only: in which order of epochs, and of how many."""

    order: str
    epochs: int


class Amnesiac(Settings):
    """How batches come to hold target data, and how much of their updates is taken back.

    Pruning is the paper's proposal; a scale and a stop are simpler ways of taking less back.
    """

    protocol: dict[str, float]
    pruning: Pruning
    scale: float | None = None
    stop: Stop | None = None


class GradientSettings(Settings):
    """Gradient steps until the target data is forgotten; fractions selected, first to last."""

    optimizer: str
    learning_rate: float
    max_epochs: int
    first: float = 1.0
    last: float = 1.0


class Pair(Settings):
    """The naive method and the layer-wise partial one."""

    baseline: GradientSettings
    proposed: GradientSettings


class ModelSettings(Settings):
    """One architecture on one data set; None where nothing has been chosen yet."""

    width: int | None = None
    amnesiac: Amnesiac | None = None
    label_flipping: Pair | None = None
    optimization: Pair | None = None


class DataSettings(Settings):
    """The deletion request on one data set and the models that face it."""

    target: int
    columns: tuple[int, int, int]
    models: dict[str, ModelSettings]


class Figure3(Settings):
    """Class activation maps: dataset and model, targets, and how many images to compare."""

    dataset: str
    model: str
    targets: tuple[int, ...]
    images: int
    seeds: tuple[NonNegativeInt, ...]


class Figure4(Settings):
    """Accuracy against the share of affected batches; one training run for each share and seed."""

    models: dict[str, str]
    shares: tuple[float, ...]
    seeds: tuple[NonNegativeInt, ...]


class Sisa(Settings):
    """Designs, each a number of shards and of slices, and how often each slice is passed over."""

    dataset: str
    model: str
    designs: tuple[tuple[int, int], ...]
    epochs: PositiveInt
    seeds: tuple[NonNegativeInt, ...]


class Grids(Settings):
    """What tuning tries; both sides of a comparison try equally many settings."""

    protocols: list[dict[str, float]]
    pruning: list[tuple[float, float]]
    scales: list[float]
    stops: dict[str, list[int]]
    max_epochs: int
    learning_rates: dict[str, list[float]]
    fractions: dict[str, list[tuple[float, float]]]
    partial_learning_rates: dict[str, list[float]]


class Profile(Settings):
    """Everything a run depends on, but for the code.

    ``seeds`` are those of the tables; a figure, or SISA, has its own.
    """

    name: str
    description: str
    source: str
    seeds: tuple[NonNegativeInt, ...]
    training: Training
    statistics: Literal["kept", "subtracted"]
    datasets: dict[str, DataSettings]
    figure_3: Figure3
    figure_4: Figure4
    sisa: Sisa
    tuning: Grids


def names() -> list[str]:
    """The profiles there are."""
    return sorted(path.stem for path in places.profiles().glob("*.yaml"))


def tuned_path(name: str) -> Path:
    """Where the settings chosen by tuning are kept."""
    return places.profiles() / "tuned" / f"{name}.yaml"


def read_tuned(name: str) -> dict[str, Any]:
    """The tuned settings, dataset -> model -> family; empty where nothing was tuned."""
    path = tuned_path(name)
    return yaml.safe_load(path.read_text()) or {} if path.exists() else {}


def load_profile(name: str) -> Profile:
    """A profile with its tuned settings filled in.

    Raises:
        InputError: unknown name, or a file that says something else than it should.
    """
    if name not in names():
        raise InputError(f"unknown profile {name!r}; choose from {', '.join(names())}")
    raw = yaml.safe_load((places.profiles() / f"{name}.yaml").read_text())
    for dataset, models in read_tuned(name).items():
        for model, families in models.items():
            raw["datasets"][dataset]["models"].setdefault(model, {}).update(families)
    try:
        return Profile(name=name, **raw)
    except ValidationError as error:
        raise InputError(f"profiles/{name}.yaml or its tuned settings: {error}") from error
