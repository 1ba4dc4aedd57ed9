"""Settings that a person may change for one run, without editing a profile."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from partial_unlearning.errors import InputError
from reproduction.study.profiles import Profile

Raw = dict[str, Any]
Value = str | float | list[Any] | None

MODELS = "datasets.*.models.*"
FLIPPING, ASCENT = f"{MODELS}.label_flipping", f"{MODELS}.optimization"
FRACTIONS = ("fraction_first", "fraction_last")
PLACEMENT = f"{MODELS}.amnesiac.target_placement"
PATHS = {
    "seeds": f"seeds {MODELS}.seeds figure_3.seeds figure_4.seeds sisa.seeds forgotten.seeds "
    "membership.seeds persons.seeds peers.seeds frontier.seeds rule_of_thumb.seeds",
    "affected_fraction": PLACEMENT,
    "target_images": PLACEMENT,
    "target": "datasets.*.target",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "buffers": "buffers",
    "strategy": f"{MODELS}.amnesiac.pruning.strategy",
    "sparsity_first": f"{MODELS}.amnesiac.pruning.sparsity_first",
    "sparsity_last": f"{MODELS}.amnesiac.pruning.sparsity_last",
    **{name: f"{FLIPPING}.proposed.{name} {ASCENT}.proposed.{name}" for name in FRACTIONS},
    "learning_rate": f"{FLIPPING}.*.learning_rate {ASCENT}.*.learning_rate",
}
"""Where in a profile each setting stands, once or more; a star is every one of its kind."""

PLACEMENTS = ("affected_fraction", "target_images")
"""A placement is one of these with its value, so that either takes the other's place."""

NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
"""A decimal number as YAML 1.2 writes it."""

OVERRIDES = ("models", *PATHS)


def override(profile: Profile, changes: dict[str, Any]) -> Profile:
    """The profile with settings changed, by the names of :data:`OVERRIDES`; None changes nothing.

    Raises:
        InputError: an unknown name, or a value that the setting cannot have.
    """
    raw = profile.model_dump()
    for name, value in changes.items():
        if name not in OVERRIDES:
            raise InputError(f"unknown parameter {name!r}; choose from {', '.join(OVERRIDES)}")
        if value is not None:
            _change(raw, name, value)
    try:
        return Profile.model_validate(raw)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise InputError(f"{where} = {problem['input']!r}: {problem['msg']}") from error


def _change(raw: Raw, name: str, value: Value) -> None:
    if isinstance(value, bool):  # which is 1 or 0 for Python
        raise InputError(f"{name} = {value!r}: a setting is a number or a word")
    if name in ("models", "seeds") and not isinstance(value, list):
        value = [part.strip() for part in str(value).split(",")]
    _check_numbers(name, value if isinstance(value, list) else [value])
    if name == "models":
        _keep_models(raw, value)
    else:
        for path in PATHS[name].split():
            _put(raw, path.split("."), {name: value} if name in PLACEMENTS else value)


def _check_numbers(name: str, values: Iterable[object]) -> None:
    """Refuse a word that Python would take for a number, such as 1_000, inf or digits of Thai."""
    for text in values:
        if isinstance(text, str) and not NUMBER.fullmatch(text):
            try:
                float(text)
            except ValueError:
                continue
            raise InputError(f"{name} = {text!r}: write a number in plain digits, such as 1000")


def _keep_models(raw: Raw, wanted: list[Any]) -> None:
    known = [name for dataset in raw["datasets"].values() for name in dataset["models"]]
    if not wanted or any(name not in known for name in wanted):
        raise InputError(f"models = {wanted}: choose from {', '.join(sorted(set(known)))}")
    for dataset in raw["datasets"].values():
        dataset["models"] = {k: v for k, v in dataset["models"].items() if k in wanted}


def _put(settings: Raw, path: list[str], value: Value | Raw) -> None:
    """Set what lies at ``path``, but where something on the way was never chosen."""
    first, *rest = path
    for name in settings if first == "*" else [first]:
        if not rest:
            settings[name] = value
        elif settings[name] is not None:
            _put(settings[name], rest, value)
