"""The settings that a run used, as a table."""

from collections.abc import Callable, Sequence
from statistics import mean
from typing import Any

from partial_unlearning.models import MODELS

from reproduction.chapters.curves import by_model, of_dataset
from reproduction.chapters.mixing import held_in
from reproduction.chapters.tables import Table, simple_table
from reproduction.study.stored_runs import Config, Result


def width_of(config: Config) -> int:
    """Channels of the first layer (for the MLP, hidden neurons)."""
    return config["width"] or MODELS[config["model"]][1]


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
            f"{mean(map(held_in, runs)):.1f}",
            pruning_text(config["pruning"]),
            f"{100 * kept:.1f} %",
        ]
    ]


def _steps(runs: list[Result], method: str) -> str:
    """How many steps it took a method: one number, or from the fewest to the most of all seeds."""
    counts = [len(run["curves"][method]) - 1 for run in runs]
    return " to ".join(str(count) for count in sorted({min(counts), max(counts)}))


def _descent(config: Config, runs: list[Result]) -> list[list[str]]:
    return [
        [
            name,
            config[name]["optimizer"],
            f"{config[name]['learning_rate']:g}",
            _steps(runs, name),
            fractions_text(config[name]),
        ]
        for name in ("baseline", "proposed")
    ]


_DESCENT = ("Method", "Optimizer", "Rate α′", "Steps", "Moved, first → last layer")
COLUMNS: dict[str, tuple[tuple[str, ...], Callable[[Config, list[Result]], list[list[str]]]]] = {
    "amnesiac": (
        (
            *("Target data in", "Batches affected", "Target images in one, mean"),
            *("Pruned, first → last layer", "Entries kept"),
        ),
        _amnesiac,
    ),
    "label_flipping": (_DESCENT, _descent),
    "optimization": (_DESCENT, _descent),
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
