"""The stair: which part of the code may import which, and a picture of it.

A part imports only what lies on a floor below its own; a test reads every import and refuses any
other. So each floor can be read, tested and changed without knowing what stands on it.
"""

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from reproduction import places
from reproduction.chapters.figures import INK, PALETTE, SOFT, WIDTH, Panels, at_both_widths

# Rooms from the ground up, and in each its floors from the ground up: modules and packages that do
# not import one another, and what they are for. `__init__` is the room's own file.
STAIR: dict[str, dict[tuple[str, ...], str]] = {
    "partial_unlearning": {
        ("errors",): "what a person gave wrong",
        ("models", "samples", "state", "system"): "networks, images; weights as one vector",
        ("batching", "masks"): "batch plans; which updates are kept",
        ("metrics", "training"): "accuracies; a plain training loop",
        ("recorders",): "the update of each step",
        ("unlearners", "update_log"): "the methods; the log that answers requests",
        ("__init__", "__main__"): "what one imports; the commands log and forget",
    },
    "reproduction": {
        ("__init__", "places", "yaml_files"): "where things lie; reading YAML",
        ("datasets", "machine", "paper"): "images, cores, the paper's numbers",
        ("study",): "profiles, experiments, runs, tuning",
        ("checking",): "exact tests, claims, findings",
        ("chapters",): "tables and figures of the pages",
        ("costs", "publishing"): "time and space; executing, building",
        ("__main__",): "the commands that make the book",
    },
}

COLOURS = (PALETTE["proposed"], PALETTE["baseline"])
ROW, STEP, BETWEEN = 0.34, 0.16, 1.8
"""Inches a floor is high and stands in from the one below; floors that would fit between rooms."""


def line_count(room: str, parts: tuple[str, ...]) -> int:
    """How many lines of Python modules and packages of a room hold."""
    folder = places.root() / "lib" / room
    files = [
        path
        for part in parts
        for path in (*folder.glob(f"{part}.py"), *folder.glob(f"{part}/**/*.py"))
    ]
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)


def stair_figure() -> Panels:
    """Both rooms with their floors, the ground at the bottom, and the size of each floor."""
    return at_both_widths(_stair)


def _stair(width: float) -> Panels:
    rows = sum(len(floors) + BETWEEN for floors in STAIR.values()) - BETWEEN / 2
    high = ROW if width == WIDTH else 1.5 * ROW  # where what a floor is for stands below its name
    size = {"figsize": (width, high * rows), "layout": "constrained"}
    figure, axis = plt.subplots(FigureClass=Panels, **size)
    plt.close(figure)  # a notebook then shows it once, as the value of the cell
    axis.set(xlim=(0, width + 0.02), ylim=(0, rows))
    axis.axis("off")
    ground = 0.0
    for (room, floors), colour in zip(STAIR.items(), COLOURS, strict=True):
        if ground > 0:
            _arrow(axis, (width * 0.6, ground), (width * 0.6, ground - 1))
            axis.text(width * 0.61, ground - 0.6, "imports", color=SOFT, fontsize=8)
        _draw_room(axis, room, ground, colour, width)
        ground += len(floors) + BETWEEN
    return figure


def _draw_room(axis: Axes, room: str, ground: float, colour: str, width: float) -> None:
    floors, beside = STAIR[room], width == WIDTH
    step = STEP if beside else STEP / 3
    sizes = [line_count(room, parts) for parts in floors]
    box = {"height": 0.84, "facecolor": f"{colour}1c", "edgecolor": colour}
    for number, (parts, purpose) in enumerate(floors.items()):
        left, y = step * (number + 2), ground + number + 0.5
        axis.barh(y, width - left, left=left, **box)
        first, second = (y, y) if beside else (y + 0.2, y - 0.2)
        text = {"va": "center", "fontsize": 8}
        axis.text(left + 0.1, first, ", ".join(parts), color=INK, weight="bold", **text)
        axis.text(width * 0.53 if beside else left + 0.1, second, purpose, color=INK, **text)
        axis.text(width - 0.1, first, f"{sizes[number]:,}", color=SOFT, ha="right", **text)
    top, left = ground + len(floors), step * (len(floors) + 1)
    title = f"lib/{room}: {sum(sizes):,} lines"
    axis.text(left, top + 0.3, title, color=colour, weight="bold", fontsize=10)
    _arrow(axis, (left - step, top - 0.5), (step, ground + 0.5))


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axis.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": SOFT, "linewidth": 1.4})
