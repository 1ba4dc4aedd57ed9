"""What several runs need is made once and kept in ``results/cache``.

The folder may be deleted at any time: everything in it is computed anew when it is missing. A
file is named by a hash of all that its content depends on.
"""

from pathlib import Path
from typing import Any

from reproduction import places
from reproduction.study.configs import Config, DescentTrials, PairConfig, SisaConfig
from reproduction.study.profiles import GradientSettings
from reproduction.study.stored_runs import hash_of

# All that plain training depends on.
_TRAINING = {"dataset", "source", "tuning", "target", "model", "width", "seed", "training"}


def _file(kind: str, config: Config, depends_on: dict[str, Any], suffix: str) -> Path:
    parts = [kind, config.dataset, config.model, hash_of(depends_on)]
    return places.results() / "cache" / f"{'-'.join(parts)}{suffix}"


def weights_file(config: Config) -> Path:
    """The plainly trained model that a run starts from."""
    depends_on = config.model_dump(mode="json", include=_TRAINING)
    return _file("trained", config, depends_on, ".safetensors")


def path_file(config: Config, method: GradientSettings) -> Path:
    """Accuracies after every step of one gradient method."""
    depends_on = config.model_dump(mode="json", include=_TRAINING | {"columns", "experiment"})
    depends_on["method"] = method.model_dump()
    return _file(config.experiment, config, depends_on, ".json")


def shared_files(config: Config) -> list[Path]:
    """The files that a run makes, or finds made by another run."""
    if not isinstance(config, PairConfig | SisaConfig | DescentTrials):
        return []
    methods = (config.baseline, config.proposed) if isinstance(config, PairConfig) else ()
    return [weights_file(config), *(path_file(config, method) for method in methods)]
