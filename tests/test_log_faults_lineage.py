"""Faults of other people's scripts, fourth part: which weights hold which steps, and in what order.

Step k sees samples 4k to 4k + 3.
"""

import shutil
from threading import Event, Thread
from unittest import mock

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import nn

from partial_unlearning import forget, open_log, preview, purge, record, undo
from partial_unlearning.__main__ import commands
from partial_unlearning.errors import InputError
from partial_unlearning.update_log.row_files import Rows
from recorded_loops import killed

IDS = torch.arange(40)
ALL = {
    "ids": range(40),
    "batch_size": 4,
    "sparsity_first": 0,
    "sparsity_last": 0,
    "values": "float32",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log"


def train(model, recording, steps, optimizer=None):
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.05)
    for step in steps:
        optimizer.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()
        recording.step(IDS[4 * step : 4 * step + 4], 0)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def finished(path, steps=5, **settings):
    model = nn.Linear(6, 3)
    recording = record(model, path, **ALL, **settings)
    train(model, recording, range(steps))
    recording.close()
    return model


# One memory, several orders


class Pair(nn.Module):
    def __init__(self, names):
        super().__init__()
        for name in names:
            setattr(self, name, nn.Linear(6, 6))

    def forward(self, x):
        return self.b(torch.tanh(self.a(x)))


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
@pytest.mark.parametrize("how", ["resumed", "registered anew"])
def test_another_model_with_its_layers_in_another_order_is_read_in_that_of_the_log(
    path, strategy, how
):
    model = Pair("ab")
    recording = record(model, path, **ALL, strategy=strategy)
    train(model, recording, range(1))
    if how == "resumed":
        recording.close()
        model, held = Pair("ba"), model.state_dict()
        model.load_state_dict(held)
        recording = record(model, path, resume=True)
    else:
        layer = model.a
        del model.a
        model.a = layer
        recording.restart(1)
    before = weights(model)
    train(model, recording, range(1, 2))
    recording.close()
    forget(open_log(path), model, [4])
    for name, tensor in model.state_dict().items():
        assert torch.allclose(tensor, before[name], atol=1e-6), name


def test_another_model_that_tells_of_its_trained_weights_alone_keeps_only_statistics(path):
    class Lean(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 6).requires_grad_(False), nn.Linear(6, 3)

        def forward(self, x):
            return self.b(self.a(x))

        def named_parameters(self, prefix="", recurse=True):  # no remove_duplicate either
            pairs = super().named_parameters(prefix, recurse)
            return ((name, weight) for name, weight in pairs if weight.requires_grad)

    model = Lean()
    recording = record(model, path, buffers="keep", **ALL)
    model.a.requires_grad_(True)
    before = weights(model)
    train(model, recording, range(1), torch.optim.SGD(nn.Module.parameters(model), lr=0.05))
    recording.close()
    forget(open_log(path), model, [0])
    for name, tensor in model.state_dict().items():
        assert torch.allclose(tensor, before[name], atol=1e-6), name


# Which steps given weights hold


def test_silence_closed_weights_after_a_resume_from_forgotten_ones_hold_all(path):
    model = nn.Linear(6, 3)
    recording = record(model, path, **ALL)
    start = weights(model)
    train(model, recording, range(1))
    one = weights(model)
    train(model, recording, range(1, 5))
    recording.close()
    closed = weights(model)
    forget(open_log(path), model, [0])
    recording = record(model, path, resume=True)
    train(model, recording, range(5, 8))
    recording.checkpoint(1)
    killed(recording)
    with pytest.raises(InputError, match=r"load them, restart\(5\) and close\(\)"):
        preview(open_log(path), closed, [8])
    model = nn.Linear(6, 3)
    recording = record(model, path, resume=True)
    model.load_state_dict(closed)
    recording.restart(5)
    recording.close()
    forget(open_log(path), model, [0])
    gone = one["weight"] - start["weight"]
    assert torch.allclose(closed["weight"] - model.weight, gone, atol=1e-6)


def test_silence_forgotten_weights_after_a_resume_from_closed_ones_lack_what_they_lack(path):
    model = finished(path)
    lacking = weights(model)
    forget(open_log(path), lacking, [0])
    recording = record(model, path, resume=True)
    model.load_state_dict(lacking)
    recording.restart(5)
    recording.close()
    forget(open_log(path), model, [0])
    assert torch.equal(model.weight, lacking["weight"])


@pytest.mark.parametrize("steps", [5, 6])
def test_silence_a_false_number_of_steps_is_refused_where_the_history_knows_better(path, steps):
    model = finished(path)
    closed = weights(model)
    recording = record(model, path, resume=True)
    train(model, recording, range(5, 7))
    if steps == 6:
        model.load_state_dict(closed)  # they hold five
    with pytest.raises(InputError, match=f"does not hold just {steps} steps"):
        recording.restart(steps)


def test_silence_other_weights_are_not_those_of_the_end_because_someone_says_so(path):
    model = finished(path)
    recording = record(model, path, resume=True)
    recording.restart(5)  # as they are
    nn.init.normal_(model.weight)
    with pytest.raises(InputError, match="does not hold just 5 steps"):
        recording.restart(5)


def test_silence_a_model_as_the_last_step_left_it_holds_no_fewer_steps(path):
    model = nn.Linear(6, 3)
    recording = record(model, path, **ALL)
    train(model, recording, range(3))
    best = weights(model)
    still = torch.optim.SGD(model.parameters(), lr=0)
    train(model, recording, range(3, 5), still)
    recording.restart(3)  # the two others changed nothing
    train(model, recording, range(3, 5))
    with pytest.raises(InputError, match="does not hold just 3 steps"):
        recording.restart(3)
    model.load_state_dict(best)
    recording.restart(3)
    recording.close()


def test_silence_weights_that_something_changed_lack_nothing_that_is_known(path):
    model = finished(path)
    forget(open_log(path), model, [0])
    recording = record(model, path, resume=True)
    nn.init.normal_(model.weight)
    recording.restart()
    train(model, recording, range(5, 8))
    recording.close()
    with pytest.raises(InputError, match="cannot be subtracted"):
        forget(open_log(path), model, [0])


def test_silence_of_two_restarts_the_earlier_one_stands(path):
    model = nn.Linear(6, 3)
    recording = record(model, path, **ALL)
    train(model, recording, range(2))
    nn.init.normal_(model.weight)
    recording.restart()
    train(model, recording, range(2, 3))
    best = weights(model)
    train(model, recording, range(3, 4))
    nn.init.normal_(model.weight)
    recording.restart()
    train(model, recording, range(4, 5))
    model.load_state_dict(best)
    recording.restart(3)
    recording.close()
    assert open_log(path).history.entries[-1].inseparable == [[0, 2]]
    with pytest.raises(InputError, match="1 of these steps, from 0 on, cannot be subtracted"):
        forget(open_log(path), model, [0])


def test_true_statements_a_request_in_the_way_of_another_is_named(path):
    model = finished(path)
    forget(open_log(path), weights(model), [0])
    recording = record(model, path, resume=True)
    nn.init.normal_(model.weight)
    recording.restart()
    train(model, recording, range(5, 8))
    recording.close()
    with pytest.raises(InputError, match=r"requests \[1\] ask for some; undo those"):
        forget(open_log(path), model, [20])


def test_silence_an_undo_waits_for_the_end_of_training_too(path):
    model = finished(path)
    forget(open_log(path), model, [0])
    lacking = weights(model)
    recording = record(model, path, resume=True)
    train(model, recording, range(5, 8))
    recording.checkpoint(1)
    killed(recording)
    with pytest.raises(InputError, match="training that went on"):
        undo(open_log(path), lacking, 1)
    assert record(nn.Linear(6, 3), path, resume=True).steps == 8


# Final deletion


def test_final_deletion_waits_until_the_last_weights_lack_the_steps(path):
    model = finished(path)
    forget(open_log(path), weights(model), [0])
    recording = record(model, path, resume=True)  # from weights that hold step 0
    train(model, recording, range(5, 8))
    recording.close()
    with pytest.raises(InputError, match="still hold 1 of these steps"):
        purge(open_log(path), 1)
    forget(open_log(path), model, [20])  # takes step 0 from them as well
    purge(open_log(path), 1)
    forget(open_log(path), model, [24])


@pytest.mark.parametrize("when", ["resumed", "restarted"])
def test_final_deletion_weights_that_hold_what_is_purged_are_not_trained_on(path, when):
    model = finished(path)
    lacking = weights(model)
    forget(open_log(path), lacking, [0])
    purge(open_log(path), 1)
    closed = weights(model)
    if when == "resumed":
        with pytest.raises(InputError, match="still hold 1 steps that are purged"):
            record(model, path, resume=True)
    else:
        model.load_state_dict(lacking)
        recording = record(model, path, resume=True)
        model.load_state_dict(closed)
        with pytest.raises(InputError, match="still hold 1 steps that are purged"):
            recording.restart()
        killed(recording)
    forget(open_log(path), lacking, [4])


def test_final_deletion_that_was_interrupted_does_not_speak_for_other_ids(path, tmp_path):
    model = finished(path)
    save_file(model.state_dict(), tmp_path / "w.st")
    for name, number in (("a", 0), ("b", 777)):
        (tmp_path / f"{name}.csv").write_text(f"id\n{number}\n")

    def run(name):
        files = {"--log": path, "--weights": tmp_path / "w.st", "--out": tmp_path / "n.st"}
        files["--ids"] = tmp_path / f"{name}.csv"
        given = [text for pair in files.items() for text in map(str, pair)]
        return CliRunner().invoke(commands, ["forget", *given, "--final"])

    with mock.patch.object(Rows, "blank", side_effect=KeyboardInterrupt):
        run("a")
    assert "cannot be checked that they are those of this file" in run("b").output
    assert isinstance(run("b").exception, InputError)


# Another log in its place


@pytest.mark.parametrize("change", [{"seed": 1}, {"values": "float16"}, {}])
@pytest.mark.parametrize("request_", [forget, preview])
def test_another_log_in_the_place_of_an_open_one_is_refused(path, change, request_):
    half = {"sparsity_first": 0.5, "sparsity_last": 0.5}
    for settings in ({}, change):
        model = nn.Linear(6, 6)
        recording = record(model, path, **{**ALL, **half, **settings})
        train(model, recording, range(5))
        recording.close()
        if not settings and not path.with_name("kept").exists():
            log = open_log(path, model)
            path.with_name("kept").mkdir()
            shutil.rmtree(path)
    before = weights(model)
    with pytest.raises(InputError, match="was replaced or removed; open it anew"):
        request_(log, model, [0])
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


# What is given


def test_one_kind_of_error_iterators_are_read_once(path):
    model = nn.Linear(6, 3)
    for again in (False, True):
        adam, draw = torch.optim.Adam(model.parameters()), torch.Generator()
        kept = {"keep": filter(None, [adam, None]), "generators": iter([draw])}
        recording = record(model, path, **kept, resume=again, **ALL)
        if not again:
            torch.rand(3, generator=draw)
            left = draw.get_state()
            train(model, recording, range(5), adam)
            recording.checkpoint(1)
            killed(recording)
    assert adam.state_dict()["state"][0]["step"] == 5
    assert torch.equal(draw.get_state(), left)


def test_one_kind_of_error_settings_of_numpy_are_numbers_when_going_on_too(path):
    model, settings = nn.Linear(6, 3), {**ALL, "batch_size": np.int64(4), "seed": np.int32(2)}
    settings["sparsity_last"] = np.float64(0.5)
    recording = record(model, path, **settings)
    train(model, recording, range(3))
    recording.close()
    assert record(model, path, resume=True, **settings).steps == 3


def test_true_statements_of_a_log_without_steps(path):
    model = nn.Linear(6, 3)
    record(model, path, **ALL).close()
    with pytest.raises(InputError, match="or without a step"):
        forget(open_log(path), model, [0])


# Between two steps


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_a_left_model_by_steps_left_out_is_found_where_the_optimizer_is_fused(path, kind):
    model = nn.Embedding(50, 4)
    optimizer = kind(model.parameters(), lr=0.1, fused=True)
    recording = record(model, path, **ALL)
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        for step in range(5):
            for row in (2 * step, 2 * step + 1):
                optimizer.zero_grad()
                model(torch.tensor([row])).square().sum().backward()
                optimizer.step()
            recording.step(IDS[4 * step : 4 * step + 4], 0)


@pytest.mark.parametrize("other", ["fused", "plain"])
def test_two_fused_optimizers_of_two_parts_are_right(path, other):
    model = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 3))
    parts = [torch.optim.SGD(part.parameters(), lr=0.05, fused=True) for part in model]
    stranger = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1, fused=other == "fused")
    recording, before = record(model, path, **ALL), weights(model)
    for step in range(6):
        model(torch.randn(4, 6)).square().mean().backward()
        for optimizer in (*parts, stranger):
            optimizer.step()
            optimizer.zero_grad()
        recording.step(IDS[4 * step : 4 * step + 4], 0)
    recording.close()
    total = torch.cat([(model.state_dict()[n] - before[n]).ravel() for n in before])
    assert torch.allclose(open_log(path).sum(range(6)), total, atol=1e-5)


class Q(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.target = nn.Linear(6, 3), nn.Linear(6, 3).requires_grad_(False)

    def forward(self, x):
        return self.q(x)


def test_a_left_model_by_weights_that_no_optimizer_holds_is_found(path):
    model = Q()
    optimizer = torch.optim.SGD(model.q.parameters(), lr=0.05)
    recording = record(model, path, **ALL)
    train(model, recording, range(5), optimizer)
    model.target.load_state_dict(model.q.state_dict())
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        train(model, recording, range(5, 6), optimizer)


def test_a_wrapper_may_change_weights_before_the_step_that_it_holds(path):
    class Decoupled(torch.optim.Optimizer):
        def __init__(self, base):
            self.base = base
            super().__init__(base.param_groups, {})

        @torch.no_grad()
        def step(self, closure=None):
            for weight in self.base.param_groups[0]["params"]:
                weight.mul_(0.9)
            self.base.step()

    model = nn.Linear(6, 3)
    optimizer = Decoupled(torch.optim.SGD(model.parameters(), lr=0.05))
    recording, before = record(model, path, **ALL), weights(model)
    train(model, recording, range(5), optimizer)
    recording.close()
    total = torch.cat([(model.state_dict()[n] - before[n]).ravel() for n in before])
    assert torch.allclose(open_log(path).sum(range(5)), total, atol=1e-5)


def test_a_step_of_another_thread_hides_nothing(path):
    model, begun, over = nn.Linear(6, 3), Event(), Event()

    class Slow(torch.optim.SGD):
        def step(self, closure=None):
            begun.set()
            over.wait(60)

    recording = record(model, path, **ALL)
    train(model, recording, range(2))
    other = Thread(target=Slow(nn.Linear(2, 2).parameters(), lr=0.1).step)
    other.start()
    begun.wait(60)
    nn.init.normal_(model.weight)
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        train(model, recording, range(2, 3))
    over.set()
    other.join()


# Arithmetic


@pytest.mark.parametrize("buffer", ["var", "pointer"])
def test_arithmetic_statistics_without_meaning_below_0_are_refused(path, buffer):
    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.l = nn.Linear(6, 3)
            self.register_buffer("var", torch.ones(6))
            self.register_buffer("pointer", torch.zeros(1, dtype=torch.long))

        def forward(self, x):
            if buffer == "var":
                self.var.lerp_(x.detach().var(0), 0.3)
            else:
                self.pointer.copy_((self.pointer + 4) % 16)
            return self.l(x / (self.var + 1e-5).sqrt())

    model = Norm()
    recording = record(model, path, **ALL, buffers="subtract")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in range(9):
        optimizer.zero_grad()
        model(torch.randn(4, 6) * (20 if step == 1 else 1)).square().mean().backward()
        optimizer.step()
        recording.step(IDS[4 * step : 4 * step + 4], 0)
    recording.close()
    before = weights(model)
    with pytest.raises(InputError, match=f"nothing was changed: {buffer} without these steps"):
        forget(open_log(path), model, [4, 8])
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
