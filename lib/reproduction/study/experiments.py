"""Which runs an experiment of the paper is made of."""

from collections.abc import Callable, Container, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from partial_unlearning.errors import InputError
from reproduction import paper
from reproduction.study.arms import PAPER_ARMS, SAME_RATE
from reproduction.study.configs import Config
from reproduction.study.kinds import GRADIENT, TABLES, Table, configured
from reproduction.study.profiles import VARIATIONS, CrowdRun, ModelSettings, Profile, Variation


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
        "model": model,
        "width": settings.models[model].width,
        "seed": seed,
        "training": profile.training,
    }


def seeds_of(profile: Profile, settings: ModelSettings) -> tuple[int, ...]:
    """The seeds of a model's runs in the tables."""
    return settings.seeds or profile.seeds


def _models(profile: Profile, dataset: str) -> Iterator[tuple[str, ModelSettings, int]]:
    """Each model on a data set with its settings, once for each of its seeds."""
    for model, settings in profile.datasets[dataset].models.items():
        for seed in seeds_of(profile, settings):
            yield model, settings, seed


def _amnesiac(profile: Profile, dataset: str, placed: str = "amnesiac") -> list[Config]:
    """Amnesiac unlearning under one of the two placements of target images.

    What fine-tuning brings back is asked once, under the placement of the paper's tables.
    """
    at, found = profile.comparison, []
    for model, settings, seed in _models(profile, dataset):
        chosen = getattr(settings, placed)
        if chosen is not None:
            own = chosen.model_dump() | {
                "buffers": profile.buffers,
                "target_images": at.target_images,
                "levels": at.levels,
                "test_levels": at.test_levels,
                "primary": at.primary,
                "fine_tuning": at.fine_tuning if placed == "amnesiac" else (),
            }
            base = base_config(profile, dataset, model, seed)
            found.append(configured("amnesiac", **base, **own))
    return found


def _gradient(
    profile: Profile, table: Table, arms: Container[str], chosen_as: str = ""
) -> list[Config]:
    """These arms of a family of gradient steps, as far as settings were chosen for them.

    ``chosen_as`` ends the name of the settings, such as ``_beyond``.
    """
    at, found = profile.comparison, []
    for model, settings, seed in _models(profile, table.dataset):
        for arm, chosen in (getattr(settings, f"{table.family}{chosen_as}") or {}).items():
            if arm in arms:
                own = chosen.model_dump() | {
                    "arm": arm,
                    "target_images": at.target_images,
                    "levels": at.levels if arm in PAPER_ARMS else (at.primary,),
                    "test_levels": at.test_levels,
                    "published": _printed_d_t(table, model, arm),
                    "max_steps": at.max_steps,
                }
                base = base_config(profile, table.dataset, model, seed)
                found.append(configured(table.family, **base, **own))
    return found


def _printed_d_t(table: Table, model: str, arm: str) -> float | None:
    """The paper's D_t cell of one of its two methods."""
    return paper.cell(table.number, model, arm).d_t if arm in PAPER_ARMS else None


def _table(number: int, profile: Profile) -> list[Config]:
    """The runs of a table's two methods, the model they start from, and its retrained twin."""
    table = TABLES[number]
    if table.family == "amnesiac":
        compared, beside = _amnesiac(profile, table.dataset), ("retrained",)
    else:
        compared, beside = _gradient(profile, table, PAPER_ARMS), ("trained", "retrained")
    pairs = dict.fromkeys((config.model, config.seed) for config in compared)
    bases = [base_config(profile, table.dataset, *pair) for pair in pairs]
    return [*compared, *(configured(name, **base) for name in beside for base in bases)]


def _kept_images(profile: Profile) -> list[Config]:
    """Tables 1 and 2 under the second placement: 100 target images kept, plainly shuffled."""
    found = [_amnesiac(profile, dataset, "kept_images") for dataset in profile.datasets]
    return list(chain(*found))


def _varied(profile: Profile, dataset: str, model: str, variation: Variation) -> Profile:
    """The profile with other assumptions, and this model alone on a data set."""
    change = variation.models[dataset][model]
    training = change.model_dump(include={"optimizer", "learning_rate"}, exclude_none=True)
    own = change.model_dump(include={"width"}, exclude_none=True) | {"seeds": variation.seeds}
    data = profile.datasets[dataset]
    alone = {"models": {model: data.models[model].model_copy(update=own)}}
    return profile.model_copy(
        update={
            "datasets": {dataset: data.model_copy(update=alone)},
            "training": profile.training.model_copy(update=training),
            "comparison": profile.comparison.model_copy(update={"fine_tuning": ()}),
        }
    )


def _variation(name: str, profile: Profile) -> list[Config]:
    """Amnesiac unlearning under another assumption, where the profile has it."""
    variation = profile.variations.get(name)
    if variation is None:
        return []
    rows = [
        (dataset, model)
        for dataset, models in variation.models.items()
        for model in models
        if model in profile.datasets[dataset].models
    ]
    return list(chain(*(_amnesiac(_varied(profile, *row, variation), row[0]) for row in rows)))


def _controls(family: str, profile: Profile) -> list[Config]:
    """The control arms of a family of gradient steps, on both data sets."""
    tables = [table for table in TABLES.values() if table.family == family]
    controls = (*profile.comparison.controls, SAME_RATE)
    found = [_gradient(profile, table, controls) for table in tables]
    return list(chain(*found))


def _rates_beyond(profile: Profile) -> list[Config]:
    """The paper's methods of gradient steps at rates beyond the grid, where these do better.

    On the complete data alone: what a small sample says of them stands on no page.
    """
    complete = profile.source == "complete"
    tables = [table for table in TABLES.values() if complete and table.family in GRADIENT]
    return list(chain(*(_gradient(profile, table, PAPER_ARMS, "_beyond") for table in tables)))


def _figure_3(profile: Profile) -> list[Config]:
    wanted = profile.figure_3
    known = profile.datasets[wanted.dataset].models
    settings = known.get(wanted.model, ModelSettings()).amnesiac
    if settings is None:
        return []
    own = settings.model_dump() | {"buffers": profile.buffers, "images": wanted.images}
    bases = [base_config(profile, wanted.dataset, wanted.model, seed) for seed in wanted.seeds]
    targets = [{"target": target} for target in wanted.targets]
    return [configured("maps", **base | own | target) for target in targets for base in bases]


def _figure_4(profile: Profile) -> list[Config]:
    wanted = profile.figure_4
    at = profile.comparison
    common = {
        "buffers": profile.buffers,
        "target_images": at.target_images,
        "levels": (at.primary,),
    }
    return [
        configured("shares", **base, **common, pruning=settings.pruning, affected_fraction=part)
        for dataset, model in wanted.models.items()
        if (own := profile.datasets[dataset].models.get(model)) and (settings := own.amnesiac)
        for part in wanted.affected_fractions
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


def _frontier(profile: Profile) -> list[Config]:
    """Trials on held-out images, and the runs that are judged, of models that have a pruning."""
    wanted, at = profile.frontier, profile.comparison
    kinds = {"frontier_tuning": wanted.trial_seeds, "frontier": wanted.seeds}
    found = []
    for dataset, settings in profile.datasets.items():
        for model, own in settings.models.items():
            if model not in wanted.models or own.amnesiac is None:
                continue
            common = own.amnesiac.model_dump() | {
                "fractions": wanted.fractions,
                "target_images": at.target_images,
                "level": at.primary,
            }
            for kind, seeds in kinds.items():
                held_out = {"held_out": True} if kind == "frontier_tuning" else {}
                bases = [base_config(profile, dataset, model, seed) for seed in seeds]
                found += [configured(kind, **base, **common, **held_out) for base in bases]
    return found


def _rule_of_thumb(profile: Profile) -> list[Config]:
    """The map's trainings, and the retrained twin of each seed."""
    wanted, at = profile.rule_of_thumb, profile.comparison
    common = {"kept": wanted.kept, "target_images": at.target_images, "level": at.primary}
    known = profile.datasets[wanted.dataset].models
    bases = [
        base_config(profile, wanted.dataset, model, seed)
        for model in wanted.models
        if model in known
        for seed in wanted.seeds
    ]
    parts = wanted.affected_fractions
    return [configured("retrained", **base) for base in bases] + [
        configured("rule_of_thumb", **base, **common, affected_fraction=part)
        for base in bases
        for part in parts
    ]


def _forgotten(profile: Profile) -> list[Config]:
    """Every method of the tables, as far as all of them have settings for a model."""
    wanted, at = profile.forgotten, profile.comparison
    own = wanted.model_dump(exclude={"models", "seeds"})
    own |= at.model_dump(include={"target_images", "primary", "max_steps"})
    found = []
    for dataset, models in wanted.models.items():
        for model in models:
            settings = profile.datasets[dataset].models.get(model, ModelSettings())
            families = {name: getattr(settings, name) for name in GRADIENT}
            if settings.amnesiac is None or not all(families.values()):
                continue
            gradient = {n: {arm: arms[arm] for arm in PAPER_ARMS} for n, arms in families.items()}
            chosen = settings.amnesiac.model_dump() | {"buffers": profile.buffers}
            for seed in wanted.seeds:
                base = base_config(profile, dataset, model, seed)
                found.append(configured("forgotten", **base, **own, **chosen, gradient=gradient))
    return found


def _peers(profile: Profile) -> list[Config]:
    """Today's methods and the paper's, on each model that has settings for them."""
    at, found = profile.peers, []
    for dataset, model in ((d, model) for d, models in at.models.items() for model in models):
        settings = profile.datasets[dataset].models.get(model, ModelSettings())
        if settings.peers and settings.amnesiac:
            families = {name: getattr(settings, name) for name in GRADIENT}
            own = settings.amnesiac.model_dump() | {
                "buffers": profile.buffers,
                "gradient": {n: {arm: f[arm] for arm in PAPER_ARMS} for n, f in families.items()},
                "peers": settings.peers,
                "target_images": profile.comparison.target_images,
                "level": profile.comparison.primary,
                "images": at.images,
                "steps": at.steps,
            }
            bases = [base_config(profile, dataset, model, seed) for seed in at.seeds]
            found += [configured("peers", **base, **own) for base in bases]
    return found


def _paper_arms(profile: Profile, dataset: str, model: str) -> dict[str, Any] | None:
    """Pruning and gradient arms as they were tuned for a model; None where something was not."""
    settings = profile.datasets[dataset].models.get(model, ModelSettings())
    families = {name: getattr(settings, name) for name in GRADIENT}
    if settings.amnesiac is None or not all(families.values()):
        return None
    gradient = {name: {arm: arms[arm] for arm in PAPER_ARMS} for name, arms in families.items()}
    return {"pruning": settings.amnesiac.pruning, "gradient": gradient}


def _population_attacks(profile: Profile) -> list[Config]:
    wanted, at, found = profile.membership, profile.comparison, []
    own = at.model_dump(include={"target_images", "primary", "max_steps"})
    for dataset, models in wanted.models.items():
        for model in models:
            if arms := _paper_arms(profile, dataset, model):
                placement = profile.datasets[dataset].models[model].amnesiac.target_placement
                arms |= own | {"withheld": wanted.withheld, "target_placement": placement}
                bases = (base_config(profile, dataset, model, seed) for seed in wanted.seeds)
                found += [configured("membership", **base, **arms) for base in bases]
    return found


def _crowds(profile: Profile, runs: Iterable[CrowdRun]) -> list[Config]:
    """Many trainings a run; each has the seed 0, which all its trainings' seeds follow from."""
    own = profile.crowds.model_dump(include={"images", "unseen", "max_steps"})
    dataset, found = profile.crowds.dataset, []
    for run in runs:
        if arms := _paper_arms(profile, dataset, run.model):
            base = base_config(profile, dataset, run.model, 0)
            fields = run.model_dump(exclude={"model"})
            found.append(configured("crowd", **base, **arms, **own, **fields))
    return found


def _membership(profile: Profile) -> list[Config]:
    return _crowds(profile, profile.crowds.membership) + _population_attacks(profile)


def _persons(profile: Profile) -> list[Config]:
    wanted = profile.persons
    arms = _paper_arms(profile, wanted.dataset, wanted.model)
    if arms is None:
        return []
    arms |= wanted.model_dump(exclude={"dataset", "model", "seeds"})
    bases = (base_config(profile, wanted.dataset, wanted.model, seed) for seed in wanted.seeds)
    found = [configured("persons", **base, **arms) for base in bases]
    return found + _crowds(profile, profile.crowds.persons)


EXPERIMENTS: dict[str, Callable[[Profile], list[Config]]] = {
    **{f"table_{number}": partial(_table, number) for number in TABLES},
    "figure_1": partial(_amnesiac, dataset="mnist"),
    "figure_2": partial(_amnesiac, dataset="organamnist"),
    "figure_3": _figure_3,
    "figure_4": _figure_4,
    "kept_images": _kept_images,
    **{f"controls_{family}": partial(_controls, family) for family in GRADIENT},
    "rates_beyond": _rates_beyond,
    "sisa": _sisa,
    **{f"variation_{name}": partial(_variation, name) for name in VARIATIONS},
    "forgotten": _forgotten,
    "membership": _membership,
    "persons": _persons,
    "peers": _peers,
    "frontier": _frontier,
    "rule_of_thumb": _rule_of_thumb,
}


def configs_of(name: str, profile: Profile) -> list[Config]:
    """The configurations of an experiment.

    Raises:
        InputError: unknown name.
    """
    if name not in EXPERIMENTS:
        raise InputError(f"unknown experiment {name!r}; choose from {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name](profile)
