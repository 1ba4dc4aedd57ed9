"""Profiles: every hyperparameter of every run, read from ``profiles/*.yaml``.

``profiles/NAME.yaml`` is written by people; one that says ``extends: full`` holds only what differs
from that profile. ``profiles/tuned/NAME.yaml`` holds the settings that ``python -m reproduction
tune`` chose by the rule of :mod:`reproduction.study.tuning`, and is written by that command. The
classes to forget and to show are the paper's (:data:`reproduction.paper.TARGET`).
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from partial_unlearning.errors import InputError
from reproduction import paper, places

DEFAULT = "quick"


def _distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("each seed may stand there once: equal runs are no sample")
    return seeds


Seeds = Annotated[tuple[NonNegativeInt, ...], Field(min_length=1), AfterValidator(_distinct)]
"""Seeds of trainings that are meant to be compared or averaged."""


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
    seeds: Seeds


class Figure4(Settings):
    """Accuracy against the share of affected batches; one training run for each share and seed."""

    models: dict[str, str]
    shares: tuple[float, ...]
    seeds: Seeds


class Sisa(Settings):
    """Designs, each a number of shards and of slices, and how often each slice is passed over."""

    dataset: str
    model: str
    designs: tuple[tuple[int, int], ...]
    epochs: PositiveInt
    seeds: Seeds


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
    source: str
    seeds: Seeds
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

    Args:
        name: of a file in ``profiles/``, without its ending.

    Raises:
        InputError: unknown name, or a file that says something else than it should.
    """
    if name not in names():
        raise InputError(f"unknown profile {name!r}; choose from {', '.join(names())}")
    settings = _untuned(name).model_dump()
    for dataset, models in read_tuned(name).items():
        for model, families in models.items():
            settings["datasets"][dataset]["models"].setdefault(model, {}).update(families)
    return _checked(settings, f"profiles/tuned/{name}.yaml")


def _untuned(name: str) -> Profile:
    """What ``profiles/NAME.yaml`` says, on top of the profile that it extends."""
    file = f"profiles/{name}.yaml"
    own = _written(name)
    parent = own.pop("extends", None)
    if parent is None:
        return _checked(_with_classes(own) | {"name": name}, file)
    if parent not in names() or "extends" in _written(parent):
        raise InputError(
            f"{file} extends {parent!r}, which is no profile that stands by itself; "
            f"choose from {', '.join(n for n in names() if 'extends' not in _written(n))}"
        )
    inherited = _untuned(parent).model_dump(exclude={"name"})
    return _checked(_merged(inherited, own, file) | {"name": name}, file)


def _written(name: str) -> dict[str, Any]:
    """What a person wrote in ``profiles/NAME.yaml``."""
    try:
        found = yaml.safe_load((places.profiles() / f"{name}.yaml").read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"profiles/{name}.yaml is not YAML: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"profiles/{name}.yaml holds {found!r}; it should hold names and values")
    return found


def _with_classes(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with the paper's target and shown classes where none are written."""
    datasets = settings.get("datasets")
    if not isinstance(datasets, dict) or not all(isinstance(d, dict) for d in datasets.values()):
        return settings  # the check that follows says what is wrong
    return settings | {
        "datasets": {
            name: {"target": paper.TARGET.get(name), "columns": paper.SHOWN.get(name)} | data
            for name, data in datasets.items()
        }
    }


def _merged(base: dict[str, Any], own: dict[str, Any], where: str) -> dict[str, Any]:
    """``base`` with what ``own`` says instead; a list or a plain value replaces the whole."""
    merged = dict(base)
    for name, value in own.items():
        if name not in base:
            raise InputError(f"{where}: unknown name {name!r}; choose from {', '.join(base)}")
        both = isinstance(base[name], dict) and isinstance(value, dict)
        merged[name] = _merged(base[name], value, f"{where}: {name}") if both else value
    return merged


def _checked(settings: dict[str, Any], file: str) -> Profile:
    try:
        return Profile.model_validate(settings)
    except ValidationError as error:
        raise InputError(f"{file}: {error}") from error
