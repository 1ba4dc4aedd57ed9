"""The settings that a run used, and what they make of its batches, as tables."""

from collections.abc import Callable, Sequence
from math import ceil
from statistics import mean
from typing import Any

import numpy as np

from reproduction.chapters.curves import by_model, of_dataset
from reproduction.chapters.tables import Table, simple_table
from reproduction.checking.measurements import METHODS
from reproduction.datasets.sources import official_counts, read
from reproduction.study.stored_runs import Config, Result

# The models' own widths once more: the library's MODELS cannot be read without torch.
WIDTHS = {"MLP": 500, "ConvNet": 16, "LeNet": 6, "AlexNet": 64, "ResNet9": 64}


def width_of(config: Config) -> int:
    """Channels of the first layer (for the MLP, hidden neurons)."""
    return config["width"] or WIDTHS[config["model"]]


def protocol_text(protocol: dict[str, float]) -> str:
    """A batch protocol in words."""
    if "share" in protocol:
        share = protocol["share"]
        return "plain shuffle (share 1)" if share == 1 else f"share {share:g}"
    return f"first {protocol['target_images']:g} target images, shuffled"


def pruning_text(pruning: dict[str, Any]) -> str:
    """A pruning strategy and its depth schedule in words."""
    name = pruning["strategy"].replace("_", " ")
    return f"{name}, {pruning['first']:g} → {pruning['last']:g}"


def fractions_text(method: dict[str, Any]) -> str:
    """The fractions selected, from first layer to last."""
    first, last = method["first"], method["last"]
    return "all" if first == last == 1 else f"{first:g} → {last:g}"


def _amnesiac(config: Config, runs: list[Result]) -> list[list[str]]:
    shares = [run["facts"]["affected_share"] for run in runs]
    kept = runs[0]["facts"]["kept_share"]
    return [
        [
            protocol_text(config["protocol"]),
            f"{100 * sum(shares) / len(shares):.1f} %",
            f"{mean(held_in(run) for run in runs):.1f}",
            pruning_text(config["pruning"]),
            f"{100 * kept:.1f} %",
        ]
    ]


def _steps(runs: list[Result], method: str) -> str:
    """How many steps it took a method: one number, or from the fewest to the most of all seeds."""
    counts = [len(run["curves"][method]) - 1 for run in runs]
    fewest, most = min(counts), max(counts)
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def _gradient(config: Config, runs: list[Result]) -> list[list[str]]:
    return [
        [
            name,
            config[name]["optimizer"],
            f"{config[name]['learning_rate']:g}",
            _steps(runs, name),
            fractions_text(config[name]),
        ]
        for name in METHODS
    ]


_GRADIENT = ("Method", "Optimizer", "Rate α′", "Steps", "Moved, first → last layer")
COLUMNS: dict[str, tuple[tuple[str, ...], Callable[[Config, list[Result]], list[list[str]]]]] = {
    "amnesiac": (
        (
            *("Target data in", "Batches affected", "Target images in one, mean"),
            *("Pruned, first → last layer", "Entries kept"),
        ),
        _amnesiac,
    ),
    "label_flipping": (_GRADIENT, _gradient),
    "optimization": (_GRADIENT, _gradient),
}
"""Family -> headings, and what makes the lines of a model."""


def settings_table(results: Sequence[Result], *, caption: str) -> Table:
    """The settings of runs of one family of methods, model by model.

    Args:
        results: of one experiment of :data:`COLUMNS`, or none.
        caption: says whose settings they are.
    """
    if not results:
        return simple_table([], headings=("Data", "Model", "Width"), caption=caption, labels=3)
    headings, lines = COLUMNS[results[0]["config"]["experiment"]]
    datasets = list(dict.fromkeys(result["config"]["dataset"] for result in results))
    rows = [
        [dataset, model, str(width_of(runs[0]["config"])), *line]
        for dataset in datasets
        for model, runs in by_model(of_dataset(results, dataset)).items()
        for line in lines(runs[0]["config"], runs)
    ]
    heads = ("Data", "Model", "Width", *headings)
    return simple_table(rows, headings=heads, caption=caption, labels=3)


def class_counts(config: Config) -> tuple[int, ...]:
    """Training images of each class in the data that a configuration names."""
    if config["source"] == "complete":
        return official_counts(config["dataset"])["train"]
    arrays, _ = read(config["dataset"], config["source"])
    return tuple(np.bincount(arrays["train_labels"]).tolist())


def held_at(config: Config, affected_share: float) -> float:
    """Target images in an affected batch, mean, where all of them are spread over a share.

    Args:
        config: of a run that trains on all images.
        affected_share: of an epoch's batches, in (0, 1].
    """
    counts = class_counts(config)
    batches = ceil(sum(counts) / config["training"]["batch_size"])
    return counts[config["target"]] / (affected_share * batches)


def held_in(result: Result) -> float:
    """Target images in an affected batch of a run of amnesiac unlearning, mean over all steps."""
    facts, training = result["facts"], result["config"]["training"]
    return facts["request"] * training["epochs"] / facts["affected_steps"]


def mixing_table(results: Sequence[Result]) -> Table:
    """Batches affected, and the target images in one of them, at each share of Figure 4."""
    rows = {}
    for result in results:
        config, share = result["config"], result["facts"]["affected_share"]
        labels = (config["dataset"], f"{100 * config['share']:g} %")
        held = f"{held_at(config, share):.1f} of {config['training']['batch_size']}"
        rows[labels] = [*labels, f"{100 * share:.1f} %", held]  # the last seed's, of a share
    return simple_table(
        list(rows.values()),
        headings=("Data", "Share", "Batches affected", "Target images in one, mean"),
        caption="What the share of affected batches does to a batch.",
        labels=2,
    )
