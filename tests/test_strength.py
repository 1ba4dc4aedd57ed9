"""Paths and levels: each against an oracle."""

import math

import pytest
import torch

from reproduction.study.runs.strength import CLOSE, HALVINGS, Goal, Point, Segment, walk


def line(*values):
    """A path whose weights are one number each, at strengths 0, 1, 2, ..."""
    return [Point(n, torch.tensor([float(v)])) for n, v in enumerate(values)]


def as_it_is(weights):
    return weights.item()


@pytest.mark.parametrize("level", [0.5, 1, 10, 37.5, 99])
def test_a_known_line_is_crossed_where_arithmetic_says(level):
    found = walk(line(100, 0), {"train": as_it_is}, [Goal("train", level)])
    point, value = found.reached[Goal("train", level)]
    assert CLOSE * level <= value <= level
    assert point.strength == pytest.approx((100 - value) / 100)
    assert abs(point.strength - (100 - level) / 100) <= max(0.05 * level / 100, 2.0**-HALVINGS)


def test_the_crossing_is_the_first_of_several():
    found = walk(line(100, 60, 80, 20, 90, 0), {"train": as_it_is}, [Goal("train", 40)])
    point, value = found.reached[Goal("train", 40)]
    assert 2 < point.strength < 3
    assert 0.95 * 40 <= value <= 40


def test_a_path_that_never_arrives_says_how_near_it_came():
    found = walk(line(100, 30, 7, 50), {"train": as_it_is}, [Goal("train", 5), Goal("train", 50)])
    assert list(found.reached) == [Goal("train", 50)]
    assert found.lowest == {"train": 7}
    assert found.last.strength == 3


def test_a_path_is_not_followed_beyond_its_last_goal():
    def path():
        yield from line(100, 0)
        raise AssertionError("asked for more")

    assert walk(path(), {"train": as_it_is}, [Goal("train", 1)]).reached


def test_what_is_not_finite_is_no_forgetting():
    found = walk(line(100, 50, math.nan), {"train": as_it_is}, [Goal("train", 1)])
    assert not found.reached
    assert found.lowest == {"train": 50}


def test_a_trained_model_below_the_level_has_strength_zero():
    point, value = walk(line(3, 0), {"train": as_it_is}, [Goal("train", 5)]).reached[
        Goal("train", 5)
    ]
    assert (point.strength, value) == (0, 3)


def test_level_zero_is_approached_from_its_own_side():
    """Steps of a curve: 0 from l = 0.3 on, to a resolution of 2 ** -HALVINGS."""
    step = Segment(*line(1, 0), lambda w: float(w.item() > 0.7), {0.0: 1.0, 1.0: 0.0})
    point, value = step.crossing(0)
    assert value == 0
    assert 0 <= point.strength - 0.3 <= 2.0**-HALVINGS + 1e-6


def test_goals_on_different_images_are_met_apart():
    measures = {"train": as_it_is, "test": lambda w: w.item() / 2}
    goals = [Goal("train", 10), Goal("test", 10)]
    found = walk(line(100, 0), measures, goals)
    strengths = [found.reached[goal][0].strength for goal in goals]
    assert strengths[0] == pytest.approx(0.9, abs=0.006)
    assert strengths[1] == pytest.approx(0.8, abs=0.011)


def test_the_ends_of_a_segment_are_not_rounded():
    start, end = Point(0, torch.tensor([0.1])), Point(1, torch.tensor([0.7]))
    segment = Segment(start, end, as_it_is)
    assert segment.at(1.0).weights is end.weights
    assert segment.at(0.0).weights is start.weights
