"""Which code makes each kind of run, and which files runs of a kind share.

Code is named, not imported: who only reads results needs none of it, nor torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from reproduction.study.cache import path_file, weights_file
from reproduction.study.configs import (
    Config,
    DescentTrials,
    MapsConfig,
    PairConfig,
    ProtocolTrial,
    PruningTrials,
    SharesConfig,
    SisaConfig,
)
from reproduction.study.families import FAMILIES, PAIRS, Family


def _nothing(config: Config) -> list[Path]:
    return []


def _trained_weights(config: Config) -> list[Path]:
    return [weights_file(config)]


def _weights_and_paths(config: PairConfig) -> list[Path]:
    methods = (config.baseline, config.proposed)
    return [weights_file(config), *(path_file(config, method) for method in methods)]


@dataclass(frozen=True)
class Kind:
    """A kind of run.

    Attributes:
        config: the class of its configurations.
        code: "module:function" in :mod:`reproduction.study.runs`, configuration -> results.
        shared_files: the cached files that such a run makes, or finds made by another run.
    """

    config: type[Config]
    code: str
    shared_files: Callable[[Config], list[Path]] = _nothing

    def run(self, config: Config) -> dict[str, Any]:
        """Compute what a configuration gives, by the fields of :class:`Result`."""
        module, function = self.code.split(":")
        return getattr(import_module(f"reproduction.study.runs.{module}"), function)(config)


def _of_family(family: Family) -> Kind:
    return Kind(family.config, family.run, _weights_and_paths if family.is_pair else _nothing)


KINDS = {
    **{name: _of_family(family) for name, family in FAMILIES.items()},
    "retrained": Kind(Config, "retrained:run"),
    "shares": Kind(SharesConfig, "pruning_strategies:run"),
    "maps": Kind(MapsConfig, "activation_maps:run"),
    "sisa": Kind(SisaConfig, "sisa:run", _trained_weights),
    "tune_protocol": Kind(ProtocolTrial, "trials:protocol"),
    "tune_pruning": Kind(PruningTrials, "trials:pruning"),
    **{f"tune_{name}": Kind(DescentTrials, "trials:descent", _trained_weights) for name in PAIRS},
}


def configured(**fields: Any) -> Config:  # noqa: ANN401 (whatever its fields hold)
    """The configuration with these fields, of the class that its kind of run has."""
    return KINDS[fields["experiment"]].config(**fields)
