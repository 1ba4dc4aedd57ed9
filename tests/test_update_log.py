"""The update log against slow, obvious twins, and against damage of every kind."""

import json
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
import zarr
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from partial_unlearning import (
    append_to,
    create,
    exists,
    forget,
    open_log,
    preview,
    record,
    undo,
)
from partial_unlearning.batching import shuffled_plan
from partial_unlearning.errors import InputError
from partial_unlearning.masks import build_mask
from partial_unlearning.models import build
from partial_unlearning.recorders.recorders import MemoryLog, UpdateRecorder
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.training import fit
from partial_unlearning.update_log import codecs, model_description
from partial_unlearning.update_log import commands as log_commands
from partial_unlearning.update_log.codecs import BatchCodec
from partial_unlearning.update_log.folder import Folder
from partial_unlearning.update_log.history import from_ranges, to_ranges
from partial_unlearning.update_log.recording import Recording
from partial_unlearning.update_log.request_files import read_ids
from partial_unlearning.update_log.requests import carry_out
from partial_unlearning.update_log.row_files import Rows, RowWriter
from reproduction.study.runs.optimizers import make_optimizer

IDS = torch.arange(100, 196)
STEPS = 24  # 3 epochs of 8 batches


def small_model(name: str = "MLP") -> nn.Module:
    return build(name, classes=10, seed=0, width={"MLP": 8, "ResNet9": 2, "LeNet": 6}[name])


def noise() -> Split:
    generator = torch.Generator().manual_seed(5)
    images = torch.rand(len(IDS), 1, 28, 28, generator=generator)
    return Split(images, torch.randint(0, 10, (len(IDS),), generator=generator), IDS)


def plan():
    return shuffled_plan(IDS, batch_size=12, epochs=3, seed=2)


def planned(path: object, model: torch.nn.Module, **setting: object):
    """A new log that knows the batches of the plan."""
    log = create(path, model, **{"ids": IDS, "batch_size": 12, **setting})
    for step, epoch, ids in plan():
        log.announce(step, epoch, ids)
    return log


def trained(path: object, name: str = "MLP", **setting: object):
    """Train with a stored log and a memory log beside it."""
    model = small_model(name)
    log = planned(path, model, **setting)
    twin = MemoryLog(log.description.size)
    recorders = [UpdateRecorder(log.mask, log), UpdateRecorder(log.mask, twin)]
    fit(model, noise(), plan(), make_optimizer("adam", model, learning_rate=1e-2), recorders)
    log.close(model)
    return model, open_log(path, model), twin


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished log, its model and twin; not to be changed by a test."""
    path = tmp_path_factory.mktemp("finished") / "log"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_description, "SHARD_BYTES", 7000)  # several shards and a tail
        model, log, twin = trained(path)
    assert log.description.per_shard == 5
    return path, model, log, twin


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished log to change, and its model's weights."""
    path, model, _, _ = finished
    shutil.copytree(path, tmp_path / "log")
    return tmp_path / "log", {k: v.clone() for k, v in model.state_dict().items()}


def stored(values: Tensor, dtype: str) -> Tensor:
    return values.to(getattr(torch, dtype)).to(torch.float32)


# --- what is read is what was written -------------------------------------------------------


@pytest.mark.parametrize("values", codecs.VALUE_BYTES)
@pytest.mark.parametrize(
    "strategy", ["random", "last_layers", "layer_magnitude", "global_magnitude"]
)
def test_log_returns_what_was_recorded(tmp_path, strategy, values):
    setting = {"strategy": strategy, "sparsity_first": 0.9, "sparsity_last": 0.5, "values": values}
    _, log, twin = trained(tmp_path / "log", **setting)
    pairs = zip(log.updates(range(STEPS)), twin.updates(range(STEPS)), strict=True)
    for (positions, kept), (expected_positions, expected) in pairs:
        assert torch.equal(positions, expected_positions)
        assert torch.equal(kept, stored(expected, values))


@pytest.mark.parametrize("name", ["LeNet", "ResNet9"])
def test_streamed_sum_equals_the_sum_of_updates(tmp_path, name):
    for strategy in ("random", "layer_magnitude"):
        _, log, twin = trained(tmp_path / strategy, name, strategy=strategy)
        steps = [0, 1, 2, 7, 11, 23]
        expected = torch.zeros(log.description.size, dtype=torch.float64)
        for positions, values in twin.updates(steps):
            expected.index_add_(0, positions, stored(values, "bfloat16").double())
        assert torch.allclose(log.sum(steps).double(), expected, atol=1e-6, rtol=1e-6)
        assert not log.sum([]).any()


def test_log_knows_the_batches(finished):
    _, _, log, _ = finished
    assert len(log) == STEPS
    for mine, given_ids in zip(log.plan(), plan(), strict=True):
        assert mine[:2] == given_ids[:2]
        assert torch.equal(mine[2], given_ids[2])
    wanted = IDS[[3, 50]]
    assert log.affected_steps(wanted) == sum(plan().affected(wanted), [])


def test_unknown_ids_and_steps_are_named(finished):
    _, _, log, _ = finished
    with pytest.raises(InputError, match="1 of 2 sample ids .* first is 7"):
        log.affected_steps(torch.tensor([7, 100]))
    with pytest.raises(InputError, match="no recorded batch"):
        log.affected_steps(torch.tensor([], dtype=torch.int64))
    with pytest.raises(InputError, match=r"whole numbers of an integer type, below 2\*\*63"):
        log.affected_steps([100, 2**70])
    with pytest.raises(InputError, match="no update of step 24"):
        log.sum([3, 24])
    with pytest.raises(InputError, match="no update of step -1"):
        list(log.updates([-1]))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.data())
def test_position_codes_return_the_positions(size, data):
    kept = data.draw(st.integers(1, size))
    positions = torch.randperm(size)[:kept].sort().values
    sizes = {}
    for name in ("bitmask", "indices"):
        code = codecs.PositionCode(name, size, kept)
        row = code.encode(positions.numpy())
        assert len(row) == code.nbytes
        assert code.decode(np.frombuffer(row, np.uint8)).tolist() == positions.tolist()
        sizes[name] = code.nbytes
    assert codecs.PositionCode.smallest(size, kept).nbytes == min(sizes.values())


@pytest.mark.parametrize("largest", [3, 255, 256, 65535, 65536, 2**40])
def test_batch_rows_return_epoch_and_ids(largest):
    codec = BatchCodec.holding([0, largest], 5)
    for ids in (torch.tensor([largest, 0, 1]), torch.tensor([2, 1, 0, largest, 3])):
        row = np.frombuffer(codec.encode(7, ids), np.uint8)
        assert len(row) == codec.row.itemsize == 8 + 5 * np.dtype(codec.ids).itemsize
        (found,) = codec.decode(row[None])
        assert found["epoch"] == 7
        assert found["ids"][: found["count"]].tolist() == ids.tolist()
        assert set(found["ids"]) == set(ids.tolist())  # room that is left over holds one of them
        still = np.frombuffer(codec.unchanging(row.tobytes()), np.uint8)
        (after,) = codec.decode(still[None])
        assert after["count"] == -len(ids)
        assert (after["epoch"], *after["ids"]) == (found["epoch"], *found["ids"])
    above = 2 ** (8 * np.dtype(codec.ids).itemsize - 1) * 2
    bad = [range(6), torch.tensor([], dtype=torch.int64), [-1], *[[0, above]] * (above < 2**63)]
    for ids in bad:
        with pytest.raises(InputError):
            codec.encode(0, ids)


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(0, 60)))
def test_ranges_return_their_steps(steps):
    ranges = to_ranges(steps)
    assert from_ranges(ranges) == steps
    assert all(a < b for a, b in ranges)
    assert all(left[1] < right[0] for left, right in zip(ranges, ranges[1:], strict=False))


# --- the files are a Zarr array --------------------------------------------------------------


def write_rows(folder: Folder, count: int, *, per_shard: int = 4) -> np.ndarray:
    rows = np.random.default_rng(0).integers(0, 256, (count, 10), dtype=np.uint8)
    writer = RowWriter(folder, "rows", 10, per_shard)
    writer.cut(0)
    writer.extend([row.tobytes() for row in rows])
    writer.flush()
    return rows


@pytest.mark.parametrize("url", ["local", "memory"])
@pytest.mark.parametrize("count", [0, 1, 4, 7, 8])
def test_rows_are_a_zarr_array(tmp_path, count, url):
    where = str(tmp_path) if url == "local" else f"memory://{tmp_path.name}{count}"
    rows = write_rows(Folder(where), count)
    reader = Rows(Folder(where), "rows", 10, 4)
    assert reader.count() == count
    assert list(reader.verify()) == []
    for steps in (np.arange(count), np.arange(count)[::2], np.arange(count)[-1:]):
        for part, block in reader.blocks(steps):
            assert np.array_equal(block, rows[part])
    array = zarr.open_array(f"{where}/rows", mode="r")  # an independent reader
    assert array.shape == (count, 14)
    assert np.array_equal(array[:, 4:], rows)
    assert array[:, :4].view("<u4").ravel().tolist() == [*range(count)]


def test_zarr_finds_the_same_damage(tmp_path):
    write_rows(Folder(tmp_path), 4)
    shard = tmp_path / "rows" / "c.0.0"
    content = bytearray(shard.read_bytes())
    content[3] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ValueError, match="checksum"):
        zarr.open_array(tmp_path / "rows", mode="r")[:]
    with pytest.raises(InputError, match="step 0 .* is damaged"):
        Rows(Folder(tmp_path), "rows", 10, 4).at(0, np.arange(4))


@pytest.mark.parametrize("keep", range(11))
def test_rows_can_be_cut_and_continued(tmp_path, keep):
    rows = write_rows(Folder(tmp_path), 10)
    writer = RowWriter(Folder(tmp_path), "rows", 10, 4)
    writer.cut(keep)
    for row in rows[keep:]:
        writer.extend([row.tobytes()])
    writer.flush()
    reader = Rows(Folder(tmp_path), "rows", 10, 4)
    found = [block for _, block in reader.blocks(np.arange(10))]
    assert np.array_equal(np.concatenate(found), rows)
    assert list(reader.verify()) == []
    files = sorted(path.name for path in (tmp_path / "rows").iterdir())
    assert files == ["c.0.0", "c.1.0", "c.2.0", "zarr.json"]


def test_rows_of_a_killed_flush_are_not_counted(tmp_path):
    rows = write_rows(Folder(tmp_path), 6)
    folder, document = tmp_path / "rows", (tmp_path / "rows" / "zarr.json").read_bytes()
    longer = RowWriter(Folder(tmp_path), "rows", 10, 4)
    longer.cut(6)
    longer.extend([row.tobytes() for row in rows[:4]])
    longer.flush()
    assert longer.count() == longer.saved == 10
    (folder / "zarr.json").write_bytes(document)  # killed before it counted them
    reader = Rows(Folder(tmp_path), "rows", 10, 4)
    assert reader.count() == 6
    assert list(reader.verify()) == []
    assert np.array_equal(zarr.open_array(folder, mode="r")[:, 4:], rows)
    writer = RowWriter(Folder(tmp_path), "rows", 10, 4)
    writer.cut(6)
    assert sorted(path.name for path in folder.iterdir()) == ["c.0.0", "c.1.0", "zarr.json"]
    writer.extend([rows[0].tobytes()])
    writer.flush()
    expected = np.concatenate([rows, rows[:1]])
    assert np.array_equal(zarr.open_array(folder, mode="r")[:, 4:], expected)


@pytest.mark.parametrize("torn", range(1, 96, 5))
def test_a_torn_shard_is_refused(tmp_path, torn):
    write_rows(Folder(tmp_path), 6)
    tail = tmp_path / "rows" / "c.1.0"
    tail.write_bytes(tail.read_bytes()[:-torn])
    reader = Rows(Folder(tmp_path), "rows", 10, 4)
    assert len(list(reader.verify())) >= 1
    if torn > 4 * 16 + 4:
        with pytest.raises(InputError, match="step [45]"):
            RowWriter(Folder(tmp_path), "rows", 10, 4).cut(6)


# --- nothing is skipped silently -------------------------------------------------------------


def test_a_missing_shard_is_named(tmp_path):
    write_rows(Folder(tmp_path), 14)
    reader = Rows(Folder(tmp_path), "rows", 10, 4)
    (tmp_path / "rows" / "c.1.0").unlink()
    with pytest.raises(InputError, match=r"c\.1\.0 is missing, with steps 4 to 7"):
        reader.count()


@pytest.mark.parametrize("name", ["updates/c.4.0", "batches/c.4.0"])
def test_a_missing_end_is_noticed(copied, name):
    path, _ = copied
    (path / name).unlink()
    with pytest.raises(InputError, match=r"missing|ended with 24 steps"):
        open_log(path)


@pytest.mark.parametrize("name", ["zarr.json", "requests.json"])
def test_a_missing_document_is_named(copied, name):
    path, _ = copied
    (path / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing"):
        open_log(path)


def test_a_newer_format_is_refused(copied):
    path, _ = copied
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["format"] = 99
    (path / "zarr.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="has format 99; .* reads format 8"):
        open_log(path)


def test_another_model_is_refused(finished):
    path, *_ = finished
    with pytest.raises(InputError, match=r"wrong model.*1\.weight \(9, 784\)"):
        open_log(path, build("MLP", classes=10, seed=0, width=9))
    with pytest.raises(InputError, match="wrong model"):
        open_log(path, small_model("LeNet"))
    with pytest.raises(InputError, match="wrong model"):
        open_log(path, small_model().double())


def test_a_mask_that_torch_draws_differently_is_refused(finished):
    _, _, log, _ = finished
    other = replace(log.description, mask_digest="0" * 64)
    with pytest.raises(InputError, match="cannot be rebuilt"):
        _ = other.mask


def test_settings_without_sense_are_refused(tmp_path):
    model = small_model()
    for setting in (
        {"values": "int8"},
        {"strategy": "none"},
        {"buffers": "lost"},
        {"sparsity_first": 1.5},
        {"sparsity_first": 1.0, "sparsity_last": 1.0},
    ):
        with pytest.raises(InputError):
            planned(tmp_path / "log", model, **setting)
    for missing in ("ids", "batch_size"):
        with pytest.raises(InputError, match="needs ids, all that may occur, and batch_size"):
            planned(tmp_path / "log", model, **{missing: None})
    assert not exists(tmp_path / "log")
    with pytest.raises(InputError, match="cannot open"):
        planned("nowhere://log", model)


def test_steps_must_follow_each_other(tmp_path):
    log = planned(tmp_path / "log", small_model())
    values = torch.zeros(1, log.description.kept)
    log.record(0, log.mask.kept(), values)
    for step in (0, 2):
        with pytest.raises(InputError, match=f"step {step} was recorded, but step 1"):
            log.record(step, log.mask.kept(), values)
    with pytest.raises(InputError, match="another mask"):
        log.record(1, log.mask.kept() - 1, values)


def test_one_writer_at_a_time(tmp_path):
    model = small_model()
    log = planned(tmp_path / "log", model)
    with pytest.raises(InputError, match="another process"):
        append_to(tmp_path / "log", model)
    log.close()
    append_to(tmp_path / "log", model).close()
    with pytest.raises(InputError, match="already"):
        planned(tmp_path / "log", model)


def test_a_log_can_be_read_while_it_grows(tmp_path):
    log = planned(tmp_path / "log", small_model())
    reader = open_log(tmp_path / "log")
    for step in range(STEPS):
        log.record(step, log.mask.kept(), torch.full((1, log.description.kept), 0.5))
        assert log.written == len(log) == len(reader) == step // 7 * 7
        if step % 7 == 6:
            log.flush()
            assert log.written == len(log) == len(reader) == step + 1
    log.flush()
    assert reader.sum(range(STEPS)).sum() == 0.5 * log.description.kept * STEPS


def test_a_log_can_be_saved_while_another_thread_records(tmp_path):
    model = nn.Linear(4, 3)
    ends = {"sparsity_first": 0, "sparsity_last": 0}
    log = create(tmp_path / "log", model, ids=IDS, batch_size=2, **ends)
    values = torch.arange(1, 301)[:, None] * torch.ones(log.description.size)

    def write() -> None:
        for step, row in enumerate(values):
            log.announce(step, 0, IDS[:2])
            log.record(step, log.mask.kept(), row[None])

    writer = Thread(target=write)
    writer.start()
    while writer.is_alive():
        log.flush()
        assert list(open_log(tmp_path / "log").verify()) == []
    log.close()
    found = [kept for _, kept in open_log(tmp_path / "log").updates(range(300))]
    assert torch.equal(torch.stack(found), stored(values, "bfloat16"))


def every_file(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file())


# --- requests -------------------------------------------------------------------------------


def vector(log, weights) -> Tensor:
    return log.description.layout.vector(weights)


def test_a_request_subtracts_the_affected_updates(copied, finished):
    path, weights = copied
    twin = finished[3]
    log = open_log(path)
    before, ids = vector(log, weights), IDS[[0, 1]]
    steps = log.affected_steps(ids)
    forget(log, weights, ids)
    expected = before.double()
    for positions, values in twin.updates(steps):
        expected.index_add_(0, positions, -stored(values, "bfloat16").double())
    assert torch.allclose(vector(log, weights).double(), expected, atol=1e-6)


def test_overlapping_requests_subtract_each_step_once(copied):
    path, weights = copied
    log = open_log(path)
    before = vector(log, weights)
    for ids in (IDS[:2], IDS[1:4], IDS[:2]):
        forget(log, weights, ids)
    expected = before - log.sum(log.affected_steps(IDS[:4]))
    assert torch.allclose(vector(log, weights), expected, atol=1e-6)


def test_requests_can_be_undone_in_any_order(copied):
    path, weights = copied
    log = open_log(path)
    before = vector(log, weights)
    forget(log, weights, IDS[:2])
    forget(log, weights, IDS[1:4])
    undo(log, weights, 1)
    only_second = before - log.sum(log.affected_steps(IDS[1:4]))
    assert torch.allclose(vector(log, weights), only_second, atol=1e-6)
    with pytest.raises(InputError, match="request 1 does not stand"):
        undo(log, weights, 1)
    undo(log, weights, 2)
    assert torch.allclose(vector(log, weights), before, atol=1e-6)


def test_older_weights_are_brought_up_to_date(copied):
    """Who gives the trained weights again gets all requests that stand, each step once."""
    path, weights = copied
    log = open_log(path)
    old = {name: tensor.clone() for name, tensor in weights.items()}
    forget(log, weights, IDS[:2])
    forget(log, old, IDS[5:7])
    forget(log, weights, IDS[5:7])
    assert torch.allclose(vector(log, weights), vector(log, old), atol=1e-6)


def test_unknown_weights_are_refused(copied):
    path, weights = copied
    weights["1.bias"] = weights["1.bias"] + 1
    with pytest.raises(InputError, match="neither those at the end of recording"):
        forget(open_log(path), weights, IDS[:2])
    del weights["1.bias"]
    with pytest.raises(InputError, match=r"no tensor 1\.bias"):
        forget(open_log(path), weights, IDS[:2])


def test_an_unfinished_log_takes_the_weights_it_is_given(tmp_path):
    model = small_model()
    log = planned(tmp_path / "log", model)
    recorder = UpdateRecorder(log.mask, log)
    optimizer = make_optimizer("sgd", model, learning_rate=0.1)
    fit(model, noise(), plan(), optimizer, [recorder])
    log.close()
    reader = open_log(tmp_path / "log")
    trained_weights = reader.description.layout.vector(model)
    with pytest.raises(InputError, match="recording has not ended, .* the 24 steps"):
        forget(reader, model, IDS[:1])
    forget(reader, model, IDS[:1], unfinished=True)
    assert reader.history.trained_steps == STEPS
    undo(reader, model, 1)
    assert torch.allclose(reader.description.layout.vector(model), trained_weights, atol=1e-6)


def test_batch_norm_counters_stay_whole(tmp_path):
    setting = {"sparsity_first": 0.0, "sparsity_last": 0.0, "buffers": "subtract"}
    model, log, _ = trained(tmp_path / "log", "ResNet9", **setting)
    forget(log, model, IDS[:1])
    counters = [t for n, t in model.state_dict().items() if n.endswith("num_batches_tracked")]
    assert {int(counter) for counter in counters} == {STEPS - len(log.affected_steps(IDS[:1]))}


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
def test_buffers_are_left_as_they_are_unless_told_otherwise(tmp_path, strategy):
    setting = {"strategy": strategy, "sparsity_first": 0.5, "sparsity_last": 0.5}
    model, log, _ = trained(tmp_path / "log", "ResNet9", **setting)
    before, layout = vector(log, model), Layout.of(model)
    forget(log, model, IDS[:1])
    moved = vector(log, model) != before
    assert layout.buffers
    assert moved[layout.is_weight].any()
    assert not moved[~layout.is_weight].any()


def test_tied_weights_change_under_all_names(tmp_path):
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(6, 6)
            self.b = nn.Linear(6, 6)
            self.b.weight = self.a.weight
            self.register_buffer("scratch", torch.zeros(3), persistent=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x))

    model = Tied()
    recording = record(
        model, tmp_path / "log", ids=IDS, batch_size=4, sparsity_first=0, sparsity_last=0
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(3):
        model(torch.ones(4, 6)).sum().backward()
        optimizer.step()
        recording.step(IDS[4 * step : 4 * step + 4], 0)
    recording.close()
    path = tmp_path / "w.safetensors"
    save_file({name: tensor.clone() for name, tensor in model.state_dict().items()}, path)
    (tmp_path / "ids.csv").write_text("id\n100\n")
    arguments = ["--log", tmp_path / "log", "--weights", path, "--ids", tmp_path / "ids.csv"]
    out = tmp_path / "new.safetensors"
    run(log_commands.forget_command, *arguments, "--out", out)
    new = load_file(out)
    assert torch.equal(new["a.weight"], new["b.weight"])
    assert not torch.equal(new["a.weight"], model.a.weight)


# --- any loop, and going on after an end ------------------------------------------------------


def loop(recording, model, optimizer, generator, epochs: int) -> None:
    """A training script that has nothing of this library but the recording."""
    data = noise()
    for epoch in range(recording.epoch, epochs):
        for where in torch.randperm(len(IDS), generator=generator).split(16):
            optimizer.zero_grad()
            images = data.images[where] + 0.01 * torch.rand(1)  # torch's own generator
            cross_entropy(model(images), data.labels[where]).backward()
            optimizer.step()
            recording.step(IDS[where], epoch)
        recording.checkpoint(epoch + 1)


def begin(path, **setting):
    torch.manual_seed(0)
    model, generator = small_model("ResNet9"), torch.Generator().manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    keep = {"keep": [optimizer], "generators": [generator]}
    recording = record(model, path, ids=IDS, batch_size=16, **keep, **setting)
    return recording, model, optimizer, generator


def contents(path: Path) -> dict[str, bytes]:
    """Everything in a log but the times of its ledger."""
    files = {str(f.relative_to(path)): f.read_bytes() for f in every_file(path)}
    files["requests.json"] = repr(
        [replace(e, time="") for e in open_log(path).history.entries]
    ).encode()
    return files


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    monkeypatch.setattr(secrets, "randbits", lambda _: 2**32 - 3)  # both begin with this number
    whole = begin(tmp_path / "whole")
    loop(*whole, epochs=4)
    whole[0].close()
    first = begin(tmp_path / "parts")
    loop(*first, epochs=2)
    for step in range(3):  # steps after the checkpoint, to be trained anew
        first[0].step(IDS[:4], 2 + step)
    first[0].log.folder.unlock()  # as the end of the process does
    second = begin(tmp_path / "parts", resume=True)
    assert (second[0].epoch, second[0].steps) == (2, 12)
    loop(*second, epochs=4)
    second[0].close()
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    for mine, expected in zip(
        second[1].state_dict().values(), whole[1].state_dict().values(), strict=True
    ):
        assert torch.equal(mine, expected)


def test_changes_between_steps_are_left_out_after_a_restart(tmp_path):
    model = nn.Linear(4, 3)
    recording = record(
        model, tmp_path / "log", ids=IDS, batch_size=2, sparsity_first=0, sparsity_last=0
    )
    for step, restart in enumerate((False, True)):
        with torch.no_grad():
            model.weight += 8  # by someone else
        if restart:
            recording.restart()
        with torch.no_grad():
            model.weight += 1
        recording.step(IDS[2 * step : 2 * step + 2], 0)
    recording.close()
    first, second = open_log(tmp_path / "log").updates([0, 1])
    assert set(first[1].tolist()) == {9.0, 0.0}
    assert set(second[1].tolist()) == {1.0, 0.0}


def test_training_can_go_on_after_a_request(tmp_path):
    recording, model, optimizer, generator = begin(tmp_path / "log", buffers="subtract")
    loop(recording, model, optimizer, generator, epochs=1)
    recording.close()
    trained_weights = Layout.of(model).vector(model)
    log = open_log(tmp_path / "log")
    forget(log, model, IDS[:1])
    forgotten = log.affected_steps(IDS[:1])
    after = Layout.of(model).vector(model)
    recording = Recording(model, append_to(tmp_path / "log", model))
    assert (recording.epoch, recording.steps) == (1, 6)
    loop(recording, model, optimizer, generator, epochs=2)
    recording.close()
    moved = Layout.of(model).vector(model) - after
    forget(log, model, IDS[1:2])
    steps = log.affected_steps(IDS[:2])
    assert set(forgotten) < set(steps)
    expected = (
        trained_weights
        + moved
        - log.sum(
            set(steps) - set(log.affected_steps(IDS[:1]))
            | set(forgotten)
            | set(log.affected_steps(IDS[1:2]))
        )
    )
    assert torch.allclose(Layout.of(model).vector(model), expected, atol=1e-5)


def test_a_log_behind_a_url(tmp_path):
    url = f"memory://{tmp_path.name}"
    model, log, twin = trained(url)
    assert list(log.verify()) == []
    assert torch.allclose(log.sum(range(STEPS)), twin.sum(range(STEPS)), atol=1e-3)
    forget(log, model, IDS[:1])
    assert [entry.kind for entry in log.history.entries] == ["trained", "forget"]


# --- commands --------------------------------------------------------------------------------


def run(command, *arguments: object) -> str:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_info_and_verify(copied):
    path, _ = copied
    text = run(log_commands.log_group, "info", path)
    assert f"steps     {STEPS}\n" in text
    assert "trained, 24 steps" in text
    assert "24 steps, every one" in run(log_commands.log_group, "verify", path)
    shard = path / "updates" / "c.4.0"
    content = bytearray(shard.read_bytes())
    content[-(5 * 16 + 5)] ^= 1
    shard.write_bytes(content)
    with pytest.raises(InputError, match=r"step 23 .*c\.4\.0 is damaged"):
        run(log_commands.log_group, "verify", path)
    with pytest.raises(InputError, match="no update log"):
        run(log_commands.log_group, "info", path / "nothing")


def test_forget_command(copied, tmp_path):
    path, weights = copied
    old, new, back = (tmp_path / f"{name}.safetensors" for name in ("old", "new", "back"))
    save_file(weights, old, {"format": "pt"})
    (tmp_path / "ids.csv").write_text("name,id\nA,101\nB,102\n")
    arguments = ["--log", path, "--weights", old, "--ids", tmp_path / "ids.csv"]
    dry = run(log_commands.forget_command, *arguments, "--dry-run")
    log = open_log(path)
    steps = log.affected_steps(torch.tensor([101, 102]))
    assert f"{len(steps)} of {STEPS} steps" in dry
    assert f"{len(steps) * log.description.update_bytes} bytes" in dry
    assert len(log.history.entries) == 1
    assert not new.exists()
    run(log_commands.forget_command, *arguments, "--out", new)
    expected = vector(log, weights) - log.sum(steps)
    assert torch.allclose(vector(log, load_file(new)), expected, atol=1e-7)
    undo = ["--log", path, "--weights", new, "--undo", 1, "--out", back]
    run(log_commands.forget_command, *undo)
    assert torch.allclose(vector(log, load_file(back)), vector(log, weights), atol=1e-7)


def test_forget_says_what_it_read_and_how_much_of_a_step_it_can_take_back(copied, tmp_path):
    path, weights = copied
    old, new, again = (tmp_path / f"{name}.safetensors" for name in ("old", "new", "again"))
    save_file(weights, old)
    old.chmod(0o600)
    (tmp_path / "ids.csv").write_text("102\n101\n")
    arguments = ["--log", path, "--ids", tmp_path / "ids.csv", "--weights"]
    said = run(log_commands.forget_command, *arguments, old, "--out", new)
    log = open_log(path)
    assert "2 sample ids, from 101 to 102" in said
    assert f"{log.description.kept} of {log.description.size} weights were recorded" in said
    assert "as before" not in said
    assert new.stat().st_mode & 0o777 == 0o600
    said = run(log_commands.forget_command, *arguments, new, "--out", again)
    assert "as before: all of it was subtracted already" in said
    undo = ["--log", path, "--weights", again, "--undo", 1, "--out", tmp_path / "back.safetensors"]
    assert "other requests still ask" in run(log_commands.forget_command, *undo)


def test_a_look_at_a_log_does_not_load_torch(copied):
    path, _ = copied
    code = """if True:
        import sys
        from partial_unlearning.__main__ import commands
        commands(sys.argv[1:], standalone_mode=False)
        print("torch" in sys.modules)
    """
    command = [sys.executable, "-c", code, "log", "info", str(path)]
    output = subprocess.check_output(command, text=True)
    assert f"steps     {STEPS}\n" in output
    assert output.endswith("\nFalse\n")


@pytest.fixture
def counted(monkeypatch):
    """How often files of a log are read and written, and weights hashed, from now on."""
    counts = Counter()

    def count(owner: type, name: str, key: Callable[..., str]) -> None:
        original = getattr(owner, name)

        def counting(*arguments: object) -> object:
            counts[key(*arguments)] += 1
            return original(*arguments)

        monkeypatch.setattr(owner, name, counting)

    count(Folder, "read", lambda folder, name, *_: f"read {name}")
    count(Folder, "put", lambda folder, name, *_: f"write {name}")
    count(model_description.ModelDescription, "digest", lambda *_: "hash")
    return counts


def test_a_request_by_command_reads_the_history_once(copied, tmp_path, counted):
    path, weights = copied
    old, new = tmp_path / "old.safetensors", tmp_path / "new.safetensors"
    save_file(weights, old)
    (tmp_path / "ids.csv").write_text("101\n")
    for request in (["--ids", tmp_path / "ids.csv"], ["--undo", 1]):
        counted.clear()
        arguments = ["--log", path, "--weights", old, *request, "--out", new]
        run(log_commands.forget_command, *arguments)
        assert counted["read requests.json"] == 1
        assert counted["write requests.json"] == 2  # announced, and done
        assert counted["hash"] == 2
        old, new = new, old


def test_what_another_process_wrote_meanwhile_is_seen(copied):
    path, weights = copied
    mine, other = open_log(path), open_log(path)
    ours = {name: tensor.clone() for name, tensor in weights.items()}
    forget(other, weights, IDS[:2])
    entry = forget(mine, ours, IDS[5:7])
    assert entry.request == 2
    both = set(mine.affected_steps(IDS[:2])) | set(mine.affected_steps(IDS[5:7]))
    assert from_ranges(entry.subtracted) == both
    assert other.history.entries == mine.history.entries
    with mine.folder.locked(), pytest.raises(InputError, match="another process"):
        forget(other, weights, IDS[:2])


def test_a_preview_can_be_carried_out_as_it_is(copied):
    path, weights = copied
    log = open_log(path)
    before = vector(log, weights)
    forget(log, weights, IDS[:2])
    with log.folder.locked():
        plan = preview(log, weights, IDS[1:4])
        entry = carry_out(log, weights, plan)
    first, second = (set(log.affected_steps(ids)) for ids in (IDS[:2], IDS[1:4]))
    assert (plan.request, plan.asked, plan.subtracted) == (2, second, first & second)
    assert plan.after - plan.before == second - first
    assert plan.affected_fraction == len(second) / STEPS
    assert entry == log.history.entries[-1]
    assert torch.allclose(vector(log, weights), before - log.sum(first | second), atol=1e-6)


def test_a_run_whose_log_has_ended_says_how_to_go_on(copied):
    path, _ = copied
    log = append_to(path, model := small_model())
    with pytest.raises(InputError, match=r"load the weights \w{12} that it ended with"):
        Recording(model, log)


def test_a_request_that_touches_nearly_everything_warns(copied, tmp_path):
    path, weights = copied
    save_file(weights, tmp_path / "old.safetensors")
    (tmp_path / "ids.csv").write_text("\n".join(str(i) for i in IDS[:60].tolist()))
    arguments = ["--log", path, "--weights", tmp_path / "old.safetensors", "--dry-run"]
    assert "warning: 100%" in run(
        log_commands.forget_command, *arguments, "--ids", tmp_path / "ids.csv"
    )


@pytest.mark.parametrize("text", ["", "id\n", "id\n3\nx\n", "a,id\n3\n", "person\n5\n", "5,50\n"])
def test_a_bad_list_of_ids_is_refused(tmp_path, text):
    (tmp_path / "ids.csv").write_text(text)
    with pytest.raises(InputError, match=r"ids\.csv"):
        read_ids(tmp_path / "ids.csv")


def test_wrong_combinations_of_options_are_refused(copied, tmp_path):
    path, weights = copied
    save_file(weights, tmp_path / "old.safetensors")
    arguments = ["--log", path, "--weights", tmp_path / "old.safetensors"]
    for wrong in ([], ["--undo", 1], ["--undo", 1, "--dry-run"]):
        with pytest.raises(InputError, match="give"):
            run(log_commands.forget_command, *arguments, *wrong)
    (tmp_path / "ids.csv").write_text("100")
    (tmp_path / "old.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match="cannot read"):
        run(log_commands.forget_command, *arguments, "--ids", tmp_path / "ids.csv", "--dry-run")


def test_pruned_positions_match_the_layout(finished):
    _, model, log, _ = finished
    mask = build_mask("random", Layout.of(model), sparsity_first=0.9, sparsity_last=0.9, seed=0)
    assert torch.equal(log.mask.kept(), mask.kept())
    assert log.description.layout == Layout.of(model)


@pytest.mark.parametrize("values", ["float32", "bfloat16"])
@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
def test_many_equal_updates_add_up_as_exactly_as_few(tmp_path, strategy, values):
    count, model = 5120, torch.nn.Linear(3, 2)
    settings = {"strategy": strategy, "sparsity_first": 0.5, "values": values}
    log = create(tmp_path / "log", model, ids=range(4), batch_size=1, **settings)
    positions = log.mask.kept(torch.rand(8))
    change = torch.full((1, len(positions)), 0.001)
    for step in range(count):
        log.announce(step, 0, torch.tensor([0]))
        log.record(step, positions, change)
    log.close()
    stored = change.to(getattr(torch, values)).double()[0, 0]
    found = open_log(tmp_path / "log").sum(range(count))[positions].double()
    assert (found / (count * stored) - 1).abs().max() < 2e-6
