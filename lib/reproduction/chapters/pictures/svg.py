"""Drawings as a part of the page: SVG in its colours and letters, once wide and once for phones."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from html import escape
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction.chapters.figures import INK, OTHERS, PALETTE, RULE, SOFT, apply_style
from reproduction.chapters.shown import Shown

WIDE, NARROW, LETTER = 7.5, 3.6, 8
"""Inches: about the text column, and a phone's; points."""
EMPTY = "nothing stored yet"
GOOD, BAD, HALF, PAGE = "#1d6b45", "#a3312b", "#7d5a00", "#ffffff"
SIGNS = {"confirmed": GOOD, "contradicted": BAD, "no difference": HALF, "mixed": HALF}
"""Colours of findings, as the badges of pages have them; others are pale."""

# What a colour is called on the pages, where dark mode gives it another value.
VARIABLES = {
    SOFT: "--ink-soft",
    RULE: "--rule",
    GOOD: "--good",
    BAD: "--bad",
    HALF: "--half",
    PAGE: "--pst-color-background",
    OTHERS[3]: "--other",
    **{colour: f"--{method}" for method, colour in PALETTE.items()},
}
LETTERS = re.compile(r"(font(?:-family)?: (?:[\w. ]*?[\d.]+px )?)'[^\";]*")
SIZE = re.compile(r'<svg[^>]* viewBox="([\d. ]+)"[^>]*>')


def shade(colour: str) -> str:
    """A colour of :data:`VARIABLES` as the page has it."""
    return f"var({VARIABLES[colour]}, {colour})"


class Picture(Shown):
    """A drawing, and in words what is drawn."""


def picture(draw: Callable[[bool], Figure], *, alt: str, caption: str = "") -> Picture:
    """A figure drawn twice, with its words.

    Args:
        draw: the figure, for a phone or not.
        alt: for those who do not see it.
        caption: below it; may have markup.
    """
    apply_style()
    return framed(
        {kind: themed(draw(kind == "narrow")) for kind in ("wide", "narrow")}, alt, caption
    )


def framed(drawings: dict[str, str], alt: str, caption: str = "") -> Picture:
    """SVG for each kind of screen as a figure of a page."""
    parts = [
        f'<div class="{kind}" role="img" aria-label="{escape(alt)}">{drawing}</div>'
        for kind, drawing in drawings.items()
    ]
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return Picture(f'<figure class="picture">{"".join(parts)}{below}</figure>', alt)


def panels(
    contents: Mapping[str, Any],
    draw: Callable[[Axes, Any], None],
    *,
    narrow: bool,
    label: str = "",
    below: str = "",
    height: float = 2.3,
) -> Figure:
    """Panels by title with common axes: side by side, on a phone one below the other.

    Args:
        contents: of each panel; a word if there are none.
        draw: one panel.
        narrow: for a phone.
        label: of the vertical axis.
        below: of the horizontal one.
        height: of a panel, inches.
    """
    across = 1 if narrow else min(max(len(contents), 1), 3)
    rows = max(1, -(-len(contents) // across))
    width = NARROW if narrow else WIDE if across > 1 else 0.65 * WIDE
    size = (width, (0.8 if narrow else 1) * height * rows + 0.2)
    figure = plt.figure(figsize=size if contents else (size[0], 0.6), layout="constrained")
    axes = list(figure.subplots(rows, across, sharex=True, sharey=True, squeeze=False).flat)
    for axis, (title, content) in zip(axes, contents.items(), strict=False):
        draw(axis, content)
        axis.set_title(title)
    for axis in axes[len(contents) :]:
        axis.axis("off")
    if not contents:
        axes[0].text(0.5, 0.5, EMPTY, ha="center", va="center", color=SOFT)
    if narrow:  # where the first panel is, and not screens below it
        axes[0].set_ylabel(label, fontsize=LETTER, color=INK)
    else:
        figure.supylabel(label, fontsize=LETTER, color=INK)
    figure.supxlabel(below, fontsize=LETTER, color=INK)
    return figure


def themed(figure: Figure) -> str:
    """A figure as SVG that takes colours and letters from the page it stands on."""
    drawn = io.StringIO()
    quiet = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "partial"}):
        figure.savefig(drawn, format="svg", transparent=True, metadata=quiet)
    plt.close(figure)
    text = drawn.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    full = f'style="max-width:{1.5 * 72 * figure.get_figwidth():.0f}px"'
    head = rf'<svg viewBox="\1" {full} xmlns="http://www.w3.org/2000/svg">'
    text = SIZE.sub(head, text, count=1)
    return _own_names(_own_colours(text)).replace("xlink:href", "href").replace("\n", "")


def _own_colours(text: str) -> str:
    for colour in VARIABLES:
        text = text.replace(f": {colour}", f": {shade(colour)}")
    text = text.replace(f": {INK}", ": currentColor")
    return LETTERS.sub(r"\1var(--pst-font-family-base, sans-serif)", text)


def _own_names(text: str) -> str:
    """Only the names that are referred to, and none that another drawing of the page has."""
    used = set(re.findall(r'(?:url\(#|href="#)([\w-]+)', text))
    mark = sha256(text.encode()).hexdigest()[:6]

    def kept(match: re.Match) -> str:
        return f' id="{mark}{match[1]}"' if match[1] in used else ""

    text = re.sub(r' id="([^"]*)"', kept, text)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{mark}", text)


def standing_alone(drawing: str) -> str:
    """A drawing as a file of its own, which a browser shows in its reader's light or dark mode."""
    box = SIZE.match(drawing)
    if box is None:
        raise ValueError("a drawing begins with its size")
    left, top, width, height = (float(number) for number in box[1].split())
    frame = f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="var(--paper)"/>'
    size = f'width="{1.6 * width:.0f}" height="{1.6 * height:.0f}" '
    head = box[0].replace("<svg ", f"<svg {size}")
    return drawing.replace(box[0], f"{head}<style>{_modes()}</style>{frame}", 1) + "\n"


DARK = {
    "--ink-soft": "#a5afbb",
    "--rule": "#3d4650",
    "--good": "#74cf9f",
    "--bad": "#f08d86",
    "--half": "#e0b854",
    "--trained": "#b9c0c9",
    "--baseline": "#f2995b",
    "--proposed": "#74b6ee",
    "--retrained": "#dd93cb",
    "--other": "#c39bea",
    "--pst-color-background": "#14181e",
}
"""Colours of the pages in dark mode, for drawings that stand on no page."""


def _modes() -> str:
    light = {name: colour for colour, name in VARIABLES.items()} | {"--paper": PAGE}
    dark = DARK | {"--paper": DARK["--pst-color-background"]}
    rules = (
        f"svg{{color:{ink};{';'.join(f'{name}:{value}' for name, value in colours.items())}}}"
        for ink, colours in ((INK, light), ("#e6e9ed", dark))
    )
    return "{}@media (prefers-color-scheme:dark){{{}}}".format(*rules)


def apart(ends: Sequence[float], least: float = 10.0, top: float = 100.0) -> list[float]:
    """Heights of labels, given from the lowest up: near lines' ends, apart, and below the top."""
    heights: list[float] = []
    for end in ends:
        heights.append(max(end, heights[-1] + least) if heights else end)
    for at in reversed(range(len(heights))):
        heights[at] = min(heights[at], top - least * (len(heights) - 1 - at))
    return heights
