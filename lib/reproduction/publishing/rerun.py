"""Pages with other values: the parameters a page has, what they may be, and the commands."""

from collections.abc import Mapping, Sequence
from typing import Any

from partial_unlearning.errors import InputError
from reproduction.chapters.tables import NONE, Table, simple_table
from reproduction.study import profiles
from reproduction.study.configs import Config
from reproduction.study.experiments import EXPERIMENTS, configs_of
from reproduction.study.overrides import FRACTIONS, LISTS, PARAMETERS, checked
from reproduction.study.stored_runs import find

Values = Mapping[str, Any]

OF_CHAPTERS = {
    "amnesiac": ("figure_4",),
    "partial_amnesiac": ("figure_1", "figure_2", "kept_images"),
    "label_flipping": ("table_3", "table_4", "controls_label_flipping"),
    "optimization": ("table_5", "table_6", "controls_optimization"),
    "beside_the_twin": ("forgotten",),
    "features": ("forgotten",),
}
"""The experiments that a page shows which is not named after one."""


PRUNING = ("sparsity_first", "sparsity_last")
"""What is most often asked of a page that has them."""

TEXT = """## Run this page with other values

{table}

At the root of the repository, after `make install`:

```sh
.venv/bin/python -m reproduction {execute}
.venv/bin/python -m reproduction {build}
```

The page is then `_build/{profile}/html/notebooks/{page}.html`.{sample}
{more}`make lab` opens all notebooks in JupyterLab.
"""
SAMPLE = """ Without `{under}`, in both commands, it is made from the
images of the repository, much faster: `_build/{own}/html/notebooks/{page}.html`."""
MORE = """Each `-p NAME=VALUE` changes one of them. What is not stored is trained first. The
page shows it in its grey parts, and says at its top what it was made with. {time}"""


def _configs(page: str, profile: str) -> list[Config]:
    """The runs of a page."""
    shown = [page] if page in EXPERIMENTS else OF_CHAPTERS.get(page, ())
    settings = profiles.load_profile(profile)
    return [config for name in shown for config in configs_of(name, settings)]


def accepted(page: str, own: Values, profile: str, given: Values) -> dict[str, Any]:
    """Values for the parameters of a page, as its notebook takes them.

    Args:
        page: its name.
        own: what its notebook's cell of parameters assigns, without what its template fixes.
        profile: of the settings.
        given: by a person.

    Raises:
        InputError: the page has no such parameter, or the value is outside its range.
    """
    known = [name for name in own if name != "profile"]
    if unknown := [name for name in given if name not in known]:
        raise InputError(
            f"notebook {page} has no parameter {', '.join(unknown)}; it has: "
            f"{', '.join(known) or 'no parameters'} (the profile is chosen with --profile)"
        )
    values = {
        name: checked(name, value) if name in PARAMETERS and value is not None else value
        for name, value in given.items()
    }
    _check_models(values.get("models") or (), _configs(page, profile))
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _check_models(wanted: Sequence[str], configs: Sequence[Config]) -> None:
    shown = _values("models", configs)
    if not set(wanted) <= set(shown):
        raise InputError(f"models = {list(wanted)}: choose from {', '.join(shown)}")


def _values(name: str, configs: Sequence[Config]) -> list[Any]:
    """The values that a parameter has in these runs, each once; tuning keeps its own seeds."""
    path, of_proposed = PARAMETERS[name].field, name in FRACTIONS
    if name == "seeds":
        configs = [c for c in configs if not getattr(c, "held_out", False)]
    found = [
        _read(config.model_dump(mode="json"), path)
        for config in configs
        if getattr(config, "arm", None) == "proposed" or not of_proposed
    ]
    return list(dict.fromkeys(value for value in found if value is not None))


def _read(fields: dict[str, Any], path: str) -> Any:  # noqa: ANN401 (what a run's field holds)
    """What lies at a path, None where a kind of run does not have it."""
    first, _, rest = path.partition(".")
    found = fields.get(first)
    return _read(found, rest) if rest and found else found


def _default(name: str, own: Values, configs: Sequence[Config]) -> str:
    """What the page is made with: the value of its notebook, else that of its runs."""
    if own[name] is not None:
        return str(own[name])
    found = _values(name, configs)
    if not found:
        return NONE
    if name == "models" or len(found) == 1:
        return ", ".join(map(str, found))
    return f"{min(found)} to {max(found)}" + (", by model" if name != "seeds" else "")


def _range(name: str, configs: Sequence[Config]) -> str:
    if name == "models":
        return f"some of {', '.join(_values(name, configs))}, with commas between them"
    return PARAMETERS[name].range


def section(page: str, own: Values, profile: str) -> str:
    """What a page says of its parameters, as Markdown.

    Args:
        page: its name.
        own: as for :func:`accepted`.
        profile: that the page is made under.
    """
    names = [name for name in own if name in PARAMETERS]
    under = f" --profile {profile}" if profile != own.get("profile", profile) else ""
    single = [name for name in names if name not in LISTS] or names
    changed = [name for name in single if name in PRUNING] or single[:1]
    example = "".join(f" -p {name}={PARAMETERS[name].example}" for name in changed)
    return TEXT.format(
        table=_table(names, own, _configs(page, profile)).html,
        execute=f"execute {page}{under}{example}",
        build=f"build{under}",
        page=page,
        profile=profile,
        sample=SAMPLE.format(under=under.strip(), own=own["profile"], page=page) if under else "",
        more=MORE.format(time=_time(_configs(page, profile), profile)) if names else "",
    )


def _time(configs: Sequence[Config], profile: str) -> str:
    """How long the stored runs of a page took, in a sentence."""
    runs = [find(profile, config) for config in configs]
    seconds = [run.provenance["seconds"] for run in runs if run]
    if not seconds:
        return ""
    minutes = sum(seconds) / 60
    took = f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
    whole = "" if len(seconds) == len(configs) else f" of {len(configs)}"
    return f"The {len(seconds)}{whole} runs that are stored took {took} of one core in all. "


def _table(names: Sequence[str], own: Values, configs: Sequence[Config]) -> Table:
    choices = ", ".join(profiles.names())
    what = "settings and data: full takes the complete sets, which --data names or are downloaded"
    rows = [("--profile", own["profile"], what, choices)] if "profile" in own else []
    for name in names:
        default, meaning = _default(name, own, configs), PARAMETERS[name].meaning
        rows.append((f"-p {name}", default, meaning, _range(name, configs)))
    headings = ("Parameter", "Default", "What it is", "Range")
    return simple_table(
        rows, headings=headings, caption="What this page can be made with", cards=True
    )
