"""Faults of other people's scripts, fourth part: what a log and a request stand on."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from partial_unlearning import create, forget, open_log, record
from partial_unlearning.errors import InputError
from partial_unlearning.update_log import log as log_module
from partial_unlearning.update_log.commands import forget_command, info, purge_command
from partial_unlearning.update_log.folder import Folder
from partial_unlearning.update_log.recording import Recording
from partial_unlearning.update_log.request_files import completed
from recorded_loops import ALL, IDS, killed
from reproduction import places


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05)


def train(
    model: nn.Module, recording: Recording, optimizer: torch.optim.Optimizer, steps: range
) -> None:
    """Step k of each ten sees samples 4k to 4k + 3."""
    for step in steps:
        optimizer.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()
        recording.step(IDS[4 * (step % 10) :][:4], step // 10)


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def restarted(model: nn.Module, recording: Recording, at: int, steps: int) -> None:
    """Steps, other weights and a restart after the first ``at``; all are written."""
    optimizer = sgd(model)
    train(model, recording, optimizer, range(at))
    with torch.no_grad():
        model.weight.zero_()
    recording.restart()
    train(model, recording, optimizer, range(at, steps))
    recording._wait()
    recording.log.flush()


def finished(folder: Path, steps: int = 10) -> nn.Module:
    """A log, its weights and the ids of a request in a folder; the log has a checkpoint."""
    model = nn.Linear(6, 3)
    recording = record(model, folder / "log", **ALL)
    train(model, recording, sgd(model), range(steps))
    recording.checkpoint(1)
    recording.close()
    save_file(model.state_dict(), folder / "weights.safetensors")
    (folder / "ids.csv").write_text("id\n3\n")
    return model


def given(folder: Path, out: object, *more: str) -> list[str]:
    files = ("--log", "log", "--weights", "weights.safetensors", "--ids", "ids.csv")
    names = [name if name[0] == "-" else str(folder / name) for name in files]
    return [*names, "--out", str(out), *more]


def shell(folder: Path, *more: str, **streams: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "partial_unlearning", "forget", *given(folder, *more)]
    library = {"PYTHONPATH": str(places.root() / "lib")}
    return subprocess.run(
        command, env=os.environ | library, stderr=subprocess.PIPE, text=True, **streams
    )


# --- going on


def test_weights_of_ones_own_checkpoint_are_refused_where_the_steps_before_are_lost(tmp_path):
    """The last steps wait in memory: a log may be empty when the weights have many."""
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL, resume=True)
    train(model, recording, sgd(model), range(10))
    killed(recording)
    assert len(open_log(tmp_path / "log")) == 0
    with pytest.raises(InputError, match="holds 0 steps, but no checkpoint to go on from"):
        record(model, tmp_path / "log", **ALL, resume=True)


def test_a_run_that_lost_all_its_steps_can_be_begun_again_with_the_same_weights(tmp_path):
    model = nn.Linear(6, 3)
    begun = state(model)
    recording = record(model, tmp_path / "log", **ALL, resume=True)
    train(model, recording, sgd(model), range(3))
    killed(recording)
    model.load_state_dict(begun)
    recording = record(model, tmp_path / "log", **ALL, resume=True)
    train(model, recording, sgd(model), range(10))
    recording.close()
    assert len(open_log(tmp_path / "log", model)) == 10


@pytest.mark.parametrize("checkpoint", [True, False])
def test_steps_before_a_restart_are_not_subtracted_where_recording_never_ended(
    tmp_path, checkpoint
):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    restarted(model, recording, 20, 25)
    if checkpoint:
        recording.checkpoint(3)
    killed(recording)
    before, log = state(model), open_log(tmp_path / "log")
    with pytest.raises(InputError, match=r"2 of these steps, from 0 on, cannot be subtracted"):
        forget(log, model, [3], unfinished=True)
    assert all(tensor.equal(before[name]) for name, tensor in state(model).items())


def test_what_cannot_be_subtracted_is_known_after_an_unfinished_request(tmp_path):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    restarted(model, recording, 5, 10)
    killed(recording)
    log = open_log(tmp_path / "log")
    forget(log, model, [39], unfinished=True)  # of the last step
    with pytest.raises(InputError, match="1 of these steps, from 0 on, cannot be subtracted"):
        forget(log, model, [3])


def test_steps_that_a_resume_cut_off_are_held_no_longer(tmp_path):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    recording.checkpoint(0)
    restarted(model, recording, 5, 8)
    killed(recording)
    recording = record(model, tmp_path / "log", **ALL, resume=True)
    train(model, recording, sgd(model), range(8))
    recording._wait()
    recording.log.flush()
    killed(recording)
    forget(open_log(tmp_path / "log"), model, [3], unfinished=True)


@pytest.mark.parametrize("again", [1, 20])
def test_each_step_after_one_that_could_not_be_written_is_refused(tmp_path, again):
    model = nn.Linear(6, 3)
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    train(model, recording, optimizer, range(1))
    (tmp_path / "log").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="was moved, deleted or replaced"):
        train(model, recording, optimizer, range(1, 400))
    for _ in range(again):
        with pytest.raises(InputError, match="was moved, deleted or replaced"):
            recording.step(IDS[:4], 0)
    killed(recording)


def test_a_log_that_another_process_began_meanwhile_is_left_alone(tmp_path, monkeypatch):
    model, describe = nn.Linear(6, 3), log_module.describe

    def slowly(*given: object, **settings: object) -> object:
        monkeypatch.undo()
        killed(record(model, tmp_path / "log", **ALL))
        return describe(*given, **settings)

    monkeypatch.setattr(log_module, "describe", slowly)
    with pytest.raises(InputError, match="there is a log at"):
        create(tmp_path / "log", model, **ALL)


# --- locks and names


def test_a_lock_that_only_writable_files_can_have_is_taken(tmp_path, monkeypatch):
    """As on NFS."""
    lock = fcntl.flock

    def of_nfs(file: object, how: int) -> None:
        if how & fcntl.LOCK_EX and not fcntl.fcntl(file, fcntl.F_GETFL) & os.O_RDWR:
            raise OSError(errno.EBADF, "Bad file descriptor")
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", of_nfs)
    model = finished(tmp_path)
    forget(open_log(tmp_path / "log"), model, [3])


def test_a_file_system_without_locks_is_not_said_to_be_another_process(tmp_path, monkeypatch):
    def never(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", never)
    with pytest.raises(InputError, match="No locks available") as refused:
        record(nn.Linear(6, 3), tmp_path / "log", **ALL)
    assert "another process" not in str(refused.value)


def test_a_folder_behind_a_link_is_the_systems_own(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b" / "inside").mkdir(parents=True)
    (tmp_path / "a" / "link").symlink_to(tmp_path / "b" / "inside")
    create(tmp_path / "a" / "log", nn.Linear(6, 3), **ALL).close()
    create(tmp_path / "b" / "log", nn.Linear(2, 2), **ALL).close()
    assert open_log(tmp_path / "a" / "link" / ".." / "log").description.size == 6


def test_private_files_of_a_log_stay_private(tmp_path):
    model = finished(tmp_path)
    files = [path for path in (tmp_path / "log").rglob("*") if path.is_file()]
    for path in files:
        path.chmod(0o600)
    forget(open_log(tmp_path / "log"), model, [3])
    purge_command([*given(tmp_path, "")[:2], "1"], standalone_mode=False)
    held = {path.name: path.stat().st_mode & 0o777 for path in files if path.exists()}
    assert set(held.values()) == {0o600}


def test_a_file_that_gets_its_name_while_info_looks_is_no_error(tmp_path, monkeypatch):
    finished(tmp_path)
    total, du = Folder(tmp_path / "log").total(), Folder(tmp_path).fs.du

    def once(*_: object) -> int:
        monkeypatch.setattr(Folder(tmp_path).fs, "du", du)
        raise FileNotFoundError(".c.0.0.12345678.new")

    monkeypatch.setattr(Folder(tmp_path).fs, "du", once)  # a file system is there once
    assert Folder(tmp_path / "log").total() == total
    info([str(tmp_path / "log")], standalone_mode=False)


def test_a_document_without_end_is_damaged(tmp_path):
    model = finished(tmp_path)
    (tmp_path / "log" / "requests.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="is damaged"):
        forget(open_log(tmp_path / "log"), model, [3])


# --- where the answer goes

NOWHERE = {
    "no folder": lambda folder: "/proc/1/nothing/new.safetensors",
    "a file for a folder": lambda folder: folder / "ids.csv" / "new.safetensors",
    "a device": lambda folder: "/dev/null",
    "a long name": lambda folder: folder / ("n" * 300),
}


@pytest.mark.parametrize("unfinished", [True, False])
@pytest.mark.parametrize("out", NOWHERE.values(), ids=NOWHERE)
def test_a_request_whose_answer_can_be_written_nowhere_changes_nothing(tmp_path, out, unfinished):
    finished(tmp_path)
    log = tmp_path / "log"
    if unfinished:  # as before close()
        document = json.loads((log / "requests.json").read_text())
        assert document["attributes"]["content"]["entries"]
        Path(log / "requests.json").unlink()
        log_module.History(Folder(log)).write(())
    before = {path: path.read_bytes() for path in log.rglob("*") if path.is_file()}
    assert log / "checkpoint.bin" in before
    with pytest.raises(InputError):
        forget_command(
            given(tmp_path, out(tmp_path), *["--unfinished"] * unfinished), standalone_mode=False
        )
    assert before == {path: path.read_bytes() for path in log.rglob("*") if path.is_file()}


@pytest.mark.parametrize("how", ["closed pipe", "full device"])
def test_a_request_goes_to_its_end_where_nobody_reads(tmp_path, how):
    finished(tmp_path)
    if how == "closed pipe":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open("/dev/full", os.O_WRONLY)
    done = shell(tmp_path, tmp_path / "new.safetensors", "--final", stdout=writer)
    os.close(writer)
    assert done.returncode == 0
    log = open_log(tmp_path / "log")
    assert log.history.purged == {0} and log.history.purging is None
    moved = load_file(tmp_path / "weights.safetensors")["weight"]
    assert not moved.equal(load_file(tmp_path / "new.safetensors")["weight"])


def test_a_name_that_the_terminal_cannot_show_stops_nothing(tmp_path):
    finished(tmp_path)
    os.environ["PYTHONIOENCODING"] = "iso-8859-1"
    try:
        done = shell(tmp_path, tmp_path / "太.safetensors", "--final", stdout=subprocess.PIPE)
    finally:
        del os.environ["PYTHONIOENCODING"]
    assert done.returncode == 0 and r"\u592a.safetensors written" in done.stdout
    assert open_log(tmp_path / "log").history.purged == {0}


def test_the_answer_of_an_interrupted_purge_is_checked_before_it_is_believed(tmp_path):
    model = finished(tmp_path)
    log = open_log(tmp_path / "log")
    entry = forget(log, model, [3])
    asked = {name: getattr(entry, name) for name in ("asked", "weights", "subtracted")}
    log.history.append(type(entry)("purge", 1, **asked))
    save_file(nn.Linear(2, 2).state_dict(), tmp_path / "new.safetensors")
    with pytest.raises(InputError, match="wrong model for this log"):
        completed(str(tmp_path / "log"), tmp_path / "ids.csv", tmp_path / "new.safetensors")
