"""Reading chosen entries, against the whole vector."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from partial_unlearning.models import build
from partial_unlearning.recorders.weight_reader import Reader
from partial_unlearning.state import Layout


def mixed() -> nn.Module:
    """Three types, and statistics."""
    model = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(6, 7))
    model[3].half()
    return model


def chosen(size: int, density: float, seed: int) -> torch.Tensor:
    drawn = torch.rand(size, generator=torch.Generator().manual_seed(seed))
    return torch.cat([drawn[:1] * 0, 1 + (drawn[1:] < density).nonzero().flatten()]).long()


def read(reader: Reader, slot: int) -> torch.Tensor:
    return torch.cat([part.slots[slot].float().ravel() for part in reader.parts])


@pytest.mark.parametrize("model", [mixed(), build("ResNet9", classes=10, seed=0, width=4)])
@settings(max_examples=20, deadline=None)
@given(density=st.sampled_from([0.0, 0.001, 0.1, 1.0]), seed=st.integers(0, 99))
def test_a_reading_is_the_vector_at_its_positions(model, density, seed):
    layout = Layout.of(model)
    positions = chosen(layout.size, density, seed)
    reader = Reader(model, Layout.of(model), positions, 1)
    reader(0)
    assert torch.equal(read(reader, 0), layout.vector(model)[positions])


def test_it_reads_what_the_model_has_now():
    model = mixed()
    layout = Layout.of(model)
    positions = torch.arange(0, layout.size, 3)
    reader = Reader(model, Layout.of(model), positions, 2)
    reader(0)
    before = read(reader, 0)
    with torch.no_grad():
        model[0].weight.add_(1)  # in place
        model[1].bias.data = torch.ones_like(model[1].bias)  # memory of its own
        model[3].weight = nn.Parameter(torch.zeros(7, 6).half())  # another tensor
        model[2].running_mean = torch.full((4,), 2.0)
    reader(1)
    assert torch.equal(read(reader, 1), layout.vector(model)[positions])
    assert torch.equal(read(reader, 0), before)


def in_blocks(size: int, block: int, cut: int, seed: int) -> torch.Tensor:
    """A third of the blocks of so many neighbours, without the ``cut``-th of all positions."""
    drawn = torch.rand(-(-size // block), generator=torch.Generator().manual_seed(seed)) < 0.33
    positions = drawn.repeat_interleave(block)[:size].nonzero().flatten()
    return torch.cat([positions[:cut], positions[cut + 1 :]])


@settings(max_examples=60, deadline=None)
@given(
    block=st.sampled_from([1, 3, 16, 24, 32, 64, 128]),
    cut=st.integers(0, 9000),
    seed=st.integers(0, 99),
    half=st.booleans(),
)
def test_blocks_of_neighbours_are_read_as_they_are(block, cut, seed, half):
    model = nn.Sequential(nn.Linear(130, 200), nn.Linear(200, 3))
    model = model.half() if half else model
    layout = Layout.of(model)
    positions = in_blocks(layout.size, block, cut, seed)
    reader = Reader(model, Layout.of(model), positions, 2)
    reader(0)
    with torch.no_grad():
        model[0].weight = nn.Parameter(model[0].weight.t().contiguous().t() * 2)
    reader(1)
    before, after = read(reader, 0), read(reader, 1)
    assert torch.equal(after, layout.vector(model)[positions])
    assert torch.equal(reader.changes(1)[0], after - before)
