"""Faults of requests by files and of what people type, each test named after its kind."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from torch import nn

from partial_unlearning import append_to, create, forget, open_log, preview, record, undo
from partial_unlearning.errors import InputError
from partial_unlearning.update_log.commands import forget_command, log_group
from partial_unlearning.update_log.folder import Folder
from partial_unlearning.update_log.log import StoredLog
from partial_unlearning.update_log.recording import Recording
from partial_unlearning.update_log.request_files import read_ids
from recorded_loops import ALL, IDS


def train(model: nn.Module, recording: Recording, steps: int = 20) -> None:
    """Step k sees samples 4k..4k+3, an epoch is ten steps."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for k in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 6)).abs().pow(2).mean().backward()
        optimizer.step()
        recording.step(IDS[4 * (k % 10) :][:4], k // 10)


def closed(path: Path, model: nn.Module, steps: int = 20) -> StoredLog:
    recording = record(model, path, **ALL)
    train(model, recording, steps)
    recording.close()
    return open_log(path)


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def files(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


@pytest.fixture
def trained(tmp_path) -> tuple[nn.Module, StoredLog]:
    model = nn.Linear(6, 3)
    return model, closed(tmp_path / "log", model)


def run(command: object, *arguments: object) -> str:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


# --- kind 5: ids ------------------------------------------------------------------------------

NO_IDS = {
    "a mask": IDS // 8 == 2,
    "a mask as array": (IDS // 8 == 2).numpy(),
    "floats": torch.tensor([8.0]),
    "bfloat16": torch.tensor([8], dtype=torch.bfloat16),
    "complex": torch.tensor([8 + 0j]),
    "an empty tensor of floats": torch.tensor([]),
    "two columns": torch.tensor([[8, 1]]),
    "a number": 8,
    "a tensor that is one number": torch.tensor(8),
    "a list of floats": [8.0],
    "a list of truth values": [True, False],
    "a truth value among numbers": [8, True],
    "a tensor that is a truth value, among numbers": [8, torch.tensor(True)],
    "text": "8",
    "a list of text": ["8"],
    "bytes": b"\x08",
    "none": None,
    "a list of none": [None],
    "lists": [[8]],
    "ragged lists": [[8], [8, 9]],
    "beyond int64": [2**63],
    "far beyond int64": [2**70],
    "uint64 beyond int64": np.array([2**63 + 8], dtype=np.uint64),
    "masked": np.ma.MaskedArray([8, 9], mask=[True, False]),
    "objects": np.array([8], dtype=object),
    "dates": np.array(["2024-01-01"], dtype="datetime64[D]"),
    "without values": torch.tensor([8], device="meta"),
    "sparse": torch.tensor([8]).to_sparse(),
}


@pytest.mark.parametrize("ids", NO_IDS.values(), ids=NO_IDS)
def test_ids_other_than_whole_numbers_are_refused_everywhere(trained, tmp_path, ids):
    model, log = trained
    before, held = state(model), files(tmp_path / "log")
    for ask in (
        log.affected_steps,
        lambda i: preview(log, model, i),
        lambda i: forget(log, model, i),
    ):
        with pytest.raises(InputError, match="whole numbers of an integer type"):
            ask(ids)
    assert same(state(model), before)
    assert files(tmp_path / "log") == held
    recording = record(model, tmp_path / "new", **ALL)
    with pytest.raises(InputError, match="whole numbers of an integer type"):
        recording.step(ids, 0)
    with pytest.raises(InputError, match="whole numbers of an integer type"):
        create(tmp_path / "other", model, ids=ids if ids is not None else [None], batch_size=4)


@pytest.mark.parametrize(
    "ids",
    [
        IDS[16:18],
        IDS[16:18].to(torch.uint8),
        IDS[16:18].to(torch.int16),
        IDS[16:18].numpy(),
        IDS[16:18].numpy().astype(np.uint64),
        [16, 17],
        (16, 17),
        range(16, 18),
        {16, 17},
        [np.int32(16), torch.tensor(17)],
        [16, 17, 16],
    ],
    ids=repr,
)
def test_ids_of_every_integer_type_are_taken(trained, ids):
    assert trained[1].affected_steps(ids) == [4, 14]


def test_ids_of_a_recording_may_be_a_range_or_a_list(tmp_path):
    for number, ids in enumerate((range(40), list(range(40)))):
        model = nn.Linear(6, 3)
        recording = record(model, tmp_path / str(number), **{**ALL, "ids": ids})
        recording.step([3, 4], 0)
        recording.close()
        assert recording.log.affected_steps([4]) == [0]


@pytest.mark.parametrize("ids", [[-1, 3], torch.tensor([], dtype=torch.int64)])
def test_ids_below_zero_or_none_at_all_begin_no_log(tmp_path, ids):
    with pytest.raises(InputError, match="a sample id is below 0, or there is none"):
        create(tmp_path / "log", nn.Linear(6, 3), ids=ids, batch_size=4)


def csv(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


REFUSED = {
    "an underscore": "id\n3_12\n",
    "minus nothing": "id\n-0\n",
    "two columns of ids": "id,name,id\n1,A,101\n",
    "two columns of ids in other letters": "id,ID\n1,101\n",
    "digits of another script": "id\n\u0663\n",
    "superscript": "id\n3\u00b2\n",
    "a decimal": "id\n3.0\n",
    "an exponent": "id\n1e3\n",
    "hexadecimal": "id\n0x10\n",
    "two signs": "id\n--3\n",
    "a sign alone": "id\n-\n",
    "a thousands separator": "id\n1,234\n",
    "a quoted thousands separator": 'id\n"1,234"\n',
    "a cell beside the ids": "id\n3,4\n",
    "a cell beside ids without a name": "3\n4,5\n",
    "a cell under an empty name": "id,\n3,4\n",
    "a wide list": "id,,\n3,4,5\n",
    "a row without an id": "name,id\nA,101\nB,\n",
    "a short row": "name,id\nA,101\nB\n",
    "two numbers in a cell": "id\n3 4\n",
    "semicolons": "id;name\n3;A\n",
    "tabs": "id\tname\n3\tA\n",
    "text after a quoted number": 'id\n"3"4\n',
    "a quote left open": 'id\n3\n"4\n5\n',
    "lines in one cell": 'id\n"3\n4"\n',
    "a second heading": "id\n3\nid\n4\n",
    "a vertical tab between": "id\n3\x0b4\n",
    "a comment": "# ids\n3\n",
    "beyond int64": f"id\n{2**63}\n",
    "far beyond int64": "id\n" + "9" * 5000 + "\n",
    "a field beyond all limits": "id\n" + "9" * 200_000 + "\n",
    "nothing": "",
    "blank lines": "\n\n,,\n",
    "a heading": "id\n",
    "several columns, none named id": "3,4\n5,6\n",
    "UTF-16": "id\n3\n".encode("utf-16"),
    "UTF-16 without a mark": "id\n3\n".encode("utf-16-le"),
    "UTF-32": "id\n3\n".encode("utf-32"),
    "Latin-1": "name,id\nJos\u00e9,3\n".encode("latin-1"),
    "Windows-1252": "name,id\n\u20ac,3\n".encode("cp1252"),
    "Shift JIS": "\u540d,id\n\u592a\u90ce,3\n".encode("shift-jis"),
    "EBCDIC": "id\n3\n".encode("cp500"),
    "a NUL": b"id\n3\0\n",
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_ids_in_a_file_are_refused_where_a_filled_cell_is_no_id(tmp_path, content):
    with pytest.raises(InputError, match=r"i\.csv"):
        read_ids(csv(tmp_path / "i.csv", content))


TAKEN = {
    "a byte order mark": ("\ufeffid\n3\n12\n", [3, 12]),
    "a byte order mark, no heading": ("\ufeff3\n12\n", [3, 12]),
    "signs and zeros": ("id\n+3\n012\n", [3, 12]),
    "capitals": ("Name,ID\nA,3\nB,12\n", [3, 12]),
    "spaces": (" name , id \nA, 3\nB,\t12 \n", [3, 12]),
    "blank lines and rows": ("\n\nname,id\nA,3\n,\n\nB,12\n\n", [3, 12]),
    "empty cells beside": ("id,\n3,\n12,,\n", [3, 12]),
    "Windows lines": ("id\r\n3\r\n12\r\n", [3, 12]),
    "old Macintosh lines": ("id\r3\r12\r", [3, 12]),
    "quotes": ('"id"\n"3"\n"12"\n', [3, 12]),
    "a name with a line and a comma": ('name,id\n"A,\nB",3\nC,12', [3, 12]),
    "names in other scripts": ("name,id\n\u592a\u90ce,3\nJos\u00e9,12\n", [3, 12]),
    "the largest": (f"{2**63 - 1}\n", [2**63 - 1]),
}


@pytest.mark.parametrize("name", TAKEN)
def test_ids_in_a_file_are_taken_whatever_its_dialect(tmp_path, name):
    content, expected = TAKEN[name]
    assert read_ids(csv(tmp_path / "i.csv", content)) == expected


def test_ids_in_no_file_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nothing.csv", tmp_path / "i.csv" / "below"):
        with pytest.raises(InputError, match="give whole numbers"):
            read_ids(path)


def test_ids_in_another_encoding_are_refused_with_the_name_of_the_right_one(tmp_path):
    for name in ("UTF-16", "Latin-1"):
        with pytest.raises(InputError, match="utf-8.*in UTF-8"):
            read_ids(csv(tmp_path / "i.csv", REFUSED[name]))


# --- kind 7: nothing cut, taken over or ignored in silence -----------------------------------


def test_silence_a_resume_without_a_checkpoint_cuts_nothing(tmp_path):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, 40)
    recording._wait()
    recording.log.flush()
    recording.log.folder.unlock()  # as the end of the process does
    held = files(tmp_path / "log")
    for _ in range(2):  # the refusal itself leaves the log free
        with pytest.raises(InputError, match=r"holds \d+ steps, but no checkpoint"):
            record(model, tmp_path / "log", **ALL, resume=True)
    assert files(tmp_path / "log") == held
    assert len(open_log(tmp_path / "log")) == 40


def test_silence_a_run_can_be_begun_again_where_its_start_was_saved(tmp_path):
    model = nn.Linear(6, 3)
    began = state(model)
    recording = record(model, tmp_path / "log", **ALL)
    recording.checkpoint(0)
    train(model, recording, 40)
    recording.log.folder.unlock()
    again = nn.Linear(6, 3)
    recording = record(again, tmp_path / "log", **ALL, resume=True)
    assert (recording.steps, len(recording.log)) == (0, 0)
    assert same(state(again), began)


@pytest.mark.parametrize("name", ["updates", "batches", "requests.json", "checkpoint.bin"])
def test_silence_an_old_logs_leavings_are_not_taken_over(tmp_path, name):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "old", **ALL)
    train(model, recording)
    recording.checkpoint(2)
    recording.close()
    (tmp_path / "new").mkdir()
    copy = shutil.copytree if (tmp_path / "old" / name).is_dir() else shutil.copy
    copy(tmp_path / "old" / name, tmp_path / "new" / name)
    held = files(tmp_path / "new")
    with pytest.raises(InputError, match="left of another log"):
        record(nn.Linear(6, 3), tmp_path / "new", **ALL)
    assert files(tmp_path / "new") == held


def test_silence_what_a_process_killed_at_the_beginning_left_is_no_hindrance(tmp_path):
    model = nn.Linear(6, 3)
    create(tmp_path / "log", model, **ALL).close()
    (tmp_path / "log" / "zarr.json").unlink()  # it is written last
    (tmp_path / "log" / "updates" / ".zarr.json.new").write_bytes(b"{")
    assert len(closed(tmp_path / "log", model)) == 20


OTHER_SETTINGS = [
    {"batch_size": 8},
    {"sparsity_first": 0.5},
    {"sparsity_last": 0.5},
    {"values": "bfloat16"},
    {"strategy": "layer_magnitude"},
    {"seed": 1},
    {"buffers": "subtract"},
    {"sparsity": 0.9},
]


@pytest.mark.parametrize("setting", OTHER_SETTINGS, ids=repr)
def test_silence_other_settings_are_refused_when_going_on(tmp_path, setting):
    model = nn.Linear(6, 3)
    closed(tmp_path / "log", model)
    with pytest.raises(
        InputError, match=f"{next(iter(setting))} is .*, but the log was begun with"
    ):
        record(model, tmp_path / "log", **{**ALL, **setting}, resume=True)
    recording = record(model, tmp_path / "log", **ALL, resume=True)
    assert recording.steps == 20


def killed(path: Path, steps: int) -> tuple[nn.Module, StoredLog]:
    """A recording whose process ended without closing it."""
    model = nn.Linear(6, 3)
    recording = record(model, path, **ALL)
    train(model, recording, steps)
    recording.log.folder.unlock()
    return model, open_log(path)


def test_silence_an_unfinished_log_is_not_subtracted_from_any_weights(tmp_path):
    _, log = killed(tmp_path / "log", 40)
    other = nn.Linear(6, 3)
    before = state(other)
    for ask in (preview, forget):
        with pytest.raises(InputError, match=rf"has not ended, .* {len(log)} steps .*unfinished"):
            ask(log, other, IDS[:1])
    assert same(state(other), before)
    assert not log.history.entries


def test_silence_a_log_closed_without_a_model_knows_no_weights(tmp_path):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording)
    recording.log.flush()
    recording.log.close()
    log = open_log(tmp_path / "log")
    with pytest.raises(InputError, match="has not ended"):
        forget(log, model, IDS[:1])
    before = log.description.layout.vector(model)
    forget(log, model, IDS[:1], unfinished=True)
    moved = before - log.description.layout.vector(model)
    assert torch.allclose(moved, log.sum(log.affected_steps(IDS[:1])), atol=1e-6)


def grown(tmp_path: Path) -> tuple[dict[str, torch.Tensor], nn.Module, Recording]:
    """A log of 20 steps that was gone on with: the weights from before, and what is recorded."""
    model = nn.Linear(6, 3)
    closed(tmp_path / "log", model)
    old = state(model)
    recording = record(model, tmp_path / "log", resume=True)
    train(model, recording, 20)
    return old, model, recording


def test_silence_steps_that_weights_never_made_are_not_subtracted_from_them(tmp_path):
    old, model, recording = grown(tmp_path)
    recording.log.flush()
    recording.log.folder.unlock()
    log = open_log(tmp_path / "log")
    before = {name: tensor.clone() for name, tensor in old.items()}
    with pytest.raises(InputError, match="has not ended"):
        forget(log, old, IDS[:1])
    with pytest.raises(InputError, match="has not ended"):
        forget(log, old, IDS[:1], unfinished=True)  # 20 steps of it have
    assert same(old, before)


def test_silence_weights_from_before_training_went_on_are_refused(tmp_path):
    old, model, recording = grown(tmp_path)
    recording.close()
    log = open_log(tmp_path / "log")
    with pytest.raises(InputError, match="neither those at the end of recording"):
        forget(log, old, IDS[:1])
    forget(log, model, IDS[:1])
    other = nn.Linear(6, 3)
    other.load_state_dict(old)
    with pytest.raises(InputError, match=r"load the weights \w{12} that it ended with"):
        record(other, tmp_path / "log", resume=True)


def test_silence_lost_weights_that_turn_up_after_a_resume_are_refused(tmp_path):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, 10)
    recording.checkpoint(1)
    train(model, recording, 10)
    recording.close()
    first_end = state(model)
    again = nn.Linear(6, 3)
    recording = record(again, tmp_path / "log", **ALL, resume=True)
    assert recording.steps == 10
    torch.manual_seed(9)  # not the same steps again
    train(again, recording, 10)
    recording.close()
    with pytest.raises(InputError, match="neither those at the end of recording"):
        forget(open_log(tmp_path / "log"), first_end, IDS[:1])


@pytest.mark.parametrize("steps", [0, 3, 20])
def test_silence_info_says_that_recording_broke_off(tmp_path, steps):
    killed(tmp_path / "log", steps)
    assert "recording not ended" in run(log_group, "info", tmp_path / "log")


def test_silence_info_says_that_recording_ended(tmp_path, trained):
    assert "recording ended" in run(log_group, "info", tmp_path / "log")
    append_to(tmp_path / "log", trained[0]).close()
    assert "recording ended" in run(log_group, "info", tmp_path / "log")


# --- kind 11: one kind of error, when it happens ---------------------------------------------


WRONG_STEPS: dict[str, tuple[Callable[[], object], object]] = {
    "a batch larger than declared": (lambda: IDS[:5], 0),
    "an empty batch": (lambda: IDS[:0], 0),
    "an id larger than declared": (lambda: [300], 0),
    "an id below 0": (lambda: [-1], 0),
    "a negative epoch": (lambda: IDS[:4], -1),
    "an epoch that is a fraction": (lambda: IDS[:4], 0.5),
    "an epoch that is text": (lambda: IDS[:4], "0"),
    "no epoch": (lambda: IDS[:4], None),
    "an epoch beyond all": (lambda: IDS[:4], 2**32),
    "arguments the other way round": (lambda: 0, IDS[:4]),
}


@pytest.mark.parametrize("name", WRONG_STEPS)
def test_one_error_a_wrong_step_is_refused_at_that_step(tmp_path, name):
    ids, epoch = WRONG_STEPS[name]
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, 3)
    with pytest.raises(InputError):
        recording.step(ids(), epoch)
    assert recording.steps == 3
    recording.step(IDS[12:16], 0)  # the same step, told rightly
    recording.close()
    assert open_log(tmp_path / "log").affected_steps([12]) == [3]


def test_one_error_a_batch_larger_than_the_log_is_refused_when_it_is_announced(tmp_path):
    log = create(tmp_path / "log", nn.Linear(6, 3), ids=IDS, batch_size=4)
    with pytest.raises(InputError, match=r"5 samples are no batch: declared were 1\.\.4"):
        log.announce(0, 0, IDS[:5])


def test_one_error_after_the_end_nothing_is_recorded(tmp_path):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording)
    recording.close()
    held = files(tmp_path / "log")
    for late in (
        recording.close,
        lambda: recording.step(IDS[:4], 2),
        lambda: recording.checkpoint(2),
    ):
        with pytest.raises(InputError, match="recording has ended"):
            late()
    assert files(tmp_path / "log") == held


WRONG_SETTINGS = [
    {"batch_size": 0},
    {"batch_size": "4"},
    {"batch_size": 4.0},
    {"batch_size": True},
    {"sparsity_first": "0.9"},
    {"sparsity_first": float("nan")},
    {"sparsity_last": [0.9]},
    {"sparsity_last": torch.tensor(0.9)},
    {"seed": "0"},
    {"seed": -1},
    {"seed": 0.5},
    {"seed": 2**70},
    {"values": []},
    {"values": torch.float32},
    {"strategy": None},
    {"strategy": ["random"]},
    {"buffers": True},
    {"ids": None},
    {"ids": "ids.csv"},
]


@pytest.mark.parametrize("setting", WRONG_SETTINGS, ids=repr)
def test_one_error_a_setting_without_sense_is_refused_and_leaves_no_folder(tmp_path, setting):
    with pytest.raises(InputError):
        record(nn.Linear(6, 3), tmp_path / "log", **{**ALL, **setting})
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("model", [None, "model", nn.ReLU(), {}, nn.Linear], ids=repr)
def test_one_error_what_is_no_model_is_refused(tmp_path, model):
    with pytest.raises(InputError, match="has no weights"):
        record(model, tmp_path / "log", **ALL)


def script_inside(model: nn.Module) -> nn.Module:
    return nn.Sequential(torch.jit.script(model), nn.ReLU())


@pytest.mark.filterwarnings("ignore:.torch.jit")
@pytest.mark.parametrize(
    "make",
    [torch.jit.script, lambda m: torch.jit.trace(m, torch.ones(2, 6)), script_inside],
    ids=["script", "trace", "inside"],
)
def test_one_error_a_scripted_module_is_refused(tmp_path, make):
    with pytest.raises(InputError, match="scripted or traced"):
        record(make(nn.Sequential(nn.Linear(6, 3))), tmp_path / "log", **ALL)
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("path", [None, 3, b"log", "a\0b", "nowhere://log"], ids=repr)
def test_one_error_what_is_no_folder_is_refused(path):
    for ask in (open_log, lambda p: record(nn.Linear(6, 3), p, **ALL)):
        with pytest.raises(InputError):
            ask(path)


def test_one_error_a_file_is_no_log(tmp_path):
    (tmp_path / "file").write_text("no log")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        for ask in (open_log, lambda p: record(nn.Linear(6, 3), p, **ALL)):
            with pytest.raises(InputError):
                ask(path)
        with pytest.raises(InputError):
            run(log_group, "info", path)
    assert (tmp_path / "file").read_text() == "no log"


def weights_of(model: nn.Module) -> dict[str, object]:
    good = state(model)
    return {
        "nothing": {},
        "none": None,
        "a list": list(good.items()),
        "a path": "model.safetensors",
        "numbers for names": dict(enumerate(good.values())),
        "a number among the names": {**good, 3: torch.zeros(1)},
        "a checkpoint around it": {"state_dict": good},
        "a list for a tensor": {**good, "bias": [0.0, 0.0, 0.0]},
        "an array for a tensor": {**good, "bias": good["bias"].numpy()},
        "a tensor less": {"weight": good["weight"]},
        "a tensor more": {**good, "extra": torch.zeros(2)},
        "another shape": {**good, "bias": torch.zeros(4)},
        "another type": {**good, "bias": good["bias"].double()},
        "no values": {**good, "bias": torch.zeros(3, device="meta")},
        "sparse": {**good, "bias": good["bias"].to_sparse()},
        "not a number": {**good, "bias": torch.full((3,), float("nan"))},
        "other values": {**good, "bias": good["bias"] + 1},
        "another model": nn.Linear(6, 4),
        "a larger model": nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 3)),
        "a model without values": nn.Linear(6, 3, device="meta"),
    }


@pytest.mark.parametrize("name", weights_of(nn.Linear(6, 3)))
def test_one_error_wrong_weights_are_refused(trained, tmp_path, name):
    model, log = trained
    weights, held = weights_of(model)[name], files(tmp_path / "log")
    for ask in (preview, forget):
        with pytest.raises(InputError):
            ask(log, weights, IDS[:1])
    with pytest.raises(InputError):
        undo(log, weights, 1)
    assert files(tmp_path / "log") == held


@pytest.mark.parametrize("request_number", [0, 7, -1, True, "1", 1.0, None, [1], 2**80], ids=repr)
def test_one_error_a_request_that_is_none_cannot_be_undone(trained, request_number):
    model, log = trained
    forget(log, model, IDS[:1])
    with pytest.raises(InputError):
        undo(log, model, request_number)


def test_one_error_a_checkpoint_of_other_parts_is_refused(tmp_path):
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recording = record(model, tmp_path / "log", keep=[optimizer], **ALL)
    train(model, recording, 3)
    recording.checkpoint(1)
    recording.log.folder.unlock()
    other = torch.optim.SGD([{"params": [model.weight]}, {"params": [model.bias]}], lr=0.1)
    for parts in ([other], [], [optimizer, optimizer], [nn.Linear(2, 2)]):
        with pytest.raises(InputError, match="checkpoint"):
            record(model, tmp_path / "log", keep=parts, **ALL, resume=True)


def test_one_error_the_document_of_another_file_is_refused(trained, tmp_path):
    path = tmp_path / "log"
    whole = files(path)
    for name, other in (("requests.json", "zarr.json"), ("zarr.json", "requests.json")):
        (path / name).write_bytes(whole[other])
        with pytest.raises(InputError, match="content of another file"):
            _ = open_log(path).history.entries
        (path / name).write_bytes(whole[name])
    for name, other in (("updates", "batches"), ("batches", "updates")):
        (path / name / "zarr.json").write_bytes(whole[f"{other}/zarr.json"])
        with pytest.raises(InputError, match="zarr.json is damaged"):
            open_log(path)
        (path / name / "zarr.json").write_bytes(whole[f"{name}/zarr.json"])


def test_one_error_a_folder_in_the_place_of_a_file_is_refused(trained, tmp_path):
    for name in ("zarr.json", "requests.json", "updates/c.0.0", "batches/c.0.0"):
        copy = tmp_path / name.replace("/", "-")
        shutil.copytree(tmp_path / "log", copy)
        (copy / name).unlink()
        (copy / name).mkdir()
        with pytest.raises(InputError):
            log = open_log(copy)
            forget(log, trained[0], IDS[:1])


def test_one_error_a_checkpoint_that_cannot_be_deleted_leaves_the_weights_alone(trained, tmp_path):
    model, log = trained
    before = state(model)
    (tmp_path / "log" / "checkpoint.bin").mkdir()
    for _ in range(2):
        with pytest.raises(InputError, match=r"checkpoint\.bin"):
            forget(log, model, IDS[:1])
        assert same(state(model), before)
        assert len(log.history.entries) == 1
    (tmp_path / "log" / "checkpoint.bin").rmdir()
    assert forget(log, model, IDS[:1]).request == 1


def test_one_error_files_of_the_command_line(trained, tmp_path):
    model, _ = trained
    save_file(state(model), tmp_path / "w.safetensors")
    csv(tmp_path / "i.csv", "id\n3\n")
    (tmp_path / "folder").mkdir()
    torch.save(state(model), tmp_path / "w.pt")
    right = {
        "--log": tmp_path / "log",
        "--weights": tmp_path / "w.safetensors",
        "--ids": tmp_path / "i.csv",
        "--out": tmp_path / "n.safetensors",
    }
    wrong = [
        ("--ids", tmp_path / "folder"),
        ("--weights", tmp_path / "folder"),
        ("--weights", tmp_path / "nothing"),
        ("--weights", tmp_path / "w.pt"),
        ("--weights", tmp_path / "i.csv"),
        ("--log", tmp_path / "nothing"),
        ("--log", tmp_path / "i.csv"),
        ("--out", tmp_path / "i.csv" / "below"),
    ]
    for option, path in wrong:
        arguments = [part for pair in {**right, option: path}.items() for part in pair]
        with pytest.raises(InputError):
            run(forget_command, *arguments)
        assert len(open_log(tmp_path / "log").history.entries) == 1
    run(forget_command, *[part for pair in right.items() for part in pair])
    assert not same(load_file(tmp_path / "n.safetensors"), state(model))


def test_one_error_an_announcement_that_is_damaged_is_noticed(trained, tmp_path):
    document = json.loads((tmp_path / "log" / "requests.json").read_text())
    document["attributes"]["content"]["announced"] = {"kind": "forget"}
    (tmp_path / "log" / "requests.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="damaged"):
        forget(open_log(tmp_path / "log"), trained[0], IDS[:1])
    assert Folder(tmp_path / "log").names("") == sorted(
        name.name for name in (tmp_path / "log").iterdir()
    )
