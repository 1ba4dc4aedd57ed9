"""Faults of other people's scripts, tenth part: what a newcomer stumbled over."""

import gc
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from partial_unlearning import Layout, forget, open_log, preview, record, undo
from partial_unlearning.errors import InputError
from partial_unlearning.update_log.commands import forget_command
from partial_unlearning.update_log.recording import Recording
from recorded_loops import ALL, IDS, killed, train


def begun(path: Path, steps: int) -> tuple[nn.Module, Recording]:
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    recording = record(model, path, **ALL)
    train(model, optimizer, recording, range(steps))
    return model, recording


@pytest.mark.parametrize("resumed", [False, True])
def test_places_given_for_ids_are_refused(tmp_path, resumed):
    """Else the wrong person would be forgotten."""
    model, own = nn.Linear(6, 3), 7000 + 3 * torch.arange(12)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    about = {**ALL, "ids": own, "keep": [optimizer], "resume": True}
    recording = record(model, tmp_path / "log", **about)
    for step in range(3):
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()
        recording.step(own[4 * step :][:4], 0)
    if resumed:
        recording.checkpoint(1)
        killed(recording)
        recording = record(model, tmp_path / "log", **about)
    optimizer.step()
    for wrong, what in (([0, 1, 2, 3], "4 of 4 .* is 0, "), ([7000, 7033, 7034], "1 of 3 .* 7034")):
        with pytest.raises(InputError, match=f"^{what}.* none of those that record"):
            recording.step(torch.tensor(wrong), 0)
    recording.step(own[[11, 0, 0]], 0)
    recording.close()
    assert open_log(tmp_path / "log").affected_steps([7033]) == [2, 3]


def test_a_killed_process_leaves_no_lock_with_its_workers(tmp_path):
    """Those of a loader live on for seconds; a supervisor starts it again at once."""
    code = """
import os, sys, torch
from partial_unlearning import record
model = torch.nn.Linear(6, 3)
recording = record(model, sys.argv[1], ids=range(8), batch_size=4)
recording.checkpoint(0)
if os.fork() == 0:  # a worker
    sys.stdin.read()
    os._exit(0)
os.write(1, b"!")
sys.stdin.read()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "log"], **pipes) as process:
        assert process.stdout.read(1) == b"!"
        with pytest.raises(InputError, match="being written by another process"):
            record(nn.Linear(6, 3), tmp_path / "log", resume=True)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()  # its worker still reads
        recording = record(nn.Linear(6, 3), tmp_path / "log", resume=True)
        assert recording.steps == 0
        killed(recording)


def test_a_recording_that_is_dropped_is_let_go_of(tmp_path):
    model, recording = begun(tmp_path / "log", 3)
    recording.checkpoint(0)
    gc.collect()  # what other tests left
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del recording
        gc.collect()
    assert not told
    recording = record(model, tmp_path / "log", resume=True)
    assert recording.steps == 3
    killed(recording)


def test_a_child_s_end_does_not_open_its_parent_s_lock(tmp_path):
    _, recording = begun(tmp_path / "log", 3)
    if (child := os.fork()) == 0:
        try:
            recording.log.folder.unlock()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    with pytest.raises(InputError, match="being written by another process"):
        record(nn.Linear(6, 3), tmp_path / "log", resume=True)
    recording.close()


def test_a_request_that_leaves_little_is_told_in_python_too(tmp_path):
    model, recording = begun(tmp_path / "log", 10)
    recording.close()
    log = open_log(tmp_path / "log")
    assert preview(log, model, IDS[:36]).warnings[0].startswith("90% of all steps saw these")
    assert preview(log, model, IDS[:32]).warnings == []
    with pytest.warns(UserWarning, match="^100% of all steps saw these samples"):
        entry = forget(log, model, IDS)
    with pytest.raises(InputError, match=r"give entry\.request"):
        undo(log, model, entry)
    undo(log, model, entry.request)
    with pytest.raises(InputError, match="request 1 does not stand; none does"):
        undo(log, model, 1)


class Adapted(nn.Module):
    """A large frozen layer, and a small change of it that is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(6, 300).requires_grad_(False)
        self.down, self.up = nn.Linear(6, 2, bias=False), nn.Linear(2, 300, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.up(self.down(x))


def test_adapters_alone_are_recorded_and_forgotten(tmp_path):
    """As the page has it: a list of what is trained, which is saved and loaded by itself."""
    model = Adapted()
    adapters = nn.ParameterList(weight for weight in model.parameters() if weight.requires_grad)
    size = Layout.of(adapters).size
    assert size == 6 * 2 + 2 * 300 < Layout.of(model).size / 2
    optimizer = torch.optim.SGD(adapters, lr=0.05)
    settings = {**ALL, "sparsity_first": 0.9, "sparsity_last": 0.9, "values": "bfloat16"}
    recording = record(adapters, tmp_path / "log", **settings)
    train(model, optimizer, recording, range(10))
    recording.close()
    save_file(adapters.state_dict(), tmp_path / "trained.safetensors")
    log = open_log(tmp_path / "log", adapters)
    assert abs(log.description.update_bytes - 2 * 0.1 * size) <= 2
    (tmp_path / "ids.csv").write_text("5\n")
    asked = ["--log", tmp_path / "log", "--weights", tmp_path / "trained.safetensors"]
    asked += ["--ids", tmp_path / "ids.csv", "--out", tmp_path / "new.safetensors"]
    assert CliRunner().invoke(forget_command, [*map(str, asked)]).exit_code == 0
    before, base = Layout.of(adapters).vector(adapters), model.base.weight.clone()
    adapters.load_state_dict(load_file(tmp_path / "new.safetensors"))
    assert torch.equal(model.up.weight.detach().flatten(), before[12:] - log.sum([1])[12:])
    assert torch.equal(model.down.weight.detach().flatten(), before[:12] - log.sum([1])[:12])
    assert torch.equal(model.base.weight, base)
