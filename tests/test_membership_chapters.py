"""Chapters on membership and on persons: their words and numbers, from runs made by hand."""

import matplotlib
import numpy as np
import pytest

from conftest import made_run
from reproduction.chapters import membership, persons
from reproduction.chapters.forgotten import METHODS, TWIN
from reproduction.study.runs.membership_crowd import FALSE

matplotlib.use("agg")

ENDS = ("amnesiac, all subtracted", "partial amnesiac, all subtracted")
EVERYONE = ("trained", TWIN, *METHODS, *ENDS)


def attack(method, name, auc, half=2.0):
    rates = {"auc": auc, "tpr_1": 1.0, "tpr_01": 0.1}
    ends = {f"{rate}_low": value - half for rate, value in rates.items()}
    ends |= {f"{rate}_high": value + half for rate, value in rates.items()}
    return {"method": method, "attack": name, **rates, **ends, "curve": [100.0] * len(FALSE)}


def crowd(areas, **config):
    """A run of many models; ``areas`` has LiRA's by method, and U-LiRA's are ten higher."""
    attacks = [attack(method, "LiRA", auc) for method, auc in areas.items()]
    attacks += [attack(m, "U-LiRA", auc + 10) for m, auc in areas.items() if m != TWIN]
    known = {"reached": 75.0, "accuracy": 90.0, "inside_logit": 1.0, "outside_logit": 0.0}
    levels = [{"method": method, **known, "unseen_logit": 0.0} for method in areas]
    return made_run("crowd", {"labels": "right", **config}, attacks=attacks, levels=levels)


@pytest.fixture
def right():
    areas = dict.fromkeys(EVERYONE, 55.0)
    return crowd(areas | {"trained": 60.0, TWIN: 50.5, "loss ascent": 51.0, "label flipping": 47.0})


@pytest.fixture
def wrong():
    return crowd(dict.fromkeys(EVERYONE, 80.0) | {TWIN: 50.0}, labels="wrong")


def of_class(seed, areas, **config):
    attacks = [
        {"method": m, "others": kind, "auc": auc, "accuracy": 50.0, "tpr_1": 1.0, "tpr_01": 0.0}
        for m, pair in areas.items()
        for kind, auc in zip(("withheld", "test"), pair, strict=True)
    ]
    return made_run("membership", {"seed": seed, **config}, attacks=attacks)


@pytest.fixture
def classes():
    """Three seeds: the twin is at chance beside withheld images, not beside those of the test."""
    return [
        of_class(seed, {TWIN: (50 + off, 60 + off), **dict.fromkeys(METHODS, (50 + off, 61 + off))})
        for seed, off in enumerate((-0.5, 0.0, 0.5))
    ]


# Membership


def test_the_answer_counts_methods_that_give_members_away(right, wrong):
    said = membership.answer(membership.single([right, wrong]))
    assert "4 of 6 methods still give away" in said  # not loss ascent, nor label flipping below
    assert "AUC of 60.0 [58.0, 62.0]" in said
    assert (
        "50.5 [48.5, 52.5] where the model was retrained without them: not told from chance" in said
    )
    assert "between 47.0 [45.0, 49.0] (label flipping) and 55.0" in said
    assert "From *retrained* models 6 of 6" in said
    assert (
        "trained model with an AUC of 80.0 [78.0, 82.0] and in the retrained one with 50.0" in said
    )


def test_where_the_attack_tells_nothing_is_said(right):
    right.levels[-1]["reached"] = 10.0  # not of the six methods, but of one to its end
    assert "Not all forget" not in membership.answer(membership.single([right]))
    next(row for row in right.levels if row["method"] == "amnesiac")["reached"] = 12.5
    hidden = crowd(dict.fromkeys(EVERYONE, 50.5), model="LeNet")
    said = membership.answer(membership.single([right, hidden]))
    assert "Not all forget that much: amnesiac in 12 % of the requests." in said
    assert "In the LeNet (" in said and "before anything is forgotten (50.5 [48.5, 52.5])" in said
    assert "In the MLP (" not in said


def test_what_is_missing_is_said(right):
    assert membership.answer(membership.single([])).startswith("Not to be told yet")
    assert "were not run yet" in membership.answer(membership.single([right]))
    assert membership.class_answer(membership.of_classes([])) == "No run yet."
    assert persons.answer([], membership.single([])).startswith("Not to be told yet")


def test_an_interval_is_above_below_or_at_chance():
    assert membership.beside_chance(50.1, 60) == "above chance"
    assert membership.beside_chance(40, 49.9) == "below chance"
    assert membership.beside_chance(49, 51) == "not told from chance"


def test_attacks_on_a_class_are_told_by_the_images_they_are_beside(classes):
    said = membership.class_answer(membership.of_classes(classes))
    withheld, test = said.split("Told from **test")
    assert "MLP 50.0 [48.8, 51.2], and 0 of 6" in withheld
    assert "MLP 60.0 [58.8, 61.2], and 6 of 6" in test


def test_runs_are_told_apart_by_their_kind(right, wrong, classes):
    everything = [right, wrong, *classes]
    assert membership.crowds(everything) == [right, wrong]
    assert membership.populations(everything) == classes
    assert membership.crowd_name(wrong.config) == "MLP, wrong labels"


def test_tables_have_a_row_a_method_and_attack(right, classes):
    [table] = membership.crowd_tables([right], "complete data")
    lines = {line[:32].strip(): line for line in table.text.splitlines()[2:]}
    assert set(lines) == set(EVERYONE)
    assert "75 %" in lines["amnesiac"] and "55.0 [53.0, 57.0]" in lines["amnesiac"]
    assert "65.0 [63.0, 67.0]" in lines["amnesiac"] and "60.5" not in lines[TWIN]
    points = membership.of_classes(classes)
    assert "61.0 [59.8, 62.2]" in membership.class_table(points, caption="c").text
    nothing = membership.of_classes([])
    assert "nothing stored yet" in membership.class_table(nothing, caption="c").text


def test_curves_are_drawn_at_the_rates_that_are_stored(right, wrong):
    figure = membership.roc_figure([right, wrong], "LiRA")
    assert [axis.get_title() for axis in figure.axes] == ["MLP", "MLP, wrong labels"]
    lines = figure.axes[0].lines
    assert len(lines) == len(membership.DRAWN) + 1
    assert lines[0].get_xdata() == pytest.approx(100 * np.array(FALSE))


def test_figures_of_areas_have_a_panel_a_run_and_a_line_at_chance(right, wrong, classes):
    figures = [
        membership.area_figure(membership.single([right, wrong])),
        membership.class_figure(membership.of_classes(classes)),
    ]
    assert [len(figure.axes) for figure in figures] == [2, 1]
    for figure in figures:
        assert set(figure.axes[0].lines[0].get_xdata()) == {membership.CHANCE}
    for empty in (membership.single([]), membership.of_classes([])):
        membership.area_figure(empty)
        membership.class_figure(empty)


# Persons


def asked(seed, gap):
    """A run in which doing nothing is ``gap`` from the twin, whatever the size and batches."""
    rows, whole = [], ENDS[0]
    for batches, lost in (("shuffled", 40.0), ("together", 1.0)):
        for images in (1, 50):
            for method in (*EVERYONE, persons.ANOTHER):
                down = lost if images == 50 and method == whole else 0
                head = {"batches": batches, "images": images, "method": method, "reached": True}
                known = {"accuracy": 95 - down, "agreement": 99.0, "total_variation": gap}
                rows.append(head | known | {"logit": 1.0, "logit_gap": 0.0, "auc": 50.0})
    shares = {("shuffled", 1): 0.1, ("shuffled", 50): 0.99}
    affected = [
        {"batches": b, "images": k, "measured": shares.get((b, k), 0.1), "expected": 0.1}
        for b in persons.BATCHES
        for k in (1, 50)
    ]
    turn = [
        {"batches": b, "persons": n, "affected": 0.1, "method": m, "accuracy": 90.0}
        for b in persons.BATCHES
        for n in (1, 2)
        for m in ENDS
    ]
    facts = {"affected": affected, "in_turn": turn}
    return made_run("persons", {"seed": seed}, levels=rows, facts=facts)


@pytest.fixture
def trainings():
    return [asked(seed, gap) for seed, gap in enumerate((1.0, 2.0, 3.0))]


def test_the_answer_has_what_a_request_touches_and_costs(trainings, right):
    said = persons.answer(trainings, membership.single([right])).replace("−", "-")
    head = "**Taking back whole steps that saw 1 image costs 0.0 points of test accuracy. With 50"
    assert said.startswith(head)
    assert "it costs 40.0, and the paper’s part 0.0; if they stood together in training" in said
    assert "training, 1.0 and 0.0.**" in said
    assert "Beside retrained models (U-LiRA) it ranks up to 65.0 % rightly" in said
    assert "of 1 image touches 10.0 % of the steps and one of 50 images 99.0 %; together" in said
    assert "2.0 [-0.5, 4.5] % if nothing is done" in said
    assert "chance in 1 of 1 kinds of request (best for 10 images together: 55.0 [53.0" in said
    assert "% of pairs) after whole steps were subtracted" in said


def test_persons_are_shown_by_size_and_batches(trainings, right):
    points = persons.carried_out(trainings)
    assert [a.get_title() for a in persons.gap_figure(points).axes] == ["1 image", "50 images"]
    table = persons.request_table(points, caption="c").text
    assert "2.00 ± 1.00" in table and "3 of 3" in table
    assert "99.00" in persons.affected_table(persons.affected(trainings), caption="c").text
    assert "10 (3 a side)" in persons.attack_table(membership.single([right]), caption="c").text


def test_the_line_in_closed_form_goes_through_what_it_expects(trainings):
    shares = persons.affected(trainings)
    assert set(shares.trained_on) == {4900}
    shuffled, _, together, _ = persons.affected_figure(shares).axes[0].lines
    assert shuffled.get_ydata()[0] == pytest.approx(10) == together.get_ydata()[0]  # of ten steps
    assert shuffled.get_ydata()[-1] > 99


def test_persons_in_turn_have_a_line_a_method(trainings):
    axes = persons.turn_figure(persons.in_turn(trainings)).axes
    assert [len(axis.lines) for axis in axes] == [2, 2]


def test_nothing_stored_is_drawn_empty():
    for draw, read in (
        (persons.gap_figure, persons.carried_out),
        (persons.turn_figure, persons.in_turn),
        (persons.affected_figure, persons.affected),
    ):
        draw(read([]))
    assert "nothing stored yet" in persons.request_table(persons.carried_out([]), caption="c").text
