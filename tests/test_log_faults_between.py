"""Faults of other people's scripts, third part: between two steps, around a purge, run again."""

import os
import random
import shutil
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Lock, Thread

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from partial_unlearning import create, forget, open_log, preview, purge, record
from partial_unlearning.errors import InputError
from partial_unlearning.update_log import checkpoint
from partial_unlearning.update_log.commands import forget_command
from partial_unlearning.update_log.log import StoredLog
from partial_unlearning.update_log.recording import Recording
from recorded_loops import ALL, IDS, killed


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05)


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def one_step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.randn(4, 6)).square().mean().backward()
    optimizer.step()


def train(
    model: nn.Module, recording: Recording, optimizer: torch.optim.Optimizer, steps: range
) -> None:
    """Step k of each ten sees samples 4k to 4k + 3."""
    for step in steps:
        one_step(model, optimizer)
        recording.step(IDS[4 * (step % 10) :][:4], step // 10)


def closed(path: Path) -> tuple[nn.Module, StoredLog]:
    model = net()
    recording = record(model, path, **ALL)
    train(model, recording, sgd(model), range(10))
    recording.close()
    return model, open_log(path)


# --- what changes weights between two steps


def other(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor + 1 for name, tensor in state(model).items()}


def drawn(model: nn.Module) -> None:
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)


def copied(model: nn.Module) -> None:
    for weight in model.parameters():
        weight.data.copy_(weight + 1)  # which leaves its version as it is


LATE = {
    "weights drawn": drawn,
    "a backbone loaded": lambda model: model[0].load_state_dict(other(model[0])),
    "weights assigned": lambda model: model.load_state_dict(other(model), assign=True),
    "data copied": copied,
}
MIDDLE = LATE | {
    "a head drawn anew": lambda model: model[2].reset_parameters(),
    "a step of another optimizer": lambda model: one_step(model, sgd(model)),
}


@pytest.mark.parametrize("change", LATE.values(), ids=LATE)
def test_weights_that_change_after_record_are_no_part_of_the_first_step(tmp_path, change):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    change(model)
    optimizer = sgd(model)
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        train(model, recording, optimizer, range(1))


@pytest.mark.parametrize("change", LATE.values(), ids=LATE)
def test_after_record_restart_makes_them_the_beginning(tmp_path, change):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    change(model)
    recording.restart()
    begun = state(model)
    train(model, recording, sgd(model), range(1))
    recording.close()
    forget(open_log(tmp_path / "log"), model, [0])
    for name, tensor in state(model).items():
        assert torch.allclose(tensor, begun[name], atol=1e-6)


@pytest.mark.parametrize("change", MIDDLE.values(), ids=MIDDLE)
@pytest.mark.parametrize("new", [False, True], ids=["the same optimizer", "a new optimizer"])
def test_weights_that_change_between_steps_are_no_part_of_the_next(tmp_path, change, new):
    model = net()
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    train(model, recording, optimizer, range(5))
    change(model)
    optimizer = sgd(model) if new else optimizer
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        train(model, recording, optimizer, range(5, 6))


PARTS = {
    "a row": lambda model, at: model[0].weight.data[at].zero_(),
    "a column": lambda model, at: model[0].weight.data[:, at].zero_(),
    "a bias": lambda model, at: model[0].bias.data[at].add_(1),
    "a filter": lambda model, at: model[2].weight.data[at].zero_(),
    "a channel": lambda model, at: model[2].weight.data[:, at].zero_(),
}


@pytest.mark.parametrize("at", [0, 1, 2, -1])
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_a_part_of_a_weight_that_changes_between_steps_is_no_part_of_the_next(tmp_path, part, at):
    layers = (nn.Unflatten(1, (4, 2, 2)), nn.Conv2d(4, 3, 2), nn.Flatten())
    model = nn.Sequential(nn.Linear(6, 16), *layers)
    optimizer, recording = sgd(model), record(model, tmp_path / "log", **ALL)
    train(model, recording, optimizer, range(5))
    part(model, at)
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        train(model, recording, optimizer, range(5, 6))


def test_best_weights_of_a_model_of_one_weight_are_no_part_of_the_next_step(tmp_path):
    model = nn.Sequential(nn.Linear(6, 3, bias=False))
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    train(model, recording, optimizer, range(5))
    model.load_state_dict(other(model))
    with pytest.raises(InputError, match="weights had changed"):
        train(model, recording, optimizer, range(5, 6))


def test_steps_of_a_model_that_shares_a_layer_are_no_part_of_its_own(tmp_path):
    model = net()
    twin = nn.Sequential(model[0], nn.ReLU(), nn.Linear(5, 3))
    own, others = record(model, tmp_path / "a", **ALL), record(twin, tmp_path / "b", **ALL)
    optimizers = sgd(model), sgd(twin)
    train(twin, others, optimizers[1], range(1))
    with pytest.raises(InputError, match="weights had changed"):
        train(model, own, optimizers[0], range(1))


@torch.no_grad()
def each(model: nn.Module, change: Callable[[nn.Parameter], object]) -> None:
    for weight in model.parameters():
        change(weight)


def sharpness_aware(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """To perturbed weights and back, which is exact to rounding only."""
    x = torch.randn(4, 6)
    optimizer.zero_grad()
    model(x).square().mean().backward()
    pushes = [0.05 * weight.grad for weight in model.parameters()]
    there, back = iter(pushes), iter(pushes)
    each(model, lambda weight: weight.add_(next(there)))
    optimizer.zero_grad()
    model(x).square().mean().backward()
    each(model, lambda weight: weight.sub_(next(back)))
    optimizer.step()


def test_perturbed_weights_that_are_put_back_to_rounding_are_allowed(tmp_path):
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    begun = state(model)["0.weight"]
    for ids in IDS.split(4):
        sharpness_aware(model, optimizer)
        recording.step(ids, 0)
    recording.close()
    moved = open_log(tmp_path / "log").sum(range(10))[:30].view(5, 6)
    assert torch.allclose(moved, state(model)["0.weight"] - begun, atol=1e-6)


def broken(model: nn.Module) -> None:
    """A step whose closure raises, as for want of memory."""

    def loss() -> float:
        raise FloatingPointError("no loss")

    with pytest.raises(FloatingPointError):
        sgd(model).step(loss)


@pytest.mark.parametrize("own", [True, False], ids=["of this model", "of another"])
def test_a_step_that_broke_off_hides_nothing(tmp_path, own):
    """torch calls no hook after a step that raised."""
    model = net()
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    train(model, recording, optimizer, range(3))
    best = state(model)
    train(model, recording, optimizer, range(3, 6))
    broken(model if own else net())
    model.load_state_dict(best)
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        train(model, recording, optimizer, range(6, 7))


SMALL = {
    "SGD": lambda model: torch.optim.SGD(model.parameters(), lr=1e-6),
    "AdamW": lambda model: torch.optim.AdamW(model.parameters(), lr=1e-7, weight_decay=0),
}


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
def test_steps_left_out_are_noticed_however_small_they_are(tmp_path, make):
    model = net()
    recording, optimizer = record(model, tmp_path / "log", **ALL), make(model)
    one_step(model, optimizer)
    one_step(model, optimizer)
    with pytest.raises(InputError, match="a step was left out"):
        recording.step(IDS[:4], 0)


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
def test_small_steps_that_are_all_recorded_are_allowed(tmp_path, make):
    model = net()
    recording, optimizer = record(model, tmp_path / "log", **ALL), make(model)
    train(model, recording, optimizer, range(10))
    recording.close()


STRIDED = {
    "channels last": lambda: nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last),
    "transposed": lambda: nn.Linear(3, 8),
}


@pytest.mark.parametrize("make", STRIDED.values(), ids=STRIDED)
def test_best_weights_in_another_order_of_memory_are_no_part_of_the_next_step(tmp_path, make):
    model = nn.Sequential(make())
    if isinstance(model[0], nn.Linear):
        model[0].weight = nn.Parameter(torch.rand(3, 8).t())
    shape = (4, 3, 5, 5) if isinstance(model[0], nn.Conv2d) else (4, 3)
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)

    def step(number: int) -> None:
        optimizer.zero_grad()
        model(torch.randn(shape)).square().mean().backward()
        optimizer.step()
        recording.step(IDS[4 * number :][:4], 0)

    for number in range(3):
        step(number)
    model[0].weight.data.mul_(0.9)
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        step(3)


def test_a_weight_that_is_turned_round_between_steps_is_no_part_of_the_next(tmp_path):
    model = nn.Sequential(nn.Linear(6, 6))
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    train(model, recording, optimizer, range(3))
    model[0].weight.data = model[0].weight.data.t()  # the same memory, read in another order
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        train(model, recording, optimizer, range(3, 4))


def test_a_weight_is_read_anew_where_its_memory_is_ordered_anew(tmp_path):
    model = nn.Sequential(nn.Linear(6, 6, bias=False))
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    begun = state(model)["0.weight"]
    for steps in (range(2), range(2, 4), range(4, 6)):
        train(model, recording, optimizer, steps)
        model[0].weight.data = model[0].weight.data.t().contiguous().t()
    recording.close()
    moved = open_log(tmp_path / "log").sum(range(6)).view(6, 6)
    assert torch.allclose(moved, state(model)["0.weight"] - begun, atol=1e-6)


def test_equal_weights_made_in_inference_may_take_the_place_of_others(tmp_path):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, sgd(model), range(10))
    with torch.inference_mode():
        model.load_state_dict(state(model), assign=True)
    recording.close()
    forget(open_log(tmp_path / "log"), model, [0])


def test_a_buffer_can_grow_after_record_and_is_named_then(tmp_path):
    """As an observer of quantised training does in its first pass."""
    model = net()
    model.register_buffer("seen", torch.zeros(2))
    recording = record(model, tmp_path / "log", **ALL)
    model.seen.resize_(3)
    with pytest.raises(InputError, match="seen is gone, or of another shape"):
        train(model, recording, sgd(model), range(1))


class Shifted(nn.Module):
    """With a buffer that is trained, and one that only depends on what is."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)
        self.register_buffer("shift", torch.zeros(3, requires_grad=True))
        self.register_buffer("size", self.layer.weight.norm())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) + self.shift


def test_a_buffer_that_is_trained_is_a_weight(tmp_path):
    model = Shifted()
    recording = record(model, tmp_path / "log", **ALL)
    optimizer = torch.optim.SGD([*model.parameters(), model.shift], lr=0.1)
    train(model, recording, optimizer, range(2))
    recording.close()
    assert open_log(tmp_path / "log").description.layout.buffers == ("size",)
    assert model.shift.abs().max() > 0
    forget(open_log(tmp_path / "log"), model, IDS[:8])
    assert model.shift.abs().max() < 1e-6


def test_a_trained_buffer_that_changes_between_steps_is_no_part_of_the_next(tmp_path):
    model = Shifted()
    recording = record(model, tmp_path / "log", **ALL)
    optimizer = torch.optim.SGD([*model.parameters(), model.shift], lr=0.1)
    train(model, recording, optimizer, range(3))
    with torch.no_grad():
        model.shift.add_(5)
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        train(model, recording, optimizer, range(3, 4))


def test_steps_of_another_model_are_no_steps_left_out(tmp_path):
    """As of a critic that steps twice, beside a base whose adapters were merged and unmerged."""
    model, critic = net(), net()
    model[0].requires_grad_(False)
    recording = record(model, tmp_path / "log", **ALL)
    own, others = torch.optim.SGD(model[2].parameters(), lr=0.05), sgd(critic)
    for ids in IDS.split(4):
        one_step(critic, others)
        one_step(critic, others)
        with torch.no_grad():  # to rounding
            model[0].weight.add_(0.1).sub_(0.1)
        one_step(model, own)
        recording.step(ids, 0)


# --- statistics


def test_a_variance_below_zero_is_refused_and_nothing_is_changed(tmp_path):
    """The model would answer NaN."""
    model = normalised(tmp_path / "log", buffers="subtract")
    before, log = state(model), open_log(tmp_path / "log")
    with pytest.raises(InputError, match=r"1\.running_var .* variance below 0"):
        forget(log, model, [20])
    assert all(torch.equal(before[name], tensor) for name, tensor in state(model).items())
    assert [entry.kind for entry in log.history.entries] == ["trained"]


def test_the_same_request_is_answered_where_nothing_is_said_of_statistics(tmp_path):
    model = normalised(tmp_path / "log")
    before = state(model)
    forget(open_log(tmp_path / "log"), model, [20])
    equal = {name: torch.equal(before[name], tensor) for name, tensor in state(model).items()}
    assert not equal["0.weight"] and equal["1.running_var"] and equal["1.num_batches_tracked"]


def normalised(path: Path, **settings: str) -> nn.Module:
    """A model whose statistics cannot be taken back without step 5."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    recording, optimizer = record(model, path, **ALL, **settings), sgd(model)
    for step, ids in enumerate(IDS.split(4)):
        optimizer.zero_grad()
        model((100.0 if step == 5 else 1.0) * torch.randn(4, 6)).square().mean().backward()
        optimizer.step()
        recording.step(ids, 0)
    recording.close()
    return model


def test_a_weight_that_is_no_statistic_may_become_negative(tmp_path):
    model = nn.Linear(6, 3)
    model.log_var = nn.Parameter(torch.full((3,), 0.01))
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    model.log_var.grad = -torch.ones(3)  # a step of 0.05 upwards
    optimizer.step()
    recording.step(IDS[:4], 0)
    model.log_var.grad = torch.ones(3)
    optimizer.step()
    recording.step(IDS[4:8], 0)
    recording.close()
    forget(open_log(tmp_path / "log"), model, [0])
    assert torch.allclose(model.log_var, torch.full((3,), -0.04), atol=1e-6)


def test_a_buffer_may_be_named_like_extra_state(tmp_path):
    model = nn.Linear(6, 3)
    model.register_buffer("cell_extra_state", torch.zeros(3))
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, sgd(model), range(10))
    recording.close()
    forget(open_log(tmp_path / "log"), state(model), [0])


# --- a purge after a kill, and what it leaves alone

PERSON = 2**40 + 98765


def record_on(path: Path, steps: int, told: int) -> None:
    """Record without end, and tell when there are so many steps."""
    model, ids = nn.Linear(500, 40), torch.tensor([PERSON, 7, *range(8, 3000), 3])
    recording, optimizer = record(model, path, **ALL | {"ids": ids}), sgd(model)
    for step in count():
        model(torch.ones(4, 500)).mean().backward()
        optimizer.step()
        others = 1000 + step % 1000, 2000 + step % 1000, 3
        recording.step(torch.tensor([ids[int(step % 5 > 0)], *others]), 0)
        if step == steps:
            os.write(told, b"!")


def killed_after(path: Path, steps: int) -> None:
    """A log of a process that was killed after so many steps; in each fifth was the person."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            record_on(path, steps, writing)
        finally:
            os._exit(1)  # a child that fails runs no test of its parent
    os.close(writing)
    assert os.read(reading, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_purge_after_a_kill_leaves_nothing_in_rows_that_nothing_counts(tmp_path):
    for number in range(3):
        path = tmp_path / str(number)
        killed_after(path, 700)
        log = open_log(path)
        # As the kill may come: the next rows of the batches are written, their updates are not.
        rows = log._batches
        last = (path / rows._file((len(log) - 1) // rows.per_shard)).read_bytes()
        (path / rows._file(len(log) // rows.per_shard + number)).write_bytes(last)
        last = nn.Linear(500, 40)
        last.bias.data += 1  # not those it was begun with
        purge(log, forget(log, last, [PERSON], unfinished=True).request)
        held = b"".join(file.read_bytes() for file in (path / "batches").iterdir())
        assert PERSON.to_bytes(8, "little") not in held
        assert not list(open_log(path).verify())


def test_a_purge_deletes_no_files_of_others(tmp_path):
    model, log = closed(tmp_path / "log")
    (tmp_path / "log" / "weights.new").write_text("mine")
    (tmp_path / "log" / "folder.new").mkdir()
    purge(log, forget(log, model, [0]).request)
    assert (tmp_path / "log" / "weights.new").read_text() == "mine"


def test_a_purge_keeps_a_checkpoint_that_lacks_its_steps(tmp_path):
    model, log = closed(tmp_path / "log")
    forget(log, model, [0])
    optimizer = sgd(model)
    recording = record(model, tmp_path / "log", keep=[optimizer], resume=True, **ALL)
    train(model, recording, optimizer, range(10, 20))
    recording.checkpoint(2)
    killed(recording)
    purge(open_log(tmp_path / "log"), 1)
    again = net()
    recording = record(again, tmp_path / "log", keep=[sgd(again)], resume=True, **ALL)
    assert recording.steps == 20 and torch.equal(again[0].weight, model[0].weight)


# --- checkpoints


@pytest.mark.parametrize(
    "rate", [np.float64(0.01), np.float32(0.01), np.logspace(-3, -1, 3)[1]], ids=["64", "32", "log"]
)
def test_a_checkpoint_that_could_not_be_read_is_refused_when_it_is_made(tmp_path, rate):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    recording = record(model, tmp_path / "log", keep=[optimizer], **ALL)
    recording.checkpoint(0)
    optimizer.param_groups[0]["lr"] = rate
    train(model, recording, optimizer, range(3))
    with pytest.raises(InputError, match=r"float\(learning_rate\)"):
        recording.checkpoint(1)
    killed(recording)
    saved = checkpoint.read_checkpoint(open_log(tmp_path / "log").folder)
    assert saved["position"]["steps"] == 0  # the one before is whole


class Backbone(nn.Module):
    """As is usual with pretrained ones: what is frozen is in no checkpoint, but in a file."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(6, 6), nn.Linear(6, 3)
        nn.init.eye_(self.body.weight)  # as the file has it
        nn.init.zeros_(self.body.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))

    def state_dict(self, *given, **options) -> dict[str, torch.Tensor]:
        trained = {name for name, weight in self.named_parameters() if weight.requires_grad}
        whole = super().state_dict(*given, **options)
        return {name: tensor for name, tensor in whole.items() if name in trained}

    def load_state_dict(self, state: dict[str, torch.Tensor], strict: bool = False) -> object:
        return super().load_state_dict(state, strict=False)


@pytest.mark.parametrize("trained", [False, True])
def test_a_checkpoint_that_leaves_trained_weights_out_is_no_way_back(tmp_path, trained):
    model = Backbone()
    model.body.requires_grad_(trained)
    optimizer = sgd(model)
    recording = record(model, tmp_path / "log", keep=[optimizer], **ALL)
    train(model, recording, optimizer, range(5))
    model.body.requires_grad_(False)
    recording.checkpoint(0)
    killed(recording)
    again = Backbone()
    again.body.requires_grad_(False)
    if trained:
        before = again.head.weight.clone()
        with pytest.raises(InputError, match=r"leaves some out.*Give it a state_dict\(\)"):
            record(again, tmp_path / "log", keep=[sgd(again)], resume=True)
        assert torch.equal(again.head.weight, before)
        again.body.load_state_dict(model.body.state_dict())
    recording = record(again, tmp_path / "log", keep=[sgd(again)], resume=True)
    assert recording.steps == 5
    assert torch.equal(again.head.weight, model.head.weight)


class Kept:
    """Something of anyone's, in ``keep``."""

    def __init__(self, held: object = 1, error: type[Exception] | None = None) -> None:
        self.held, self.error = held, error

    def state_dict(self) -> dict[str, object]:
        return {"held": self.held}

    def load_state_dict(self, state: dict[str, object]) -> None:
        if self.error:
            raise self.error("not mine")


class Wordless:
    """Cannot be pickled, and does not say why."""

    def __reduce__(self) -> str:
        raise TypeError


@pytest.mark.parametrize("held", [lambda: 1, Lock(), Thread, Wordless()])
def test_what_no_checkpoint_can_hold_is_refused_when_it_is_made(tmp_path, held):
    model = net()
    recording = record(model, tmp_path / "log", keep=[Kept()], **ALL)
    recording.checkpoint(0)
    recording._parts[1] = Kept(held)
    with pytest.raises(InputError, match="holds more than tensors"):
        recording.checkpoint(1)
    killed(recording)
    assert checkpoint.read_checkpoint(open_log(tmp_path / "log").folder)["position"]["epoch"] == 0


@pytest.mark.parametrize("error", [IndexError, AssertionError, OSError, NotImplementedError])
def test_whatever_a_part_raises_is_said_to_be_of_another_checkpoint(tmp_path, error):
    model = net()
    recording = record(model, tmp_path / "log", keep=[Kept()], **ALL)
    recording.checkpoint(0)
    killed(recording)
    before = state(model)
    with pytest.raises(InputError, match="made of other parts: not mine"):
        record(model, tmp_path / "log", keep=[Kept(error=error)], resume=True)
    assert all(torch.equal(tensor, before[name]) for name, tensor in state(model).items())


@pytest.mark.parametrize("strategy", ["layer_magnitude", "global_magnitude"])
def test_a_number_of_steps_that_cannot_be_told_is_believed_aloud(tmp_path, strategy):
    model = net()
    recording = record(model, tmp_path / "log", **ALL | {"strategy": strategy})
    optimizer = sgd(model)
    train(model, recording, optimizer, range(5))
    best = state(model)
    train(model, recording, optimizer, range(5, 10))
    model.load_state_dict(best)
    with pytest.warns(UserWarning, match="just 5 steps is believed"):
        recording.restart(5)


def test_embeddings_that_forward_passes_change_are_said_not_to_be_watched(tmp_path):
    model = nn.Sequential(nn.Embedding(6, 3, max_norm=1.0), nn.Linear(3, 2))
    with pytest.warns(UserWarning, match=r"forward passes change 0 \(max_norm\)"):
        record(model, tmp_path / "log", **ALL)


def counting() -> tuple[nn.Module, torch.optim.Optimizer]:
    """A step adds 1 to each of many weights: they say how many steps they hold."""
    model = nn.Sequential(*[nn.Linear(1, 1) for _ in range(60)])
    each(model, lambda weight: weight.zero_())
    return model, torch.optim.SGD(model.parameters(), lr=1.0)


def test_a_checkpoint_in_a_signal_handler_has_the_steps_that_it_says(tmp_path):
    draw, made = random.Random(0), []
    for number in range(20):
        path = tmp_path / str(number)
        if (child := os.fork()) == 0:
            model, optimizer = counting()
            recording = record(model, path, keep=[optimizer], **ALL)
            recording.checkpoint(0)

            def handler(*_: object, recording: Recording = recording) -> None:
                try:
                    recording.checkpoint(0)
                except InputError:
                    os._exit(1)  # it is said that this is no moment for one
                os._exit(0)

            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, 0.02 + 0.05 * draw.random())
            while True:
                each(model, lambda weight: setattr(weight, "grad", -torch.ones_like(weight)))
                optimizer.step()
                recording.step(IDS[:4], 0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            model, optimizer = counting()
            recording = record(model, path, keep=[optimizer], resume=True)
            made.append((recording.steps, int(model[0].weight)))
            killed(recording)
    assert made and all(said == held for said, held in made)


def test_a_step_that_was_broken_off_is_not_built_upon(tmp_path, monkeypatch):
    model = net()
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    train(model, recording, optimizer, range(3))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(recording._watch, "note", interrupt)
        train(model, recording, optimizer, range(3, 4))
    for call in (lambda: train(model, recording, optimizer, range(4, 5)), recording.close):
        with pytest.raises(InputError, match="has begun and not ended"):
            call()


def test_best_weights_of_a_checkpoint_can_be_gone_back_to_and_then_resumed(tmp_path):
    model = net()
    optimizer = sgd(model)
    recording = record(model, tmp_path / "log", keep=[optimizer], **ALL)
    train(model, recording, optimizer, range(5))
    recording.checkpoint(0)
    best = state(model)
    train(model, recording, optimizer, range(5, 10))
    model.load_state_dict(best)
    recording.restart(5)
    train(model, recording, optimizer, range(5, 9))
    killed(recording)
    again = net()
    recording = record(again, tmp_path / "log", keep=[sgd(again)], resume=True)
    assert recording.steps == 5 and torch.equal(again[0].weight, best["0.weight"])


def test_steps_before_a_change_that_is_gone_back_behind_can_be_subtracted(tmp_path):
    model = net()
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    train(model, recording, optimizer, range(5))
    good = state(model)
    train(model, recording, optimizer, range(5, 10))
    model[2].reset_parameters()
    recording.restart()
    train(model, recording, optimizer, range(10, 12))
    model.load_state_dict(good)
    recording.restart(5)
    train(model, recording, optimizer, range(5, 10))
    recording.close()
    end, log = state(model), open_log(tmp_path / "log")
    update = log.sum([6])
    forget(log, model, [24])
    assert torch.equal(model[0].weight, end["0.weight"] - update[:30].view(5, 6))


def test_a_finished_script_that_is_run_again_is_told_what_it_cuts(tmp_path):
    model = net()
    optimizer = sgd(model)
    recording = record(model, tmp_path / "log", keep=[optimizer], **ALL)
    train(model, recording, optimizer, range(10))
    recording.checkpoint(1)
    train(model, recording, optimizer, range(10, 20))
    recording.close()
    again = net()
    with pytest.warns(UserWarning, match="steps 10 to 19 leave the log"):
        record(again, tmp_path / "log", keep=[sgd(again)], resume=True, **ALL)


def test_closed_weights_of_a_training_that_went_on_and_broke_off_are_told_the_way(tmp_path):
    model, _ = closed(tmp_path / "log")
    weights, optimizer = state(model), sgd(model)
    recording = record(model, tmp_path / "log", keep=[optimizer], resume=True, **ALL)
    train(model, recording, optimizer, range(10, 20))
    recording.checkpoint(2)
    killed(recording)
    for more in ({}, {"unfinished": True}):
        with pytest.raises(InputError, match="went on from a finished recording has not ended"):
            preview(open_log(tmp_path / "log"), weights, [0], **more)
    recording = record(model, tmp_path / "log", keep=[optimizer], resume=True, **ALL)
    model.load_state_dict(weights)
    recording.restart(10)  # as the message says
    recording.close()
    assert forget(open_log(tmp_path / "log"), model, [0]).kind == "forget"


def test_a_recording_of_this_process_is_named_among_those_that_hold_the_log(tmp_path):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    with pytest.raises(InputError, match="by a recording that was not closed"):
        record(model, tmp_path / "log", resume=True)
    recording.close()


# --- what is given


@pytest.mark.parametrize(
    "given",
    [pd.DataFrame({0: [20, 24]}), {0: 20}, pd.Series([20, 24]).to_dict(), torch.tensor([[20]])],
    ids=["table", "mapping", "series as mapping", "matrix"],
)
def test_labels_of_a_table_or_mapping_are_no_ids(tmp_path, given):
    with pytest.raises(InputError, match="no sample ids"):
        closed(tmp_path / "log")[1].affected_steps(given)


def test_an_epoch_that_is_a_time_is_refused(tmp_path):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    with pytest.raises(InputError, match="the epoch"):
        recording.step(IDS[:4], 1_764_000_000)
    recording.step(IDS[:4], 2**20)
    assert recording.steps == 1


def test_a_change_beyond_float16_is_refused_when_it_is_recorded(tmp_path):
    log = create(tmp_path / "log", net(), **{**ALL, "values": "float16"})
    log.announce(0, 0, IDS[:4])
    kept = log.mask.kept()
    with pytest.raises(InputError, match="too large for torch.float16"):
        log.record(0, kept, torch.full((1, len(kept)), 70_000.0))


def test_verify_while_it_is_recorded_finds_no_damage(tmp_path):
    model = net()
    recording, optimizer, found, ended = record(model, tmp_path / "log", **ALL), sgd(model), [], []

    def look() -> None:
        while not ended:
            found.extend(open_log(tmp_path / "log").verify())

    reader = Thread(target=look)
    reader.start()
    for step in range(100):
        train(model, recording, optimizer, range(step, step + 1))
        recording._wait()
        recording.log.flush()
    ended.append(True)
    reader.join()
    assert not found


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("/proc/1/nowhere/new", "no folder can be made there"),
        ("ids.csv", "is the file of ids"),
        ("log/zarr.json", "or the log's own"),
        ("log/updates/new", "or the log's own"),
    ],
)
def test_weights_are_not_written_over_ids_or_a_log_nor_where_no_folder_is(tmp_path, out, said):
    model, _ = closed(tmp_path / "log")
    save_file(state(model), tmp_path / "weights.safetensors")
    (tmp_path / "ids.csv").write_text("0\n")
    before = (tmp_path / "log" / "zarr.json").read_bytes()
    files = {"log": "log", "weights": "weights.safetensors", "ids": "ids.csv"}
    given = [part for name, file in files.items() for part in (f"--{name}", str(tmp_path / file))]
    with pytest.raises(InputError, match=said):
        forget_command([*given, "--out", str(tmp_path / out)], standalone_mode=False)
    assert (tmp_path / "ids.csv").read_text() == "0\n"
    assert (tmp_path / "log" / "zarr.json").read_bytes() == before


# What is no part of an answer may move; a log may not


@pytest.mark.parametrize("end", ["close", "checkpoint"])
def test_statistics_that_are_kept_may_be_estimated_anew_before_the_end(tmp_path, end):
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5))
    recording = record(model, tmp_path / "log", **ALL, buffers="keep")
    train(model, recording, sgd(model), range(10))
    torch.optim.swa_utils.update_bn([torch.randn(4, 6)] * 3, model)
    if end == "checkpoint":
        recording.checkpoint(1)
    recording.close()
    after, statistics = state(model), state(model[1])
    log = open_log(tmp_path / "log", model)
    forget(log, model, [7])  # of the second step
    assert all(state(model[1])[n].equal(statistics[n]) for n in ("running_mean", "running_var"))
    undone = torch.cat([(after[n] - state(model)[n]).ravel() for n in ("0.weight", "0.bias")])
    assert torch.allclose(undone, log.sum([1])[: len(undone)], atol=1e-6)


@pytest.mark.parametrize("buffers", ["keep", "subtract"])
def test_statistics_may_not_move_after_the_end(tmp_path, buffers):
    """Weights in a file have no other checksum than that of the log."""
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5))
    recording = record(model, tmp_path / "log", **ALL, buffers=buffers)
    train(model, recording, sgd(model), range(10))
    recording.close()
    model(torch.randn(4, 6))
    with pytest.raises(InputError, match="neither those at the end"):
        forget(open_log(tmp_path / "log", model), model, [7])


def test_weights_that_moved_are_refused_where_statistics_are_kept(tmp_path):
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5))
    recording = record(model, tmp_path / "log", **ALL, buffers="keep")
    train(model, recording, sgd(model), range(10))
    with torch.no_grad():
        model[1].weight[0] += 1
    with pytest.raises(InputError, match="1 recorded entries are not as"):
        recording.close()


@pytest.mark.parametrize("how", ["moved", "deleted", "replaced"])
def test_a_log_that_goes_while_it_is_recorded_is_not_written_to_in_part(tmp_path, how):
    model, folder = net(), tmp_path / "log"
    recording, optimizer = record(model, folder, **ALL), sgd(model)
    train(model, recording, optimizer, range(10))
    recording.checkpoint(0)
    folder.rename(tmp_path / "other")
    if how == "deleted":
        shutil.rmtree(tmp_path / "other")
    if how == "replaced":
        record(net(), folder, **ALL).close()
    held = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    train(model, recording, optimizer, range(10, 20))
    for end in (lambda: recording.checkpoint(1), recording.close, lambda: recording.restart(5)):
        with pytest.raises(InputError, match="was moved, deleted or replaced"):
            end()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == held
    if how == "moved":
        folder.parent.joinpath("other").rename(folder)
        recording.close()
        assert len(open_log(folder, model)) == 20


@pytest.mark.parametrize("end", ["restart", "close"])
def test_a_log_that_took_the_place_of_another_keeps_its_checkpoint(tmp_path, end):
    model, folder = net(), tmp_path / "log"
    recording, optimizer = record(model, folder, **ALL), sgd(model)
    train(model, recording, optimizer, range(10))
    recording.checkpoint(0)  # all is saved: nothing will be written below
    folder.rename(tmp_path / "other")
    other = record(net(), folder, **ALL)
    other.checkpoint(0)
    killed(other)
    held = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="was moved, deleted or replaced"):
        recording.restart(5) if end == "restart" else recording.close()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == held
