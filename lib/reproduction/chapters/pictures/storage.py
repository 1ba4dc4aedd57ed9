"""What a log of updates takes at each pruning, and whether the class is forgotten with it."""

from dataclasses import dataclass

from matplotlib.axes import Axes

from partial_unlearning.masks import depth_schedule, kept_count
from partial_unlearning.models import build
from partial_unlearning.state import Layout
from reproduction import paper
from reproduction.chapters.complete import COMPLETE
from reproduction.chapters.figures import INK, PALETTE, SOFT
from reproduction.chapters.pictures.svg import PAGE, Picture, panels, picture
from reproduction.chapters.tables import NONE, Table, simple_table
from reproduction.datasets.sources import class_names
from reproduction.study.searches import PruningSearch, Setting
from reproduction.study.tuning import searches

TABLES = (1, 2)
BITS, DENSE, WHOLE = 16, 32, 100.0
"""Of a stored value, bfloat16, and of one of a log that keeps everything in float32."""

ALT = (
    "A panel a model: share of the target images still recognised at best, against the bytes of "
    "the log in percent of a log that keeps everything. Larger logs forget the class; the smallest "
    "do not, and their dots are hollow."
)
BELOW = "bytes of the log (% of one that keeps everything)"
CAPTION = (
    "A dot for each pruning that was tried: bytes of its log in percent of one that keeps every "
    "update whole, and the target images still recognised: at most 1 % where that is reached, and "
    "else the fewest. Blue: reached in every one of three tuning trainings; others may still miss "
    "it. Hollow: not. Bars reach from the best training to the worst; the ring is the pruning of "
    "the tables."
)


@dataclass(frozen=True)
class Dot:
    """One pruning in one model.

    Attributes:
        share: of the bytes of a log that keeps everything, in percent.
        left: of each training, target images still recognised at best, in percent.
        forgotten: whether the level of the findings is reached in all of them.
        chosen: whether the tables use it.
    """

    share: float
    left: tuple[float, ...]
    forgotten: bool
    chosen: bool


def stored_share(model: str, width: int | None, dataset: str, setting: Setting) -> float:
    """Bytes of a pruned log in percent of a whole one; a seeded mask itself takes none."""
    layout = _layout(model, width, dataset)
    ends = setting["sparsity_first"], setting["sparsity_last"]
    schedule = depth_schedule(*ends, len(layout.layers))
    pairs = zip(schedule, layout.layer_sizes, strict=True)
    kept = sum(kept_count(pruned, size) for pruned, size in pairs)
    return 100 * kept / layout.size * BITS / DENSE


def whole_log(model: str, width: int | None, dataset: str, steps: int) -> float:
    """Bytes of a log that keeps every update of so many steps whole."""
    return _layout(model, width, dataset).size * steps * DENSE / 8


def _layout(model: str, width: int | None, dataset: str) -> Layout:
    return Layout.of(build(model, classes=len(class_names(dataset)), seed=0, width=width))


def dots() -> dict[str, list[Dot]]:
    """Every pruning tried on the complete data, by network; those not tuned are left out."""
    found = {
        (number, search.model): _of(search)
        for number in TABLES
        for search in searches(COMPLETE, number)
        if isinstance(search, PruningSearch) and search.sought == "amnesiac" and search.scored
    }
    called = paper.names(found)
    return {called[key]: of_network for key, of_network in found.items()}


def _of(search: PruningSearch) -> list[Dot]:
    dataset = search.table.dataset
    width = search.profile.datasets[dataset].models[search.model].width
    return [
        Dot(
            stored_share(search.model, width, dataset, scored.setting),
            tuple(t["recognised"] if t["reached"] else t["lowest"] for t in scored.trials),
            scored.eligible,
            scored.setting == search.chosen,
        )
        for scored in search.scored
    ]


def smallest(of_model: list[Dot]) -> float:
    """The least share of a whole log, in percent, that forgets the class; 100 if none does."""
    return min((dot.share for dot in of_model if dot.forgotten), default=WHOLE)


def storage_picture(found: dict[str, list[Dot]]) -> Picture:
    """A panel a model."""
    words = {"label": "still recognised (%)", "below": BELOW}
    return picture(
        lambda narrow: panels(found, _panel, narrow=narrow, **words), alt=ALT, caption=CAPTION
    )


def _panel(axis: Axes, of_model: list[Dot]) -> None:
    for dot in of_model:
        _dot(axis, dot)
    axis.set(xscale="log", xlim=(0.08, 130), ylim=(-6, 106), yticks=(0, 50, 100))
    axis.set_xticks((0.1, 1, 10, 100), ("0.1", "1", "10", "100"))
    axis.minorticks_off()


def _dot(axis: Axes, dot: Dot) -> None:
    colour = PALETTE["proposed"] if dot.forgotten else SOFT
    inside = colour if dot.forgotten else PAGE
    worst = max(dot.left)
    axis.plot([dot.share] * 2, [min(dot.left), worst], color=colour, linewidth=1, alpha=0.6)
    axis.plot(dot.share, worst, "o", color=colour, markerfacecolor=inside, markersize=4)
    if dot.chosen:
        axis.plot(dot.share, worst, "o", color=INK, markerfacecolor="none", markersize=9)


def log_table(found: dict[str, list[Dot]]) -> Table:
    """The log of the tables, and the smallest that forgets, in percent of one that keeps all."""
    rows = []
    for model, of_model in found.items():
        used = next((f"{dot.share:.1f} %" for dot in of_model if dot.chosen), NONE)
        least = smallest(of_model)
        rows.append([model, used, f"{least:.1f} %" if least < WHOLE else NONE])
    heads = ("Model", "Of Tables 1 and 2", "The smallest that forgot in every tuning training")
    caption = (
        "Bytes of the log's values, entries of running statistics included, in percent of one that "
        "keeps every update whole"
    )
    return simple_table(rows, headings=heads, caption=caption)
