"""Faults of other people's scripts, ninth part: calls within calls, and groups that come later."""

import errno
import os
import re
import signal
import threading
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from partial_unlearning import open_log, record
from partial_unlearning.errors import InputError
from partial_unlearning.update_log.recording import Recording
from recorded_loops import ALL, IDS, Partial, train

BEGUN = "has begun and not ended: in a signal handler note the signal"


class Shifted(nn.Module):
    """What is added to its input is a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.ones(6))
        self.layer = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x + self.shift)


def begun(path, steps: int, **settings) -> tuple[nn.Module, torch.optim.Optimizer, Recording]:
    model = Shifted()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    recording = record(model, path, **{**ALL, **settings})
    train(model, optimizer, recording, range(steps))
    return model, optimizer, recording


@pytest.mark.parametrize("later", [False, True])
def test_a_buffer_that_joins_an_optimizer_later_is_refused(tmp_path, later):
    model, optimizer, recording = begun(tmp_path / "log", 5)
    model.shift.requires_grad_()
    if later:
        optimizer.add_param_group({"params": [model.shift]})
    else:
        optimizer = torch.optim.SGD([*model.parameters(), model.shift], lr=0.05)
    train(model, optimizer, recording, range(5, 10))
    with pytest.raises(InputError, match="shift is trained now"):
        recording.close()


def test_what_joins_an_optimizer_later_beside_the_model_is_told(tmp_path):
    model, optimizer, recording = begun(tmp_path / "log", 5)
    optimizer.add_param_group({"params": [*nn.Linear(3, 2).parameters()]})
    train(model, optimizer, recording, range(5, 10))
    with pytest.warns(UserWarning, match="an optimizer trains 2 tensors that are no part of"):
        recording.close()


def test_tensors_beside_the_model_are_told_once_and_when_they_become_more(tmp_path):
    model, optimizer, recording = begun(tmp_path / "log", 5)
    for step, count, told in ((5, 2, 2), (6, 0, 0), (7, 2, 0), (8, 3, 1)):
        others = [nn.Parameter(torch.zeros(2)) for _ in range(count)]
        if others:
            optimizer.add_param_group({"params": others})
        train(model, optimizer, recording, range(step, step + 1))
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            recording.checkpoint(0)
        assert [str(one.message)[:22] for one in found] == [f"an optimizer trains {told} "] * bool(
            told
        )
        if others:
            del optimizer.param_groups[-1]  # the next may be given their numbers


def test_a_model_that_is_watched_can_be_loaded_by_swapping(tmp_path, monkeypatch):
    model, optimizer, recording = begun(tmp_path / "log", 5)
    recording.checkpoint(0)
    held = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        model.load_state_dict(held)
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)
    train(model, optimizer, recording, range(5, 10))
    recording.close()


@pytest.mark.parametrize("nested", [False, True])
def test_an_optimizer_within_another_s_step_is_watched(tmp_path, nested):
    model, optimizer, recording = begun(tmp_path / "log", 5)
    number = nn.Parameter(torch.zeros(1))
    outer = torch.optim.SGD([number], lr=0.1)
    number.grad = torch.zeros(1)

    @torch.enable_grad()
    def inner() -> Tensor:
        train(model, optimizer, recording, range(5, 6))
        model.load_state_dict(Shifted().state_dict())
        train(model, optimizer, recording, range(6, 10))
        return torch.tensor(0.0)

    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        outer.step(inner) if nested else inner()


@pytest.mark.parametrize("then", ["close", "checkpoint", "restart"])
@pytest.mark.parametrize("first", ["close", "checkpoint", "restart"])
def test_steps_that_a_call_lost_when_it_was_broken_off_are_missed(
    tmp_path, monkeypatch, first, then
):
    _, _, recording = begun(tmp_path / "log", 20)
    calls: dict[str, Callable] = {
        "close": recording.close,
        "checkpoint": lambda: recording.checkpoint(1),
        "restart": recording.restart,
    }

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recording._recorder._thread, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        calls[first]()
    monkeypatch.undo()
    with pytest.raises(
        InputError, match=r"20 steps were made, but \d+ recorded: a call was broken"
    ):
        calls[then]()
    assert not open_log(tmp_path / "log").ended


@pytest.mark.parametrize("inside", ["checkpoint", "close"])
@pytest.mark.parametrize("outside", ["checkpoint", "close", "restart"])
def test_one_error_in_a_signal_handler_within_any_call(tmp_path, monkeypatch, inside, outside):
    """It would wait for itself, for ever."""
    _, _, recording = begun(tmp_path / "log", 20)
    calls = {
        "close": recording.close,
        "checkpoint": lambda: recording.checkpoint(1),
        "restart": lambda: recording.restart(20),
    }
    said, fsync = [], os.fsync

    def handler(*_: object) -> None:
        try:
            calls[inside]()
        except InputError as error:
            said.append(str(error))

    def sync(number: int) -> None:
        if not said:
            os.kill(os.getpid(), signal.SIGUSR1)
        fsync(number)

    before = signal.signal(signal.SIGUSR1, handler)
    monkeypatch.setattr(os, "fsync", sync)
    try:
        calls[outside]()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert all(re.search(BEGUN, one) for one in said)
    assert said or outside == "restart"  # which may have nothing to write


def test_one_error_in_another_thread_while_a_step_is_read(tmp_path, monkeypatch):
    model, optimizer, recording = begun(tmp_path / "log", 5)
    said, read = [], type(recording._recorder).on_step_end

    def other() -> None:
        try:
            recording.checkpoint(1)
        except InputError as error:
            said.append(str(error))

    def meanwhile(*given: object) -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        read(*given)

    monkeypatch.setattr(type(recording._recorder), "on_step_end", meanwhile)
    train(model, optimizer, recording, range(5, 6))
    monkeypatch.undo()
    assert len(said) == 1
    assert re.search(BEGUN, said[0])
    recording.close()
    assert len(open_log(tmp_path / "log", model)) == 6


@pytest.mark.parametrize("strategy", ["layer_magnitude", "global_magnitude"])
def test_a_restart_that_is_believed_is_done_also_where_warnings_are_errors(tmp_path, strategy):
    model, optimizer, recording = begun(tmp_path / "log", 5, strategy=strategy)
    best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train(model, optimizer, recording, range(5, 10))
    model.load_state_dict(best)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="just 5 steps is believed"):
            recording.restart(5)
        recording.restart(5)
    recording.close()
    assert len(open_log(tmp_path / "log", model)) == 5


def test_a_restart_is_completed_with_the_weights_it_was_begun_with(tmp_path, monkeypatch):
    model, optimizer, recording = begun(tmp_path / "log", 5)
    best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train(model, optimizer, recording, range(5, 10))
    recording._wait()
    recording.log.flush()
    model.load_state_dict(best)

    def full(*_: object, **__: object) -> None:
        raise InputError(os.strerror(errno.ENOSPC))

    monkeypatch.setattr(recording.log, "cut", full)
    with pytest.raises(InputError, match="No space left"):
        recording.restart(5)
    monkeypatch.undo()
    model.load_state_dict(Shifted().state_dict())
    with pytest.raises(
        InputError, match=r"restart\(5\) was broken off; call it again, with the we"
    ):
        recording.restart(5)
    model.load_state_dict(best)
    recording.restart(5)
    recording.close()
    assert len(open_log(tmp_path / "log", model)) == 5


def test_nothing_is_taken_over_by_a_model_that_changes_what_it_loads(tmp_path):
    class Halved(nn.Linear):
        def load_state_dict(self, state: dict[str, Tensor], **_: object) -> object:
            return super().load_state_dict({name: value / 2 for name, value in state.items()})

    model = Halved(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    recording.checkpoint(0)
    recording._watch.close()
    recording.log.folder.unlock()
    other = Halved(6, 3)
    before = other.weight.detach().clone()
    with pytest.raises(InputError, match="does not bring back all weights"):
        record(other, tmp_path / "log", resume=True)
    assert torch.equal(other.weight, before)


def test_true_statements_of_a_log_that_is_there_already(tmp_path):
    model, _, recording = begun(tmp_path / "log", 5)
    recording.close()
    with pytest.raises(InputError, match="there is a log at .* already; give resume=True"):
        record(model, tmp_path / "log")


class Cursor:
    """Its order is made when the loop begins."""

    def begin(self) -> None:
        self.order = torch.randperm(8)

    def state_dict(self) -> dict[str, Tensor]:
        return {"order": self.order}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.order = state["order"]


class Computed:
    """Its state is computed, with a gradient."""

    def __init__(self) -> None:
        self.log = torch.zeros(3, requires_grad=True)

    def state_dict(self) -> dict[str, Tensor]:
        return {"scale": self.log.exp()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.log = state["scale"].log().detach().requires_grad_()


class Fussy(Cursor):
    """Fresh, its state is one that it cannot load."""

    def state_dict(self) -> dict[str, Tensor]:
        return vars(self)


@pytest.mark.parametrize("make", [Cursor, Computed, lambda: nn.LazyLinear(3)])
def test_a_run_goes_on_with_parts_whose_state_cannot_be_had_before(tmp_path, make):
    model, part = nn.Linear(6, 3), make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recording = record(model, tmp_path / "log", keep=[optimizer, part], **ALL)
    if isinstance(part, Cursor):
        part.begin()
    if isinstance(part, nn.Module):
        part(torch.randn(2, 4))
    train(model, optimizer, recording, range(3))
    recording.checkpoint(1)
    recording._watch.close()
    recording.log.folder.unlock()
    other, again = nn.Linear(6, 3), make()
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    assert record(other, tmp_path / "log", keep=[optimizer, again], resume=True).steps == 3
    assert torch.equal(other.weight, model.weight)


def test_nothing_is_taken_over_beside_a_part_that_cannot_be_put_back(tmp_path):
    model, part = Partial(6, 3), Fussy()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    recording = record(model, tmp_path / "log", keep=[part, optimizer], **ALL)
    part.begin()
    train(model, optimizer, recording, range(3))
    recording.checkpoint(1)
    recording._watch.close()
    recording.log.folder.unlock()
    other = Partial(6, 3)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.5, momentum=0.9)
    before = other.weight.detach().clone(), torch.get_rng_state()
    with pytest.raises(InputError, match="leaves some out"):
        record(other, tmp_path / "log", keep=[Fussy(), optimizer], resume=True)
    assert (optimizer.param_groups[0]["lr"], len(optimizer.state)) == (0.5, 0)
    assert torch.equal(other.weight, before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_true_statements_of_a_part_that_has_an_error_of_its_own(tmp_path):
    recording = record(nn.Linear(6, 3), tmp_path / "log", keep=[Cursor()], **ALL)
    with pytest.raises(AttributeError, match="order"):
        recording.checkpoint(0)


def test_an_optimizer_that_another_s_closure_steps_is_a_part_of_its_step(tmp_path):
    model, head, x = nn.Linear(6, 3), nn.Linear(6, 3), torch.randn(4, 6)
    outer = torch.optim.LBFGS(model.parameters(), max_iter=3)
    inner = torch.optim.SGD(head.parameters(), lr=0.1)
    recording = record(nn.ModuleList([model, head]), tmp_path / "log", **ALL)

    def closure() -> Tensor:
        outer.zero_grad()
        inner.zero_grad()
        loss = (model(x) - head(x)).square().mean()
        loss.backward()
        inner.step()
        return loss

    for batch in IDS.split(4):
        outer.step(closure)
        recording.step(batch, 0)
    recording.close()
    assert len(open_log(tmp_path / "log")) == 10


class Muon(torch.optim.Optimizer):
    """Holds the matrices, decays all weights, and lets another step the biases."""

    def __init__(self, model: nn.Module) -> None:
        matrices = [weight for weight in model.parameters() if weight.ndim > 1]
        super().__init__(matrices, {})
        self.all = [*model.parameters()]
        self.inner = torch.optim.AdamW([one for one in self.all if one.ndim < 2], lr=0.01)

    @torch.no_grad()
    def step(self) -> None:
        for weight in self.all:
            weight *= 0.99
        for weight in self.param_groups[0]["params"]:
            weight -= 0.01 * weight.grad.sign()
        self.inner.step()


def test_an_optimizer_that_holds_another_and_changes_its_weights_is_recorded(tmp_path, recwarn):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, Muon(model), recording, range(10))
    recording.close()
    assert not [one for one in recwarn if issubclass(one.category, UserWarning)]


def test_a_step_that_a_signal_handler_s_refusal_ended_is_not_built_upon(tmp_path, monkeypatch):
    model, optimizer, recording = begun(tmp_path / "log", 5)
    read = type(recording._recorder).on_step_end

    def interrupted(*given: object) -> None:
        read(*given)
        recording.checkpoint(1)  # as a handler would

    monkeypatch.setattr(type(recording._recorder), "on_step_end", interrupted)
    with pytest.raises(InputError, match=BEGUN):
        train(model, optimizer, recording, range(5, 6))
    monkeypatch.undo()
    for call in (recording.close, lambda: train(model, optimizer, recording, range(6, 7))):
        with pytest.raises(InputError, match=BEGUN):
            call()
