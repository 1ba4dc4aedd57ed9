"""Figures: colours that everyone can tell apart, the same bytes each time, no warnings."""

import io
import re
import warnings
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from reproduction import places
from reproduction.chapters import figures
from reproduction.chapters.figures import Curve

matplotlib.use("agg")

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def seen(colour: str, matrix) -> np.ndarray:
    """CIELAB of a colour as an eye without some cones sees it."""
    value = np.clip(np.array(matrix) @ linear(colour), 0, 1)
    encoded = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)
    return rgb2lab(encoded.reshape(1, 1, 3))[0, 0]


@pytest.mark.parametrize("matrix", BLINDNESS.values(), ids=BLINDNESS)
def test_methods_differ_for_every_kind_of_sight(matrix):
    lab = {name: seen(colour, matrix) for name, colour in figures.PALETTE.items()}
    distances = {(a, b): deltaE_ciede2000(lab[a], lab[b]) for a, b in combinations(lab, 2)}
    assert min(distances.values()) > 10, distances


def test_other_curves_have_no_colour_of_a_method():
    assert not set(figures.OTHERS) & set(figures.PALETTE.values())
    looks = [figures.look(name, order)["color"] for order, name in enumerate("abcd")]
    assert len(set(looks)) == 4


@pytest.mark.parametrize("colour", [*figures.PALETTE.values(), *figures.OTHERS, figures.SOFT])
def test_colours_are_dark_enough_for_text_on_white(colour):
    luminance = linear(colour) @ [0.2126, 0.7152, 0.0722]
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_pages_use_the_colours_of_the_figures():
    css = (places.ROOT / "book" / "_assets" / "custom.css").read_text()
    light = css.partition('data-theme="dark"')[0]
    found = dict(re.findall(r"--(trained|baseline|proposed|retrained): (#\w+)", light))
    assert found == figures.PALETTE


CURVE = Curve([90.0, 5.0, 0.0], [95.0, 60.0, 40.0])
METHODS = {"baseline": CURVE, "proposed": Curve([90, 30, 0], [95, 94, 93])}
DRAWINGS = {
    "frontiers": lambda: figures.frontiers({"MLP": METHODS, "LeNet": METHODS}, 2),
    "masks": lambda: figures.mask_pictures({"weight": np.eye(60) > 0, "bias": np.ones(5) > 0}),
    "bars": lambda: figures.layer_bars({"falling": [0.9, 0.5]}, "pruned"),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_figures_are_the_same_bytes_each_time_and_warn_of_nothing(draw):
    def png() -> bytes:
        figures.apply_style()
        file = io.BytesIO()
        draw().savefig(file, format="png")
        return file.getvalue()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = png(), png()
    assert first == second


def test_the_level_of_the_findings_is_ringed():
    axis = figures.frontiers({"MLP": {"baseline": CURVE}}, 1).axes[0]
    assert [line.get_xydata().tolist() for line in axis.get_lines()][1] == [[5.0, 60.0]]


def test_a_mask_picture_tells_the_share_kept_of_the_whole_layer():
    axes = figures.mask_pictures({"weight": np.eye(50) > 0}, side=10).axes
    assert axes[0].get_xlabel() == "2 % kept"
    assert axes[0].get_images()[0].get_array().shape == (10, 10)


def test_panels_stand_in_a_column_for_a_phone():
    figure = figures.frontiers({"MLP": METHODS, "LeNet": METHODS, "ResNet9": METHODS}, 2)
    tops = [axis.get_position().y0 for axis in figure.narrow.axes]
    assert tops == sorted(tops, reverse=True) and len(set(tops)) == 3
    assert [axis.get_ylabel() for axis in figure.narrow.axes] == ["retained data $D_r$ (%)"] * 3
    assert set(figure._repr_mimebundle_()) == {"image/svg+xml", figures.NARROW}


def test_a_single_panel_has_letters_of_the_same_size_on_a_phone():
    figure = figures.frontiers({"MLP": METHODS}, 2)
    assert figure.narrow.get_figwidth() == figures.NARROW_WIDTH < figure.get_figwidth()
    assert len(figure.narrow.axes) == 1


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.frontiers({}, 0),
        lambda: figures.layer_bars({}, "pruned"),
    ],
)
def test_a_figure_of_nothing_says_so(draw):
    (axis,) = draw().axes
    assert [text.get_text() for text in axis.texts] == ["nothing stored yet"]


def test_a_figure_is_shown_once():
    before = matplotlib.pyplot.get_fignums()
    DRAWINGS["bars"]()
    assert matplotlib.pyplot.get_fignums() == before
