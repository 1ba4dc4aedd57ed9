"""Recorders against the arithmetic of Eq. 6, done the long way."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from partial_unlearning.errors import InputError
from partial_unlearning.masks import build_mask, keep_all
from partial_unlearning.models import build
from partial_unlearning.recorders import recorders
from partial_unlearning.recorders.recorders import MemoryLog, UpdateRecorder
from partial_unlearning.recorders.weight_reader import Reader
from partial_unlearning.state import Layout
from partial_unlearning.training import Callback
from partial_unlearning.unlearners.amnesiac import prune
from reproduction.study.runs.epoch_sums import EpochSums

MODELS = {"MLP": 20, "LeNet": 6, "ResNet9": 2}


def small(name: str) -> nn.Module:
    return build(name, classes=10, seed=0, width=MODELS[name])


def train(model: nn.Module, recorders: list[Callback], steps: int) -> list[torch.Tensor]:
    """Train on noise; return the state before the first step and after each."""
    layout = Layout.of(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(1)
    states = [layout.vector(model)]
    for recorder in recorders:
        recorder.on_train_begin(model)
    for step in range(steps):
        images = torch.rand(8, 1, 28, 28, generator=generator)
        labels = torch.randint(0, 10, (8,), generator=generator)
        optimizer.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimizer.step()
        for recorder in recorders:
            recorder.on_step_end(step, model)
        states.append(layout.vector(model))
    for recorder in recorders:
        recorder.on_epoch_end(0, model)  # the end of an epoch: everything is recorded
    return states


def reading(reader: Reader) -> torch.Tensor:
    reader(0)
    return torch.cat([part.slots[0].float().ravel() for part in reader.parts])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("block", [1, 7, 16, 64])
def test_gathering_equals_indexing_the_whole_vector(name, block):
    model = small(name)
    layout = Layout.of(model)
    for fraction in (0.0, 0.5, 0.99):
        ends = {"sparsity_first": fraction, "sparsity_last": fraction}
        mask = build_mask("random", layout, **ends, seed=3, block=block)
        gathered = reading(Reader(model, Layout.of(model), mask.positions, 1))
        assert torch.equal(gathered, layout.vector(model)[mask.positions])


def test_gathering_reads_transposed_weights():
    model = nn.Linear(3, 4)
    model.weight.data = model.weight.data.t().contiguous().t()
    layout = Layout.of(model)
    positions = torch.tensor([0, 1, 5, 11, 12, 15])
    gathered = reading(Reader(model, Layout.of(model), positions, 1))
    assert torch.equal(gathered, layout.vector(model)[positions])


def test_reading_follows_replaced_weights():
    model = nn.Linear(3, 4)
    layout = Layout.of(model)
    positions = torch.arange(0, 16, 2)
    reader = Reader(model, Layout.of(model), positions, 1)
    changes = [
        lambda: setattr(model, "weight", nn.Parameter(torch.ones(4, 3))),
        lambda: setattr(model.bias, "data", torch.zeros(4)),
        lambda: model.weight.data.uniform_(),
        lambda: setattr(model.weight, "data", torch.rand(3, 4).t()),
        lambda: model.weight.data.mul_(2),
        lambda: model.load_state_dict(nn.Linear(3, 4).state_dict()),
    ]
    for change in changes:
        before = reading(reader)
        change()
        assert not torch.equal(reading(reader), before)
        assert torch.equal(reading(reader), layout.vector(model)[positions])


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude", "global_magnitude"])
@pytest.mark.parametrize("name", MODELS)
def test_recorded_updates_are_masked_differences(name, strategy):
    model = small(name)
    layout = Layout.of(model)
    mask = build_mask(strategy, layout, sparsity_first=0.9, sparsity_last=0.5, seed=0)
    log = MemoryLog(layout.size)
    states = train(model, [UpdateRecorder(mask, log)], steps=3)
    for step, (positions, values) in enumerate(log.updates(range(3))):
        change = states[step + 1] - states[step]
        assert torch.equal(positions, mask.kept(change))
        assert torch.equal(values, change[positions])


@pytest.mark.parametrize("name", MODELS)
def test_unpruned_updates_add_up_to_the_whole_way(name):
    model = small(name)
    log = MemoryLog(Layout.of(model).size)
    states = train(model, [UpdateRecorder(keep_all(Layout.of(model)), log)], steps=4)
    assert torch.allclose(log.sum(range(4)), states[-1] - states[0], atol=1e-6)


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
@pytest.mark.parametrize("name", MODELS)
def test_recording_one_by_one_or_many_together_gives_the_same(monkeypatch, name, strategy):
    model = small(name)
    layout = Layout.of(model)
    mask = build_mask(strategy, layout, sparsity_first=0.9, sparsity_last=0.5, seed=0)
    logs = [MemoryLog(layout.size) for _ in range(2)]
    monkeypatch.setattr(recorders, "READINGS_BYTES", 1 << 30)
    together, single = (UpdateRecorder(mask, log) for log in logs)
    together.on_train_begin(model)
    assert together._together == 16
    monkeypatch.setattr(recorders, "READINGS_BYTES", 1)
    train(model, [Started(together), single], steps=37)
    assert single._together == 1
    pairs = zip(*(log.updates(range(37)) for log in logs), strict=True)
    for mine, expected in pairs:
        assert all(map(torch.equal, mine, expected))


class Started(Callback):
    """A recorder that began before the others."""

    def __init__(self, recorder: UpdateRecorder) -> None:
        self.on_step_end, self.on_epoch_end = recorder.on_step_end, recorder.on_epoch_end


def test_a_failure_in_the_background_comes_to_the_front():
    class Full(MemoryLog):
        def record(self, step, positions, values):
            raise InputError("the disk is full")

    model = small("MLP")
    layout = Layout.of(model)
    recorder = UpdateRecorder(keep_all(layout), Full(layout.size))
    with pytest.raises(InputError, match="full"):
        train(model, [recorder], steps=40)
    with pytest.raises(InputError, match="full"):
        recorder.on_epoch_end(0, model)


@pytest.mark.parametrize("affected", [[[0, 2], [3]], [[], [4]], [[1, 2, 3, 4, 5]]])
def test_epoch_sums_add_up_affected_updates_by_epoch(affected):
    model = small("ResNet9")
    layout = Layout.of(model)
    mask = build_mask("layer_magnitude", layout, sparsity_first=0.9, sparsity_last=0.5, seed=0)
    whole, pruned = EpochSums(layout, affected), EpochSums(layout, affected, mask)
    states = train(model, [whole, pruned], steps=6)
    expected, expected_pruned = torch.zeros(2, len(affected), layout.size)
    for epoch, steps in enumerate(affected):
        for step in steps:
            change = states[step + 1] - states[step]
            expected[epoch] += change
            expected_pruned[epoch] += prune(change, mask.kept(change))
    assert torch.equal(whole.sums, expected)
    assert torch.equal(pruned.sums, expected_pruned)
    assert whole.sums.abs().sum() > pruned.sums.abs().sum() > 0


def test_missing_steps_are_named():
    with pytest.raises(InputError, match="step 7"):
        MemoryLog(4).sum([7])
