"""How partial amnesiac unlearning works, as one drawing, and what plain shuffling does to it."""

from collections.abc import Sequence
from html import escape

from reproduction.chapters.figures import PALETTE, RULE, SOFT
from reproduction.chapters.pictures.svg import Picture, framed, shade

HELD = {1: (0, 2, 4, 7), 5: (1, 3, 4, 8), 8: (0, 4, 5, 6)}
"""Batches that hold target images when these are confined, and their places in a batch of nine."""
SHUFFLED = {batch: ((5 * batch + 2) % 9,) for batch in range(12)}
KEPT = {"first layer": 1, "second": 4, "third": 8, "last layer": 12}
"""Entries of an update that the mask keeps, of 14 in each layer."""
BATCHES, ENTRIES, SIDE, GAP, CELL = 12, 14, 22, 5.5, 15

TARGET, PART = shade(PALETTE["baseline"]), shade(PALETTE["proposed"])
FAINT, PALE = shade(RULE), shade(SOFT)
ALT = (
    "Left: twelve batches of a training. Where the images to forget are confined, three batches "
    "hold some; the updates of these three are kept. Right: an update layer by layer; of the first "
    "layer the mask keeps one entry in fourteen, of the last twelve. Below: the kept parts of the "
    "three updates are subtracted from the weights. At the bottom left: with plain shuffling each "
    "of the twelve batches holds an image to forget, so that every update would be taken back."
)
CAPTION = (
    '<span class="sign target">●</span> an image to forget, <span class="sign equal">■</span> what '
    "is stored of a step, and, of the steps that saw such an image, taken back. How the images "
    "came to sit in few batches is not said in "
    "the paper; with plain shuffling they sit in all."
)


def method_picture() -> Picture:
    """The drawing; nothing in it is measured."""
    return framed({"wide": _wide(), "narrow": _narrow()}, ALT, CAPTION)


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    font = "font-family:var(--pst-font-family-base, sans-serif);font-size:12.5px;fill:currentColor"
    head = f'<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" style="{font}">'
    return f"{head}{''.join(parts)}</svg>"


def _wide() -> str:
    parts = [
        _at(4, 14, _batches("1  Train, and keep what each step changed", HELD)),
        _at(4, 178, _batches("The same, plainly shuffled", SHUFFLED)),
        _at(392, 14, _mask()),
        _at(392, 190, _subtraction()),
    ]
    notes = [
        _text(4, 150, "3 of 12 steps are affected: 9 are left alone."),
        _text(4, 314, "Every step is affected: all training would go."),
    ]
    return _svg(760, 326, parts + notes)


def _narrow() -> str:
    parts = [
        _at(4, 14, _batches("1  Train, and keep what each step changed", HELD)),
        _text(4, 150, "3 of 12 steps are affected: 9 are left alone."),
        _at(4, 186, _mask()),
        _at(4, 360, _subtraction()),
        _at(4, 516, _batches("But plainly shuffled", SHUFFLED)),
        _text(4, 652, "Every step is affected: all training would go."),
    ]
    return _svg(360, 666, parts)


def _batches(title: str, held: dict[int, tuple[int, ...]]) -> list[str]:
    """A row of batches, and below each affected one its update."""
    parts = [_text(0, 0, title, weight=600)]
    for batch in range(BATCHES):
        left = batch * (SIDE + GAP)
        affected = batch in held
        parts.append(_box(left, 16, SIDE, SIDE, line=TARGET if affected else FAINT))
        for place in range(9):
            centre = left + 4.5 + 6.5 * (place % 3), 20.5 + 6.5 * (place // 3)
            parts.append(_dot(*centre, TARGET if place in held.get(batch, ()) else FAINT))
        parts.append(_arrow(left + SIDE / 2, 42, 16, pale=not affected))
        fill = {"fill": PART, "line": PART} if affected else {"line": FAINT}
        parts.append(_box(left, 64, SIDE, 30, **fill))
    parts.append(_text(0, 112, "each batch makes a step: its update of the weights", pale=True))
    return parts


def _mask() -> list[str]:
    """One update, layer by layer, with the entries that the mask keeps."""
    parts = [_text(0, 0, "2  Of each, store a part: less of the first layers", weight=600)]
    for row, (layer, kept) in enumerate(KEPT.items()):
        top = 16 + row * (CELL + 9)
        parts.append(_text(0, top + 12, layer, pale=True))
        for entry in range(ENTRIES):
            keep = (entry * 5 + 3 * row) % ENTRIES < kept
            fill = {"fill": PART, "line": PART} if keep else {"line": FAINT}
            parts.append(_box(84 + entry * (CELL + 3), top, CELL, CELL, **fill))
    parts.append(_text(0, 127, "the same random places for every step: a seed", pale=True))
    parts.append(_text(0, 143, "makes them again, so only the values are stored", pale=True))
    return parts


def _subtraction() -> list[str]:
    """The weights, minus the stored parts, are the weights that have forgotten."""
    parts = [_text(0, 0, "3  Asked to forget, take these parts back", weight=600)]
    parts += [_box(0, 20, 78, 56, line="currentColor"), _text(39, 53, "weights", anchor="middle")]
    parts.append(_text(98, 54, "−", anchor="middle", size=20))
    for left in (118, 148, 178):
        parts.append(_box(left, 20, 22, 56, line=PART))
        for cell in (1, 3, 5, 6):  # the same places in each
            parts.append(_box(left + 3, 23 + 7.4 * cell, 16, 5, fill=PART, line=PART))
    parts.append(_text(222, 54, "=", anchor="middle", size=20))
    parts += [
        _box(244, 20, 100, 56, line="currentColor"),
        _text(294, 45, "weights", anchor="middle"),
    ]
    parts.append(_text(294, 62, "without it", anchor="middle"))
    parts.append(_text(0, 100, "Taking whole updates back takes what the other", pale=True))
    parts.append(_text(0, 116, "images of the three batches taught as well.", pale=True))
    return parts


def _at(left: float, top: float, parts: Sequence[str]) -> str:
    return f'<g transform="translate({left},{top})">{"".join(parts)}</g>'


def _text(
    left: float,
    top: float,
    words: str,
    *,
    weight: int = 400,
    anchor: str = "start",
    size: float = 12.5,
    pale: bool = False,
) -> str:
    colour = PALE if pale else "currentColor"
    style = f"font-weight:{weight};text-anchor:{anchor};font-size:{size}px;fill:{colour}"
    return f'<text x="{left}" y="{top}" style="{style}">{escape(words)}</text>'


def _box(
    left: float, top: float, width: float, height: float, *, line: str, fill: str = "none"
) -> str:
    size = f'x="{left}" y="{top}" width="{width}" height="{height}" rx="2"'
    return f'<rect {size} style="fill:{fill};stroke:{line};stroke-width:1.3"/>'


def _dot(left: float, top: float, colour: str) -> str:
    return f'<circle cx="{left}" cy="{top}" r="2.2" style="fill:{colour}"/>'


def _arrow(left: float, top: float, length: float, *, pale: bool) -> str:
    colour = FAINT if pale else "currentColor"
    path = f"M{left} {top}v{length}m-3.5 -4l3.5 4l3.5 -4"
    return f'<path d="{path}" style="fill:none;stroke:{colour};stroke-width:1.2"/>'
