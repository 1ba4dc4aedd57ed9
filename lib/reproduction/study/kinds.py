"""Every kind of run: the class of its configurations, its code, and the tables it is for.

Code is named, not imported: who only reads results needs none of it, nor torch.
"""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from reproduction.study.configs import (
    AmnesiacConfig,
    AmnesiacTrials,
    Config,
    CrowdConfig,
    ForgottenConfig,
    FrontierConfig,
    FrontierTrials,
    GradientConfig,
    GradientTrials,
    MapsConfig,
    MembershipConfig,
    PeersConfig,
    PeerTrials,
    PersonsConfig,
    PlainTrial,
    SharesConfig,
    SisaConfig,
    ThumbConfig,
)


@dataclass(frozen=True)
class Kind:
    """A kind of run; a kind that has tables is a family of unlearning methods.

    Attributes:
        config: the class of its configurations.
        code: "module:function" in :mod:`reproduction.study.runs`, configuration -> results.
        tables: data set -> number of the table that compares the family's methods.
    """

    config: type[Config]
    code: str
    tables: dict[str, int] = field(default_factory=dict)

    def run(self, config: Config) -> dict[str, Any]:
        """Compute what a configuration gives, by the fields of :class:`Result`."""
        module, function = self.code.split(":")
        return getattr(import_module(f"reproduction.study.runs.{module}"), function)(config)


KINDS = {
    "amnesiac": Kind(AmnesiacConfig, "amnesiac:run", {"mnist": 1, "organamnist": 2}),
    "label_flipping": Kind(GradientConfig, "gradient:run", {"mnist": 3, "organamnist": 4}),
    "optimization": Kind(GradientConfig, "gradient:run", {"mnist": 5, "organamnist": 6}),
    "trained": Kind(Config, "trained:run"),
    "retrained": Kind(Config, "retrained:run"),
    "shares": Kind(SharesConfig, "pruning_strategies:run"),
    "maps": Kind(MapsConfig, "activation_maps:run"),
    "forgotten": Kind(ForgottenConfig, "forgotten:run"),
    "sisa": Kind(SisaConfig, "sisa:run"),
    "membership": Kind(MembershipConfig, "membership:run"),
    "crowd": Kind(CrowdConfig, "membership_crowd:run"),
    "persons": Kind(PersonsConfig, "persons:run"),
    "peers": Kind(PeersConfig, "peers:run"),
    "frontier": Kind(FrontierConfig, "frontier:run"),
    "frontier_tuning": Kind(FrontierTrials, "frontier:run"),
    "rule_of_thumb": Kind(ThumbConfig, "rule_of_thumb:run"),
    "plain_trial": Kind(PlainTrial, "trained:run"),
    "amnesiac_trials": Kind(AmnesiacTrials, "trials:amnesiac"),
    "gradient_trials": Kind(GradientTrials, "trials:gradient"),
    "peer_trials": Kind(PeerTrials, "peers:trials"),
}
GRADIENT = [name for name, kind in KINDS.items() if kind.config is GradientConfig]


@dataclass(frozen=True)
class Table:
    """One of Tables 1 to 6: a family of methods on a data set."""

    number: int
    family: str
    dataset: str


TABLES = {
    number: Table(number, name, dataset)
    for name, kind in KINDS.items()
    for dataset, number in kind.tables.items()
}


def configured(experiment: str, **fields: Any) -> Config:  # noqa: ANN401 (what its fields hold)
    """The configuration of a kind of run with these fields."""
    return KINDS[experiment].config(experiment=experiment, **fields)
