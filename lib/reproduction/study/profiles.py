"""Profiles: every hyperparameter of every run, read from ``profiles/*.yaml``.

``profiles/NAME.yaml`` is written by people; one that says ``extends: full`` holds only what differs
from that profile. ``profiles/tuned/NAME.yaml`` holds the settings that ``python -m reproduction
tune`` chose by the rule of :mod:`reproduction.study.searches`, and is written by that command;
those of the profile extended hold where a profile has no own. The classes to forget are the
paper's (:data:`reproduction.paper.TARGET`).
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
)

from partial_unlearning.errors import InputError
from reproduction import paper, places
from reproduction.yaml_files import parse_yaml

_PAPER_TARGETS = {name: {"target": target} for name, target in paper.TARGET.items()}


def _distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("each seed may stand there once: equal runs are no sample")
    return seeds


Seed = Annotated[int, Field(ge=0, lt=2**63)]
Seeds = Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(_distinct)]
"""Seeds of trainings that are meant to be compared or averaged."""

Fraction = Annotated[float, Field(ge=0, le=1)]
Part = Annotated[float, Field(gt=0, le=1)]
"""A fraction that cannot be nothing."""

Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Label = Annotated[int, Field(ge=0, le=10)]
"""A class: 0 to 9 of MNIST, 0 to 10 of OrganAMNIST."""

Strategy = Literal["random", "last_layers", "layer_magnitude", "global_magnitude"]
"""Of pruning: those of :data:`partial_unlearning.masks.STRATEGIES`, whose module needs torch."""


class Settings(BaseModel):
    """A group of settings; a name it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Training(Settings):
    """How the model to unlearn from is trained (Section 5.4.1)."""

    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: Rate
    optimizer: str


class Pruning(Settings):
    """A pruning strategy with the fractions pruned away in the first and last layer."""

    strategy: Strategy = "random"
    sparsity_first: Fraction
    sparsity_last: Fraction


Buffers = Literal["keep", "subtract"]
"""What amnesiac unlearning does with the running statistics of batch normalisation."""

TargetPlacement = dict[str, int | float]
"""Which batches hold target images, see :mod:`reproduction.study.runs.target_placement`."""


class Amnesiac(Settings):
    """How batches come to hold target data, and how their updates are pruned."""

    target_placement: TargetPlacement
    pruning: Pruning


class GradientArm(Settings):
    """Which weights move at a gradient step, from the first layer to the last.

    ``masks`` moves the fraction of each layer's weights that has its turn (Eq. 9), ``rates`` moves
    all of them, at the fraction of the learning rate; ``last_layer`` moves the last layer alone.
    A step takes all target images, or the next ``batch_size`` of them.
    """

    form: Literal["masks", "rates", "last_layer"] = "masks"
    fraction_first: Fraction = 1.0
    fraction_last: Fraction = 1.0
    batch_size: PositiveInt | None = None


class GradientSettings(GradientArm):
    """An arm with its optimizer."""

    optimizer: str
    learning_rate: Rate


PeerSetting = dict[str, str | float]
"""What a method beside the paper's has to choose: an optimizer and its rate, and its own."""


class ModelSettings(Settings):
    """One architecture on one data set; None where nothing has been chosen yet.

    ``kept_images`` is amnesiac unlearning after training on a few target images, all plainly
    shuffled. Gradient families have an entry for each arm, ``peers`` one for each method;
    ``_beyond`` are the paper's methods at rates beyond the grid, where these do better.
    """

    width: int | None = None
    seeds: Seeds | None = None
    amnesiac: Amnesiac | None = None
    kept_images: Amnesiac | None = None
    label_flipping: dict[str, GradientSettings] | None = None
    optimization: dict[str, GradientSettings] | None = None
    label_flipping_beyond: dict[str, GradientSettings] | None = None
    optimization_beyond: dict[str, GradientSettings] | None = None
    peers: dict[str, PeerSetting] | None = None


class DataSettings(Settings):
    """The deletion request on one data set and the models that face it."""

    target: Label
    models: dict[str, ModelSettings]


Control = Literal[
    *("reversed", "uniform", "last_layer", "layer_rates"),
    *("baseline_minibatches", "proposed_minibatches"),
]
"""An arm of the gradient families beside the paper's two, see :mod:`reproduction.study.arms`."""


class Comparison(Settings):
    """Where methods are compared: percentages of target images still recognised.

    Controls are read at the primary level and at the test levels alone.

    Attributes:
        target_images: so many of those trained on, at even distances, decide where a level is met.
        levels: of the target images that were trained on.
        primary: the one of them that findings rest on.
        test_levels: of test images of the target class.
        max_steps: of gradient methods.
        fine_tuning: after so many steps on retained data what came back is measured.
        controls: arms of the gradient families beside the paper's two.
    """

    target_images: PositiveInt
    levels: tuple[float, ...]
    primary: float
    test_levels: tuple[float, ...]
    max_steps: PositiveInt
    fine_tuning: tuple[PositiveInt, ...]
    controls: tuple[Control, ...]


class Figure3(Settings):
    """Class activation maps: dataset and model, targets, and how many images to compare."""

    dataset: str
    model: str
    targets: tuple[int, ...]
    images: int
    seeds: Seeds


class Figure4(Settings):
    """Accuracy against the fraction of affected batches; a training for each of them and seed."""

    models: dict[str, str]
    affected_fractions: tuple[float, ...]
    seeds: Seeds


class Sisa(Settings):
    """Designs, each a number of shards and of slices, and how often each slice is passed over."""

    dataset: str
    model: str
    designs: tuple[tuple[int, int], ...]
    epochs: PositiveInt
    seeds: Seeds


class Frontier(Settings):
    """How few entries of an update are enough: the same fractions of the weights for every mask.

    Which fraction a mask is given is chosen on trainings of the trial seeds.
    """

    models: tuple[str, ...]
    fractions: tuple[float, ...]
    trial_seeds: Seeds
    seeds: Seeds


class RuleOfThumb(Settings):
    """A map: fractions of affected batches, and of an update that is kept."""

    dataset: str
    models: tuple[str, ...]
    affected_fractions: tuple[float, ...]
    kept: tuple[float, ...]
    seeds: Seeds


VARIATIONS = ("optimizer", "width")
"""Assumptions that were tried otherwise."""


class Change(Settings):
    """What a model has in place of its own width, and of the profile's training."""

    width: PositiveInt | None = None
    optimizer: str | None = None
    learning_rate: Rate | None = None


class Variation(Settings):
    """Amnesiac unlearning of some models again under another assumption, beside the tables.

    Attributes:
        models: by data set and name, what is changed.
        seeds: of the trainings.
    """

    models: dict[str, dict[str, Change]]
    seeds: Seeds


class Forgotten(Settings):
    """How it is asked whether a class is really forgotten.

    Attributes:
        images: test images in and out of the class whose features are looked at.
        shown: to relearn from, so many images of the class.
        relearned: percent of what the trained model recognises of the class in test images, at
            which it is known again.
        relearning_steps: that are tried at most.
        fine_tuning: after so many steps on retained data what came back is measured.
    """

    images: PositiveInt
    shown: tuple[PositiveInt, ...]
    relearned: float
    relearning_steps: PositiveInt
    fine_tuning: tuple[PositiveInt, ...]


class ForgottenRuns(Forgotten):
    """The same with the models that are asked, by data set, and the seeds of their trainings."""

    models: dict[str, tuple[str, ...]]
    seeds: Seeds


class PeerGrid(Settings):
    """What tuning tries of a method: each of its own settings with each optimizer and rate."""

    own: tuple[dict[str, float], ...] = ({},)
    rates: tuple[tuple[str, float], ...] = ()

    @property
    def settings(self) -> list[PeerSetting]:
        """All of them."""
        rates: list[PeerSetting] = [{"optimizer": n, "learning_rate": r} for n, r in self.rates]
        return [{**own, **rate} for own in self.own for rate in rates or [{}]]


class Peers(Settings):
    """Beside today's methods, all on one training.

    Attributes:
        models: for each data set.
        seeds: of the trainings.
        images: of the target, and as many retained ones, that a step or a closed form sees.
        steps: that a method makes.
        tuning_steps: that tuning makes.
        finalists: settings of each method that go on from the first tuning seed to the others.
        grids: by method.
    """

    models: dict[str, tuple[str, ...]]
    seeds: Seeds
    images: PositiveInt
    steps: PositiveInt
    tuning_steps: PositiveInt
    finalists: PositiveInt
    grids: dict[str, PeerGrid]


class Membership(Settings):
    """Population attacks on forgotten classes, by data set the models that are asked.

    ``withheld`` is the fraction of the class that no model is trained on: members are told from it.
    """

    models: dict[str, tuple[str, ...]]
    seeds: Seeds
    withheld: float


class Crowd(Settings):
    """Many small trainings that an attack on single images learns from.

    Attributes:
        models: so many are trained with one half of a pool of images each.
        twins: so many without any of it.
        at_once: models that are trained side by side.
        pool: images that may be a model's or not.
        labels: of these images, in training: the ``right`` or ``wrong`` ones.
        request: images that are asked to be forgotten together, a divisor of half the pool.
        batches: plainly ``shuffled``, or with the images of a request ``together``.
    """

    models: PositiveInt
    twins: PositiveInt
    at_once: PositiveInt
    pool: PositiveInt
    labels: Literal["right", "wrong"] = "right"
    request: PositiveInt
    batches: Literal["shuffled", "together"]


class CrowdRun(Crowd):
    """Of which model."""

    model: str


class Crowds(Settings):
    """The data of these trainings, and which there are.

    Attributes:
        dataset: of the images.
        images: that all models are trained on.
        unseen: that none is trained on.
        max_steps: of gradient methods.
        membership: of the chapter on the attack.
        persons: of the chapter on a person's images.
    """

    dataset: str
    images: PositiveInt
    unseen: PositiveInt
    max_steps: PositiveInt
    membership: tuple[CrowdRun, ...]
    persons: tuple[CrowdRun, ...]


class Persons(Settings):
    """Requests of a few random images each.

    Attributes:
        dataset: that is trained on.
        model: that is trained.
        sizes: of the persons, in images.
        in_turn: how many further persons of how many images ask one after another.
        unseen: images that no model is trained on.
        max_steps: of gradient methods.
        seeds: of the trainings.
    """

    dataset: str
    model: str
    sizes: tuple[PositiveInt, ...]
    in_turn: tuple[PositiveInt, PositiveInt]
    unseen: PositiveInt
    max_steps: PositiveInt
    seeds: Seeds


class Grids(Settings):
    """What tuning tries: the same rates for every arm of the gradient families.

    So many finalists of a grid go on from the first seed to the others.
    """

    seeds: Seeds
    max_steps: PositiveInt
    rate_finalists: PositiveInt
    placement_finalists: PositiveInt
    affected_fractions: tuple[float, ...]
    kept_images: PositiveInt
    pruning: tuple[tuple[float, float], ...]
    learning_rates: dict[str, tuple[float, ...]]


class Profile(Settings):
    """Everything a run depends on, but for the code.

    ``seeds`` are those of the tables, where a model has no own; a figure, or SISA, has its own.
    """

    name: str
    source: str
    seeds: Seeds
    training: Training
    buffers: Buffers
    comparison: Comparison
    datasets: dict[str, DataSettings]
    figure_3: Figure3
    figure_4: Figure4
    sisa: Sisa
    variations: dict[Literal[VARIATIONS], Variation | None]
    forgotten: ForgottenRuns
    membership: Membership
    crowds: Crowds
    persons: Persons
    peers: Peers
    frontier: Frontier
    rule_of_thumb: RuleOfThumb
    tuning: Grids


def names() -> list[str]:
    """The profiles there are."""
    return sorted(path.stem for path in places.profiles().glob("*.yaml"))


def tuned_path(name: str) -> Path:
    """Where the settings chosen by tuning are kept."""
    return places.profiles() / "tuned" / f"{name}.yaml"


def read_tuned(name: str) -> dict[str, Any]:
    """The tuned settings, dataset -> model -> family; empty where nothing was tuned."""
    return _written(f"tuned/{name}") if tuned_path(name).exists() else {}


def load_profile(name: str) -> Profile:
    """The profile of ``profiles/NAME.yaml`` with its tuned settings filled in.

    Raises:
        InputError: unknown name, or a file that says something else than it should.
    """
    if name not in names():
        raise InputError(f"unknown profile {name!r}; choose from {', '.join(names())}")
    settings, own = {"datasets": _PAPER_TARGETS}, dict(_written(name))
    tuned = read_tuned(name)
    if "extends" in own:
        parent = own.pop("extends")
        settings = _merged(settings, _parent(parent, f"profiles/{name}.yaml"))
        tuned = _families(read_tuned(parent), tuned)
    models = {dataset: {"models": models} for dataset, models in tuned.items()}
    settings = _merged(_merged(settings, own), {"datasets": models})
    settings = _merged(settings, own)  # once more: its own word is the last
    try:
        return Profile.model_validate(settings | {"name": name})
    except ValidationError as error:
        raise InputError(f"profiles/{name}.yaml: {error}") from error


def _families(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Tuned settings, those of a family of ``own`` in place of the whole family of ``base``."""
    found = {dataset: dict(models) for dataset, models in base.items()}
    for dataset, models in own.items():
        for model, families in models.items():
            known = found.setdefault(dataset, {})
            known[model] = known.get(model, {}) | families
    return found


def _parent(name: object, file: str) -> dict[str, Any]:
    """What the profile says that ``file`` extends; it may not extend another itself."""
    found = _written(name) if name in names() else {"extends": None}
    if "extends" in found:
        raise InputError(
            f"{file} extends {name!r}, which is no profile that stands by itself; "
            f"choose from {', '.join(n for n in names() if 'extends' not in _written(n))}"
        )
    return found


def _written(name: str) -> dict[str, Any]:
    """What stands in ``profiles/NAME.yaml``: do not change it."""
    try:
        found = _parsed((places.profiles() / f"{name}.yaml").read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"profiles/{name}.yaml is not YAML: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"profiles/{name}.yaml holds {found!r}; it should hold names and values")
    return found


@cache
def _parsed(text: str) -> Any:  # noqa: ANN401 (whatever stands there)
    """Kept, since a page asks for the same profile many times, and parsing takes half a second."""
    return parse_yaml(text)


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """``base`` with what ``own`` says instead; a list or a plain value replaces the whole."""
    merged = base | own
    for name, value in own.items():
        if isinstance(base.get(name), dict) and isinstance(value, dict):
            merged[name] = _merged(base[name], value)
    return merged
