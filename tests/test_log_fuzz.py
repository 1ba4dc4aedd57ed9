"""Whatever a person types or a folder holds: InputError or the right value, and never a change.

``FUZZ_EXAMPLES`` says how many inputs each test tries.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.torch import load_file, save_file
from torch import nn

from partial_unlearning import create, forget, open_log, preview, record, undo
from partial_unlearning.errors import InputError
from partial_unlearning.update_log.request_files import answer, read_ids, read_weights

IDS = torch.arange(40)
ALL = {"ids": IDS, "batch_size": 4, "sparsity_first": 0.5, "sparsity_last": 0}
fuzzed = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "20")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def made(path: Path) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    recording = record(model, path, **ALL)
    for step in range(20):
        optimizer.zero_grad()
        model(torch.randn(4, 6)).pow(2).mean().backward()
        optimizer.step()
        recording.step(IDS[4 * (step % 10) :][:4], step // 10)
    recording.close()
    forget(open_log(path), model, [39])
    return model


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A log with a request, its weights, and what forgetting sample 0 makes of them."""
    path = tmp_path_factory.mktemp("fuzz")
    weights = copied(made(path / "log").state_dict())
    save_file(weights, path / "w.safetensors")
    shutil.copytree(path / "log", path / "twin")
    after = copied(weights)
    forget(open_log(path / "twin"), after, [0])
    return path, weights, after


def copied(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in weights.items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def contents(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


def refused(action: Callable[[], object]) -> bool:
    """Whether an input is refused; any other error ends the test."""
    try:
        action()
    except InputError as error:
        assert len(str(error)) > 10
        return True
    return False


numbers = st.one_of(
    st.integers(), st.integers(-3, 50), st.booleans(), st.floats(), st.text(), st.none()
)
dtypes = st.sampled_from(
    [torch.bool, torch.uint8, torch.int16, torch.int64, torch.uint64, torch.float32]
    + [torch.bfloat16, torch.complex64]
)
shapes = st.lists(st.integers(0, 3), max_size=3)
tensors = st.builds(lambda shape, dtype: torch.ones(shape).to(dtype), shapes, dtypes)
any_array = arrays.arrays(
    st.one_of(arrays.scalar_dtypes(), st.just(np.dtype(np.int64))),
    arrays.array_shapes(min_dims=0, min_side=0, max_side=4),
)
anything = st.one_of(
    numbers, st.binary(), tensors, any_array, st.lists(numbers), st.sets(st.integers(-3, 50)),
    st.lists(st.integers(0, 39), max_size=4), st.dictionaries(numbers, numbers),
    st.lists(st.one_of(numbers, tensors, any_array), max_size=3),
)  # fmt: skip


@fuzzed
@given(ids=anything)
def test_fuzzed_ids(trained, ids):
    path, weights, _ = trained
    log, mine, held = open_log(path / "log"), copied(weights), contents(path / "log")
    for ask in (log.affected_steps, lambda i: preview(log, mine, i)):
        if not refused(lambda ask=ask: ask(ids)):
            plain = ids.tolist() if isinstance(ids, torch.Tensor | np.ndarray) else ids
            whole = sorted({int(i) for i in plain})
            assert all(i in range(40) for i in whole)
            assert log.affected_steps(ids) == log.affected_steps(torch.tensor(whole))
    assert equal(mine, weights)
    assert contents(path / "log") == held


@fuzzed
@given(ids=anything, epoch=st.one_of(numbers, tensors))
def test_fuzzed_steps(fresh, ids, epoch):
    recording, model = fresh
    steps = recording.steps
    if refused(lambda: recording.step(ids, epoch)):
        assert recording.steps == steps
    else:
        assert recording.steps == steps + 1


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    model = nn.Linear(2, 1)
    return record(model, tmp_path_factory.mktemp("steps") / "log", **ALL), model


cells = st.one_of(
    st.sampled_from(
        ["id", "ID", "", "name", "0", "39", "40", "3_1", "+1", '"', "1.0", "\ufeff", "-"]
    ),
    st.integers(-2, 45).map(str),
    st.text(max_size=4),
)
tables = st.builds(
    lambda rows, comma, line, code: line.join(map(comma.join, rows)).encode(code, "replace"),
    st.lists(st.lists(cells, min_size=1, max_size=3), max_size=5),
    st.sampled_from([",", ",", ",", ";", "\t"]),
    st.sampled_from(["\n", "\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]),
)  # fmt: skip


@fuzzed
@given(content=st.one_of(tables, tables, st.binary()))
def test_fuzzed_csv(trained, content):
    path, weights, _ = trained
    file = path / "fuzz.csv"
    file.write_bytes(content)
    held = contents(path / "log")
    if not refused(lambda: read_ids(file)):
        found = read_ids(file)
        text = content.decode("utf-8-sig")
        lines = text.replace("\r", "\n").replace('"', "").split("\n")
        rows = [[cell.strip() for cell in line.split(",")] for line in lines if line.strip(", \t")]
        rows = [row for row in rows if any(row)]
        if not any(c.isspace() for row in rows for cell in row for c in cell) and '"' not in text:
            named = [cell.casefold() for cell in rows[0]]
            column = named.index("id") if "id" in named else 0
            expected = [row[column] for row in rows["id" in named :]]
            assert [int(cell) for cell in expected] == found
            assert all("_" not in cell and cell.isascii() for cell in expected)
    refused(lambda: answer(str(path / "log"), path / "w.safetensors", file, None))
    assert contents(path / "log") == held


@fuzzed
@given(content=st.binary(), place=st.floats(0, 1), cut=st.booleans())
def test_fuzzed_weights_file(trained, content, place, cut):
    path, weights, _ = trained
    whole = (path / "w.safetensors").read_bytes()
    at = int(place * len(whole))
    broken = whole[:at] + content + (b"" if cut else whole[at + len(content) :])
    (path / "broken.safetensors").write_bytes(broken)
    (path / "i.csv").write_text("0\n")
    held = contents(path / "log")
    arguments = (str(path / "log"), path / "broken.safetensors", path / "i.csv", None)
    if not refused(lambda: answer(*arguments)):
        assert equal(read_weights(path / "broken.safetensors")[0], weights)
    assert contents(path / "log") == held


setting_values = st.one_of(
    numbers,
    tensors,
    st.lists(numbers, max_size=3),
    st.sampled_from(
        ["random", "layer_magnitude", "float16", "float32", "subtract", "keep", 4, 0.5]
    ),
)
setting_names = st.sampled_from(
    [
        "ids",
        "batch_size",
        "strategy",
        "sparsity_first",
        "sparsity_last",
        "seed",
        "block",
        "values",
        "buffers",
    ]
)


@fuzzed
@given(changed=st.dictionaries(setting_names, setting_values, min_size=1, max_size=3))
def test_fuzzed_settings(changed):
    with tempfile.TemporaryDirectory() as name:
        path, model = Path(name) / "log", nn.Linear(3, 2)
        before = copied(model.state_dict())
        if refused(lambda: create(path, model, **{**ALL, **changed}).close()):
            assert not path.exists()
        else:
            assert list(open_log(path, model).verify()) == []
            record(model, path, **{**ALL, **changed}, resume=True).log.close()
        assert equal(copied(model.state_dict()), before)


def changes(weights: dict[str, torch.Tensor]) -> st.SearchStrategy:
    names = st.one_of(st.sampled_from(list(weights)), st.text(max_size=3), st.integers())
    changed = st.one_of(
        tensors, numbers, any_array,
        st.sampled_from(list(weights.values())).map(lambda t: t.double()),
        st.sampled_from(list(weights.values())).map(lambda t: t.reshape(-1)),
        st.sampled_from(list(weights.values())).map(lambda t: t + 1),
        st.sampled_from(list(weights.values())).map(lambda t: t.to("meta")),
        st.sampled_from(list(weights.values())).map(lambda t: torch.full_like(t, 1) / 0),
    )  # fmt: skip
    return st.tuples(st.lists(names, max_size=2), st.dictionaries(names, changed, max_size=2))


@fuzzed
@given(data=st.data())
def test_fuzzed_state_dicts(trained, data):
    path, weights, _ = trained
    left_out, changed = data.draw(changes(weights))
    mine = {n: t for n, t in copied(weights).items() if n not in left_out} | changed
    before, held, log = dict(mine), contents(path / "log"), open_log(path / "log")
    told = [refused(lambda: preview(log, mine, [0])), refused(lambda: undo(log, mine, 7))]
    assert told[1]
    if told[0]:
        assert refused(lambda: forget(log, mine, [0]))
    else:  # nothing that matters was changed
        assert all(torch.equal(mine[name], tensor) for name, tensor in weights.items())
    assert mine.keys() == before.keys()
    assert all(mine[name] is before[name] for name in mine)
    assert contents(path / "log") == held


FILES = ["zarr.json", "requests.json", "checkpoint.bin"]
FILES += [
    f"{part}/{name}" for part in ("updates", "batches") for name in ("zarr.json", "c.0.0", "c.1.0")
]


def damage(path: Path, name: str, how: str, content: bytes, place: float, other: str) -> None:
    """Do something to one file of a log."""
    file, source = path / name, path / other
    if file.is_dir() or (name, how) == ("checkpoint.bin", "folder"):  # a test of its own
        return
    old = file.read_bytes() if file.is_file() else b""
    at = int(place * len(old))
    if how == "other" and source.is_file():
        file.write_bytes(source.read_bytes())
    elif how == "remove" and file.is_file():
        file.unlink()
    elif how == "folder":
        file.unlink(missing_ok=True)
        file.mkdir()
    elif how == "overwrite":
        file.write_bytes(old[:at] + content + old[at + len(content) :])
    else:
        file.write_bytes(old[:at] + content)


@fuzzed
@given(data=st.data())
def test_fuzzed_folders(trained, data):
    path, weights, after = trained
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(path / "log", Path(name) / "log")
        for _ in range(data.draw(st.integers(1, 2))):
            damage(
                Path(name) / "log",
                data.draw(st.sampled_from(FILES)),
                data.draw(st.sampled_from(["other", "remove", "folder", "overwrite", "cut"])),
                data.draw(st.binary(max_size=40)),
                data.draw(st.floats(0, 1)),
                data.draw(st.sampled_from(FILES)),
            )
        ask(Path(name) / "log", weights, after)


def ask(path: Path, weights: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> None:
    """All that can be asked of a log: InputError and no change, or the right answer."""
    held, mine = contents(path), copied(weights)
    refused(lambda: list(open_log(path).verify()))
    assert contents(path) == held
    if refused(lambda: forget(open_log(path), mine, [0])):
        assert equal(mine, weights)
        assert contents(path) == held
    else:
        assert equal(mine, after)
    held, model = contents(path), made_model(weights)
    if refused(lambda: record(model, path, **ALL)):
        assert equal(copied(model.state_dict()), weights)
        assert contents(path) == held


def made_model(weights: dict[str, torch.Tensor]) -> nn.Module:
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    model.load_state_dict(weights)
    return model


def test_fuzzed_files_are_read_as_they_were_written(trained):
    path, weights, _ = trained
    assert equal(load_file(path / "w.safetensors"), weights)
