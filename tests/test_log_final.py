"""Final deletion: what a purged request asked for is nowhere in the log, whatever happened."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from stat import S_ISDIR

import fsspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from partial_unlearning import append_to, forget, open_log, purge, record, undo
from partial_unlearning.errors import InputError
from partial_unlearning.update_log import model_description
from partial_unlearning.update_log.commands import forget_command, log_group, purge_command
from partial_unlearning.update_log.history import from_ranges
from partial_unlearning.update_log.log import StoredLog
from partial_unlearning.update_log.recording import Recording
from partial_unlearning.update_log.requests import preview

IDS = 7 * 2**40 + 1_234_567 * torch.arange(40)  # eight bytes that stand nowhere by chance
STEPS = 20
PATTERN = 16


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    """Four shards and a tail."""
    monkeypatch.setattr(model_description, "SHARD_BYTES", 700)


def batch_of(step: int) -> Tensor:
    """Each sample is in two steps, with others each time."""
    return IDS[torch.arange(4) * (1 if step < 10 else 10) + (4 * step if step < 10 else step % 10)]


def train(model: nn.Module, recording: Recording, steps: range) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in steps:
        optimizer.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()
        recording.step(batch_of(step), step // 10)


def trained(path: object, strategy: str = "random") -> nn.Linear:
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    settings = {"sparsity_first": 0, "sparsity_last": 0, "values": "float32", "strategy": strategy}
    recording = record(model, path, ids=IDS, batch_size=4, **settings)
    train(model, recording, range(STEPS))
    recording.close()
    return model


def content(url: object) -> bytes:
    """Every byte in the folder of a log."""
    fs, root = fsspec.core.url_to_fs(str(url))
    return b"".join(fs.cat_file(file) for file in fs.find(root))


def patterns(log: StoredLog, steps: set[int], ids: Tensor) -> list[bytes]:
    """What is to be gone: all parts of these updates, and these sample ids."""
    rows = [
        row.tobytes() for _, block in log._updates.blocks(np.array(sorted(steps))) for row in block
    ]
    parts = [row[at : at + PATTERN] for row in rows for at in range(0, len(row), PATTERN)]
    distinct = [part for part in parts if len(set(part)) > 4]
    assert len(distinct) > 4 * len(steps)
    return distinct + [int(number).to_bytes(8, "little") for number in ids]


def run(command, *arguments: object) -> str:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def files(tmp_path):
    """A log, its weights, a list of one id, and the options of a request for it."""
    save_file(trained(tmp_path / "log").state_dict(), tmp_path / "old.safetensors")
    (tmp_path / "ids.csv").write_text(f"id\n{IDS[5]}\n")
    request = ["--log", tmp_path / "log", "--weights", tmp_path / "old.safetensors"]
    return [*request, "--ids", tmp_path / "ids.csv", "--out", tmp_path / "new.safetensors"]


# --- nothing of it is left -------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
@pytest.mark.parametrize("url", ["local", "memory"])
def test_final_deletion_leaves_no_byte(tmp_path, url, strategy):
    path = tmp_path / "log" if url == "local" else f"memory://{tmp_path.name}{strategy}"
    model = trained(path, strategy)
    log = open_log(path)
    steps = set(log.affected_steps(IDS[5:6]))
    assert steps == {1, 15}  # in a full shard and in another, and below in the tail
    found = patterns(log, steps, IDS[5:6])
    assert all(pattern in content(path) for pattern in found)
    kept = patterns(log, set(range(STEPS)) - steps, torch.tensor([], dtype=torch.int64))
    entry = forget(log, model, IDS[5:6])
    assert all(pattern in content(path) for pattern in found)  # that is why it is not final
    purge(log, entry.request)
    assert not any(pattern in content(path) for pattern in found)
    assert all(pattern in content(path) for pattern in kept)
    assert list(open_log(path).verify()) == []


def test_final_deletion_reaches_the_tail_that_still_grows(tmp_path):
    model = trained(tmp_path / "log")
    log = open_log(tmp_path / "log")
    asked = batch_of(STEPS - 1)
    found = patterns(log, set(log.affected_steps(asked)), asked)
    purge(log, forget(log, model, asked).request)
    assert not any(pattern in content(tmp_path / "log") for pattern in found)
    train(model, recording := Recording(model, append_to(tmp_path / "log", model)), range(20, 30))
    recording.close()
    updates = [pattern for pattern in found if len(pattern) == PATTERN]  # ids are seen again
    assert not any(pattern in content(tmp_path / "log") for pattern in updates)
    assert list(open_log(tmp_path / "log").verify()) == []


def test_final_deletion_reaches_what_a_killed_process_left(tmp_path):
    """Files that were being replaced, a checkpoint."""
    model = trained(tmp_path / "log")
    log = open_log(tmp_path / "log")
    found = patterns(log, {1, 15}, IDS[5:6])
    for part in ("updates", "batches"):
        first = tmp_path / "log" / part / "c.0.0"
        shutil.copy(first, first.with_name(".c.0.0.a1b2c3d4.new"))
    shutil.copy(first, tmp_path / "log" / ".checkpoint.bin.a1b2c3d4.new")
    entry = forget(log, model, IDS[5:6])
    shutil.copy(first, tmp_path / "log" / "checkpoint.bin")
    purge(log, entry.request)
    assert not any(pattern in content(tmp_path / "log") for pattern in found)


def test_final_deletion_by_command(files, tmp_path):
    log = open_log(tmp_path / "log")
    found, expected = patterns(log, {1, 15}, IDS[5:6]), log.sum([1, 15])
    said = run(forget_command, *files, "--final")
    assert "request 1 is final: 2 steps are purged" in said
    assert "Yours to delete: copies of the log" in said
    assert "object store" in said
    assert not any(pattern in content(tmp_path / "log") for pattern in found)
    old, new = (load_file(tmp_path / f"{name}.safetensors") for name in ("old", "new"))
    moved = torch.cat([(old[name] - new[name]).flatten() for name in ("weight", "bias")])
    assert torch.allclose(moved, expected, atol=1e-6)


def test_a_request_that_stands_can_be_purged_by_command(files, tmp_path):
    log = open_log(tmp_path / "log")
    found = patterns(log, {1, 15}, IDS[5:6])
    run(forget_command, *files)
    said = run(purge_command, "--log", tmp_path / "log", 1)
    assert "request 1 is final: 2 steps are purged" in said
    assert "Yours to delete: copies of the log" in said
    assert not any(pattern in content(tmp_path / "log") for pattern in found)


# --- what goes on afterwards -----------------------------------------------------------------


def finally_forgotten(path: Path, ids: Tensor) -> tuple[StoredLog, nn.Linear, dict[str, Tensor]]:
    """A log with one final request, its weights, and those from before."""
    model = trained(path)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    log = open_log(path)
    purge(log, forget(log, model, ids).request)
    return log, model, before


def test_final_deletion_leaves_later_requests_right(tmp_path):
    """Sample 15 shares step 15 with sample 5, and is in step 3 besides."""
    log, model, _ = finally_forgotten(tmp_path / "log", IDS[5:6])
    start, expected = log.description.layout.vector(model), log.sum([3])
    assert log.affected_steps(IDS[15:16]) == [3]
    forget(log, model, IDS[15:16])
    assert torch.allclose(log.description.layout.vector(model), start - expected, atol=1e-7)
    undo(log, model, 2)
    assert torch.allclose(log.description.layout.vector(model), start, atol=1e-7)


def test_final_deletion_refuses_weights_that_still_hold_it(tmp_path):
    log, _, before = finally_forgotten(tmp_path / "log", IDS[5:6])
    copy = {name: tensor.clone() for name, tensor in before.items()}
    for attempt in (forget, preview):
        with pytest.raises(InputError, match="2 of these steps are purged .* the first is 1; give"):
            attempt(log, before, IDS[15:16])
    assert all(torch.equal(before[name], copy[name]) for name in copy)
    assert [entry.kind for entry in log.history.entries][-1] == "purged"
    with pytest.raises(InputError, match="steps are purged"):
        log.sum([0, 15])


def test_final_deletion_cannot_be_undone(tmp_path):
    log, model, _ = finally_forgotten(tmp_path / "log", IDS[5:6])
    start = log.description.layout.vector(model)
    with pytest.raises(InputError, match="request 1 is final: .* purged"):
        undo(log, model, 1)
    assert torch.equal(log.description.layout.vector(model), start)


def test_final_deletion_stays_when_a_request_that_shares_steps_is_undone(tmp_path):
    model = trained(tmp_path / "log")
    log = open_log(tmp_path / "log")
    before = log.description.layout.vector(model)
    forget(log, model, IDS[15:16])  # steps 3 and 15
    shared = log.sum([1, 15])
    purge(log, forget(log, model, IDS[5:6]).request)
    undo(log, model, 1)
    assert torch.allclose(log.description.layout.vector(model), before - shared, atol=1e-6)


def test_final_deletion_of_who_is_only_in_purged_steps_is_said(tmp_path):
    log, model, _ = finally_forgotten(tmp_path / "log", IDS[5:6])
    with pytest.raises(InputError, match=r"1 of 2 sample ids .* in the 2 steps that are purged"):
        forget(log, model, IDS[[5, 15]])


def test_final_deletion_does_not_bring_sample_zero_into_play(tmp_path):
    """Zeros are written over ids, and zero is an id like any other."""
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", ids=torch.arange(8), batch_size=4)
    for step in range(4):
        with torch.no_grad():
            model.weight += 1
        recording.step(torch.arange(4) + 4 * (step % 2), step // 2)
    recording.close()
    log = open_log(tmp_path / "log")
    purge(log, forget(log, model, [5]).request)
    assert log.affected_steps([0]) == [0, 2]
    assert [len(ids) for _, _, ids in log.plan()] == [4, 0, 4, 0]
    assert [len(batches) for batches in log.plan().epochs] == [2, 2]


def test_final_deletion_lets_training_go_on(tmp_path):
    log, model, _ = finally_forgotten(tmp_path / "log", IDS[5:6])
    recording = Recording(model, append_to(tmp_path / "log", model))
    assert (recording.steps, recording.epoch) == (STEPS, 2)
    train(model, recording, range(20, 30))
    recording.close()
    start = log.description.layout.vector(model)
    assert log.affected_steps(IDS[15:16]) == [3, 25]
    forget(log, model, IDS[15:16])
    expected = start - log.sum([3, 25])
    assert torch.allclose(log.description.layout.vector(model), expected, atol=1e-6)


def test_final_deletion_is_counted(files, tmp_path):
    assert "purged    0 steps" in run(log_group, "info", tmp_path / "log")
    run(forget_command, *files, "--final")
    assert "purged    2 steps" in run(log_group, "info", tmp_path / "log")
    assert "20 steps, every one as it was written; 2 of them are purged" in run(
        log_group, "verify", tmp_path / "log"
    )


@pytest.mark.parametrize("part", ["updates", "batches"])
def test_final_deletion_is_missed_in_a_file_from_an_old_copy(tmp_path, part):
    model = trained(tmp_path / "log")
    shutil.copytree(tmp_path / "log", tmp_path / "copy")
    log = open_log(tmp_path / "log")
    purge(log, forget(log, model, IDS[5:6]).request)
    shutil.copy(tmp_path / "copy" / part / "c.0.0", tmp_path / "log" / part / "c.0.0")
    assert list(log.verify()) == [f"step 1 is purged, but still in {part}: repeat the purge"]
    purge(log, 1)
    assert list(log.verify()) == []


@pytest.mark.parametrize("wrong", [2, 3, 0, -1, 1.0, "1", None])
def test_final_deletion_needs_a_request_that_stands(tmp_path, wrong):
    log, model, _ = finally_forgotten(tmp_path / "log", IDS[5:6])
    forget(log, model, IDS[15:16])
    undo(log, model, 2)
    before = content(tmp_path / "log")
    with pytest.raises(InputError, match=r"request \d does not stand|give a whole number"):
        purge(log, wrong)
    assert content(tmp_path / "log") == before


def test_final_deletion_of_a_log_that_nobody_asked_anything_is_refused(tmp_path):
    trained(tmp_path / "log")
    with pytest.raises(InputError, match="request 1 does not stand"):
        purge(open_log(tmp_path / "log"), 1)


def test_final_deletion_goes_with_ids_and_an_output(files):
    for wrong in (["--dry-run"], ["--undo", 1]):
        with pytest.raises(InputError, match="give either --ids"):
            run(forget_command, *files, "--final", *wrong)


def test_final_deletion_refuses_a_damaged_batch_while_all_is_there(tmp_path):
    model = trained(tmp_path / "log")
    log = open_log(tmp_path / "log")
    forget(log, model, IDS[5:6])
    shard = tmp_path / "log" / "batches" / "c.0.0"
    damaged = bytearray(shard.read_bytes())
    damaged[log._batches.slot] ^= 1  # the epoch of step 1
    shard.write_bytes(damaged)
    with pytest.raises(InputError, match="step 1 .* is damaged"):
        purge(log, 1)
    assert shard.read_bytes() == damaged
    assert log.history.entries[-1].kind == "forget"


def test_final_deletion_waits_for_a_request_that_was_cut_short(files, tmp_path):
    """Its new weights may be written already, and only the history knows of them."""
    run(forget_command, *files)
    (tmp_path / "ids.csv").write_text(f"id\n{IDS[17]}\n")
    again = [tmp_path / "new.safetensors" if "old" in str(part) else part for part in files]
    number = 1
    while open_log(tmp_path / "log").history.announced is None:
        assert killed_at(number, lambda: run(forget_command, *again))
        number += 1
    with pytest.raises(InputError, match="a forget was cut short; repeat it first"):
        purge(open_log(tmp_path / "log"), 1)
    run(forget_command, *again, "--final")
    purge(open_log(tmp_path / "log"), 1)
    assert open_log(tmp_path / "log").history.purged == {1, 15, 4, 17}


# --- killed at every write -------------------------------------------------------------------


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Do work in a process that is killed at its write of that number; whether it was.

    Of what is written over something, a half is written before.
    """
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)
    left = [number]

    def counting(name: str) -> None:
        original = getattr(os, name)

        def call(*arguments: object) -> object:
            if name == "fsync" and S_ISDIR(os.fstat(arguments[0]).st_mode):
                return original(*arguments)  # all is written by then
            left[0] -= 1
            if not left[0] and name == "pwrite":
                file, part, start = arguments
                original(file, part[: len(part) // 2], start)
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments)

        setattr(os, name, call)

    code = 1
    try:
        for name in ("pwrite", "replace", "remove", "unlink", "fsync"):
            counting(name)
        work()
        code = 0
    finally:
        os._exit(code)


def check_killed(path: Path, found: list[bytes]) -> bool:
    """Either everything is there, or the purge has begun and these steps are known as gone."""
    log = open_log(path)
    if log.history.purging is None:
        assert log.history.purged in (set(), {1, 15})
        assert any(pattern in content(path) for pattern in found) != bool(log.history.purged)
        assert log.history.purged or all(pattern in content(path) for pattern in found)
        assert list(log.verify()) == []
        return False
    assert log.history.purging == log.history.entries[-1].request
    assert list(log.verify())
    assert "not complete" in run(log_group, "info", path)
    with pytest.raises(InputError, match="steps are purged"):
        log.sum([15])
    assert log.affected_steps(IDS[16:17]) == [4, 16]
    return True


def test_final_deletion_killed_at_every_write_is_completed_by_the_same_command(tmp_path):
    model = trained(tmp_path / "whole")
    log = open_log(tmp_path / "whole")
    found = patterns(log, {1, 15}, IDS[5:6])
    forget(log, model, IDS[5:6])
    interrupted, number, killed = 0, 0, True
    while killed:
        number += 1
        path = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", path)
        killed = killed_at(number, lambda path=path: purge(open_log(path), 1))
        interrupted += check_killed(path, found)
        purge(open_log(path), 1)
        assert not any(pattern in content(path) for pattern in found)
        assert list(open_log(path).verify()) == []
        assert not list(path.rglob("*.new"))
    assert number > 10
    assert interrupted > 5


@pytest.mark.parametrize("out", ["new", "old"])
def test_final_request_killed_at_every_write_is_completed_by_the_same_command(tmp_path, out):
    save_file(trained(tmp_path / "whole").state_dict(), tmp_path / "whole.safetensors")
    (tmp_path / "ids.csv").write_text(f"id\n{IDS[5]}\n")
    log = open_log(tmp_path / "whole")
    found, number, killed, results = patterns(log, {1, 15}, IDS[5:6]), 0, True, []
    while killed:
        number += 1
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", folder / "log")
        shutil.copy(tmp_path / "whole.safetensors", folder / "old.safetensors")
        request = ["--log", folder / "log", "--weights", folder / "old.safetensors"]
        request += ["--ids", tmp_path / "ids.csv", "--out", folder / f"{out}.safetensors"]
        killed = killed_at(number, lambda r=request: run(forget_command, *r, "--final"))
        if killed:
            run(forget_command, *request, "--final")
        assert not any(pattern in content(folder / "log") for pattern in found)
        log = open_log(folder / "log")
        assert list(log.verify()) == []
        assert log.history.purged == {1, 15}
        weights = load_file(folder / f"{out}.safetensors")
        assert log.history.subtracted(log.description.digest(weights)) == {1, 15}
        results.append(log.description.digest(weights))
    assert number > 10
    assert len(set(results)) == 1


def test_final_request_of_others_after_an_interrupted_purge_is_carried_out(files, tmp_path):
    """The purge is completed, and these ids are forgotten as well."""
    run(forget_command, *files)
    log = open_log(tmp_path / "log")
    entry = log.history.entries[-1]
    assert killed_at(5, lambda: purge(open_log(tmp_path / "log"), 1))
    assert open_log(tmp_path / "log").history.purging == 1
    (tmp_path / "ids.csv").write_text(f"id\n{IDS[17]}\n")
    arguments = [tmp_path / "new.safetensors" if "old" in str(a) else a for a in files]
    said = run(forget_command, *arguments, "--final")
    assert "request 1 is final" in said
    assert "request 2 is final" in said
    assert from_ranges(log.history.entries[-1].asked) == {4, 17}
    assert entry.weights != log.history.entries[-1].weights
