"""Faults of other people's scripts, eighth part: copies, requests in turn, commands."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from partial_unlearning import forget, open_log, purge, record, undo
from partial_unlearning.errors import InputError
from partial_unlearning.system.files import refuse_unwritable, write_atomic
from partial_unlearning.update_log import checkpoint
from partial_unlearning.update_log.commands import forget_command, log_group
from partial_unlearning.update_log.recording import Recording
from recorded_loops import killed_later

IDS = torch.arange(600)
ALL = {"ids": IDS, "batch_size": 4, "sparsity_first": 0, "sparsity_last": 0, "values": "float32"}


def train(model: nn.Module, recording: Recording, steps: range) -> dict[int, Tensor]:
    """What each step changed of the weights."""
    optimizer, moved = torch.optim.SGD(model.parameters(), lr=0.05), {}
    for step in steps:
        before = model.weight.detach().clone()
        optimizer.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()
        recording.step(IDS[4 * (step % 10) :][:4], 0)
        moved[step] = model.weight.detach() - before
    return moved


def closed(path: Path, steps: int = 20) -> tuple[nn.Module, dict[int, Tensor]]:
    model = nn.Linear(6, 3)
    recording = record(model, path, **ALL)
    moved = train(model, recording, range(steps))
    recording.close()
    return model, moved


def copy_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def run(*words: object) -> tuple[int, str]:
    """The command's exit status and all that it says."""
    command = {"forget": forget_command, "log": log_group}[str(words[0])]
    result = CliRunner().invoke(command, [*map(str, words[1:])])
    if isinstance(result.exception, InputError):
        return 2, str(result.exception)
    return result.exit_code, result.output


def ids_file(folder: Path, *ids: int) -> Path:
    path = folder / f"ids_{'_'.join(map(str, ids))}.csv"
    path.write_text("\n".join(map(str, ids)))
    return path


@pytest.mark.parametrize("part", ["updates", "batches"])
def test_another_place_of_a_file_is_noticed_where_it_is_read(tmp_path, part):
    model, _ = closed(tmp_path / "log", 512)
    one, other = (tmp_path / "log" / part / f"c.{number}.0" for number in (0, 1))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    log, before = open_log(tmp_path / "log"), model.weight.detach().clone()
    told = [*log.verify()]
    assert len(told) == 2
    assert all(re.search("is of another place or log: what stands for step", one) for one in told)
    with pytest.raises(InputError, match="is of another place or log"):
        forget(log, model, [0])
    assert torch.equal(model.weight, before)
    assert len(log.history.entries) == 1


@pytest.mark.parametrize("part", ["updates", "batches"])
def test_another_log_s_file_is_noticed_where_it_is_read(tmp_path, part):
    model, _ = closed(tmp_path / "log")
    closed(tmp_path / "other")
    shutil.copy(tmp_path / "other" / part / "c.0.0", tmp_path / "log" / part)
    log = open_log(tmp_path / "log")
    assert "is of another place or log: what stands for step 0" in next(log.verify())
    with pytest.raises(InputError, match="restore the right file"):
        forget(log, model, [0])
    with pytest.raises(InputError, match="restore the right file"):
        record(model, tmp_path / "log", resume=True)


def test_a_purge_is_known_though_the_history_is_from_before_it(tmp_path):
    model, _ = closed(tmp_path / "log")
    history = tmp_path / "log/requests.json"
    earlier = history.read_bytes()
    log, lacks = open_log(tmp_path / "log"), copy_of(model)
    purge(log, forget(log, lacks, [0]).request)
    history.write_bytes(earlier)
    log = open_log(tmp_path / "log")
    told = "step 0 is purged, but the history knows nothing of it: restore .*requests.json"
    assert re.match(told, *log.verify())
    with pytest.raises(InputError, match=told):
        forget(log, model, [5])


def rounding(path: Path) -> nn.Module:
    """Two steps of 0.75 each that bfloat16 shows together only."""
    model = nn.Linear(6, 3, bias=False).to(torch.bfloat16)
    model.weight.data.zero_()
    recording = record(model, path, **ALL)
    for value, batch in zip((0.75, 1.5, 258), IDS[:12].split(4), strict=True):
        with torch.no_grad():
            model.weight.fill_(value)
        recording.step(batch, 0)
    recording.close()
    return model


@pytest.mark.parametrize("turns", [[[0, 4]], [[0], [4]], [[4], [0], [0, 4]], [[0], [0], [4]]])
def test_arithmetic_of_what_is_too_little_alone_is_not_lost(tmp_path, turns):
    model = rounding(tmp_path / "log")
    log = open_log(tmp_path / "log", model)
    for ids in turns:
        forget(log, model, ids)
    assert model.weight.unique().tolist() == [256]
    undo(log, model, 1)


def test_true_statements_of_what_is_too_little(tmp_path):
    model = rounding(tmp_path / "log")
    save_file(model.state_dict(), tmp_path / "w")
    base = ["forget", "--log", tmp_path / "log", "--weights", tmp_path / "w"]
    for _ in range(2):
        code, said = run(*base, "--ids", ids_file(tmp_path, 0), "--out", tmp_path / "o")
        assert code == 0
        assert "0 of them are subtracted already" in said
        assert "they are as before: what was recorded of these steps is nothing, or too lit" in said


def test_a_purge_of_what_is_too_little_is_complete(tmp_path):
    model = rounding(tmp_path / "log")
    log = open_log(tmp_path / "log", model)
    purge(log, forget(log, model, [0]).request)
    assert [*log.verify()] == []
    forget(log, model, [4])  # alone now: 257.25 is 258
    assert model.weight.unique().tolist() == [258]
    purge(log, 2)
    assert log.history.purged == {0, 1}


@pytest.mark.parametrize("which", ["checkpoint", "begun"])
def test_earlier_weights_that_the_log_knows_are_not_taken_for_the_last(tmp_path, which):
    model = nn.Linear(6, 3)
    recording, earlier = record(model, tmp_path / "log", **ALL), copy_of(model)
    moved = train(model, recording, range(10))
    recording.checkpoint(1)
    earlier = earlier if which == "begun" else copy_of(model)
    moved |= train(model, recording, range(10, 20))
    killed_later(recording)
    log, steps = open_log(tmp_path / "log"), 0 if which == "begun" else 10
    message = f"these are the weights after {steps} steps, but the log holds 20"
    with pytest.raises(InputError, match=message):
        forget(log, earlier, [0], unfinished=True)
    assert (tmp_path / "log/checkpoint.bin").exists()
    right = model.weight.detach() - moved[0] - moved[10]
    forget(log, model, IDS[:1], unfinished=True)
    assert torch.allclose(model.weight, right, atol=1e-6)


class Anew(Mapping):
    """Reads its tensors at each look."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors = tensors

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name].clone()

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


def test_weights_that_cannot_be_changed_are_refused(tmp_path):
    model, _ = closed(tmp_path / "log")
    log = open_log(tmp_path / "log")
    with pytest.raises(InputError, match="made anew at each look; give a dict"):
        forget(log, Anew(model.state_dict()), [0])
    assert (len(log.history.entries), log.history.announced) == (1, None)


@pytest.mark.parametrize("option", ["ids", "log", "weights", "out", "undo"])
def test_nothing_is_ignored_of_an_option_given_twice(tmp_path, option):
    model, _ = closed(tmp_path / "log")
    save_file(model.state_dict(), tmp_path / "w")
    given = {"log": tmp_path / "log", "weights": tmp_path / "w", "out": tmp_path / "o"}
    given |= {"undo": 1} if option == "undo" else {"ids": ids_file(tmp_path, 0)}
    words = [word for name, value in given.items() for word in (f"--{name}", value)]
    code, said = run("forget", *words, f"--{option}={given[option]}")
    assert (code, said.startswith(f"--{option} is given more than once")) == (2, True)
    assert not (tmp_path / "o").exists()


def test_true_statements_of_a_request_that_takes_the_place_of_one_cut_short(tmp_path, monkeypatch):
    model, _ = closed(tmp_path / "log")
    log, weights = open_log(tmp_path / "log"), copy_of(model)
    monkeypatch.setattr(type(log.history), "append", lambda *_: (_ for _ in ()).throw(OSError))
    with pytest.raises(OSError):  # noqa: PT011 (as a kill would, before the last write)
        forget(log, weights, [0])
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="a forget of 2 steps was cut short and is not in the his"):
        forget(log, copy_of(model), [4])


def test_true_statements_of_the_same_request_after_it_was_cut_short(tmp_path, monkeypatch, recwarn):
    model, _ = closed(tmp_path / "log")
    log, weights = open_log(tmp_path / "log"), copy_of(model)
    monkeypatch.setattr(type(log.history), "append", lambda *_: (_ for _ in ()).throw(OSError))
    with pytest.raises(OSError):  # noqa: PT011
        forget(log, weights, [0])
    monkeypatch.undo()
    _, said = run("log", "info", tmp_path / "log")
    assert "a forget has not ended: unless it is running, repeat it" in said
    forget(log, weights, [0])
    assert [str(one) for one in recwarn if issubclass(one.category, UserWarning)] == []


def test_a_purge_takes_a_checkpoint_that_holds_steps_of_an_earlier_one(tmp_path, monkeypatch):
    model, _ = closed(tmp_path / "log")
    log, weights = open_log(tmp_path / "log"), copy_of(model)
    forget(log, weights, [0])
    forget(log, weights, [4])
    undo(log, weights, 1)
    middle = {name: tensor.clone() for name, tensor in weights.items()}
    forget(log, weights, [0])
    model.load_state_dict(middle)
    recording = record(model, tmp_path / "log", resume=True)
    train(model, recording, range(20, 23))
    recording.checkpoint(2)
    killed_later(recording)
    monkeypatch.setattr(type(log.parts[0][0]), "blank", lambda *_: (_ for _ in ()).throw(OSError))
    with pytest.raises(OSError):  # noqa: PT011
        purge(open_log(tmp_path / "log"), 3)
    monkeypatch.undo()
    purge(open_log(tmp_path / "log"), 2)
    assert checkpoint.read_checkpoint(log.folder) is None


def test_a_checkpoint_from_before_a_purge_is_no_way_back(tmp_path):
    model, _ = closed(tmp_path / "log")
    recording = record(model, tmp_path / "log", resume=True)
    train(model, recording, range(20, 25))
    recording.checkpoint(2)
    shutil.copy(tmp_path / "log/checkpoint.bin", tmp_path / "old")
    train(model, recording, range(25, 30))
    recording.close()
    log = open_log(tmp_path / "log")
    purge(log, forget(log, model, [0]).request)
    shutil.copy(tmp_path / "old", tmp_path / "log/checkpoint.bin")
    assert "the checkpoint's weights still hold 3 steps that are purged" in next(log.verify())
    other = nn.Linear(6, 3)
    before = other.weight.detach().clone()
    with pytest.raises(InputError, match="still hold 3 steps that are purged from the log"):
        record(other, tmp_path / "log", resume=True)
    assert torch.equal(other.weight, before)


def test_a_purge_beside_a_damaged_row_of_others_goes_on(tmp_path):
    model, _ = closed(tmp_path / "log")
    log = open_log(tmp_path / "log")
    number = forget(log, model, [0]).request
    shard = tmp_path / "log/updates/c.0.0"
    content = bytearray(shard.read_bytes())
    content[5 * (len(content) // 256) + 9] ^= 1  # of a step that stays
    shard.write_bytes(content)
    purge(log, number)
    assert log.history.purging is None
    (said,) = open_log(tmp_path / "log").verify()  # the damage is still told, and nothing else
    assert said.startswith("step 1 in")


@pytest.mark.parametrize("part", ["updates", "batches"])
def test_a_purge_of_a_file_that_is_cut_short_changes_nothing(tmp_path, part):
    model, _ = closed(tmp_path / "log", 300)
    log = open_log(tmp_path / "log")
    number = forget(log, model, [0]).request
    shard, history = tmp_path / "log" / part / "c.0.0", tmp_path / "log/requests.json"
    shard.write_bytes(shard.read_bytes()[:100])
    before = history.read_bytes()
    with pytest.raises(InputError, match=r"c\.0\.0 is (cut short|damaged)|is missing in"):
        purge(log, number)
    assert history.read_bytes() == before


@pytest.mark.parametrize("part", ["updates", "batches"])
def test_a_purge_of_a_file_of_another_log_changes_nothing(tmp_path, part):
    model, _ = closed(tmp_path / "log")
    closed(tmp_path / "other")
    log, file = open_log(tmp_path / "log"), tmp_path / "log" / part / "c.0.0"
    number = forget(log, model, [0]).request
    shutil.copy(tmp_path / "other" / part / "c.0.0", file)
    before = file.read_bytes(), (tmp_path / "log/requests.json").read_bytes()
    with pytest.raises(InputError, match="is of another place or log: what stands for step 0"):
        purge(log, number)
    assert before == (file.read_bytes(), (tmp_path / "log/requests.json").read_bytes())


def test_what_a_killed_request_left_beside_its_file_is_deleted_by_the_next(tmp_path):
    model, _ = closed(tmp_path / "log")
    save_file(model.state_dict(), tmp_path / "w")
    left = [tmp_path / ".o.safetensors.0123abcd.new", tmp_path / ".o.0123abcd.new"]
    for file in left:
        file.write_text("weights")
    base = ["forget", "--log", tmp_path / "log", "--weights", tmp_path / "w", "--final"]
    code, _ = run(*base, "--ids", ids_file(tmp_path, 0), "--out", tmp_path / "o.safetensors")
    assert (code, [file.exists() for file in left]) == (0, [False, True])


def test_advice_to_undo_requests_that_hold_no_more_can_be_followed(tmp_path):
    model, _ = closed(tmp_path / "log")
    log, weights = open_log(tmp_path / "log"), copy_of(model)
    forget(log, weights, [0])
    forget(log, weights, [5])
    recording = record(model, tmp_path / "log", resume=True)
    with torch.no_grad():
        model.weight += 0.01
    recording.restart()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    model(torch.randn(4, 6)).square().mean().backward()
    optimizer.step()
    recording.step(torch.arange(44, 48), 3)
    recording.close()
    log = open_log(tmp_path / "log")
    with pytest.raises(InputError, match=r"Of earlier requests \[1, 2\] ask for some; undo those"):
        forget(log, model, [45])
    before = model.weight.detach().clone()
    undo(log, model, 1)
    undo(log, model, 2)
    assert torch.equal(model.weight, before)
    forget(log, model, [45])
    assert not torch.equal(model.weight, before)


def test_true_statements_of_steps_that_a_request_adds_again(tmp_path):
    model, moved = closed(tmp_path / "log")
    log, weights = open_log(tmp_path / "log"), copy_of(model)
    forget(log, weights, [0])
    save_file(weights, tmp_path / "w")
    undo(log, {name: tensor.clone() for name, tensor in weights.items()}, 1)
    base = ["forget", "--log", tmp_path / "log", "--weights", tmp_path / "w"]
    base += ["--ids", ids_file(tmp_path, 5)]
    for more in (["--dry-run"], ["--out", tmp_path / "o"]):
        code, said = run(*base, *more)
        assert (code, "2 steps are added again: the requests" in said) == (0, True)
    right = model.weight.detach() - moved[1] - moved[11]
    assert torch.allclose(load_file(tmp_path / "o")["weight"], right, atol=1e-6)


def test_true_statements_of_a_purge_after_training_went_back(tmp_path):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, range(5))
    recording.checkpoint(0)
    saved = (tmp_path / "log/checkpoint.bin").read_bytes()
    train(model, recording, range(5, 20))
    recording.close()
    log = open_log(tmp_path / "log")
    number = forget(log, copy_of(model), [0]).request
    (tmp_path / "log/checkpoint.bin").write_bytes(saved)
    with pytest.warns(UserWarning, match="leave the log"):
        killed_later(record(nn.Linear(6, 3), tmp_path / "log", resume=True))
    with pytest.raises(InputError, match="training that went on .* has not ended: go on and close"):
        purge(open_log(tmp_path / "log"), number)


@pytest.mark.parametrize("part", ["updates", "batches"])
def test_true_statements_of_a_part_of_a_log(tmp_path, part):
    closed(tmp_path / "log")
    code, said = run("log", "info", tmp_path / "log" / part)
    assert (code, "is of another part of a log; name the log's own folder" in said) == (2, True)


def test_nothing_is_left_of_folders_made_for_a_trial(tmp_path):
    refuse_unwritable(tmp_path / "x/y/file")
    assert [*tmp_path.iterdir()] == []
    write_atomic(tmp_path / "x/y/file", b"")
    refuse_unwritable(tmp_path / "x/y/z/file")
    assert [*(tmp_path / "x/y").iterdir()] == [tmp_path / "x/y/file"]


def test_no_permission_is_added_to_private_weights(tmp_path):
    model, _ = closed(tmp_path / "log")
    save_file(model.state_dict(), tmp_path / "w")
    (tmp_path / "w").chmod(0o600)
    (tmp_path / "o").touch()
    (tmp_path / "o").chmod(0o044)
    base = ["forget", "--log", tmp_path / "log", "--weights", tmp_path / "w"]
    assert run(*base, "--ids", ids_file(tmp_path, 0), "--out", tmp_path / "o")[0] == 0
    assert (tmp_path / "o").stat().st_mode & 0o777 == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_a_file_stays_its_owner_s_when_root_writes_it(tmp_path):
    file = tmp_path / "file"
    file.touch()
    os.chown(file, 1234, 1235)
    write_atomic(file, b"new")
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 1235)


def moved_by(path: Path, changes: list[float], **settings: object) -> nn.Module:
    """Weights that each step of one sample changes by a number, from 0."""
    model = nn.Linear(6, 3, bias=False, **settings)
    model.weight.data.zero_()
    recording = record(model, path, **ALL)
    steps_by(model, recording, changes, 0)
    recording.close()
    return model


def steps_by(model: nn.Module, recording: Recording, changes: list[float], first: int) -> None:
    for number, change in enumerate(changes, first):
        with torch.no_grad():
            model.weight += change
        recording.step(torch.tensor([number]), 0)


def test_a_purge_of_what_cancels_out_does_not_bring_another_back(tmp_path):
    model = moved_by(tmp_path / "log", [1, 1, 0.25])
    log, lacks = open_log(tmp_path / "log"), copy_of(model)
    forget(log, lacks, [1])
    undo(log, copy_of(model), 1)
    forget(log, lacks, [0])  # and 1 is added again: no bit changes
    purge(log, 2)
    forget(log, lacks, [2])
    assert lacks["weight"].unique().tolist() == [1]


def test_advice_to_forget_again_before_a_purge_can_be_followed(tmp_path):
    model = moved_by(tmp_path / "log", [0.75, 257.25], dtype=torch.bfloat16)
    log = open_log(tmp_path / "log")
    forget(log, model, [0])  # too little
    recording = record(model, tmp_path / "log", resume=True)
    steps_by(model, recording, [2], 2)
    recording.close()
    with pytest.raises(InputError, match="forget these samples there first"):
        purge(open_log(tmp_path / "log"), 1)
    forget(open_log(tmp_path / "log"), model, [0])
    purge(open_log(tmp_path / "log"), 1)


def test_true_statements_of_an_undo_of_what_is_too_little(tmp_path):
    model = moved_by(tmp_path / "log", [0.75, 0.75, 256.5], dtype=torch.bfloat16)
    log = open_log(tmp_path / "log")
    forget(log, model, [0])
    forget(log, model, [1])
    save_file(model.state_dict(), tmp_path / "w")
    base = ["forget", "--log", tmp_path / "log", "--weights", tmp_path / "w"]
    _, said = run(*base, "--undo", 1, "--out", tmp_path / "o")
    assert "what was recorded of these steps is nothing, or too little" in said


def test_a_restart_after_a_final_request_ends_neither_checkpoints_nor_requests(tmp_path):
    model = moved_by(tmp_path / "log", [0.5] * 10)
    log = open_log(tmp_path / "log")
    purge(log, forget(log, model, [4]).request)
    recording = record(model, tmp_path / "log", resume=True)
    with torch.no_grad():
        model.weight *= 0.5
    recording.restart()
    steps_by(model, recording, [0.25], 10)
    recording.checkpoint(3)
    killed_later(recording)
    assert [*open_log(tmp_path / "log").verify()] == []
    again = nn.Linear(6, 3, bias=False)
    recording = record(again, tmp_path / "log", resume=True)
    steps_by(again, recording, [0.75], 11)
    recording.close()
    assert again.weight.unique().tolist() == [4.5 * 0.5 + 1]
    forget(open_log(tmp_path / "log"), again, [11])
    assert again.weight.unique().tolist() == [4.5 * 0.5 + 0.25]
    assert record(again, tmp_path / "log", resume=True).steps == 12


def test_the_last_weights_are_taken_though_the_last_steps_changed_nothing(tmp_path):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    moved = train(model, recording, range(10))
    recording.checkpoint(1)
    recording.step(IDS[40:44], 1)
    killed_later(recording)
    log, right = open_log(tmp_path / "log"), model.weight.detach() - moved[0]
    forget(log, model, [0], unfinished=True)
    assert torch.allclose(model.weight, right, atol=1e-6)


def test_a_purge_of_one_request_looks_at_the_files_of_all(tmp_path):
    model = moved_by(tmp_path / "log", [1.0] * 300)
    log = open_log(tmp_path / "log")
    purge(log, forget(log, model, [0]).request)
    second = forget(log, model, [299]).request
    shard, history = (tmp_path / "log" / name for name in ("updates/c.0.0", "requests.json"))
    shard.write_bytes(shard.read_bytes()[:10])
    before = history.read_bytes()
    with pytest.raises(InputError, match=r"c\.0\.0 is cut short"):
        purge(log, second)
    assert history.read_bytes() == before


def test_true_statements_of_a_request_that_training_takes_the_place_of(tmp_path, monkeypatch):
    model, _ = closed(tmp_path / "log")
    log = open_log(tmp_path / "log")
    monkeypatch.setattr(type(log.history), "append", lambda *_: (_ for _ in ()).throw(OSError))
    with pytest.raises(OSError):  # noqa: PT011
        forget(log, copy_of(model), [0])
    monkeypatch.undo()
    recording = record(model, tmp_path / "log", resume=True)
    train(model, recording, range(20, 22))
    with pytest.warns(UserWarning, match="a forget of 2 steps was cut short and is not in the his"):
        recording.close()


def test_nothing_is_left_of_folders_behind_a_link_made_for_a_trial(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "new/deep/file")
    refuse_unwritable(tmp_path / "link")
    assert not (tmp_path / "new").exists()
