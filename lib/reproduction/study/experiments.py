"""Which runs an experiment of the paper is made of."""

from collections.abc import Callable
from functools import partial
from typing import Any

from partial_unlearning.errors import InputError
from reproduction.study.configs import Config, PairConfig
from reproduction.study.kinds import PAIRS, TABLES, configured
from reproduction.study.profiles import GradientSettings, ModelSettings, Profile


def base_config(profile: Profile, dataset: str, model: str, seed: int) -> dict[str, Any]:
    """The fields that every configuration on a data set with a model has in common."""
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
        "columns": settings.columns,
        "model": model,
        "width": settings.models[model].width,
        "seed": seed,
        "training": profile.training,
        "statistics": profile.statistics,
    }


def family_settings(settings: ModelSettings, family: str) -> dict[str, Any] | None:
    """The settings of a family of methods, None where none were chosen."""
    chosen = getattr(settings, family)
    return None if chosen is None else chosen.model_dump()


def _family_configs(profile: Profile, family: str, dataset: str) -> list[Config]:
    """One configuration for each model and seed that has settings for this family."""
    return [
        configured(family, **base_config(profile, dataset, model, seed), **chosen)
        for model, settings in profile.datasets[dataset].models.items()
        if (chosen := family_settings(settings, family)) is not None
        for seed in profile.seeds
    ]


def _table(number: int, profile: Profile) -> list[Config]:
    """The runs of a table's family, and their retrained references."""
    family, dataset = TABLES[number].family, TABLES[number].dataset
    compared = _family_configs(profile, family, dataset)
    bases = [base_config(profile, dataset, c.model, c.seed) for c in compared]
    return [*compared, *(configured("retrained", **base) for base in bases)]


def _under(protocol: dict[str, float], profile: Profile) -> list[Config]:
    """The runs of Table 1's two smaller models under another batch protocol."""
    found = _family_configs(profile, "amnesiac", "mnist")
    smaller = [config for config in found if config.model in ("MLP", "LeNet")]
    return [config.model_copy(update={"protocol": protocol}) for config in smaller]


def _ablation(
    change: Callable[[PairConfig], GradientSettings], family: str, profile: Profile
) -> list[Config]:
    """The runs of a family with another proposed method, made from both sides' settings."""
    found = [c for dataset in profile.datasets for c in _family_configs(profile, family, dataset)]
    return [config.model_copy(update={"proposed": change(config)}) for config in found]


def _turned(config: PairConfig) -> GradientSettings:
    """The proposed method with its depth schedule turned round."""
    ends = {"first": config.proposed.last, "last": config.proposed.first}
    return config.proposed.model_copy(update=ends)


def _same_step(config: PairConfig) -> GradientSettings:
    """The proposed method's masks with the optimizer and the rate of the naive method."""
    ends = {"first": config.proposed.first, "last": config.proposed.last}
    return config.baseline.model_copy(update=ends)


def _figure_3(profile: Profile) -> list[Config]:
    wanted = profile.figure_3
    settings = profile.datasets[wanted.dataset].models[wanted.model].amnesiac
    if settings is None:
        return []
    own = {"protocol": settings.protocol, "pruning": settings.pruning, "images": wanted.images}
    bases = [base_config(profile, wanted.dataset, wanted.model, seed) for seed in wanted.seeds]
    targets = [{"target": target} for target in wanted.targets]
    return [configured("maps", **base | own | target) for target in targets for base in bases]


def _figure_4(profile: Profile) -> list[Config]:
    wanted = profile.figure_4
    return [
        configured("shares", **base, pruning=settings.pruning, share=share)
        for dataset, model in wanted.models.items()
        if (settings := profile.datasets[dataset].models[model].amnesiac) is not None
        for share in wanted.shares
        for base in (base_config(profile, dataset, model, seed) for seed in wanted.seeds)
    ]


def _sisa(profile: Profile) -> list[Config]:
    wanted = profile.sisa
    bases = [base_config(profile, wanted.dataset, wanted.model, seed) for seed in wanted.seeds]
    return [
        configured("sisa", **base, slice_epochs=wanted.epochs, partition=partition, **design)
        for design in ({"shards": shards, "slices": slices} for shards, slices in wanted.designs)
        for partition in ("iid", "by class")
        for base in bases
    ]


EXPERIMENTS: dict[str, Callable[[Profile], list[Config]]] = {
    **{f"table_{number}": partial(_table, number) for number in TABLES},
    "figure_1": partial(_family_configs, family="amnesiac", dataset="mnist"),
    "figure_2": partial(_family_configs, family="amnesiac", dataset="organamnist"),
    "figure_3": _figure_3,
    "figure_4": _figure_4,
    "plain_shuffle": partial(_under, {"share": 1.0}),
    "kept_images": partial(_under, {"target_images": 100}),
    **{f"turned_{family}": partial(_ablation, _turned, family) for family in PAIRS},
    **{f"same_step_{family}": partial(_ablation, _same_step, family) for family in PAIRS},
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
