"""Faults of other people's scripts, sixth part: what optimizers hold, and disks that fill up."""

import errno
import os
from collections.abc import Iterator

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from partial_unlearning import forget, open_log, record
from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from partial_unlearning.update_log.commands import forget_command
from recorded_loops import ALL, IDS, train


def sgd(*parts: nn.Module | Tensor) -> torch.optim.Optimizer:
    own = [[*part.parameters()] if isinstance(part, nn.Module) else [part] for part in parts]
    return torch.optim.SGD([weight for weights in own for weight in weights], lr=0.05)


class Shifted(nn.Module):
    """What is added to its input is a buffer, or a weight."""

    def __init__(self, *, trained: bool) -> None:
        super().__init__()
        shift = torch.ones(6)
        if trained:
            self.shift = nn.Parameter(shift)
        else:
            self.register_buffer("shift", shift)
        self.layer = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x + self.shift)


@pytest.mark.parametrize("bound", [None, 0, 0.0, False, 1.0])
def test_a_model_of_its_own_with_a_norm_by_that_name_is_watched(tmp_path, bound):
    model = nn.Linear(6, 3)
    model.max_norm = bound
    optimizer, recording = sgd(model), record(model, tmp_path / "log", **ALL)
    train(model, optimizer, recording, range(5))
    with torch.no_grad():
        model.weight *= 2
    with pytest.raises(InputError, match="weights had changed before the optimizer stepped"):
        train(model, optimizer, recording, range(5, 6))


@pytest.mark.parametrize("bound", [0.0, 1.0])
def test_embeddings_that_are_scaled_are_named(tmp_path, bound):
    with pytest.warns(UserWarning, match=r"forward passes change it \(max_norm\)"):
        record(nn.Embedding(6, 3, max_norm=bound), tmp_path / "log", **ALL)


def test_another_model_whose_buffer_is_a_weight_in_the_next_phase_is_refused(tmp_path):
    model = Shifted(trained=False)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, sgd(model), recording, range(10))
    recording.close()
    after = Shifted(trained=True)
    after.load_state_dict(model.state_dict())
    recording = record(after, tmp_path / "log", resume=True)
    with pytest.raises(InputError, match="shift is trained now, but was no trained weight at rec"):
        train(after, sgd(after), recording, range(10, 11))


def test_another_model_whose_buffer_becomes_a_weight_is_refused_at_the_end(tmp_path):
    model = Shifted(trained=False)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, sgd(model), recording, range(5))
    train(model, sgd(model, model.shift.requires_grad_()), recording, range(5, 10))
    with pytest.raises(InputError, match="shift is trained now"):
        recording.close()


def test_a_buffer_that_is_trained_from_the_beginning_is_a_weight(tmp_path):
    model = Shifted(trained=False)
    model.shift.requires_grad_()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, sgd(model, model.shift), recording, range(10))
    recording.close()
    before = model.shift.detach().clone()
    forget(open_log(tmp_path / "log"), model, IDS[:4])
    assert not torch.equal(model.shift, before)


def test_true_statements_of_an_optimizer_that_trains_more_than_the_model(tmp_path, recwarn):
    encoder, head = nn.Linear(6, 5), nn.Linear(5, 3)
    recording = record(encoder, tmp_path / "log", **ALL)
    train(nn.Sequential(encoder, head), sgd(encoder, head), recording, range(10))
    recording.close()
    (told,) = [one for one in recwarn if issubclass(one.category, UserWarning)]
    assert str(told.message).startswith("an optimizer trains 2 tensors that are no part of the rec")


@pytest.mark.filterwarnings("error::UserWarning")
def test_true_statements_of_an_optimizer_that_trains_more_are_made_once_as_an_error(tmp_path):
    encoder, head = nn.Linear(6, 5), nn.Linear(5, 3)
    recording, optimizer = record(encoder, tmp_path / "log", **ALL), sgd(encoder, head)
    with pytest.raises(UserWarning, match="an optimizer trains 2 tensors"):
        train(nn.Sequential(encoder, head), optimizer, recording, range(1))
    train(nn.Sequential(encoder, head), optimizer, recording, range(1, 10))
    recording.close()
    assert len(open_log(tmp_path / "log", encoder)) == 10


def test_true_statements_of_two_optimizers_of_which_one_trains_another_model(tmp_path, recwarn):
    model, other = nn.Linear(6, 3), nn.Linear(6, 3)
    recording, apart = record(model, tmp_path / "log", **ALL), sgd(other)
    other(torch.randn(4, 6)).square().mean().backward()
    apart.step()
    train(model, sgd(model), recording, range(10))
    recording.close()
    assert not [one for one in recwarn if issubclass(one.category, UserWarning)]


def test_true_statements_of_a_model_that_no_optimizer_holds(tmp_path):
    model = nn.Linear(6, 3)
    average = AveragedModel(model)
    recording = record(average, tmp_path / "log", **ALL)
    optimizer = sgd(model)
    with pytest.warns(UserWarning, match="holds no tensor of the recorded model: its weights are"):
        for step in range(2):
            optimizer.zero_grad()
            model(torch.randn(4, 6)).square().mean().backward()
            optimizer.step()
            average.update_parameters(model)
            recording.step(IDS[4 * step :][:4], 0)


@pytest.mark.parametrize("values", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
def test_arithmetic_of_statistics_that_no_request_needs_refuses_nothing(tmp_path, values, strategy):
    model = nn.Linear(6, 3)
    model.register_buffer("seed", torch.tensor(0))
    model.register_buffer("total", torch.zeros(5))
    optimizer = sgd(model)
    recording = record(model, tmp_path / "log", **{**ALL, "values": values}, strategy=strategy)
    for step in range(10):
        model.seed.fill_(int(torch.randint(-(2**62), 2**62, ())))
        model.total.add_(1e5 if step % 2 else torch.inf)
        train(model, optimizer, recording, range(step, step + 1))
    recording.close()
    forget(open_log(tmp_path / "log"), model, IDS[:4])
    assert model.weight.isfinite().all()


# --- a disk that is full at one write after the other ------------------------------------------


class Disk:
    """A disk that is full at one of its writes, counted from 1."""

    def __init__(self) -> None:
        self.full_at, self.writes = 0, 0

    def write(self) -> None:
        self.writes += 1
        if self.writes == self.full_at:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def disk(monkeypatch) -> Disk:
    disk, fsync = Disk(), os.fsync

    def sync(number: int) -> None:
        if not os.path.isdir(f"/proc/self/fd/{number}"):
            disk.write()
        fsync(number)

    monkeypatch.setattr(os, "fsync", sync)
    return disk


def full_disks(disk: Disk) -> Iterator[int]:
    """Let it be full at each write of what is done with one of these, until no more."""
    number = 1
    while True:
        disk.full_at, disk.writes = number, 0
        yield number
        if disk.writes < number:
            return
        number += 1


def test_one_error_a_disk_that_is_full_when_recording_begins_leaves_nothing(tmp_path, disk):
    model, failed = nn.Linear(6, 3), 0
    for number in full_disks(disk):
        path = tmp_path / f"log{number}"
        try:
            recording = record(model, path, **ALL)
        except InputError as error:
            assert str(path) in str(error)
            failed += 1
            recording = record(model, path, **ALL)
        recording._watch.close()
        recording.log.folder.unlock()
    assert failed > 5


@pytest.mark.parametrize("saved", [0, 5, 20])
def test_one_error_a_restart_on_a_full_disk_is_completed_by_the_same_call(tmp_path, disk, saved):
    failed = 0
    for number in full_disks(disk):
        disk.full_at = 0
        model, path = nn.Linear(6, 3), tmp_path / f"log{saved}{number}"
        optimizer, recording = sgd(model), record(model, path, **ALL)
        for step in range(21):
            if step == saved:
                recording.checkpoint(0)
            if step == 5:
                best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            if step < 20:
                train(model, optimizer, recording, range(step, step + 1))
        model.load_state_dict(best)
        disk.full_at, disk.writes = number, 0
        try:
            recording.restart(5)
        except InputError:
            failed += 1
            recording.restart(5)
        writes, disk.full_at = disk.writes, 0
        assert len(recording.log) == recording.steps == 5
        train(model, optimizer, recording, range(5, 10))
        recording.close()
        log = open_log(path, model)
        assert (len(log), log.history.inseparable, [*log.verify()]) == (10, set(), [])
        disk.writes = writes
    assert failed > 3


def test_one_error_steps_that_leave_the_log_are_told_before_a_disk_can_be_full(tmp_path, disk):
    failed = 0
    for number in full_disks(disk):
        disk.full_at = 0
        model, path = nn.Linear(6, 3), tmp_path / f"log{number}"
        optimizer, recording = sgd(model), record(model, path, **ALL)
        train(model, optimizer, recording, range(5))
        recording.checkpoint(0)
        train(model, optimizer, recording, range(5, 20))
        recording.close()
        other = nn.Linear(6, 3)
        disk.full_at, disk.writes = number, 0
        with pytest.warns(UserWarning, match="steps 5 to 19 leave the log"):
            try:
                again = record(other, path, resume=True)
            except InputError:
                failed += 1
                again = record(other, path, resume=True)
        assert len(again.log) == again.steps == 5
        again._watch.close()
        again.log.folder.unlock()
    assert failed > 3


def test_one_error_after_a_restart_was_broken_off_nothing_else_can_be_done(tmp_path, disk):
    model = nn.Linear(6, 3)
    optimizer, recording = sgd(model), record(model, tmp_path / "log", **ALL)
    train(model, optimizer, recording, range(5))
    best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train(model, optimizer, recording, range(5, 20))
    recording._check()
    recording.log.flush()
    model.load_state_dict(best)
    disk.full_at, disk.writes = 2, 0
    with pytest.raises(InputError, match="No space left"):
        recording.restart(5)
    for call in (recording.restart, recording.close, lambda: recording.checkpoint(0)):
        with pytest.raises(InputError, match=r"restart\(5\) was broken off; call it again, with"):
            call()


def test_one_error_a_disk_that_was_full_can_be_gone_on_from_at_once(tmp_path, disk):
    model = nn.Linear(6, 3)
    optimizer, recording = sgd(model), record(model, tmp_path / "log", **ALL)
    recording.checkpoint(0)
    disk.full_at = disk.writes + 1
    with pytest.raises(InputError, match="cannot record steps") as _held:
        train(model, optimizer, recording, range(300))
    with pytest.raises(InputError, match="No space left on device"):
        recording.close()
    again = record(model, tmp_path / "log", resume=True)  # although the first is still held
    train(model, optimizer, again, range(10))
    again.close()
    assert len(open_log(tmp_path / "log", model)) == 10


def test_a_file_is_written_where_the_system_takes_no_advice(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "posix_fadvise", refuse)
    write_atomic(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_new_weights_are_as_private_as_the_file_whose_place_they_take(tmp_path):
    model = nn.Linear(6, 3)
    optimizer, recording = sgd(model), record(model, tmp_path / "log", **ALL)
    train(model, optimizer, recording, range(10))
    recording.close()
    old, new, ids = (tmp_path / name for name in ("w.safetensors", "new.safetensors", "ids.csv"))
    save_file(model.state_dict(), old)
    old.chmod(0o644)
    new.touch()
    new.chmod(0o600)
    ids.write_text("1\n")
    paths = ["--log", tmp_path / "log", "--weights", old, "--ids", ids, "--out", new]
    assert CliRunner().invoke(forget_command, [*map(str, paths)]).exit_code == 0
    assert new.stat().st_mode & 0o777 == 0o600


def test_a_model_of_empty_weights_is_refused(tmp_path):
    model = nn.BatchNorm1d(6, affine=False)
    model.none = nn.Parameter(torch.empty(0))
    with pytest.raises(InputError, match="has no weights"):
        record(model, tmp_path / "log", **ALL)
