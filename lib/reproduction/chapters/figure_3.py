"""What the chapter on class activation maps shows of its runs: pictures as in Figure 3, numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from operator import gt
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from reproduction.chapters.figures import SOFT, WIDTH, Panels, at_both_widths
from reproduction.chapters.tables import Table, simple_table
from reproduction.checking.claims import limits
from reproduction.checking.measurements import tidy
from reproduction.datasets.embedded import read_first
from reproduction.datasets.sources import read
from reproduction.study.intervals import Interval, interval
from reproduction.study.stored_runs import Result

COLOURS = "jet"
"""Blue low, red high, as the paper has it; its steps are uneven, so read values off the bar."""

ROW = 0.193
"""A row's height over the picture's width."""

COMPARED = {
    "baseline": "amnesiac unlearning",
    "proposed": "partial amnesiac unlearning",
    "retrained": "retrained without the class",
    "untrained": "not trained at all",
}


def similarity(result: Result, method: str) -> Interval:
    """Mean similarity to the maps before unlearning, with its interval over images."""
    return interval(result.similarities[method], limits().confidence)


def difference(result: Result) -> Interval:
    """Proposed minus baseline similarity, over pairs of the same image."""
    pairs = np.subtract(result.similarities["proposed"], result.similarities["baseline"])
    return interval(pairs, limits().confidence)


def _text(found: Interval, sign: str = "") -> str:
    bounds = f"{found.low:{sign}.3f}, {found.high:{sign}.3f}"
    return f"{found.mean:{sign}.3f} [{bounds}]".replace("-", "−")


def similarity_table(results: Sequence[Result]) -> Table:
    """Mean similarity to the maps before unlearning, with its interval over images."""
    rows = []
    for result in results:
        labels, flat = [result.config.target, result.config.seed], result.facts["flat_maps"]
        total = len(result.similarities["image"])
        for name, text in COMPARED.items():
            alike = _text(similarity(result, name))
            rows.append([*labels, text, alike, f"{flat[name]} of {total}"])
        rows.append(
            [*labels, "partial amnesiac minus amnesiac", _text(difference(result), "+"), ""]
        )
    heads = ("Target", "Seed", "Model after", "Similarity, mean [95 %]", "Flat maps")
    caption = "How alike the maps of retained test images are to those before unlearning."
    return simple_table(rows, headings=heads, caption=caption, labels=3)


def accuracy_table(results: Sequence[Result]) -> Table:
    """D_t and D_r of the very models whose maps are compared."""
    rows = [
        [row.target, row.seed, row.method, f"{row.d_t:.2f}", f"{row.d_r:.2f}"]
        for row in tidy(results).itertuples()
    ]
    heads = ("Target", "Seed", "Model", "d_t", "d_r")
    caption = "Accuracy in percent of the models whose maps are compared."
    return simple_table(rows, headings=heads, caption=caption, labels=3)


def in_words(results: Sequence[Result]) -> str:
    """What the trainings of one target say, in two sentences."""
    alike = {name: [similarity(run, name).mean for run in results] for name in COMPARED}
    d_r = [row["d_r"] for run in results for row in run.rows if row["method"] == "retrained"]
    words = Counter(_verdict(difference(run)) for run in results)
    said = " and ".join(f"{word} in {count}" for word, count in words.items())
    trainings = f"{len(results)} training{'s' if len(results) > 1 else ''}"
    nearer = ", ".join(
        f"{title} in {sum(map(gt, alike[name], alike['retrained']))}"
        for name, title in (("proposed", "the paper’s method"), ("baseline", "the known one"))
    )
    return (
        f"Target {results[0].config.target}, of {trainings}: the paper’s method {said}, "
        f"{_span(alike['proposed'])} against {_span(alike['baseline'])}. A model retrained without "
        f"the class, with a $\\mathcal{{D}}_r$ of {_span(d_r)} %, comes to "
        f"{_span(alike['retrained'])}; nearer to the maps before than that: {nearer}."
    )


def _verdict(gain: Interval) -> str:
    if gain.low > 0:
        return "keeps the maps closer than the known one"
    if gain.high < 0:
        return "leaves the maps farther off than the known one"
    return "cannot be told apart in its maps from the known one"


def _span(values: Sequence[float]) -> str:
    """The least and the most, once where they are the same."""
    return " to ".join(dict.fromkeys(f"{value:.2f}" for value in (min(values), max(values))))


def example_images(result: Result) -> list[np.ndarray]:
    """The images whose maps a run kept for drawing, shape ``(28, 28)``, values in 0..1."""
    ids = [picture["image"] for picture in result.maps]
    if result.config.source == "complete":  # which need not be there to show a stored run
        first = read_first(result.config.dataset)
        return [first[number].astype(np.float32) / 255 for number in ids]
    arrays, _ = read(result.config.dataset, result.config.source)
    places = np.searchsorted(arrays["test_ids"], ids)
    return list(arrays["test_images"][places].astype(np.float32) / 255)


def map_grid(
    pictures: Sequence[Mapping[str, Any]], images: Sequence[ArrayLike], columns: Mapping[str, str]
) -> Panels:
    """One row an image: the image, then its map under each model, with the digit's outline.

    Args:
        pictures: of a stored run: ``maps`` and ``predicted`` by model, and the true ``label``.
        images: the images themselves, shape ``(h, w)``, values in 0..1.
        columns: model -> heading, in the order to draw.
    """
    return at_both_widths(partial(_grid, pictures, images, columns))


def _grid(
    pictures: Sequence[Mapping[str, Any]],
    images: Sequence[ArrayLike],
    columns: Mapping[str, str],
    width: float,
) -> Panels:
    shape, wide = (len(pictures), len(columns) + 1), width == WIDTH
    size = (width, width * ROW * shape[0] + (0.5 if wide else 0.9))
    figure = plt.figure(figsize=size, layout="constrained", FigureClass=Panels)
    plt.close(figure)  # a notebook then shows it once, as the value of the cell
    axes = figure.subplots(*shape, squeeze=False)
    for line, picture, image in zip(axes, pictures, images, strict=True):
        line[0].imshow(np.asarray(image), cmap="gray", vmin=0, vmax=1)
        _finish(line[0], f"class {picture['label']}", wide)
        for axis, model in zip(line[1:], columns, strict=True):
            shown = axis.imshow(picture["maps"][model], cmap=COLOURS, vmin=0, vmax=1)
            axis.contour(np.asarray(image), levels=[0.5], colors="white", linewidths=0.8)
            label = picture["predicted"][model]
            _finish(axis, f"{'taken for ' * wide}{label if label >= 0 else 'nothing'}", wide)
    for axis, heading in zip(axes[0], ["image", *columns.values()], strict=True):
        axis.set_title(heading, fontsize=None if wide else 8)
    place = {"pad": 0.015} if wide else {"location": "bottom", "pad": 0.02}
    bar = figure.colorbar(shown, ax=axes, shrink=0.6, **place)
    bar.set_label("activation, share of the map's largest")
    bar.outline.set_visible(False)
    return figure


def _finish(axis: Axes, note: str, wide: bool) -> None:
    axis.set(xticks=[], yticks=[])
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    axis.set_xlabel(note, fontsize=7.5 if wide else 8, color=SOFT)
