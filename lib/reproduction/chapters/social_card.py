"""The picture that a link to the book shows where it is shared."""

import io
from textwrap import fill

import matplotlib.pyplot as plt

from reproduction.chapters.answer import sentences
from reproduction.chapters.complete import complete
from reproduction.chapters.figures import INK, PALETTE, SOFT, apply_style

SIZE = (12, 6.3)  # inches at 100 dots each: the shape that sites ask for


def social_card() -> bytes:
    """The title and the result on the complete data in its own words, as PNG."""
    apply_style()
    figure = plt.figure(figsize=SIZE, facecolor="white")
    plt.close(figure)
    figure.text(0.06, 0.78, "Layer-wise partial unlearning,\nchecked by running it", fontsize=34,
                fontweight="bold", color=PALETTE["proposed"], va="center")  # fmt: skip
    result = "\n".join(fill(f"{one.head} {one.said}", 74) for one in sentences(complete())[:2])
    figure.text(0.06, 0.38, result, fontsize=19, color=INK, va="center", linespacing=1.6)
    note = "A reproduction of Gogineni and Nadimi (2024): every number from a stored run"
    figure.text(0.06, 0.08, note, fontsize=15, color=SOFT)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    return drawn.getvalue()
