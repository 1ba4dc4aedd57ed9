"""The families of unlearning methods that the paper compares, each described in one place."""

from dataclasses import dataclass

from reproduction.study.configs import AmnesiacConfig, Config, PairConfig


@dataclass(frozen=True)
class Family:
    """A family of unlearning methods, everything that is particular to it.

    Attributes:
        name: of its runs, and of its settings in a profile (a field of :class:`ModelSettings`).
        tables: data set -> number of the table that compares its methods.
        run: "module:function" in :mod:`reproduction.study.runs` that makes a run.
        config: of its runs: what all runs have, and the family's settings of a profile.
    """

    name: str
    tables: dict[str, int]
    run: str
    config: type[Config]

    @property
    def is_pair(self) -> bool:
        """Whether both methods take gradient steps from the same trained model."""
        return issubclass(self.config, PairConfig)


FAMILIES = {
    family.name: family
    for family in (
        Family(
            "amnesiac",
            tables={"mnist": 1, "organamnist": 2},
            run="amnesiac:run",
            config=AmnesiacConfig,
        ),
        Family(
            "label_flipping",
            tables={"mnist": 3, "organamnist": 4},
            run="gradient:run",
            config=PairConfig,
        ),
        Family(
            "optimization",
            tables={"mnist": 5, "organamnist": 6},
            run="gradient:run",
            config=PairConfig,
        ),
    )
}
PAIRS = [family.name for family in FAMILIES.values() if family.is_pair]


@dataclass(frozen=True)
class Table:
    """One of Tables 1 to 6: a family of methods on a data set."""

    number: int
    family: str
    dataset: str


TABLES = {
    number: Table(number, family.name, dataset)
    for family in FAMILIES.values()
    for dataset, number in family.tables.items()
}
