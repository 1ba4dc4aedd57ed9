"""Faults of other people's scripts, fourth part: trainings in phases, and runs that broke off."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from partial_unlearning import Split, forget, open_log, purge, record
from partial_unlearning.__main__ import main
from partial_unlearning.errors import InputError
from partial_unlearning.update_log.history import History
from partial_unlearning.update_log.recording import Recording
from recorded_loops import ALL, IDS, killed_later


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 3))


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05)


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def train(model: nn.Module, recording: Recording, steps: range, *opts: torch.optim.Optimizer):
    for step in steps:
        model.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        for optimizer in opts:
            optimizer.step()
        recording.step(IDS[4 * (step % 10) : 4 * (step % 10) + 4], step // 10)


def best_put_back(layer: nn.Module, best: dict[str, torch.Tensor]) -> None:
    layer.load_state_dict(best)


def drawn_anew(layer: nn.Module, _: dict[str, torch.Tensor]) -> None:
    layer.reset_parameters()


@pytest.mark.parametrize("change", [best_put_back, drawn_anew])
@pytest.mark.parametrize("frozen", [True, False])
def test_a_layer_changed_before_a_phase_that_does_not_train_it_is_refused(tmp_path, change, frozen):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(3), sgd(model))
    best = state(model[0])
    train(model, recording, range(3, 10), sgd(model))
    change(model[0], best)
    model[0].requires_grad_(not frozen)
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        train(model, recording, range(10, 11), sgd(model[1]))


def test_phases_and_optimizers_that_take_turns_are_recorded_exactly(tmp_path):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    whole, first, second = sgd(model), sgd(model[0]), sgd(model[1])
    marks = [state(model)]
    for number, optimizers in enumerate([(whole,), (first,), (second,), (second, first), (whole,)]):
        train(model, recording, range(2 * number, 2 * number + 2), *optimizers)
        marks.append(state(model))
    recording.close()
    log = open_log(tmp_path / "log")
    for number in range(5):
        before, after = (
            torch.cat([t.reshape(-1) for t in marks[at].values()]) for at in (number, number + 1)
        )
        assert torch.allclose(log.sum([2 * number, 2 * number + 1]), after - before, atol=1e-6)


def test_small_steps_taken_back_are_no_rounding(tmp_path):
    model = nn.Sequential(nn.Linear(6, 6, bias=False), nn.LayerNorm(6, bias=False))
    model[0].requires_grad_(False)
    recording = record(model, tmp_path / "log", **ALL)
    optimizer = torch.optim.Adam([model[1].weight], lr=1e-6)
    train(model, recording, range(3), optimizer)
    best = state(model)
    train(model, recording, range(3, 6), optimizer)
    model.load_state_dict(best)
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        train(model, recording, range(6, 7), optimizer)


def pruned(layer: nn.Module) -> None:
    prune.random_unstructured(layer, "weight", 0.5)


@pytest.mark.parametrize(
    "put_on", [pruned, parametrizations.weight_norm, parametrizations.spectral_norm]
)
def test_what_is_put_on_a_layer_after_record_is_refused_at_the_step(tmp_path, put_on):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    put_on(model[0])
    with pytest.raises(InputError, match="model"):
        train(model, recording, range(1), sgd(model))


@pytest.mark.parametrize("epochs", [(0, 1, 0, 1), (0, 0, 1), (0, 1, 2, 0), (2, 3), (0, 1, 0, 0, 1)])
def test_a_plan_has_the_steps_in_the_order_that_they_were_made(tmp_path, epochs):
    model = net()
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    for step, epoch in enumerate(e for e in epochs for _ in range(2)):
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()
        recording.step(IDS[4 * step : 4 * step + 4], epoch)
    recording.close()
    log = open_log(tmp_path / "log")
    for step, _, ids in log.plan():
        assert log.affected_steps(ids) == [step]
    assert len(log.plan()) == 2 * len(epochs)


def test_a_continuation_that_broke_off_is_begun_again_at_its_first_epoch(tmp_path):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(20), sgd(model))
    recording.close()
    ended = state(model)
    recording = record(model, tmp_path / "log", resume=True)
    train(model, recording, range(20, 40), sgd(model))
    killed_later(recording)
    model.load_state_dict(ended)
    again = record(model, tmp_path / "log", resume=True)
    assert (again.steps, again.epoch) == (20, 2)


def test_after_a_close_that_failed_weights_are_looked_at_all_the_same(tmp_path, monkeypatch):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(3), sgd(model))
    best = state(model)
    train(model, recording, range(3, 10), sgd(model))

    def full(*_: object) -> None:
        raise InputError("No space left on device")

    with monkeypatch.context() as patched, pytest.raises(InputError, match="No space"):
        patched.setattr(History, "append", full)
        recording.close()
    model.load_state_dict(best)
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        train(model, recording, range(10, 11), sgd(model))


def begun_again(path: Path) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """A run that ended, was begun again from its first checkpoint, and broke off."""
    model = net()
    recording = record(model, path, **ALL)
    recording.checkpoint(0)
    train(model, recording, range(20), sgd(model))
    recording.close()
    ended, model = state(model), net()
    with pytest.warns(UserWarning, match="recording had ended with 20 steps"):
        recording = record(model, path, resume=True)
    train(model, recording, range(15), sgd(model))
    killed_later(recording)
    return model, ended


def test_a_request_does_not_advise_what_would_lose_the_log(tmp_path):
    _, ended = begun_again(tmp_path / "log")
    with pytest.raises(InputError, match="has not ended") as found:
        forget(open_log(tmp_path / "log"), ended, [0])
    assert "restart" not in str(found.value)


def test_a_run_is_begun_again_also_where_warnings_are_errors(tmp_path):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    recording.checkpoint(0)
    train(model, recording, range(20), sgd(model))
    recording.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="recording had ended with 20 steps"):
            record(net(), tmp_path / "log", resume=True)
        recording = record(net(), tmp_path / "log", resume=True)
    assert recording.steps == 0


@pytest.mark.parametrize("command", ["info", "verify"])
@pytest.mark.parametrize("target", ["nowhere", "c.0.0"])
def test_a_link_that_leads_nowhere_is_said_in_one_message(
    tmp_path, monkeypatch, capsys, command, target
):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(10), sgd(model))
    recording.close()
    shard = tmp_path / "log" / "updates" / "c.0.0"
    shard.unlink()
    shard.symlink_to(target)
    monkeypatch.setattr("sys.argv", ["partial-unlearning", "log", command, str(tmp_path / "log")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize(
    "ids", [[10, 30, 20, 40], [10, 20, 20, 30], [10, 20, 30]], ids=["order", "twice", "fewer"]
)
def test_samples_that_are_not_in_the_order_of_their_ids_are_refused(ids):
    with pytest.raises(InputError, match="ascending order of the ids"):
        Split(torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.tensor(ids))


def test_ids_between_those_of_samples_are_unknown():
    data = Split(torch.eye(3), torch.tensor([0, 1, 0]), torch.arange(3))
    assert data.positions([2, 0]).tolist() == [2, 0]
    with pytest.raises(InputError, match=r"1\.7"):
        data.positions([1.7])


def with_norm() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=0.01)


@pytest.mark.parametrize("build", [net, with_norm])
@pytest.mark.parametrize("optimizer", [sgd, adam])
@pytest.mark.parametrize("buffers", ["keep", "subtract"])
@pytest.mark.parametrize("values", ["float32", "bfloat16"])
def test_a_number_of_steps_that_the_weights_belie_is_refused(
    tmp_path, build, optimizer, buffers, values
):
    model = build()
    log = tmp_path / "log"
    recording = record(model, log, **ALL | {"buffers": buffers, "values": values})
    stepper = optimizer(model)
    train(model, recording, range(12), stepper)
    best = state(model)
    train(model, recording, range(12, 30), stepper)
    model.load_state_dict(best)
    for wrong in (11, 13, 7, 29):  # noted before step() and saved after optimizer.step(): 11
        with pytest.raises(
            InputError, match=f"just {wrong} steps: of all .* nearest, .* to 12, as"
        ):
            recording.restart(wrong)
    recording.restart(12)
    recording.close()
    assert len(open_log(log)) == 12


def test_the_right_number_is_believed_where_the_steps_after_it_are_not_numbers(tmp_path):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(5), sgd(model))
    best = state(model)
    train(model, recording, range(5, 8), torch.optim.SGD(model.parameters(), lr=1e30))
    assert not model[0].weight.isfinite().all()
    model.load_state_dict(best)
    recording.restart(5)
    recording.close()


def test_the_right_number_is_believed_across_a_change_by_something_else(tmp_path):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(5), sgd(model))
    best = state(model)
    train(model, recording, range(5, 8), sgd(model))
    nn.init.normal_(model[0].weight)
    recording.restart()
    train(model, recording, range(8, 11), sgd(model))
    model.load_state_dict(best)
    recording.restart(5)
    recording.close()
    assert len(open_log(tmp_path / "log")) == 5


@pytest.mark.parametrize("optimizer", [sgd, adam])
@pytest.mark.parametrize("values", ["float32", "bfloat16"])
def test_weights_of_a_step_since_a_restart_are_none_of_before_it(tmp_path, optimizer, values):
    model = net()
    recording = record(model, tmp_path / "log", **ALL | {"values": values})
    stepper = optimizer(model)
    train(model, recording, range(10), stepper)
    nn.init.normal_(model[0].weight)
    recording.restart()
    marks = {}
    for step in range(10, 20):
        marks[step] = state(model)
        train(model, recording, range(step, step + 1), stepper)
    for true in (15, 10):
        model.load_state_dict(marks[true])
        for said in (0, 7, 9):
            with pytest.raises(
                InputError, match=f"just {said} steps: of all .* nearest, .* {true}, as"
            ):
                recording.restart(said)
    recording.restart(10)
    recording.close()
    assert len(open_log(tmp_path / "log")) == 10


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_of_weights_saved_short_it_is_known_that_they_are_of_a_step_since_a_restart(tmp_path, kind):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(10), sgd(model))
    nn.init.normal_(model[0].weight)
    recording.restart()
    train(model, recording, range(10, 15), sgd(model))
    short = {name: tensor.to(kind) for name, tensor in state(model).items()}
    train(model, recording, range(15, 20), sgd(model))
    model.load_state_dict(short)
    with pytest.raises(InputError, match="just 5 steps: of all"):
        recording.restart(5)
    recording.restart(15)


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = net()
        self.bias = nn.Parameter(torch.tensor([0.0, -torch.inf, 0.0]), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.net(x) + self.bias)[:, ::2]


@pytest.mark.parametrize("again", [False, True])
def test_a_constant_infinity_hides_no_wrong_number(tmp_path, again):
    model = Masked()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(10), sgd(model.net))
    if again:
        nn.init.normal_(model.net[0].weight)
        recording.restart()
    train(model, recording, range(10, 15), sgd(model.net))
    best = state(model)
    train(model, recording, range(15, 20), sgd(model.net))
    model.load_state_dict(best)
    for wrong in (5, 14, 16):
        with pytest.raises(InputError, match=f"just {wrong} steps: of all .* nearest, .* 15, as"):
            recording.restart(wrong)
    recording.restart(15)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_the_right_number_is_believed_of_weights_that_were_saved_short(tmp_path, kind):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(5), sgd(model))
    short = {name: tensor.to(kind) for name, tensor in state(model).items()}
    train(model, recording, range(5, 20), sgd(model))
    model.load_state_dict(short)
    recording.restart(5)
    recording.close()


@pytest.mark.parametrize("values", ["bfloat16", "float16"])
def test_equal_steps_rounded_to_one_side_are_no_step_before_a_restart(tmp_path, values):
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    recording = record(model, tmp_path / "log", **ALL | {"values": values})

    def steps(many: int) -> None:
        for _ in range(many):
            for weight in model.parameters():
                weight.grad = torch.full_like(weight, 1.37)
            optimizer.step()
            recording.step(IDS[:4], 0)

    steps(5)
    nn.init.normal_(model.weight)
    recording.restart()
    steps(300)
    saved = state(model)
    steps(600)
    model.load_state_dict(saved)
    for wrong in (0, 3, 5):
        with pytest.raises(InputError, match=f"does not hold just {wrong} steps"):
            recording.restart(wrong)


def other_init(model: nn.Module, _: dict[str, torch.Tensor]) -> None:
    for layer in model:
        layer.reset_parameters()


def half_loaded(model: nn.Module, best: dict[str, torch.Tensor]) -> None:
    model.load_state_dict({n: t for n, t in best.items() if n.startswith("0.")}, strict=False)
    nn.init.normal_(model[1].weight)


@pytest.mark.parametrize("change", [other_init, half_loaded])
@pytest.mark.parametrize("values", ["float32", "bfloat16"])
def test_weights_of_no_step_are_refused_whatever_number_is_given(tmp_path, change, values):
    model = net()
    recording = record(model, tmp_path / "log", **ALL | {"values": values})
    train(model, recording, range(10), sgd(model))
    best = state(model)
    train(model, recording, range(10, 20), sgd(model))
    change(model, best)
    for steps in range(20):
        with pytest.raises(InputError, match=f"does not hold just {steps} steps"):
            recording.restart(steps)
    model.load_state_dict(best)
    recording.restart(10)
    recording.close()


DROPS = [(0.05, 1e-8), (1e-6, 0.05)]
SPIKE = (5.0, 1e-4)  # too large for float16


@pytest.mark.parametrize(
    ("values", "rates"),
    [*((v, r) for v in ("float32", "bfloat16", "float16") for r in DROPS)]
    + [(values, SPIKE) for values in ("float32", "bfloat16")],
)
def test_rounding_refuses_no_right_number(tmp_path, values, rates):
    for seed in range(4):
        torch.manual_seed(seed)
        model = nn.Linear(6, 1)
        path = tmp_path / f"log{seed}"
        recording = record(model, path, **ALL | {"values": values})
        marks = []
        for number, rate in enumerate(rates):
            for step in range(10 * number, 10 * number + 10):
                marks.append(state(model))
                train(
                    model,
                    recording,
                    range(step, step + 1),
                    torch.optim.SGD(model.parameters(), rate),
                )
        for steps in (19, 15, 10, 9, 5, 0):
            model.load_state_dict(marks[steps])
            recording.restart(steps)
            assert recording.steps == steps
        recording.close()
        assert not len(open_log(path))


def test_a_refusal_for_purged_steps_cuts_nothing(tmp_path):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(10), sgd(model))
    recording.close()
    closed = state(model)
    forget(open_log(tmp_path / "log"), model, [0])
    purge(open_log(tmp_path / "log"), 1)
    recording = record(model, tmp_path / "log", resume=True, **ALL)
    train(model, recording, range(10, 15), sgd(model))
    recording.checkpoint(0)
    last = state(model)
    model.load_state_dict(closed)
    with pytest.raises(InputError, match="purged"):
        recording.restart(10)
    assert recording.steps == 15 and recording.log.folder.size("checkpoint.bin")
    model.load_state_dict(last)
    recording.close()
    assert len(open_log(tmp_path / "log")) == 15


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_whole_numbers_of_numpy_are_numbers_of_steps_and_epochs(tmp_path, kind):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(5), sgd(model))
    best = state(model)
    train(model, recording, range(5, 8), sgd(model))
    recording.checkpoint(kind(1))
    model.load_state_dict(best)
    recording.restart(kind(5))
    recording.checkpoint(kind(1))
    recording.close()
    assert len(open_log(tmp_path / "log")) == 5


def test_the_weights_that_were_closed_are_taken_however_training_went_on(tmp_path):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(30), sgd(model))
    recording.close()
    closed = state(model)
    forget(open_log(tmp_path / "log"), model, [0])
    recording = record(model, tmp_path / "log", resume=True, **ALL)
    train(model, recording, range(30, 110), sgd(model))
    model.load_state_dict(closed)
    recording.restart(30)
    recording.close()
    assert not open_log(tmp_path / "log").history.inseparable


@pytest.mark.parametrize("back", [5, 7])
def test_after_going_on_from_a_checkpoint_its_steps_can_be_gone_back_to(tmp_path, back):
    model = net()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(5), sgd(model))
    recording.checkpoint(0)
    train(model, recording, range(5, 10), sgd(model))
    recording.close()
    for layer in model:
        layer.reset_parameters()
    with pytest.warns(UserWarning, match="recording had ended"):
        recording = record(model, tmp_path / "log", resume=True, **ALL)
    marks = {}
    for step in range(5, 11):
        marks[step] = state(model)
        train(model, recording, range(step, step + 1), sgd(model))
    model.load_state_dict(marks[back])
    recording.restart(back)
    recording.close()
    assert len(open_log(tmp_path / "log")) == back
