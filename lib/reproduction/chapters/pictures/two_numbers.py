"""The two numbers that decide, for each of the models that stand side by side."""

from collections import Counter
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from reproduction.chapters.figures import INK, PALETTE, SOFT
from reproduction.chapters.pictures.classes import STATES, class_means, states_of
from reproduction.chapters.pictures.svg import LETTER, NARROW, PAGE, WIDE, Picture, picture
from reproduction.study.stored_runs import Result

NEAR = 5
"""Percent below which two numbers would cover each other."""

ALT = (
    "A line for each state of {model}: accuracy on the class to forget, and on the other classes. "
    "Training knows both; a model retrained without the class knows the others alone. {values}"
)
CAPTION = (
    '{model}, mean over {seeds} trainings{fewer}. <span class="sign">○</span> the class to forget, '
    '<span class="sign">●</span> everything else. Unlearning should get from the first line to '
    "the last, without training again. To its end: all trainings, forgotten or not."
)


def two_numbers_picture(results: Sequence[Result], model: str) -> Picture:
    """Both accuracies of each state, on a line each.

    Args:
        results: of one table, with the trained and retrained models.
        model: whose they are.
    """
    mine = [result for result in results if result.config.model == model]
    states = class_means(mine).get(model, {})
    target = mine[0].config.target if mine else 0
    pairs = {
        name: (values[target], _others(values, target))
        for state, name in STATES
        if (values := states.get(state))
    }
    values = "; ".join(f"{name}: {t:.0f} and {r:.0f} percent" for name, (t, r) in pairs.items())
    seeds = len({result.config.seed for result in mine})
    there = Counter(state for result in mine for state, _ in states_of(result))
    few = [f"{name}: {there[s]}" for s, name in STATES if 0 < there[s] < seeds]
    fewer = f" ({'; '.join(few)}, in the others it never gets there)" if few else ""
    return picture(
        lambda narrow: _draw(pairs, narrow=narrow),
        alt=ALT.format(model=model, values=values),
        caption=CAPTION.format(model=model, seeds=seeds, fewer=fewer),
    )


def _others(values: Sequence[float], target: int) -> float:
    """Mean accuracy over the other classes, each counted once."""
    kept = [value for label, value in enumerate(values) if label != target]
    return sum(kept) / len(kept)


def _draw(pairs: dict[str, tuple[float, float]], *, narrow: bool) -> Figure:
    size = (NARROW, 3.0) if narrow else (0.85 * WIDE, 2.3)
    figure = plt.figure(figsize=size, layout="constrained")
    axis = figure.subplots()
    for row, (name, (target, others)) in enumerate(pairs.items()):
        colour = _colour(name)
        axis.plot([target, others], [row, row], color=colour, linewidth=1)
        axis.plot(target, row, "o", color=colour, markerfacecolor=PAGE, markersize=7)
        axis.plot(others, row, "o", color=colour, markersize=7)
        text = {"ha": "center", "fontsize": LETTER - 1, "color": SOFT}
        for where, numbers in _labels(target, others).items():
            axis.text(where, row - 0.28, numbers, **text)
    axis.set_yticks(range(len(pairs)), pairs, fontsize=LETTER, color=INK)
    axis.set(xlim=(-5, 105), ylim=(len(pairs) - 0.5, -0.7), xticks=(0, 50, 100))
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.set_xlabel("accuracy (%)", fontsize=LETTER)
    return figure


def _labels(target: float, others: float) -> dict[float, str]:
    """Where numbers stand; both in one place where they would cover each other."""
    if abs(target - others) < NEAR:
        return {(target + others) / 2: ", ".join(f"{v:.0f}" for v in (target, others))}
    return {value: f"{value:.0f}" for value in (target, others)}


def _colour(name: str) -> str:
    words = {"trained": "trained", "retrained": "retrained", "known": "baseline"}
    return PALETTE[words.get(name.split()[0], "proposed")]
