"""The settings that a run used, and what they make of its batches, as tables."""

from collections.abc import Iterable, Sequence
from math import ceil
from statistics import mean
from typing import Any

import numpy as np

from reproduction.chapters.controls import GRADIENT as ARMS
from reproduction.chapters.tables import NONE, Table, simple_table
from reproduction.checking.claims import limits
from reproduction.datasets.sources import official_counts, read
from reproduction.study.configs import Config
from reproduction.study.kinds import GRADIENT
from reproduction.study.stored_runs import Result, Row

# The models' own widths once more: the library's MODELS cannot be read without torch.
WIDTHS = {"MLP": 500, "ConvNet": 16, "LeNet": 6, "AlexNet": 64, "ResNet9": 64}


def setting_text(setting: dict[str, Any]) -> str:
    """Any setting that a search may choose, in words."""
    match setting:
        case {"affected_fraction": part}:
            return "plain shuffling" if part == 1 else f"{100 * part:g} % of the batches"
        case {"target_images": images}:
            return f"all, but {images:g} target images kept"
        case {"sparsity_first": first, "sparsity_last": last}:
            return f"{setting['strategy'].replace('_', ' ')}, {first:g} → {last:g}"
    rate = f"{setting['optimizer']}, {setting['learning_rate']:g}" if "optimizer" in setting else ""
    own = {n: v for n, v in setting.items() if n not in ("optimizer", "learning_rate")}
    parts = [f"{name.replace('_', ' ')} {value:g}" for name, value in own.items()]
    return ", ".join([*([rate] if rate else []), *parts])


def moved_text(form: str, first: float, last: float) -> str:
    """Which weights move at a step of a gradient method, from the first layer to the last."""
    if form == "last_layer":
        return "last layer"
    fractions = "all" if first == last == 1 else f"{first:g} → {last:g}"
    return f"all, at rates × {fractions}" if form == "rates" else fractions


def _amnesiac(runs: Sequence[Result]) -> list[str]:
    config = runs[0].config
    return [
        setting_text(config.target_placement),
        f"{100 * mean(run.facts['affected_fraction'] for run in runs):.1f} %",
        f"{mean(map(held_in, runs)):.1f}",
        setting_text(config.pruning.model_dump()),
        f"{100 * runs[0].facts['density']:.1f} %",
    ]


def at_level(result: Result, method: str) -> Row | None:
    """A method's record at the level of the findings, on the target images trained on."""
    wanted = (method, "train", limits().level)
    found = (r for r in result.levels if (r["method"], r["on"], r["level"]) == wanted)
    return next(found, None)


def steps_text(runs: Iterable[Result]) -> str:
    """How many steps an arm takes to the level of the findings; a part of one is the last's."""
    records = [record for run in runs if (record := at_level(run, run.config.arm))]
    steps = sorted(record["strength"] for record in records if record["reached"])
    if not steps:
        return "never there" if records else NONE
    took = f"{steps[0]:.1f}" if len(steps) == 1 else f"{steps[0]:.1f} to {steps[-1]:.1f}"
    lost = len(records) - len(steps)
    return f"{took}, {lost} never there" if lost else took


def _gradient(runs: Sequence[Result]) -> list[str]:
    config = runs[0].config
    batch = "all" if config.batch_size is None else str(config.batch_size)
    moved = moved_text(config.form, config.fraction_first, config.fraction_last)
    rate = f"{config.learning_rate:g}"
    arm = ARMS.get(config.arm, config.arm)
    return [arm, config.optimizer, rate, steps_text(runs), moved, batch]


_AMNESIAC = (
    *("Target data in", "Batches affected", "Target images in one, mean"),
    *("Pruned, first → last layer", "Entries kept"),
)
_GRADIENT = (
    *("Method", "Optimizer", "Rate α′", "Steps", "Moved, first → last layer"),
    "Images a step",
)


def settings_table(results: Sequence[Result], *, caption: str) -> Table:
    """The settings of runs of one family of methods, a line a model, or an arm of it.

    Args:
        results: runs of amnesiac unlearning, or of gradient steps, or none.
        caption: says whose settings they are.
    """
    lines: dict[tuple, list[Result]] = {}
    for result in results:
        config = result.config
        own = getattr(config, "arm", repr(getattr(config, "target_placement", "")))
        lines.setdefault((config.dataset, config.model, own), []).append(result)
    gradient = bool(results) and results[0].config.experiment in GRADIENT
    cells, headings = (_gradient, _GRADIENT) if gradient else (_amnesiac, _AMNESIAC)
    rows = [
        [data, model, runs[0].config.width or WIDTHS[model], *cells(runs)]
        for (data, model, _), runs in lines.items()
    ]
    heads = ("Data", "Model", "Width", *headings)
    return simple_table(rows, headings=heads, caption=caption, labels=3)


def held_at(config: Config, affected_fraction: float) -> float:
    """Target images in an affected batch, mean, where all of them are spread over a part.

    Args:
        config: of a run that trains on all images.
        affected_fraction: of an epoch's batches, in (0, 1].
    """
    if config.source == "complete":
        counts = official_counts(config.dataset)["train"]
    else:
        arrays, _ = read(config.dataset, config.source)
        counts = np.bincount(arrays["train_labels"]).tolist()
    batches = ceil(sum(counts) / config.training.batch_size)
    return counts[config.target] / (affected_fraction * batches)


def held_in(result: Result) -> float:
    """Target images in an affected batch of a run of amnesiac unlearning, mean over all steps."""
    epochs = result.config.training.epochs
    return result.facts["request"] * epochs / result.facts["affected_steps"]


def mixing_table(results: Sequence[Result]) -> Table:
    """Batches affected, and the target images in one of them, at each fraction of Figure 4."""
    rows = {}
    for result in results:
        config, part = result.config, result.facts["affected_fraction"]
        labels = (config.dataset, f"{100 * config.affected_fraction:g} %")
        held = f"{held_at(config, part):.1f} of {config.training.batch_size}"
        rows[labels] = [*labels, f"{100 * part:.1f} %", held]  # the last seed's, of a fraction
    heads = ("Data", "Asked for", "Batches affected", "Target images in one, mean")
    caption = "What the fraction of affected batches does to a batch."
    return simple_table(list(rows.values()), headings=heads, caption=caption, labels=2)
