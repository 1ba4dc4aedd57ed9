"""Chapters that ask whether a class is really forgotten: their numbers, from runs made by hand."""

import re

import matplotlib
import pytest

from conftest import made_run
from reproduction.chapters import beside, features, forgotten
from reproduction.checking.measurements import tidy
from reproduction.study.intervals import interval

matplotlib.use("agg")

METHODS = [forgotten.TWIN, forgotten.SECOND, *forgotten.METHODS, *forgotten.PUBLISHED]


def outputs(method, distance):
    """What a run says of a method that is so far from its twin, in percent."""
    known = {"tow": 1 - distance / 100, "d_t": 1.0, "d_r": 90.0, "average_gap": distance}
    measures = dict.fromkeys((*beside.ON_TARGET, *beside.ON_RETAINED), distance)
    return {"method": method, **known, **measures, "destinations": [0.0, 100.0, *[0.0] * 8]}


def probes(method, value):
    head = {"method": method, "width": 4, "cka_target": 50.0, "cka_retained": 60.0}
    return [{**head, "layer": layer, "probe": value} for layer in ("0", "3", "outputs")]


def again(method, steps, cap=60):
    reached = {"steps": min(steps, cap), "reached": steps <= cap, "level": 90, "curve": []}
    return {"method": method, "shown": 5, **reached}


def run(seed, distances, found, steps, tuned=0.5):
    """A run with three numbers for each method: a distance, a probe, and steps to relearn."""
    return made_run(
        "forgotten",
        {"seed": seed},
        beside=[outputs(name, distances[name]) for name in distances],
        layers=[r for name in found for r in probes(name, found[name])],
        relearned=[again(name, steps[name]) for name in steps],
        fine_tuned=[
            {"method": name, "steps": 50, "d_t": tuned, "d_r": 95.0} for name in forgotten.METHODS
        ],
    )


def of_all(twin, second, methods):
    return dict.fromkeys(METHODS, methods) | {
        forgotten.TWIN: twin,
        forgotten.SECOND: second,
    }


@pytest.fixture
def runs():
    found = []
    for seed, noise in enumerate((-1.0, 0.0, 1.0)):
        distances = of_all(0, 10.0, 30 + noise) | {"loss ascent": 10 - noise}
        found.append(run(seed, distances, of_all(90, 91, 95 + noise), of_all(99, 20, 8)))
    return found


def points(runs):
    return tidy(runs, lambda result: result.beside)


def test_differences_are_paired_by_seed_where_both_are_measured(runs):
    runs[2].beside[:] = [r for r in runs[2].beside if r["method"] != "amnesiac"]  # censored there
    found = forgotten.differences(points(runs), "total_variation_target", forgotten.SECOND)
    assert found["MLP", "amnesiac"] == interval([19, 20], 0.95)
    assert found["MLP", "partial amnesiac"] == interval([19, 20, 21], 0.95)
    assert found["MLP", forgotten.SECOND].mean == 0


def test_the_answer_on_outputs_counts_what_is_farther_than_a_second_twin(runs):
    said = beside.answer(points(runs))
    mean = (5 * 30 + 10) / 6
    assert f"differ from the retrained model's by **{mean:.0f} %**" in said
    assert "second retrained model differ by **10 %**" in said
    assert "in 5 of 6 cases" in said
    assert "loss ascent comes nearest (0.90" in said


def test_the_answer_on_features_is_paired_with_the_twin(runs):
    said = features.answer(runs)
    assert said.startswith("**More of the class is left than in a twin.**")
    assert "sorts 95.0 % of images rightly" in said
    assert "90.0 % in a model that never saw it: +5.0 [+2.5, +7.5] points" in said
    assert "above zero in 6 of 6 cases" in said
    assert (
        "again after 8 (MLP; one that never saw it: more than 60) steps, median over all six"
        in said
    )
    assert "0.5 % on average after 50 steps" in said


@pytest.mark.parametrize(
    ("steps", "said"),
    [((8, 9, 99), "9"), ((34, 99), "more than 47"), ((8, 99, 99), "more than 60")],
)
def test_a_median_over_seeds_that_never_get_there_is_a_bound(steps, said):
    each = [run(s, of_all(0, 1, 1), of_all(9, 9, 9), of_all(n, 9, 9)) for s, n in enumerate(steps)]
    assert f"(MLP; one that never saw it: {said}) steps" in features.answer(each)


def test_no_more_than_a_twin_is_said_so():
    alike = [run(s, of_all(0, 1, 1), of_all(90 + s, 90, 91), of_all(9, 9, 9)) for s in range(3)]
    said = features.answer(alike)
    assert said.startswith("**That more of the class is left than in a twin is not shown.**")
    assert "above zero in 0 of 6 cases" in said


def test_one_seed_tells_no_more_than_its_numbers(runs):
    assert "One seed cannot tell more." in beside.answer(points(runs[:1]))
    assert features.answer(runs[:1]).startswith("One seed so far.")


def test_what_is_missing_is_said_and_drawn_empty():
    for said in (beside.answer(points([])), features.answer([])):
        assert re.match(r"Not to be told: .* 15", said)
    tables = [
        beside.beside_table(points([]), beside.ON_TARGET, caption="c"),
        features.feature_table([], caption="c"),
        features.returned_table([], caption="c"),
    ]
    assert all("nothing stored yet" in repr(table) for table in tables)
    forgotten.dot_figure(points([]), {"d_t": "a"}, label="b")
    beside.destination_figure(points([]))
    features.layer_figure([], "probe", "b")


def test_tables_name_the_seeds_that_are_censored(runs):
    runs[2].beside[:] = [r for r in runs[2].beside if r["method"] != "amnesiac"]
    table = beside.beside_table(points(runs), beside.ACCURACIES, caption="c").text
    [line] = [line for line in table.splitlines() if re.match(r"MLP +amnesiac  ", line)]
    assert line.endswith("2 of 3")
    features_table = features.feature_table(runs, caption="c").text
    assert re.search(r"MLP +retrained +.*more than 60", features_table)
    assert "0.50" in features.returned_table(runs, caption="c").text


def test_figures_have_a_line_a_method_and_a_panel_a_model(runs):
    figure = forgotten.dot_figure(points(runs), {"d_t": "a", "d_r": "b"}, label="c")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        forgotten.shown(method) for method in forgotten.ROWS if method in METHODS
    ]
    assert figure.axes[0].get_title() == "MLP"
    picture = beside.destination_figure(points(runs)).axes[0].images[0].get_array()
    assert picture.shape == (len(METHODS), 10)
    assert picture[:, 1].min() == 100
    lines = features.layer_figure(runs, "probe", "b").axes[0].lines
    assert [line.get_ydata()[-1] for line in lines] == pytest.approx([90, 91, 95])
