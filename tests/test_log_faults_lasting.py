"""Faults of other people's scripts, eleventh part: weights of earlier times, and a process's end.

Step g adds 1 to weight g: weights show which steps they hold.
"""

import subprocess
import sys
import warnings
import zipfile

import fsspec
import pytest
import torch
from torch import Tensor, nn

from partial_unlearning import append_to, forget, open_log, purge, record
from partial_unlearning.errors import InputError
from partial_unlearning.update_log.recording import Recording
from recorded_loops import ALL, IDS, killed, train

STEPS = 12
SETTINGS = {**ALL, "ids": range(STEPS), "batch_size": 1}


class Marks(nn.Module):
    """What each step leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(STEPS))

    @property
    def held(self) -> list[int]:
        return self.w.detach().nonzero().flatten().tolist()


def go_on(model: Marks, recording: Recording, steps: range) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for step in steps:
        model.w.grad = torch.zeros(STEPS)
        model.w.grad[step] = -1
        optimizer.step()
        recording.step(torch.tensor([step]), 0)


@pytest.fixture
def marked(tmp_path) -> Marks:
    """Six steps, recorded at ``log`` and closed."""
    model = Marks()
    recording = record(model, tmp_path / "log", **SETTINGS)
    go_on(model, recording, range(6))
    recording.close()
    return model


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


# --- what weights of an earlier request hold


def test_a_purge_says_of_weights_gone_back_to_what_they_hold(tmp_path, marked):
    log = open_log(tmp_path / "log")
    forget(log, marked, [3])
    first = state(marked)
    forget(log, marked, [5])
    marked.load_state_dict(first)
    record(marked, tmp_path / "log", resume=True).close()  # nothing is left to train
    assert purge(log, 1).subtracted == [[3, 4]]
    assert marked.held == [0, 1, 2, 4, 5]
    forget(log, marked, [5])
    assert marked.held == [0, 1, 2, 4]


@pytest.mark.parametrize("closed_again", [False, True])
def test_a_restart_takes_no_weights_that_hold_what_is_purged(tmp_path, marked, closed_again):
    whole, log = state(marked), open_log(tmp_path / "log")
    purge(log, forget(log, marked, [3]).request)
    if closed_again:
        recording = record(marked, tmp_path / "log", resume=True)
        go_on(marked, recording, range(6, 7))
        recording.close()
    recording = record(marked, tmp_path / "log", resume=True)
    before = state(marked)
    marked.load_state_dict(whole)
    with pytest.raises(InputError, match="still hold 1 steps that are purged"):
        recording.restart()
    marked.load_state_dict(before)
    go_on(marked, recording, range(7, 8))
    recording.close()
    assert 3 not in marked.held


def test_a_log_that_is_closed_by_hand_keeps_what_its_history_says(tmp_path, marked):
    log = open_log(tmp_path / "log")
    forget(log, marked, [3])
    append_to(tmp_path / "log", marked).close(marked)
    forget(log, marked, [3])
    assert marked.held == [0, 1, 2, 4, 5]
    with torch.no_grad():
        marked.w += 1
    writer = append_to(tmp_path / "log", marked)
    with pytest.raises(InputError, match="neither those at the end of recording"):
        writer.close(marked)
    with pytest.raises(InputError, match="wrong model for this log"):
        writer.close(nn.Linear(6, 3))
    writer.folder.unlock()


@pytest.mark.parametrize("ended", [False, True])
def test_a_log_closed_by_hand_takes_no_weights_that_may_lack_steps(tmp_path, ended):
    """Of something else that changed them, and of a request after which steps were recorded."""
    model = Marks()
    recording = record(model, tmp_path / "log", **SETTINGS)
    go_on(model, recording, range(3))
    if ended:
        recording.close()
        forget(open_log(tmp_path / "log"), model, [1])
        before = state(model)
        recording = record(model, tmp_path / "log", resume=True)
        go_on(model, recording, range(3, 6))
    else:
        with torch.no_grad():
            model.w += 0.5
        recording.restart()
        go_on(model, recording, range(3, 6))
    recording._wait()
    recording.log.flush()
    killed(recording)
    if ended:
        model.load_state_dict(before)
    writer = append_to(tmp_path / "log", model)
    with pytest.raises(InputError, match=r"close\(model, subtracted=\[...\], inseparable"):
        writer.close(model)
    writer.close(model, subtracted=[], inseparable=[[0, 3]])
    with pytest.raises(InputError, match="cannot be subtracted"):
        forget(open_log(tmp_path / "log"), model, [0])


def test_a_request_is_made_final_where_nothing_can_be_known_of_its_steps(tmp_path, marked):
    log = open_log(tmp_path / "log")
    number = forget(log, marked, [3]).request
    recording = record(marked, tmp_path / "log", resume=True)
    with torch.no_grad():
        marked.w += 0.5
    recording.restart()
    recording.close()
    with pytest.warns(UserWarning, match="nobody can say whether they hold 1 of these steps"):
        purge(log, number)
    assert log.history.purged == {3} and not list(open_log(tmp_path / "log").verify())


def test_a_restart_that_rounding_cannot_confirm_is_told(tmp_path):
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, optimizer, recording, range(7))
    best = state(model)
    train(model, optimizer, recording, range(7, 10))
    recording._wait()
    recording.log.flush()
    model.load_state_dict(best)
    assert not recording._doubt(7)
    for steps in (6, 8, 9):
        with pytest.raises(InputError, match=f"does not hold just {steps} steps"):
            recording._doubt(steps)
    model.load_state_dict({name: tensor.bfloat16() for name, tensor in best.items()})
    with pytest.warns(UserWarning, match="just 9 steps is believed, but it is nearer to what"):
        recording.restart(9)
    recording.close()


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_restart_before_numbers_were_none_is_told_nothing(tmp_path, value):
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, optimizer, recording, range(7))
    best = state(model)
    for step in (7, 8):
        model(torch.full((4, 6), value)).sum().backward()
        optimizer.step()
        recording.step(IDS[4 * step :][:4], 0)
    model.load_state_dict(best)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recording.restart(7)
        recording.close()


# --- what comes after record()


@pytest.mark.parametrize("as_given", [iter, list, lambda ids: map(int, ids)])
def test_ids_may_be_an_iterator(tmp_path, as_given):
    model = Marks()
    recording = record(model, tmp_path / "log", **{**SETTINGS, "ids": as_given([*range(STEPS)])})
    go_on(model, recording, range(3))
    recording.checkpoint(0)
    killed(recording)
    with pytest.raises(InputError, match="ids are none"):
        record(model, tmp_path / "log", resume=True, ids=[])
    assert record(model, tmp_path / "log", resume=True).steps == 3


def test_many_ids_are_declared_at_once(tmp_path):
    """Sorted and repeated ones, and such as come in any order."""
    ids = torch.cat([torch.arange(1_000_000), torch.arange(1_000_000).flip(0)])
    recording = record(Marks(), tmp_path / "log", **{**SETTINGS, "ids": ids})
    with pytest.raises(InputError, match="the first is 1000000, are none"):
        recording.step(torch.tensor([1_000_000]), 0)


class Strange(torch.Tensor):
    """Anyone's kind of tensor."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None) -> object:
        raise AttributeError("not this")


def test_a_weight_of_anyone_s_kind_does_no_harm_to_other_models(tmp_path):
    model, other = nn.Linear(6, 3), nn.Linear(2, 2)
    recording = record(model, tmp_path / "log", **ALL)
    model._parameters["weight"] = torch.ones(3, 6).as_subclass(Strange)
    other(torch.ones(1, 2)).sum().backward()
    torch.optim.SGD(other.parameters(), lr=0.1).step()
    recording._watch.close()


def test_a_weight_that_becomes_sparse_is_said_by_the_log_and_not_by_the_optimizer(tmp_path):
    model, other = nn.Embedding(40, 3), nn.Linear(2, 2)
    recording = record(model, tmp_path / "log", **ALL)
    model.weight = nn.Parameter(model.weight.detach().to_sparse())
    other(torch.ones(1, 2)).sum().backward()
    torch.optim.SGD(other.parameters(), lr=0.1).step()
    with pytest.raises(InputError, match="wrong model for this log: it has weight"):
        recording.step(IDS[:4], 0)


def test_a_parameter_with_a_name_that_torch_keeps_for_itself_is_refused(tmp_path):
    model = nn.Linear(6, 3)
    model.register_parameter("_extra_state", nn.Parameter(torch.ones(2)))
    with pytest.raises(InputError, match="_extra_state has the name of what torch takes for"):
        record(model, tmp_path / "log", **ALL)
    assert not (tmp_path / "log").exists()


# --- the end of a process

SCRIPT = """
import atexit, sys, threading, time, torch
from partial_unlearning import record
model = torch.nn.Linear(6, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
recording = record(model, sys.argv[1], ids=range(40), batch_size=4)

def steps():
    for step in range(40):
        model(torch.ones(4, 6)).sum().backward()
        optimizer.step()
        recording.step(torch.arange(4), 0)

def late():
    threading.main_thread().join()
    time.sleep(0.1)
    steps()
    recording.close()

if sys.argv[2] == "thread":
    threading.Thread(target=late).start()
else:
    steps()
    atexit.register(recording.close)
"""


@pytest.mark.parametrize("how", ["thread", "atexit"])
def test_a_process_that_ends_while_it_records_loses_no_step(tmp_path, how):
    code = [sys.executable, "-c", SCRIPT, tmp_path / "log", how]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Error" not in done.stderr
    log = open_log(tmp_path / "log")
    assert log.ended and len(log) == 40


# --- folders without a name, and archives


def test_the_root_of_a_file_system_is_a_folder_like_any_other():
    model = Marks()
    try:
        recording = record(model, "memory://", **SETTINGS)
        go_on(model, recording, range(3))
        recording.close()
        forget(open_log("memory://"), model, [1])
        assert model.held == [0, 2]
    finally:
        fsspec.filesystem("memory").rm("/", recursive=True)


def test_a_log_at_the_root_of_an_archive_is_read(tmp_path, marked):
    with zipfile.ZipFile(tmp_path / "log.zip", "w") as archive:
        for file in (tmp_path / "log").rglob("*"):
            archive.write(file, file.relative_to(tmp_path / "log"))
    log = open_log(f"zip://::file://{tmp_path}/log.zip")
    assert len(log) == 6 and not list(log.verify())


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_that_is_none_is_refused(tmp_path, kind):
    (tmp_path / "log.zip").write_bytes(b"no archive" * 100)
    with pytest.raises(InputError, match="cannot open the log folder"):
        open_log(f"{kind}://log::file://{tmp_path}/log.zip")
