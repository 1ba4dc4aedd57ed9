"""The settings that a run used, and what they make of its batches, as tables."""

from collections.abc import Callable, Sequence
from math import ceil
from statistics import mean
from typing import Any

import numpy as np

from reproduction.chapters.tables import Table, simple_table
from reproduction.checking.measurements import METHODS
from reproduction.datasets.sources import official_counts, read
from reproduction.study.configs import Config
from reproduction.study.stored_runs import Result

# The models' own widths once more: the library's MODELS cannot be read without torch.
WIDTHS = {"MLP": 500, "ConvNet": 16, "LeNet": 6, "AlexNet": 64, "ResNet9": 64}


def setting_text(setting: dict[str, Any]) -> str:
    """Any setting that may be chosen, in words."""
    match setting:
        case {"share": share}:
            return "plain shuffle (share 1)" if share == 1 else f"share {share:g}"
        case {"target_images": images}:
            return f"first {images:g} target images, shuffled"
        case {"strategy": name, "first": first, "last": last}:
            return f"{name.replace('_', ' ')}, {first:g} → {last:g}"
        case {"scale": factor}:
            return f"times {factor:g}"
        case {"order": order, "epochs": epochs}:
            end = {"backward": "last", "forward": "first"}[order]
            return f"the {end} {epochs} of the run's epochs"
    moved = fractions_text(setting["first"], setting["last"])
    return f"{setting['optimizer']}, {setting['learning_rate']:g}, weights moved: {moved}"


def fractions_text(first: float, last: float) -> str:
    """The fractions of weights selected, from first layer to last."""
    return "all" if first == last == 1 else f"{first:g} → {last:g}"


def _amnesiac(runs: list[Result]) -> list[list[str]]:
    config = runs[0].config
    shares = [run.facts["affected_share"] for run in runs]
    cells = [
        setting_text(config.protocol),
        f"{100 * sum(shares) / len(shares):.1f} %",
        f"{mean(held_in(run) for run in runs):.1f}",
        setting_text(config.pruning.model_dump()),
        f"{100 * runs[0].facts['kept_share']:.1f} %",
    ]
    return [cells]


def _gradient(runs: list[Result]) -> list[list[str]]:
    rows = []
    for name in METHODS:
        method = getattr(runs[0].config, name)
        steps = sorted(len(run.curves[name]) - 1 for run in runs)
        took = str(steps[0]) if steps[0] == steps[-1] else f"{steps[0]} to {steps[-1]}"
        moved = fractions_text(method.first, method.last)
        rows.append([name, method.optimizer, f"{method.learning_rate:g}", took, moved])
    return rows


_AMNESIAC = (
    *("Target data in", "Batches affected", "Target images in one, mean"),
    *("Pruned, first → last layer", "Entries kept"),
)
_GRADIENT = ("Method", "Optimizer", "Rate α′", "Steps", "Moved, first → last layer")
COLUMNS: dict[str, tuple[tuple[str, ...], Callable[[list[Result]], list[list[str]]]]] = {
    "amnesiac": (_AMNESIAC, _amnesiac),
    "label_flipping": (_GRADIENT, _gradient),
    "optimization": (_GRADIENT, _gradient),
}
"""Family -> headings, and what makes the lines of a model from its runs."""


def settings_table(results: Sequence[Result], *, caption: str) -> Table:
    """The settings of runs of one family of methods, model by model.

    Args:
        results: of one experiment of :data:`COLUMNS`, or none.
        caption: says whose settings they are.
    """
    models: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        models.setdefault((result.config.dataset, result.config.model), []).append(result)
    headings, lines = COLUMNS[results[0].config.experiment] if results else ((), None)
    rows = [
        [*names, runs[0].config.width or WIDTHS[names[1]], *line]
        for names, runs in models.items()
        for line in lines(runs)
    ]
    heads = ("Data", "Model", "Width", *headings)
    return simple_table(rows, headings=heads, caption=caption, labels=3)


def held_at(config: Config, affected_share: float) -> float:
    """Target images in an affected batch, mean, where all of them are spread over a share.

    Args:
        config: of a run that trains on all images.
        affected_share: of an epoch's batches, in (0, 1].
    """
    if config.source == "complete":
        counts = official_counts(config.dataset)["train"]
    else:
        arrays, _ = read(config.dataset, config.source)
        counts = np.bincount(arrays["train_labels"]).tolist()
    batches = ceil(sum(counts) / config.training.batch_size)
    return counts[config.target] / (affected_share * batches)


def held_in(result: Result) -> float:
    """Target images in an affected batch of a run of amnesiac unlearning, mean over all steps."""
    epochs = result.config.training.epochs
    return result.facts["request"] * epochs / result.facts["affected_steps"]


def mixing_table(results: Sequence[Result]) -> Table:
    """Batches affected, and the target images in one of them, at each share of Figure 4."""
    rows = {}
    for result in results:
        config, share = result.config, result.facts["affected_share"]
        labels = (config.dataset, f"{100 * config.share:g} %")
        held = f"{held_at(config, share):.1f} of {config.training.batch_size}"
        rows[labels] = [*labels, f"{100 * share:.1f} %", held]  # the last seed's, of a share
    heads = ("Data", "Share", "Batches affected", "Target images in one, mean")
    caption = "What the share of affected batches does to a batch."
    return simple_table(list(rows.values()), headings=heads, caption=caption, labels=2)
