"""Pruning and selection masks."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partial_unlearning.errors import InputError
from partial_unlearning.masks import (
    STRATEGIES,
    FixedMask,
    MagnitudeMask,
    SelectionMask,
    build_mask,
    depth_schedule,
    keep_all,
    kept_count,
    last_layers,
)
from partial_unlearning.state import Layout

fractions = st.floats(0, 1)


def layout_of(sizes: list[int]) -> Layout:
    return Layout.of(torch.nn.Sequential(*(torch.nn.Linear(size, 1, bias=False) for size in sizes)))


layouts = st.lists(st.integers(1, 40), min_size=1, max_size=5).map(layout_of)


@given(layouts, fractions, fractions, st.integers(0, 2**31), st.integers(1, 50))
@settings(max_examples=100, deadline=None)
def test_a_random_mask_keeps_its_count_in_every_layer(layout, first, last, seed, block):
    schedule = depth_schedule(first, last, len(layout.layers))
    counts = [*map(kept_count, schedule, layout.layer_sizes)]
    kept = FixedMask.draw(layout, counts, seed=seed, block=block).kept()
    assert torch.equal(kept, kept.unique())
    for part, pruning in zip(layout.slices, schedule, strict=True):
        inside = ((kept >= part.start) & (kept < part.stop)).sum().item()
        assert inside == kept_count(pruning, part.stop - part.start)


@given(layouts, st.floats(0, 1), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_magnitude_masks_keep_nothing_smaller_than_what_they_drop(layout, pruning, seed):
    update = torch.randn(layout.size, generator=torch.Generator().manual_seed(seed))
    for parts in (layout.slices, (slice(0, layout.size),)):
        counts = tuple(kept_count(pruning, part.stop - part.start) for part in parts)
        chosen = torch.zeros(layout.size, dtype=torch.bool)
        chosen[MagnitudeMask(parts, counts).kept(update)] = True
        for part in parts:
            inside, size = chosen[part], part.stop - part.start
            values = update[part].abs()
            assert inside.sum() == kept_count(pruning, size)
            if inside.any() and not inside.all():
                assert values[inside].min() >= values[~inside].max()


def test_a_random_mask_depends_on_its_seed_alone():
    layout = layout_of([100, 50])
    draw = [FixedMask.draw(layout, [50, 25], seed=seed).kept() for seed in (3, 3, 4)]
    assert torch.equal(draw[0], draw[1])
    assert not torch.equal(draw[0], draw[2])


def test_blocks_of_one_are_single_entries_in_a_random_order():
    layout = layout_of([100, 50])
    order = torch.randperm(100, generator=torch.Generator().manual_seed(3))
    kept = FixedMask.draw(layout, [30, 0], seed=3).kept()
    assert torch.equal(kept, order[:30].sort().values)


@given(st.integers(1, 200), fractions, st.integers(0, 999), st.integers(1, 50))
def test_of_each_block_all_is_kept_or_nothing_but_for_one_that_is_cut(size, pruning, seed, block):
    count = kept_count(pruning, size)
    kept = FixedMask.draw(layout_of([size]), [count], seed=seed, block=block).kept()
    assert len(kept) == count
    sizes = torch.full((-(-size // block),), block)
    sizes[-1] = size - block * (len(sizes) - 1)
    counts = torch.bincount(kept // block, minlength=len(sizes))
    assert ((counts > 0) & (counts < sizes)).sum() <= 1


def test_the_ends_of_pruning():
    layout = layout_of([10, 5])
    assert torch.equal(FixedMask.draw(layout, [10, 5], seed=0).kept(), keep_all(layout).kept())
    assert len(FixedMask.draw(layout, [0, 0], seed=0).kept()) == 0


@pytest.mark.parametrize("count", [-5, 11, 0.9, 3.0, True, None])
def test_what_is_no_count_of_a_layer_is_refused(count):
    with pytest.raises(InputError, match="is no count of 0..10; kept_count makes one"):
        FixedMask.draw(layout_of([10]), [count], seed=0)


def test_the_depth_schedule_is_a_straight_line():
    assert depth_schedule(0.9, 0.5, 5) == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5])
    assert depth_schedule(0.9, 0.5, 1) == [0.9]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_all_strategies_keep_equally_many(strategy):
    layout = layout_of([200, 100, 10])
    mask = build_mask(strategy, layout, sparsity_first=0.9, sparsity_last=0.3, seed=0)
    assert len(mask.kept(torch.randn(layout.size))) == 20 + 40 + 7


@pytest.mark.parametrize("kept", [0, 3, 10, 60, 110, 111, 310])
def test_the_last_layers_are_filled_before_those_in_front(kept):
    counts = last_layers([200, 100, 10], kept)
    assert sum(counts) == kept
    behind_full = [later == size for later, size in zip(counts[1:], [100, 10], strict=True)]
    assert all(full for count, full in zip(counts, behind_full, strict=False) if count)


def test_a_mask_of_the_last_layers_needs_no_update_and_is_made_again_from_its_seed():
    layout = layout_of([200, 100, 10])
    ends = {"sparsity_first": 0.9, "sparsity_last": 0.9}
    drawn = [build_mask("last_layers", layout, **ends, seed=seed) for seed in (3, 3, 4)]
    assert all(mask.fixed and (mask.kept()[-10:] >= 300).all() for mask in drawn)
    assert ((drawn[0].kept()[:-10] >= 200) & (drawn[0].kept()[:-10] < 300)).all()
    assert torch.equal(drawn[0].kept(), drawn[1].kept())
    assert not torch.equal(drawn[0].kept(), drawn[2].kept())


def test_impossible_masks_are_refused():
    layout = layout_of([3])
    with pytest.raises(InputError, match=r"1\.5"):
        build_mask("random", layout, sparsity_first=1.5, sparsity_last=0, seed=0)
    with pytest.raises(InputError, match="unknown pruning strategy 'best'"):
        build_mask("best", layout, sparsity_first=0.5, sparsity_last=0, seed=0)
    for strategy, block in (("random", 0), ("random", 2.0), ("last_layers", 2)):
        with pytest.raises(InputError, match=f"block is {block}"):
            build_mask(strategy, layout, sparsity_first=0.5, sparsity_last=0, seed=0, block=block)
    for seed in ("a", 1.5, True, -1, 2**64):
        with pytest.raises(InputError, match="seed is"):
            build_mask("random", layout, sparsity_first=0.5, sparsity_last=0, seed=seed)
        with pytest.raises(InputError, match="seed is"):
            SelectionMask.draw(layout, [0.5], seed=seed)
    for block in (0, -1, 2.0):
        with pytest.raises(InputError, match="block is"):
            FixedMask.draw(layout, [2], seed=0, block=block)
    with pytest.raises(InputError, match="-0.1"):
        SelectionMask.draw(layout, [-0.1], seed=0)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_circular_shifts_visit_every_weight_equally_often(size, count, seed):
    """In ``size`` epochs of ``count`` weights each, every weight has exactly ``count`` turns."""
    count = min(count, size)
    layout = layout_of([size])
    mask = SelectionMask.draw(layout, [count / size], seed=seed)
    turns = torch.zeros(size, dtype=torch.int64)
    for epoch in range(size):
        selected = mask.at(epoch)
        assert len(selected) == len(selected.unique()) == count
        turns[selected] += 1
    assert (turns == count).all()


def test_a_cycle_visits_every_weight_once():
    mask = SelectionMask.draw(layout_of([12, 8]), [0.25, 0.25], seed=0)
    visited = torch.cat([mask.at(epoch) for epoch in range(4)])
    assert torch.equal(visited.sort().values, torch.arange(20))


def test_the_next_mask_is_the_last_one_shifted_along_its_ring():
    mask = SelectionMask.draw(layout_of([10]), [0.3], seed=0)
    place = {int(weight): i for i, weight in enumerate(mask.rings[0])}
    now, later = ([place[int(w)] for w in mask.at(epoch)] for epoch in (4, 5))
    assert [(i + 3) % 10 for i in now] == later
