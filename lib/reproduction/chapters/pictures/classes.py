"""Accuracy of every class after each method, as a map of shades with its numbers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from statistics import fmean

from reproduction.chapters.pictures.svg import Picture
from reproduction.checking.claims import limits
from reproduction.datasets.sources import class_names
from reproduction.study.stored_runs import Result, Row

STATES = (
    ("trained", "trained"),
    ("baseline, equal", "known method, equal forgetting"),
    ("proposed, equal", "the paper’s, equal forgetting"),
    ("baseline, published", "known method, to its end"),
    ("proposed, published", "the paper’s, to its end"),
    ("retrained", "retrained without the class"),
)
"""Rows of the map, and what they are called."""

Means = Mapping[str, Sequence[float]]


def states_of(result: Result) -> Iterator[tuple[str, Row]]:
    """The rows of the map that a run has something for."""
    for row in result.rows:
        whole = row["method"] in ("trained", "retrained")
        yield row["method"] if whole else f"{row['method']}, published", row
    for record in result.levels:
        if record["on"] == "train" and record["level"] == limits().level and record["reached"]:
            yield f"{record['method']}, equal", record


def class_means(results: Iterable[Result]) -> dict[str, Means]:
    """By model, for each state the accuracy of each class in percent, mean over trainings.

    Args:
        results: of one table, with the trained and retrained models.
    """
    found: dict[str, dict[str, list[Sequence[float]]]] = {}
    for result in results:
        of_model = found.setdefault(result.config.model, {})
        for state, row in states_of(result):
            of_model.setdefault(state, []).append(row["classes"])
    return {
        model: {
            state: [fmean(values) for values in zip(*of_state[state], strict=True)]
            for state, _ in STATES
            if state in of_state
        }
        for model, of_state in found.items()
    }


def class_map(means: Mapping[str, Means], dataset: str, target: int) -> Picture:
    """A map a model: rows are states, columns classes; more colour is more accurate.

    Args:
        means: of :func:`class_means`.
        dataset: whose classes they are.
        target: the class to forget.
    """
    names = class_names(dataset)
    tables = [_table(model, of_model, names, target) for model, of_model in means.items()]
    text = "\n".join(
        f"{model}, {name}: " + " ".join(f"{value:.0f}" for value in of_model[state])
        for model, of_model in means.items()
        for state, name in STATES
        if state in of_model
    )
    return Picture(f'<div class="class-maps">{"".join(tables)}</div>', text or "nothing stored yet")


def _table(model: str, means: Means, names: Sequence[str], target: int) -> str:
    heads = "".join(
        f'<th scope="col"{" class=target" if label == target else ""}>'
        f"<span>{escape(name)}</span></th>"
        for label, name in enumerate(names)
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(map(_cell, means[state]))}</tr>'
        for state, name in STATES
        if state in means
    )
    long = " long" if max(map(len, names)) > 2 else ""
    caption = (
        f"{model}: accuracy in percent of each class; {names[target]} is to be forgotten; to its "
        "end: all trainings"
    )
    return (
        '<div class="table-box" role="region" tabindex="0" '
        f'aria-label="{escape(caption)}"><table class="class-map{long}"><caption>{escape(caption)}'
        f"</caption><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(value: float) -> str:
    return f'<td style="--share:{value:.0f}%">{value:.0f}</td>'
