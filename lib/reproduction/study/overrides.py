"""Settings that a person may change for one run, without editing a profile."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import PositiveInt, TypeAdapter, ValidationError

from partial_unlearning.errors import InputError
from reproduction.study.profiles import (
    Buffers,
    Fraction,
    Label,
    Part,
    Profile,
    Rate,
    Seeds,
    Strategy,
)

Raw = dict[str, Any]
Value = str | float | list[Any] | None


@dataclass(frozen=True)
class Parameter:
    """A setting that may be changed: what checks a value is also what pages say of it.

    Attributes:
        meaning: in a few words.
        kind: the values it may have, as pydantic says it.
        example: one of them.
        paths: where in a profile it stands, once or more; a star is every one of its kind.
        field: where it stands in a run's configuration, if elsewhere than in the profile.
    """

    meaning: str
    kind: Any
    example: str
    paths: str
    field: str = ""

    @property
    def range(self) -> str:
        """The values it may have, in words."""
        return _in_words(TypeAdapter(self.kind).json_schema())


def _in_words(schema: dict[str, Any]) -> str:
    """What a JSON schema allows."""
    number = "a whole number" if schema.get("type") == "integer" else "a number"
    match schema:
        case {"enum": words}:
            return f"{', '.join(words[:-1])} or {words[-1]}"
        case {"items": {"type": "string"}}:
            return "names, with commas between them"
        case {"items": item}:
            return f"{_in_words(item)}, or several with commas between them, each once"
        case {"minimum": low, "maximum": high}:
            return f"{number} from {low:g} to {high:g}"
        case {"exclusiveMinimum": low, "maximum": high}:
            return f"{number} above {low:g} and at most {high:g}"
        case {"exclusiveMinimum": low}:
            return f"{number} above {low:g}"
        case {"minimum": low}:
            return f"{number}, at least {low:g}"
    raise ValueError(f"no words for {schema}")


MODELS = "datasets.*.models.*"
FLIPPING, ASCENT = f"{MODELS}.label_flipping", f"{MODELS}.optimization"
PLACEMENT = f"{MODELS}.amnesiac.target_placement"
PRUNING = f"{MODELS}.amnesiac.pruning"
WITH_SEEDS = (
    *("figure_3", "figure_4", "sisa", "forgotten", "membership", "persons", "peers", "frontier"),
    "rule_of_thumb",
)
"""Parts of a profile with seeds of their own."""


def _moved(name: str, layer: str) -> Parameter:
    paths = f"{FLIPPING}.proposed.{name} {ASCENT}.proposed.{name}"
    meaning = f"part of the {layer} layer's weights that a step of the proposed method moves"
    return Parameter(meaning, Fraction, "0.5", paths, name)


def _pruned(name: str, layer: str, example: str) -> Parameter:
    meaning = f"part of the {layer} layer's update that is pruned away"
    return Parameter(meaning, Fraction, example, f"{PRUNING}.{name}", f"pruning.{name}")


PARAMETERS = {
    "models": Parameter("networks that are run", tuple[str, ...], "LeNet", MODELS, "model"),
    "seeds": Parameter(
        "one training for each of these seeds",
        Seeds,
        "0,1,2",
        f"seeds {MODELS}.seeds {' '.join(f'{name}.seeds' for name in WITH_SEEDS)}",
        "seed",
    ),
    "affected_fraction": Parameter(
        "part of an epoch's batches that may hold target images; 1 is plain shuffling",
        Part,
        "0.5",
        PLACEMENT,
        "target_placement.affected_fraction",
    ),
    "target_images": Parameter(
        "so many target images are trained on, plainly shuffled",
        PositiveInt,
        "100",
        PLACEMENT,
        "target_placement.target_images",
    ),
    "target": Parameter("class to forget", Label, "7", "datasets.*.target", "target"),
    "epochs": Parameter("epochs of training", PositiveInt, "4", "training.epochs"),
    "batch_size": Parameter("images a batch", PositiveInt, "64", "training.batch_size"),
    "buffers": Parameter(
        "what amnesiac unlearning does with batch normalisation's running statistics",
        Buffers,
        "subtract",
        "buffers",
    ),
    "strategy": Parameter(
        "which entries of an update pruning keeps",
        Strategy,
        "layer_magnitude",
        f"{PRUNING}.strategy",
        "pruning.strategy",
    ),
    "sparsity_first": _pruned("sparsity_first", "first", "0.95"),
    "sparsity_last": _pruned("sparsity_last", "last", "0.3"),
    "fraction_first": _moved("fraction_first", "first"),
    "fraction_last": _moved("fraction_last", "last"),
    "learning_rate": Parameter(
        "learning rate of the unlearning steps, of every arm",
        Rate,
        "0.01",
        f"{FLIPPING}.*.learning_rate {ASCENT}.*.learning_rate",
        "learning_rate",
    ),
}
"""What can be changed: :func:`checked` refuses values by it, and pages print it."""

FRACTIONS = ("fraction_first", "fraction_last")
"""Of the proposed arm; the others keep theirs."""

LISTS = ("models", "seeds")
PLACEMENTS = ("affected_fraction", "target_images")
"""A placement is one of these with its value, so that either takes the other's place."""

NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
"""A decimal number as YAML 1.2 writes it."""


def checked(name: str, value: Value) -> Any:  # noqa: ANN401 (of the parameter's kind)
    """The value of a parameter as a profile holds it.

    Raises:
        InputError: an unknown name, or a value that the parameter cannot have; it says its range.
    """
    if name not in PARAMETERS:
        raise InputError(f"unknown parameter {name!r}; choose from {', '.join(PARAMETERS)}")
    parameter = PARAMETERS[name]
    given = _parts(value) if name in LISTS else value
    if all(map(_is_plain, given if isinstance(given, list) else [given])):
        with suppress(ValidationError):
            return TypeAdapter(parameter.kind).validate_python(given)
    raise InputError(f"{name} = {given!r}: give {parameter.range} ({parameter.meaning})")


def _parts(value: Value) -> Value:
    """A list as it is; of a text, what stands between its commas."""
    if isinstance(value, bool | list):
        return value
    return [part.strip() for part in str(value).split(",")]


def _is_plain(value: object) -> bool:
    """Not so a truth value, nor a word that Python takes for a number: 1_000, inf, Thai digits."""
    if not isinstance(value, str) or NUMBER.fullmatch(value):
        return not isinstance(value, bool)
    try:
        float(value)
    except ValueError:
        return True
    return False


def override(profile: Profile, changes: dict[str, Any]) -> Profile:
    """The profile with settings changed, by the names of :data:`PARAMETERS`.

    None changes nothing.

    Raises:
        InputError: as :func:`checked`, or for a model that the profile does not have.
    """
    raw = profile.model_dump()
    for name, value in changes.items():
        if value is None and name in PARAMETERS:
            continue
        setting = checked(name, value)
        if name == "models":
            _keep_models(raw, setting)
            continue
        for path in PARAMETERS[name].paths.split():
            _put(raw, path.split("."), {name: setting} if name in PLACEMENTS else setting)
    return Profile.model_validate(raw)


def _keep_models(raw: Raw, wanted: tuple[str, ...]) -> None:
    known = [name for dataset in raw["datasets"].values() for name in dataset["models"]]
    if not wanted or any(name not in known for name in wanted):
        raise InputError(f"models = {list(wanted)}: choose from {', '.join(sorted(set(known)))}")
    for dataset in raw["datasets"].values():
        dataset["models"] = {k: v for k, v in dataset["models"].items() if k in wanted}


def _put(settings: Raw, path: list[str], value: object) -> None:
    """Set what lies at ``path``, but where something on the way was never chosen."""
    first, *rest = path
    for name in settings if first == "*" else [first]:
        if not rest:
            settings[name] = value
        elif settings[name] is not None:
            _put(settings[name], rest, value)
