"""Which code makes each kind of run, and which files runs of a kind share.

Code is named, not imported: who only reads results needs none of it, nor torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from reproduction.study.cache import path_file, weights_file
from reproduction.study.experiments import FAMILIES
from reproduction.study.stored_runs import Config, Result


def _nothing(config: Config) -> list[Path]:
    return []


def _trained_weights(config: Config) -> list[Path]:
    return [weights_file(config)]


def _weights_and_paths(config: Config) -> list[Path]:
    methods = (config["baseline"], config["proposed"])
    return [weights_file(config), *(path_file(config, method) for method in methods)]


@dataclass(frozen=True)
class Kind:
    """A kind of run.

    Attributes:
        code: "module:function" in :mod:`reproduction.study.runs`, configuration -> result.
        shared_files: the cached files that such a run makes, or finds made by another run.
    """

    code: str
    shared_files: Callable[[Config], list[Path]] = _nothing

    def run(self, config: Config) -> Result:
        """Compute the result of a configuration."""
        module, function = self.code.split(":")
        return getattr(import_module(f"reproduction.study.runs.{module}"), function)(config)


def _kinds() -> dict[str, Kind]:
    """The kinds of every family and of its tuning, and those that belong to none."""
    found = {
        "retrained": Kind("retrained:run"),
        "shares": Kind("pruning_strategies:run"),
        "maps": Kind("activation_maps:run"),
        "sisa": Kind("sisa:run", _trained_weights),
    }
    for family in FAMILIES.values():
        found[family.name] = Kind(family.run, _weights_and_paths if family.is_pair else _nothing)
        for name, code in family.trials.items():
            found[name] = Kind(code, _trained_weights if family.is_pair else _nothing)
    return found


KINDS = _kinds()
