"""How many target images an affected batch holds: the share of batches decides that too."""

from collections.abc import Sequence
from math import ceil

from reproduction.chapters.tables import Table, simple_table
from reproduction.checking import audit
from reproduction.datasets.sets import load
from reproduction.study.stored_runs import Config, Result


def class_counts(config: Config) -> tuple[int, ...]:
    """Training images of each class in the data that a configuration names."""
    if config["source"] == "complete":
        return audit.class_sizes(config["dataset"])["train"]
    return tuple(load(config["dataset"], source=config["source"]).train.labels.bincount().tolist())


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
    lines = {}
    for result in results:
        config, share = result["config"], result["facts"]["affected_share"]
        size = config["training"]["batch_size"]
        held = f"{held_at(config, share):.1f} of {size}"
        lines[config["dataset"], f"{100 * config['share']:g} %"] = (f"{100 * share:.1f} %", held)
    return simple_table(
        [[*key, *values] for key, values in lines.items()],
        headings=("Data", "Share", "Batches affected", "Target images in one, mean"),
        caption="What the share of affected batches does to a batch.",
        labels=2,
    )
