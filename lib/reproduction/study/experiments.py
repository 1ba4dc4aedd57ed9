"""The families of methods, and which runs an experiment of the paper is made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from partial_unlearning.errors import InputError
from pydantic import BaseModel

from reproduction.study.profiles import Amnesiac, ModelSettings, Pair, Profile
from reproduction.study.stored_runs import Config


@dataclass(frozen=True)
class Family:
    """A family of unlearning methods, everything that is particular to it.

    Attributes:
        name: of its runs, and of its settings in a profile (a field of :class:`ModelSettings`).
        tables: data set -> number of the table that compares its methods.
        run: "module:function" in :mod:`reproduction.study.runs` that makes a run.
        settings: what a profile says of it for one model; a :class:`Pair` where the naive and the
            partial method take gradient steps from the same trained model.
        trials: the runs that tuning makes for it, name -> "module:function".
    """

    name: str
    tables: dict[str, int]
    run: str
    settings: type[BaseModel]
    trials: dict[str, str] = field(default_factory=dict)

    @property
    def is_pair(self) -> bool:
        """Whether both methods take gradient steps from the same trained model."""
        return self.settings is Pair


FAMILIES = {
    family.name: family
    for family in (
        Family(
            "amnesiac",
            tables={"mnist": 1, "organamnist": 2},
            run="amnesiac:run",
            settings=Amnesiac,
            trials={"tune_protocol": "trials:protocol", "tune_pruning": "trials:pruning"},
        ),
        Family(
            "label_flipping",
            tables={"mnist": 3, "organamnist": 4},
            run="gradient:run",
            settings=Pair,
            trials={"tune_label_flipping": "trials:descent"},
        ),
        Family(
            "optimization",
            tables={"mnist": 5, "organamnist": 6},
            run="gradient:run",
            settings=Pair,
            trials={"tune_optimization": "trials:descent"},
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


def base_config(profile: Profile, dataset: str, model: str, seed: int) -> Config:
    """What every run on a data set with a model has in common."""
    if dataset not in profile.datasets or model not in profile.datasets[dataset].models:
        known = {name: list(settings.models) for name, settings in profile.datasets.items()}
        raise InputError(
            f"profile {profile.name} has no model {model!r} on {dataset!r}; it has {known}"
        )
    settings = profile.datasets[dataset]
    return {
        "source": profile.source,
        "dataset": dataset,
        "target": settings.target,
        "columns": list(settings.columns),
        "model": model,
        "width": settings.models[model].width,
        "seed": seed,
        "training": profile.training.model_dump(),
        "statistics": profile.statistics,
    }


def family_settings(settings: ModelSettings, family: str) -> dict[str, Any] | None:
    """The settings of a family of methods, None where none were chosen."""
    chosen = getattr(settings, family)
    return None if chosen is None else chosen.model_dump()


def _family_configs(profile: Profile, family: str, dataset: str) -> list[Config]:
    """One configuration for each model and seed that has settings for this family."""
    return [
        {**base_config(profile, dataset, model, seed), "experiment": family, **chosen}
        for model, settings in profile.datasets[dataset].models.items()
        if (chosen := family_settings(settings, family)) is not None
        for seed in profile.seeds
    ]


def _retrained(config: Config) -> Config:
    """The reference run for a configuration: the same model and seed without the target data."""
    own = FAMILIES[config["experiment"]].settings.model_fields
    kept = {key: value for key, value in config.items() if key not in own}
    return {**kept, "experiment": "retrained"}


def _table(number: int) -> Callable[[Profile], list[Config]]:
    table = TABLES[number]

    def configs(profile: Profile) -> list[Config]:
        compared = _family_configs(profile, table.family, table.dataset)
        return [*compared, *map(_retrained, compared)]

    return configs


def _under(protocol: dict[str, float]) -> Callable[[Profile], list[Config]]:
    """The runs of Table 1's two smaller models under another batch protocol."""

    def configs(profile: Profile) -> list[Config]:
        return [
            {**config, "protocol": protocol}
            for config in _family_configs(profile, "amnesiac", "mnist")
            if config["model"] in ("MLP", "LeNet")
        ]

    return configs


Method = dict[str, Any]


def _with_proposed(
    family: str, change: Callable[[Method, Method], Method]
) -> Callable[[Profile], list[Config]]:
    """The runs of a family with another proposed method, made from both sides' settings."""

    def configs(profile: Profile) -> list[Config]:
        return [
            {**config, "proposed": change(config["baseline"], config["proposed"])}
            for dataset in profile.datasets
            for config in _family_configs(profile, family, dataset)
        ]

    return configs


def _turned(baseline: Method, proposed: Method) -> Method:
    """The proposed method with its depth schedule turned round."""
    return {**proposed, "first": proposed["last"], "last": proposed["first"]}


def _same_step(baseline: Method, proposed: Method) -> Method:
    """The proposed method's masks with the optimizer and the rate of the naive method."""
    return {**baseline, "first": proposed["first"], "last": proposed["last"]}


def _figure_3(profile: Profile) -> list[Config]:
    wanted = profile.figure_3
    settings = profile.datasets[wanted.dataset].models[wanted.model].amnesiac
    return [
        {
            **base_config(profile, wanted.dataset, wanted.model, seed),
            "experiment": "maps",
            **settings.model_dump(include={"protocol", "pruning"}),
            "target": target,
            "images": wanted.images,
        }
        for target in wanted.targets
        for seed in wanted.seeds
        if settings is not None
    ]


def _figure_4(profile: Profile) -> list[Config]:
    return [
        {
            **base_config(profile, dataset, model, seed),
            "experiment": "shares",
            "pruning": settings.pruning.model_dump(),
            "share": share,
        }
        for dataset, model in profile.figure_4.models.items()
        if (settings := profile.datasets[dataset].models[model].amnesiac) is not None
        for share in profile.figure_4.shares
        for seed in profile.figure_4.seeds
    ]


def _sisa(profile: Profile) -> list[Config]:
    wanted = profile.sisa
    return [
        {
            **base_config(profile, wanted.dataset, wanted.model, seed),
            "experiment": "sisa",
            "shards": shards,
            "slices": slices,
            "slice_epochs": wanted.epochs,
            "partition": partition,
        }
        for shards, slices in wanted.designs
        for partition in ("iid", "by class")
        for seed in wanted.seeds
    ]


EXPERIMENTS: dict[str, Callable[[Profile], list[Config]]] = {
    **{f"table_{number}": _table(number) for number in TABLES},
    "figure_1": lambda profile: _family_configs(profile, "amnesiac", "mnist"),
    "figure_2": lambda profile: _family_configs(profile, "amnesiac", "organamnist"),
    "figure_3": _figure_3,
    "figure_4": _figure_4,
    "plain_shuffle": _under({"share": 1.0}),
    "kept_images": _under({"target_images": 100}),
    **{f"turned_{family}": _with_proposed(family, _turned) for family in PAIRS},
    **{f"same_step_{family}": _with_proposed(family, _same_step) for family in PAIRS},
    "sisa": _sisa,
}


def configs_of(name: str, profile: Profile) -> list[Config]:
    """The configurations of an experiment.

    Raises:
        InputError: unknown name.
    """
    if name not in EXPERIMENTS:
        raise InputError(f"unknown experiment {name!r}; choose from {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name](profile)
