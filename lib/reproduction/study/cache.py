"""What several runs need is made once and kept in ``results/cache``.

The folder may be deleted at any time: everything in it is computed anew when it is missing. A
file is named by a hash of all that its content depends on.
"""

from pathlib import Path

from reproduction import places
from reproduction.study.configs import (
    Config,
    ForgottenConfig,
    GradientConfig,
    GradientTrials,
    PlainTrial,
    SisaConfig,
)
from reproduction.study.stored_runs import hash_of

# All that plain training depends on.
_TRAINING = {"dataset", "source", "held_out", "model", "width", "seed", "training"}


def weights_file(config: Config) -> Path:
    """The plainly trained model that a run starts from."""
    depends_on = config.model_dump(mode="json", include=_TRAINING)
    name = "-".join(["trained", config.dataset, config.model, hash_of(depends_on)])
    return places.results() / "cache" / f"{name}.safetensors"


def twin_file(config: Config) -> Path:
    """The model of the same seed that never saw the target class."""
    depends_on = config.model_dump(mode="json", include=_TRAINING | {"target"})
    name = "-".join(["retrained", config.dataset, config.model, hash_of(depends_on)])
    return places.results() / "cache" / f"{name}.safetensors"


def next_seed(config: ForgottenConfig) -> ForgottenConfig:
    """The configuration whose twin shows how far apart two retrained models are."""
    return config.model_copy(update={"seed": config.seed + 1})


def shared_files(config: Config) -> list[Path]:
    """The files that a run makes, or finds made by another run."""
    if isinstance(config, ForgottenConfig):
        return [weights_file(config), twin_file(config), twin_file(next_seed(config))]
    if config.experiment == "retrained":
        return [twin_file(config)]
    kinds = GradientConfig | GradientTrials | PlainTrial | SisaConfig
    trained = isinstance(config, kinds) or config.experiment == "trained"
    return [weights_file(config)] if trained else []
