"""What the chapter on class activation maps shows of its runs."""

from collections.abc import Sequence
from typing import Any

from reproduction.chapters.tables import Table, simple_table
from reproduction.datasets.sets import load
from reproduction.study.stored_runs import Result

COMPARED = {
    "baseline": "amnesiac unlearning",
    "proposed": "partial amnesiac unlearning",
    "retrained": "retrained without the class",
    "untrained": "not trained at all",
}


def _interval(found: dict[str, Any], sign: str = "") -> str:
    bounds = f"{found['low']:{sign}.3f}, {found['high']:{sign}.3f}"
    return f"{found['mean']:{sign}.3f} [{bounds}]".replace("-", "−")


def _labels(result: Result) -> list[str]:
    return [str(result["config"]["target"]), str(result["config"]["seed"])]


def _rows_of(result: Result) -> list[list[str]]:
    facts = result["facts"]
    total = facts["similarity"]["baseline"]["n"]
    rows = [
        [text, _interval(facts["similarity"][name]), f"{facts['flat_maps'][name]} of {total}"]
        for name, text in COMPARED.items()
    ]
    rows.append(["partial minus conventional", _interval(facts["difference"], "+"), ""])
    return [[*_labels(result), *row] for row in rows]


def similarity_table(results: Sequence[Result]) -> Table:
    """Mean similarity to the maps before unlearning, with its interval over images."""
    return simple_table(
        [row for result in results for row in _rows_of(result)],
        headings=("Target", "Seed", "Model after", "Similarity, mean [95 %]", "Flat maps"),
        caption="How alike the maps of retained test images are to those before unlearning.",
        labels=3,
    )


def accuracy_table(results: Sequence[Result]) -> Table:
    """D_t and D_r of the very models whose maps are compared."""
    return simple_table(
        [
            [*_labels(result), row["method"], f"{row['d_t']:.2f}", f"{row['d_r']:.2f}"]
            for result in results
            for row in result["rows"]
        ],
        headings=("Target", "Seed", "Model", "d_t", "d_r"),
        caption="Accuracy in percent of the models whose maps are compared.",
        labels=3,
    )


def in_words(result: Result) -> str:
    """What one run's numbers say, in a sentence or two."""
    facts = result["facts"]
    mean = {name: found["mean"] for name, found in facts["similarity"].items()}
    d_r = {row["method"]: row["d_r"] for row in result["rows"]}
    low, high = facts["difference"]["low"], facts["difference"]["high"]
    kept = "keeps the maps closer than" if low > 0 else "leaves the maps farther off than"
    verdict = kept if low > 0 or high < 0 else "cannot be told apart in its maps from"
    nearer = [n for n in ("baseline", "proposed") if mean[n] > mean["retrained"]]
    return (
        f"Target {_labels(result)[0]}, seed {_labels(result)[1]}: partial amnesiac unlearning "
        f"{verdict} conventional unlearning ({mean['proposed']:.3f} against "
        f"{mean['baseline']:.3f}). The model retrained without the class, with a D_r of "
        f"{d_r['retrained']:.2f} %, comes to {mean['retrained']:.3f}; "
        f"nearer to the maps before: {' and '.join(nearer) or 'neither method'}."
    )


def example_images(result: Result) -> list[Any]:
    """The images whose maps a run kept for drawing, arrays of shape ``(28, 28)``."""
    config = result["config"]
    split = load(config["dataset"], source=config["source"]).evaluation
    where = split.positions([picture["image"] for picture in result["maps"]])
    return [image[0].numpy() for image in split.images[where]]
