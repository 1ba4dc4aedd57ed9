"""Batch plans."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from partial_unlearning.batching import (
    shuffled_plan,
)
from partial_unlearning.errors import InputError
from reproduction.study.runs.target_placement import confined_plan
from reproduction.study.runs.together import together_plan
from reproduction.study.shuffling import expected_affected_fraction


def same_ids(plan, ids) -> bool:
    return all(torch.equal(torch.cat(epoch).sort().values, ids) for epoch in plan.epochs)


def slow_affected(plan, ids) -> list[list[int]]:
    """The obvious twin of BatchPlan.affected."""
    wanted, found, step = set(ids.tolist()), [], 0
    for epoch in plan.epochs:
        found.append([])
        for batch in epoch:
            if wanted & set(batch.tolist()):
                found[-1].append(step)
            step += 1
    return found


@given(
    st.integers(1, 30),
    st.integers(1, 200),
    st.integers(1, 20),
    st.floats(0.05, 0.99),
    st.integers(0, 2**20),
)
@settings(max_examples=100, deadline=None)
def test_a_confined_plan_affects_exactly_its_fraction(target, retained, batch_size, fraction, seed):
    ids = torch.randperm(3 * (target + retained))[: target + retained].sort().values
    chosen = ids[torch.randperm(len(ids))[:target]].sort().values
    batches = -(-len(ids) // batch_size)
    count = round(fraction * batches)
    assume(-(-target // batch_size) <= count <= target)
    plan = confined_plan(
        ids, chosen, affected_fraction=fraction, batch_size=batch_size, epochs=2, seed=seed
    )
    assert same_ids(plan, ids)
    assert [len(steps) for steps in plan.affected(chosen)] == [count, count]
    assert plan.affected(chosen) == slow_affected(plan, chosen)
    assert {len(batch) for epoch in plan.epochs for batch in epoch[:-1]} <= {batch_size}


def test_plans_are_deterministic_and_differ_by_seed_and_epoch():
    ids, target = torch.arange(1000), torch.arange(100)
    plans = [
        confined_plan(ids, target, affected_fraction=0.3, batch_size=32, epochs=2, seed=seed)
        for seed in (1, 1, 2)
    ]
    flat = [torch.cat([batch for _, _, batch in plan]) for plan in plans]
    assert torch.equal(flat[0], flat[1])
    assert not torch.equal(flat[0], flat[2])
    assert not torch.equal(flat[0][:1000], flat[0][1000:])


def test_target_samples_are_dealt_evenly():
    ids, target = torch.arange(1280), torch.arange(100)
    plan = confined_plan(ids, target, affected_fraction=0.2, batch_size=64, epochs=1, seed=0)
    held = [torch.isin(batch, target).sum().item() for batch in plan.epochs[0]]
    assert sorted(held) == [0] * 16 + [25] * 4


def test_fraction_one_is_plain_shuffling():
    ids, target = torch.arange(300), torch.arange(30)
    options = {"batch_size": 64, "epochs": 2, "seed": 3}
    confined = confined_plan(ids, target, affected_fraction=1, **options)
    shuffled = shuffled_plan(ids, **options)
    assert all(torch.equal(a[2], b[2]) for a, b in zip(confined, shuffled, strict=True))


def test_unknown_ids_are_refused():
    ids = torch.arange(10)
    with pytest.raises(InputError, match="not among the ids"):
        confined_plan(
            ids, torch.tensor([11]), affected_fraction=0.5, batch_size=2, epochs=1, seed=0
        )
    with pytest.raises(InputError, match="1 of 2 sample ids, 99, are in no batch"):
        shuffled_plan(ids, batch_size=2, epochs=1, seed=0).affected(torch.tensor([3, 99]))


# A person's samples


@given(
    st.lists(st.integers(1, 40), max_size=8),
    st.integers(1, 150),
    st.integers(8, 20),
    st.integers(0, 2**20),
)
@settings(max_examples=100, deadline=None)
def test_a_group_stands_in_as_few_batches_as_it_fills(groups, singles, batch_size, seed):
    ids = 3 * torch.arange(sum(groups) + singles)
    people = ids[: sum(groups)].split(groups)
    assume(len(ids) >= batch_size * (1 + sum(-(-size // batch_size) for size in groups)))
    plan = together_plan(ids, people, batch_size=batch_size, epochs=2, seed=seed)
    assert same_ids(plan, ids)
    for person in people:
        fewest = -(-len(person) // batch_size)
        assert [len(steps) for steps in plan.affected(person)] == [fewest, fewest]
    sizes = [[len(batch) for batch in epoch] for epoch in plan.epochs]
    assert sizes == [[len(part) for part in ids.split(batch_size)]] * 2


def test_a_group_is_as_likely_in_each_batch():
    ids = torch.arange(50)
    plan = together_plan(ids, [ids[:3]], batch_size=10, epochs=1000, seed=0)
    counts = torch.bincount(torch.tensor([steps[0] % 5 for steps in plan.affected(ids[:3])]))
    assert (counts - 200).abs().max() < 5 * 12.7  # five standard deviations


@pytest.mark.parametrize("groups", [[torch.tensor([1, 99])], [torch.arange(3), torch.arange(2, 5)]])
def test_groups_that_overlap_or_are_not_there_are_refused(groups):
    with pytest.raises(InputError, match="disjoint"):
        together_plan(torch.arange(10), groups, batch_size=5, epochs=1, seed=0)


def test_groups_that_cannot_be_seated_are_refused():
    groups = list(torch.arange(9).split(3))
    with pytest.raises(InputError, match="a group of 3 samples finds no batch"):
        together_plan(torch.arange(10), groups, batch_size=5, epochs=1, seed=0)


@pytest.mark.parametrize("request_size", [1, 3, 20, 95])
def test_the_affected_fraction_is_the_hypergeometric_one(request_size):
    """Measured over epochs, each a shuffling of its own, within five standard errors.

    Batches of an epoch share no sample, so that the error is less than of independent ones.
    """
    ids = torch.arange(103)  # the last batch is short
    plan = shuffled_plan(ids, batch_size=10, epochs=500, seed=0)
    shares = [len(steps) / 11 for steps in plan.affected(ids[:request_size])]
    expected = expected_affected_fraction(103, 10, request_size)
    error = (expected * (1 - expected) / (500 * 11)) ** 0.5
    assert abs(sum(shares) / 500 - expected) <= 5 * error
    if request_size == 1:
        assert shares == pytest.approx([1 / 11] * 500) and expected == pytest.approx(1 / 11)


def test_a_small_part_of_many_samples_is_affected_as_if_drawn_with_replacement():
    assert expected_affected_fraction(60_000, 128, 100) == pytest.approx(
        1 - (1 - 128 / 60_000) ** 100, rel=2e-3
    )
