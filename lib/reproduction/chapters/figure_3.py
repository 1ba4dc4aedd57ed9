"""What the chapter on class activation maps shows of its runs: pictures as in Figure 3, numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from reproduction.chapters.figures import SOFT, WIDTH
from reproduction.chapters.tables import Table, simple_table
from reproduction.checking.claims import limits
from reproduction.checking.measurements import tidy
from reproduction.datasets.embedded import read_first
from reproduction.datasets.sources import read
from reproduction.study.intervals import Interval, interval
from reproduction.study.stored_runs import Result

COLOURS = "jet"
"""Blue low, red high, as the paper has it; its steps are uneven, so read values off the bar."""

ROW = 1.45  # inches

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
        rows.append([*labels, "proposed minus baseline", _text(difference(result), "+"), ""])
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


def in_words(result: Result) -> str:
    """What one run's numbers say, in a sentence or two."""
    mean = {name: similarity(result, name).mean for name in COMPARED}
    d_r = {row["method"]: row["d_r"] for row in result.rows}
    gain = difference(result)
    verdict = "cannot be told apart in its maps from"
    if gain.low > 0:
        verdict = "keeps the maps closer than"
    elif gain.high < 0:
        verdict = "leaves the maps farther off than"
    nearer = [n for n in ("baseline", "proposed") if mean[n] > mean["retrained"]]
    return (
        f"Target {result.config.target}, seed {result.config.seed}: the paper’s method "
        f"{verdict} the known one ({mean['proposed']:.3f} against "
        f"{mean['baseline']:.3f}). The model retrained without the class, with a "
        f"$\\mathcal{{D}}_r$ of {d_r['retrained']:.2f} %, comes to {mean['retrained']:.3f}; "
        f"nearer to the maps before: {' and '.join(nearer) or 'neither method'}."
    )


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
) -> Figure:
    """One row an image: the image, then its map under each model, with the digit's outline.

    Args:
        pictures: of a stored run: ``maps`` and ``predicted`` by model, and the true ``label``.
        images: the images themselves, shape ``(h, w)``, values in 0..1.
        columns: model -> heading, in the order to draw.
    """
    shape = (len(pictures), len(columns) + 1)
    figure, axes = plt.subplots(
        *shape, figsize=(WIDTH, ROW * shape[0] + 0.5), squeeze=False, layout="constrained"
    )
    for line, picture, image in zip(axes, pictures, images, strict=True):
        line[0].imshow(np.asarray(image), cmap="gray", vmin=0, vmax=1)
        _finish(line[0], f"class {picture['label']}")
        for axis, model in zip(line[1:], columns, strict=True):
            shown = axis.imshow(picture["maps"][model], cmap=COLOURS, vmin=0, vmax=1)
            axis.contour(np.asarray(image), levels=[0.5], colors="white", linewidths=0.8)
            label = picture["predicted"][model]
            _finish(axis, f"taken for {label if label >= 0 else 'nothing'}")
    for axis, heading in zip(axes[0], ["image", *columns.values()], strict=True):
        axis.set_title(heading)
    bar = figure.colorbar(shown, ax=axes, shrink=0.6, pad=0.015)
    bar.set_label("activation, share of the map's largest")
    bar.outline.set_visible(False)
    plt.close(figure)  # a notebook then shows it once, as the value of the cell
    return figure


def _finish(axis: Axes, note: str) -> None:
    axis.set(xticks=[], yticks=[])
    axis.grid(visible=False)
    axis.spines[:].set_visible(False)
    axis.set_xlabel(note, fontsize=7.5, color=SOFT)
