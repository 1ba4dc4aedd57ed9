"""From a stored placement to a batch plan."""

import pytest
import torch

from partial_unlearning.batching import shuffled_plan
from partial_unlearning.errors import InputError
from reproduction.study.runs.target_placement import confined_plan, plan_batches

OPTIONS = {"batch_size": 16, "epochs": 3, "seed": 0}
IDS, TARGET = torch.arange(100), torch.arange(10, 60)


def same(one, other) -> bool:
    return all(torch.equal(a[2], b[2]) for a, b in zip(one, other, strict=True))


def test_a_fraction_confines_the_target():
    plan = plan_batches(IDS, TARGET, {"affected_fraction": 0.8}, **OPTIONS)
    assert same(plan, confined_plan(IDS, TARGET, affected_fraction=0.8, **OPTIONS))


def test_a_number_of_images_keeps_the_first_ones():
    plan = plan_batches(IDS, TARGET, {"target_images": 5}, **OPTIONS)
    kept = torch.cat([torch.arange(15), torch.arange(60, 100)])
    assert same(plan, shuffled_plan(kept, **OPTIONS))


@pytest.mark.parametrize(
    ("placement", "message"),
    [
        ({"affected_fraction": 0}, r"outside \(0, 1\]"),
        ({"affected_fraction": 1.5}, r"outside \(0, 1\]"),
        ({"affected_fraction": 0.1}, "smallest possible fraction is 0.5714"),
        ({"target_images": 0}, "not a whole number"),
        ({"target_images": 2.5}, "not a whole number"),
        ({"target_images": 51}, "not a whole number"),
        ({"part": 0.5}, "the placement"),
        ({"affected_fraction": 0.5, "target_images": 5}, "the placement"),
        ({}, "the placement"),
    ],
)
def test_impossible_placements_are_refused(placement, message):
    with pytest.raises(InputError, match=message):
        plan_batches(IDS, TARGET, placement, **OPTIONS)


def test_more_batches_than_target_samples_are_refused():
    with pytest.raises(InputError, match="largest possible fraction"):
        plan_batches(torch.arange(300), TARGET[:10], {"affected_fraction": 0.9}, **OPTIONS)


def test_a_class_without_images_is_refused():
    with pytest.raises(InputError, match="no training images"):
        plan_batches(IDS, TARGET[:0], {"affected_fraction": 1}, **OPTIONS)
