"""Configurations: everything that a run's result depends on but the code.

The names of the fields are the stored keys, and so part of each run's hash.
"""

from typing import Any, Literal

from reproduction.study.profiles import (
    Buffers,
    Crowd,
    Forgotten,
    GradientArm,
    GradientSettings,
    PeerSetting,
    Pruning,
    Settings,
    TargetPlacement,
    Training,
)


class Config(Settings):
    """What every run on a data set with a model has; that is all of a trained or retrained one."""

    source: str
    dataset: str
    target: int
    model: str
    width: int | None
    seed: int
    training: Training
    experiment: str


class AmnesiacConfig(Config):
    """Tables 1 and 2, Figures 1 and 2: one recorded training, undone by every arm.

    Where the paper's two stand at the ``primary`` level, and at their own end, brief fine-tuning
    begins. Levels are percentages of target images still recognised, of ``target_images`` of those
    trained on, at even distances, or of the test's. Controls are read at the primary level and at
    the test levels alone.
    """

    buffers: Buffers
    target_placement: TargetPlacement
    pruning: Pruning
    target_images: int
    levels: tuple[float, ...]
    test_levels: tuple[float, ...]
    primary: float
    fine_tuning: tuple[int, ...]


class GradientConfig(Config, GradientSettings):
    """Tables 3 to 6: one arm of a family of gradient steps.

    ``published`` is the paper's D_t cell of this side, in percent: where its row is read. Controls
    have none.
    """

    arm: str
    target_images: int
    levels: tuple[float, ...]
    test_levels: tuple[float, ...]
    published: float | None
    max_steps: int


class ForgottenConfig(Config, Forgotten):
    """Is it really forgotten? The tables' methods at the primary level, beside a retrained twin.

    ``gradient`` has the paper's two arms of each family of gradient steps.
    """

    buffers: Buffers
    target_placement: TargetPlacement
    pruning: Pruning
    gradient: dict[str, dict[str, GradientSettings]]
    target_images: int
    primary: float
    max_steps: int


class MapsConfig(Config):
    """Figure 3."""

    buffers: Buffers
    target_placement: TargetPlacement
    pruning: Pruning
    images: int


class SharesConfig(Config):
    """Figure 4."""

    buffers: Buffers
    pruning: Pruning
    affected_fraction: float
    target_images: int
    levels: tuple[float, ...]


class FrontierConfig(Config):
    """Masks that keep these fractions of the weights' updates, each where it has forgotten enough.

    ``pruning`` is that of Tables 1 and 2, which all are measured against; ``level`` is a percentage
    of ``target_images`` of those trained on.
    """

    target_placement: TargetPlacement
    pruning: Pruning
    fractions: tuple[float, ...]
    target_images: int
    level: float


class FrontierTrials(FrontierConfig):
    """The same on held-out training images, of the masks that a log could record."""

    held_out: Literal[True]


class ThumbConfig(Config):
    """One fraction of affected batches; random masks by depth that keep so much of an update."""

    affected_fraction: float
    kept: tuple[float, ...]
    target_images: int
    level: float


class SisaConfig(Config):
    """A design of SISA."""

    shards: int
    slices: int
    slice_epochs: int
    partition: Literal["iid", "by class"]


class PeersConfig(Config):
    """Every method beside today's, on one recorded training.

    ``gradient`` has the arms of each gradient family, ``peers`` the setting of each other method.
    """

    buffers: Buffers
    target_placement: TargetPlacement
    pruning: Pruning
    gradient: dict[str, dict[str, GradientSettings]]
    peers: dict[str, PeerSetting]
    target_images: int
    level: float
    images: int
    steps: int


class ArmsConfig(Config):
    """The paper's methods beside their baselines, all from one training.

    ``gradient`` has the two arms of each family of gradient steps.
    """

    pruning: Pruning
    gradient: dict[str, dict[str, GradientSettings]]
    max_steps: int


class MembershipConfig(ArmsConfig):
    """Population attacks on a class, forgotten to the ``primary`` level."""

    target_placement: TargetPlacement
    target_images: int
    primary: float
    withheld: float


class CrowdConfig(ArmsConfig, Crowd):
    """Attacks on single images, by what many models say of each."""

    images: int
    unseen: int


class PersonsConfig(ArmsConfig):
    """Persons of a few random images each, forgotten one by one."""

    sizes: tuple[int, ...]
    in_turn: tuple[int, int]
    unseen: int


class Trials(Config):
    """Tuning runs measure held-out training images in place of the test's.

    ``target_images`` of the target data, at even distances, decide where ``level`` is reached.
    """

    held_out: Literal[True]
    level: float
    target_images: int


class PlainTrial(Config):
    """Plain training, to compare a placement's trained model with."""

    held_out: Literal[True]


class AmnesiacTrials(Trials):
    """A placement of target images, and prunings under it."""

    buffers: Buffers
    target_placement: TargetPlacement
    grid: tuple[Pruning, ...]


class GradientTrials(Trials, GradientArm):
    """Rates of one arm: pairs of an optimizer and its learning rate."""

    family: str
    arm: str
    rates: tuple[tuple[str, float], ...]
    max_steps: int


class PeerTrials(Trials):
    """Settings of the methods beside the paper's, each with its method, on one training."""

    target_placement: TargetPlacement
    grid: tuple[tuple[str, PeerSetting], ...]
    images: int
    steps: int


def settings_of(config: Config, kind: type[Settings]) -> dict[str, Any]:
    """The fields of a configuration that a group of settings has."""
    return config.model_dump(include=set(kind.model_fields))
