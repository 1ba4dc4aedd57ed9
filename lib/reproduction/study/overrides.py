"""Settings that a person may change for one run, without editing a profile."""

from collections.abc import Callable
from typing import Any

from partial_unlearning.errors import InputError
from pydantic import ValidationError

from reproduction.study.profiles import Profile

Raw = dict[str, Any]
Value = str | float | list[Any] | None


def _each_model(raw: Raw, family: str, change: Callable[[Raw], None]) -> None:
    for dataset in raw["datasets"].values():
        for settings in dataset["models"].values():
            if settings[family] is not None:
                change(settings[family])


def _models(raw: Raw, value: Value) -> None:
    wanted = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
    known = {name for dataset in raw["datasets"].values() for name in dataset["models"]}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError(f"unknown model {unknown[0]!r}; choose from {', '.join(sorted(known))}")
    for dataset in raw["datasets"].values():
        dataset["models"] = {k: v for k, v in dataset["models"].items() if k in wanted}


def _seeds(raw: Raw, value: Value) -> None:
    several = value.split(",") if isinstance(value, str) else value
    raw["seeds"] = several if isinstance(several, list) else [several]
    for part in ("figure_3", "figure_4", "sisa"):
        raw[part]["seeds"] = raw["seeds"]


def _share(raw: Raw, value: Value) -> None:
    _each_model(raw, "amnesiac", lambda settings: settings.update(protocol={"share": value}))


def _target_images(raw: Raw, value: Value) -> None:
    protocol = {"target_images": value}
    _each_model(raw, "amnesiac", lambda settings: settings.update(protocol=protocol))


def _target(raw: Raw, value: Value) -> None:
    for dataset in raw["datasets"].values():
        dataset["target"] = value


def _pruning(name: str) -> Callable[[Raw, Value], None]:
    def change(raw: Raw, value: Value) -> None:
        _each_model(raw, "amnesiac", lambda settings: settings["pruning"].update({name: value}))

    return change


OVERRIDES: dict[str, Callable[[Raw, Value], None]] = {
    "models": _models,
    "seeds": _seeds,
    "share": _share,
    "target_images": _target_images,
    "target": _target,
    "epochs": lambda raw, value: raw["training"].update(epochs=value),
    "batch_size": lambda raw, value: raw["training"].update(batch_size=value),
    "statistics": lambda raw, value: raw.update(statistics=value),
    "strategy": _pruning("strategy"),
    "prune_first": _pruning("first"),
    "prune_last": _pruning("last"),
}


def override(profile: Profile, changes: dict[str, Any]) -> Profile:
    """The profile with some settings changed; None means: as in the profile.

    Args:
        profile: the profile as it is on disk.
        changes: name of :data:`OVERRIDES` -> value.

    Raises:
        InputError: an unknown name, or a value that the setting cannot have.
    """
    raw = profile.model_dump()
    for name, value in changes.items():
        if name not in OVERRIDES:
            raise InputError(f"unknown parameter {name!r}; choose from {', '.join(OVERRIDES)}")
        if value is not None:
            OVERRIDES[name](raw, value)
    try:
        return Profile.model_validate(raw)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise InputError(f"{where} = {problem['input']!r}: {problem['msg']}") from error
