"""Further members of the kinds of faults: what else scripts, folders and requests do to a log."""

import os
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from torch import distributed, nn
from torch.nn.utils import parametrizations
from torch.optim import swa_utils
from torch.utils.data import DataLoader

from partial_unlearning import forget, gather_ids, open_log, preview, purge, record, undo
from partial_unlearning.errors import InputError
from partial_unlearning.state import Layout
from partial_unlearning.system.files import write_atomic
from partial_unlearning.update_log.commands import forget_command
from partial_unlearning.update_log.log import StoredLog
from partial_unlearning.update_log.recording import Recording
from partial_unlearning.update_log.request_files import read_ids
from recorded_loops import ALL, IDS


def two_layers() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 3))


def sgd(model: nn.Module, **more: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05, **more)


def one_step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.randn(4, 6)).square().mean().backward()
    optimizer.step()


def train(model: nn.Module, recording: Recording, optimizer=None, steps: int = 10) -> None:
    """Step k of each ten sees samples 4k to 4k + 3."""
    optimizer = optimizer or sgd(model)
    for step in range(steps):
        one_step(model, optimizer)
        recording.step(IDS[4 * (step % 10) :][:4], step // 10)


def closed(path: Path, model: nn.Module) -> StoredLog:
    recording = record(model, path, **ALL)
    train(model, recording)
    recording.close()
    return open_log(path)


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


# --- 1: the model is not where its last step left it ------------------------------------------


def best_weights(model: nn.Module) -> None:
    model.load_state_dict(model.best)


def copied_average(model: nn.Module) -> None:
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_((weight + model.best[name]) / 2)


def clipped(model: nn.Module) -> None:
    with torch.no_grad():
        for weight in model.parameters():
            weight.clamp_(-1e-3, 1e-3)


def other_memory(model: nn.Module) -> None:
    for name, weight in model.named_parameters():
        weight.data = model.best[name].clone()


JUMPS = {
    "best weights": best_weights,
    "an average": copied_average,
    "clipped weights": clipped,
    "other memory": other_memory,
    "a step without step()": lambda model: one_step(model, model.optimizer),
}


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_a_model_that_left_its_last_step_and_trains_on_is_refused(tmp_path, jump):
    """Else the next step's update would hold what happened in between."""
    model = two_layers()
    model.best, model.optimizer = state(model), sgd(model)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, model.optimizer)
    jump(model)
    one_step(model, model.optimizer)
    with pytest.raises(InputError, match=r"since the last step\(\)"):
        recording.step(IDS[:4], 1)
    assert recording.steps == 10


def test_a_left_model_that_trained_on_keeps_the_steps_before(tmp_path):
    model = two_layers()
    recording, optimizer, begun = record(model, tmp_path / "log", **ALL), sgd(model), state(model)
    train(model, recording, optimizer)
    model.load_state_dict(begun)
    one_step(model, optimizer)
    with pytest.raises(InputError, match="others were loaded"):
        recording.step(IDS[:4], 1)
    recording.restart()
    train(model, recording, optimizer)
    recording.close()
    with pytest.raises(
        InputError, match="10 steps|1 of these steps, from 0 on, cannot be subtracted"
    ):
        forget(open_log(tmp_path / "log"), model, IDS[:1])


def test_a_left_model_whose_best_weights_are_said_at_once_trains_on(tmp_path):
    model = two_layers()
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    train(model, recording, optimizer)
    best = state(model)
    train(model, recording, optimizer)
    model.load_state_dict(best)
    recording.restart(10)
    train(model, recording, optimizer)
    recording.close()
    assert open_log(tmp_path / "log").affected_steps(IDS[:1]) == [0, 10]


def averaged_for_validation(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    last = state(model)
    model.load_state_dict({name: tensor / 2 for name, tensor in last.items()})
    model(torch.randn(4, 6))
    model.load_state_dict(last)
    one_step(model, optimizer)


def sharpness_aware(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    last = state(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1
    model(torch.randn(4, 6)).square().mean().backward()
    model.load_state_dict(last)
    optimizer.step()


def two_optimizers(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    model.zero_grad()
    model(torch.randn(4, 6)).square().mean().backward()
    for layer in (model[0], model[1]):
        sgd(layer).step()  # the second may have the id of the first


def line_search(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    search = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3)

    def closure() -> torch.Tensor:
        search.zero_grad()
        loss = model(torch.ones(4, 6)).square().mean()
        loss.backward()
        return loss

    search.step(closure)


ALLOWED = {
    "validation with averaged weights": averaged_for_validation,
    "a step from perturbed weights": sharpness_aware,
    "an optimizer for each layer": two_optimizers,
    "closures": line_search,
    "a skipped step": lambda model, optimizer: None,
    "another model's step": lambda model, optimizer: one_step(other := two_layers(), sgd(other)),
}


@pytest.mark.parametrize("step", ALLOWED.values(), ids=ALLOWED)
def test_a_model_that_is_where_its_last_step_left_it_is_recorded(tmp_path, step):
    model = two_layers()
    model.second, optimizer = sgd(model[1]), sgd(model)
    recording, before = record(model, tmp_path / "log", **ALL), Layout.of(model).vector(model)
    for ids in IDS.split(4):
        step(model, optimizer)
        recording.step(ids, 0)
    with warnings.catch_warnings(action="ignore"):
        recording.close()
    moved = Layout.of(model).vector(model) - before
    assert torch.allclose(open_log(tmp_path / "log").sum(range(10)), moved, atol=1e-6)


def test_a_model_whose_forward_pass_changes_a_weight_has_not_left_its_last_step(tmp_path):
    model = nn.Sequential(nn.Embedding(9, 4, max_norm=0.5), nn.Linear(4, 2))
    recording, optimizer = record(model, tmp_path / "log", **ALL), sgd(model)
    before = Layout.of(model).vector(model)
    for ids in IDS.split(4):
        model(ids % 9).square().mean().backward()
        optimizer.step()
        recording.step(ids, 0)
    recording.close()
    moved = Layout.of(model).vector(model) - before
    assert torch.allclose(open_log(tmp_path / "log").sum(range(10)), moved, atol=1e-6)


def test_a_left_model_by_statistics_of_an_average_is_refused(tmp_path):
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5))
    recording = record(model, tmp_path / "log", **ALL, buffers="subtract")
    train(model, recording)
    swa_utils.update_bn([torch.randn(4, 6)] * 3, model)
    with pytest.raises(InputError, match="11 recorded entries"):
        recording.close()


def test_a_recording_that_is_gone_looks_at_no_optimizer(tmp_path):
    from partial_unlearning.update_log.optimizer_watch import _WATCHES as watches

    count, model = len(watches), two_layers()
    recording = record(model, tmp_path / "closed", **ALL)
    assert len(watches) == count + 1
    train(model, recording)
    recording.close()
    assert len(watches) == count
    recording = record(model, tmp_path / "gone", **ALL)
    recording.log.folder.unlock()
    del recording
    assert len(watches) == count


def test_a_step_that_was_refused_half_read_is_not_recorded(tmp_path):
    model = two_layers()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording)
    right = model[1].weight
    model[1].weight = nn.Parameter(torch.zeros(7, 5))
    with pytest.raises(InputError, match=r"1\.weight is gone, or of another shape"):
        recording.step(IDS[:4], 1)
    model[1].weight = right
    recording.step(IDS[4:8], 1)
    with pytest.warns(UserWarning, match="1 of 11 steps"):
        recording.close()
    log = open_log(tmp_path / "log")
    assert log.affected_steps(IDS[:1]) == [0]
    assert log.affected_steps(IDS[4:5]) == [1, 10]


# --- 2: the model is another than at record() --------------------------------------------------


@pytest.mark.parametrize(
    "become",
    [
        lambda model: torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, inplace=True),
        lambda model: parametrizations.orthogonal(model[0]),
        lambda model: model.register_parameter("scale", nn.Parameter(torch.ones(1))),
    ],
    ids=["quantised", "orthogonal", "one weight more"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_another_model_in_the_middle_is_refused_at_the_next_checkpoint(tmp_path, become):
    model = two_layers()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording)
    become(model)
    with pytest.raises(InputError, match="wrong model for this log"):
        recording.checkpoint(1)


@pytest.mark.parametrize(
    "become",
    [
        lambda model: model.share_memory(),
        lambda model: model.compile(backend="eager"),
        lambda model: [weight.requires_grad_(False) for weight in model[0].parameters()],
    ],
    ids=["shared memory", "compiled in place", "a frozen layer"],
)
def test_the_same_model_elsewhere_is_not_another(tmp_path, become):
    model = two_layers()
    recording, before = record(model, tmp_path / "log", **ALL), Layout.of(model).vector(model)
    become(model)
    train(model, recording)
    recording.close()
    moved = Layout.of(model).vector(model) - before
    assert torch.allclose(open_log(tmp_path / "log").sum(range(10)), moved, atol=1e-6)


# --- 3 and 4: memory and arithmetic ------------------------------------------------------------


class Tagged(torch.Tensor):
    """A tensor of another class, as of sharded or quantised weights."""


UNRECORDABLE = {
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "unsigned": lambda: torch.zeros(3, dtype=torch.uint32),
    "of eight bits": lambda: torch.zeros(3).to(torch.float8_e4m3fn),
    "quantised": lambda: torch.quantize_per_tensor(torch.zeros(3), 1.0, 0, torch.quint8),
    "of another class": lambda: torch.zeros(3).as_subclass(Tagged),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", UNRECORDABLE.values(), ids=UNRECORDABLE)
def test_arithmetic_that_nobody_defined_is_refused_at_record(tmp_path, make):
    model = two_layers()
    model.register_buffer("strange", make())
    with pytest.raises(InputError, match="strange is .*only plain tensors"):
        record(model, tmp_path / "log", **ALL)
    assert not (tmp_path / "log").exists()


def test_one_memory_of_columns_side_by_side_is_refused(tmp_path):
    model, both = two_layers(), torch.randn(5, 12)
    model[0].weight = nn.Parameter(both[:, :6])
    model.register_parameter("other", nn.Parameter(both[:, 6:]))
    with pytest.raises(InputError, match="overlap in memory"):
        record(model, tmp_path / "log", **ALL)


def test_arithmetic_of_a_model_made_for_inference(tmp_path):
    with torch.inference_mode():
        model = two_layers()
        recording, before = record(model, tmp_path / "log", **ALL), state(model)
        model[0].weight += 0.5
        recording.step(IDS[:4], 0)
        recording.close()
    forget(open_log(tmp_path / "log"), model, IDS[:1])
    assert torch.allclose(model[0].weight, before["0.weight"], atol=1e-6)


def test_arithmetic_keeps_the_sign_of_zero(tmp_path):
    model = two_layers()
    with torch.no_grad():
        model[0].weight[:, 0] = -0.0
    recording = record(model, tmp_path / "log", **{**ALL, "values": "bfloat16"})
    with torch.no_grad():
        model[0].weight[:, 1:] += 1
    recording.step(IDS[:4], 0)
    recording.close()
    forget(open_log(tmp_path / "log"), model, IDS[:1])
    assert model[0].weight[:, 0].signbit().all()


# --- 5: ids ------------------------------------------------------------------------------------

CELLS = {
    "a space without width": "id\n\u200b3\n",
    "a line separator": "3\u20284\n",
    "a note for a spreadsheet": "sep=;\nid\n3\n",
    "the end of an old file": "id\n3\n\x1a",
    "a minus sign of typesetters": "id\n\u22123\n",
    "digits of double width": "id\n\uff13\n",
    "names in two spellings": "Id,iD\n1,2\n",
}


@pytest.mark.parametrize("content", CELLS.values(), ids=CELLS)
def test_ids_in_a_file_are_refused_whatever_looks_like_one(tmp_path, content):
    (tmp_path / "i.csv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"i\.csv"):
        read_ids(tmp_path / "i.csv")


@pytest.mark.parametrize(
    "steps", [[1.0], [True], "3", ["3"], [None], np.array([1.5])], ids=lambda steps: repr(steps)
)
def test_ids_of_steps_are_whole_numbers_as_well(tmp_path, steps):
    log = closed(tmp_path / "log", two_layers())
    with pytest.raises(InputError, match="whole numbers"):
        log.sum(steps)


# --- 6: true statements ------------------------------------------------------------------------


def test_true_statements_where_all_that_changed_is_pruned(tmp_path):
    model = nn.Sequential(nn.Embedding(400, 2), nn.Flatten(), nn.Linear(2, 1).requires_grad_(False))
    pruning = {"sparsity_first": 0.95, "sparsity_last": 0.95}
    recording = record(model, tmp_path / "log", **{**ALL, **pruning})
    optimizer = torch.optim.SGD([model[0].weight], lr=0.1)
    for word, ids in enumerate(IDS.split(4)):
        optimizer.zero_grad()
        model(torch.tensor([[word]])).sum().backward()
        optimizer.step()
        recording.step(ids, 0)
    with pytest.warns(UserWarning, match="steps .* all that changed is pruned"):
        recording.close()


def test_true_statements_are_made_where_warnings_are_errors(tmp_path):
    """What is warned of is done before."""
    model = two_layers()
    recording = record(model, tmp_path / "log", **ALL)
    recording.step(IDS[:4], 0)
    with warnings.catch_warnings(action="error"), pytest.raises(UserWarning, match="1 of 1 steps"):
        recording.close()
    log = open_log(tmp_path / "log")
    assert log.ended
    with warnings.catch_warnings(action="error"), pytest.raises(UserWarning, match="1 of these"):
        forget(log, model, IDS[:1])
    assert [entry.kind for entry in log.history.entries] == ["trained", "forget"]


def test_true_statements_count_samples_once(tmp_path):
    model = two_layers()
    closed(tmp_path / "log", model)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    (tmp_path / "i.csv").write_text("3\n3\n3\n7\n")
    assert "2 sample ids, from 3 to 7" in answered(tmp_path, tmp_path / "w.safetensors")


def answered(folder: Path, weights: Path) -> str:
    """What a request says, which writes over its weights."""
    arguments = ["--log", folder / "log", "--weights", weights, "--ids", folder / "i.csv"]
    done = CliRunner().invoke(forget_command, [*map(str, arguments), "--out", str(weights)])
    if isinstance(done.exception, InputError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


# --- 7: nothing cut, taken over or ignored in silence -----------------------------------------


def test_silence_a_refused_resume_leaves_the_model_as_it_was(tmp_path):
    model = two_layers()
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    recording = record(model, tmp_path / "log", keep=[optimizer, schedule], **ALL)
    train(model, recording, optimizer)
    recording.checkpoint(1)
    recording.log.folder.unlock()
    other = two_layers()
    before = state(other)
    with pytest.raises(InputError, match="the checkpoint was made of other parts"):
        record(other, tmp_path / "log", resume=True, keep=[schedule, optimizer])
    assert same(before, state(other))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda model: {"keep": sgd(model)},
        lambda model: {"keep": [model.parameters()]},
        lambda model: {"keep": None},
        lambda model: {"keep": [dict]},
        lambda model: {"generators": torch.Generator()},
    ],
    ids=["no list", "its weights", "none", "a class", "no list of generators"],
)
def test_silence_what_a_checkpoint_cannot_keep_is_refused_at_the_beginning(tmp_path, wrong):
    model = two_layers()
    with pytest.raises(InputError, match=r"give keep=\[\.\.\.\], a list"):
        record(model, tmp_path / "log", **ALL, **wrong(model))
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("number", ["1", -1, 1.5, None, True], ids=repr)
def test_silence_an_epoch_or_step_that_is_none_is_refused_when_it_is_said(tmp_path, number):
    model = two_layers()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording)
    with pytest.raises(InputError, match="give a whole number"):
        recording.checkpoint(number)
    if number is not None:
        with pytest.raises(InputError, match="give a whole number from 0 to 10"):
            recording.restart(number)
    recording.close()
    assert len(open_log(tmp_path / "log")) == 10


@pytest.mark.parametrize("name", ["a::b", "data:log", "a b#c?d*[e]", "lög\n", "file:x", "%41"])
def test_silence_a_path_is_taken_as_it_stands(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    model = two_layers()
    for path in (name, tmp_path / "absolute" / name):
        log = closed(path, model)
        assert Path(log.folder.root) == tmp_path / path
        assert (tmp_path / path / "zarr.json").exists()
        forget(log, deepcopy(model), IDS[:1])
        assert list(log.verify()) == []


# --- 8: two things written together ------------------------------------------------------------


@contextmanager
def no_file_longer_than(nbytes: int) -> Iterator[None]:
    """As on a disk that is full."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def wide(path: Path) -> tuple[nn.Module, StoredLog]:
    """A log of four updates of 120 kB."""
    model = nn.Linear(300, 100)
    recording = record(model, path, **ALL)
    for ids in IDS[:16].split(4):
        with torch.no_grad():
            model.weight += torch.randn(100, 300)
        recording.step(ids, 0)
    recording.close()
    return model, open_log(path)


def test_two_things_on_a_full_disk_are_both_old_and_the_same_request_completes_them(tmp_path):
    model, log = wide(tmp_path / "log")
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    (tmp_path / "i.csv").write_text("3\n")
    with no_file_longer_than(60_000), pytest.raises(InputError, match="too large"):
        answered(tmp_path, tmp_path / "w.safetensors")
    assert same(load_file(tmp_path / "w.safetensors"), model.state_dict())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["i.csv", "log", "w.safetensors"]
    answered(tmp_path, tmp_path / "w.safetensors")
    forget(open_log(tmp_path / "log"), model, [3])
    assert same(load_file(tmp_path / "w.safetensors"), model.state_dict())


def test_two_things_behind_a_link_are_both_new(tmp_path):
    model = two_layers()
    log = closed(tmp_path / "log", model)
    (tmp_path / "real").mkdir()
    save_file(model.state_dict(), tmp_path / "real" / "w.safetensors")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "w.safetensors")
    (tmp_path / "i.csv").write_text("3\n")
    answered(tmp_path, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    weights = load_file(tmp_path / "real" / "w.safetensors")
    assert log.history.subtracted(log.description.digest(weights)) == {0}


def test_two_things_are_not_written_over_a_device(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/null")):
        with pytest.raises(InputError, match="is a folder or a device"):
            write_atomic(path, b"")
    assert (tmp_path / "pipe").is_fifo()
    assert Path("/dev/null").is_char_device()


def test_two_things_private_are_never_readable_by_others(tmp_path, monkeypatch):
    modes, replace = [], os.replace

    def watched(old: Path, new: Path) -> None:
        modes.append(os.stat(old).st_mode & 0o777)
        replace(old, new)

    monkeypatch.setattr(os, "replace", watched)
    write_atomic(tmp_path / "w", b"secret", 0o600)
    assert modes == [0o600]


# --- 9: several processes ----------------------------------------------------------------------


def in_a_process(action: Callable[[], object]) -> int:
    """The exit status: 2 after an InputError, 1 after another; killed after 20 s."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(20)
            action()
            code = 0
        except InputError:
            code = 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_several_processes_that_meet_after_record_are_noticed(tmp_path):
    model, meet = two_layers(), f"file://{tmp_path}/meet"
    recording = record(model, tmp_path / "log", **ALL)
    child = os.fork()
    if child == 0:
        try:
            distributed.init_process_group("gloo", init_method=meet, rank=1, world_size=2)
            distributed.barrier()
        finally:
            os._exit(0)
    distributed.init_process_group("gloo", init_method=meet, rank=0, world_size=2)
    try:
        with pytest.raises(InputError, match="gathered=True"):
            train(model, recording)
        distributed.barrier()
    finally:
        distributed.destroy_process_group()
        os.waitpid(child, 0)


def test_several_processes_by_a_fork_do_not_record_together(tmp_path):
    model = two_layers()
    recording = record(model, tmp_path / "log", **ALL)
    train(model, recording, steps=3)
    for late in (lambda: train(model, recording), recording.close, recording.log.flush):
        assert in_a_process(late) == 2
    for step in range(3, 10):
        one_step(model, sgd(model))
        recording.step(IDS[4 * step :][:4], 0)
    recording.close()
    log = open_log(tmp_path / "log")
    assert list(log.verify()) == []
    assert [log.affected_steps([4 * step]) for step in range(10)] == [[s] for s in range(10)]


def test_several_processes_that_load_data_do_not_hold_the_log(tmp_path):
    model, optimizer = two_layers(), None
    recording = record(model, tmp_path / "log", **ALL)
    optimizer = sgd(model)
    loader = DataLoader(IDS, batch_size=4, num_workers=1, persistent_workers=True)
    for ids in loader:
        one_step(model, optimizer)
        recording.step(ids, 0)
    recording.close()
    forget(open_log(tmp_path / "log"), model, IDS[:1])


def test_several_processes_may_be_one(tmp_path):
    assert gather_ids([3, 4]).tolist() == gather_ids(torch.tensor([3, 4])).tolist() == [3, 4]
    assert gather_ids([]).tolist() == []  # of a process whose last batch is empty
    fixed = np.arange(3)
    fixed.flags.writeable = False
    with warnings.catch_warnings(action="error"):
        assert gather_ids(fixed).tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="whole numbers"):
        gather_ids(torch.tensor([3.0]))


# --- 10: names in files ------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["base_model.model.", "MODULE.", "network.", "module.extra."])
def test_names_with_other_prefixes_are_refused(tmp_path, prefix):
    model = two_layers()
    log = closed(tmp_path / "log", model)
    weights = {f"{prefix}{name}": tensor for name, tensor in state(model).items()}
    for given in (weights, log.description.unwrapped(weights)):
        with pytest.raises(InputError, match="wrong model for this log: it has"):
            forget(log, given, IDS[:1])


def test_names_of_an_average_are_refused_even_without_prefixes(tmp_path):
    model = two_layers()
    log = closed(tmp_path / "log", model)
    averaged = swa_utils.AveragedModel(model).state_dict()
    with pytest.raises(InputError, match="n_averaged"):
        forget(log, log.description.unwrapped(averaged), IDS[:1])


# --- 11: one kind of error ---------------------------------------------------------------------


def test_one_error_where_a_path_is_given_for_an_open_log(tmp_path):
    model = two_layers()
    closed(tmp_path / "log", model)
    for ask in (preview, forget, undo, lambda log, model, request: purge(log, request)):
        with pytest.raises(InputError, match=r"give what open_log\(path\) returns"):
            ask(tmp_path / "log", model, 1)


@pytest.mark.parametrize("model", ["model.safetensors", [1], 3, {"weight": "text"}], ids=repr)
def test_one_error_where_a_log_is_opened_with_what_is_no_model(tmp_path, model):
    closed(tmp_path / "log", two_layers())
    with pytest.raises(InputError, match="no model|wrong model"):
        open_log(tmp_path / "log", model)


def test_one_error_for_a_setting_that_does_not_exist(tmp_path):
    with pytest.raises(InputError, match="the settings are ids, .*given were .*sparsity"):
        record(two_layers(), tmp_path / "log", **ALL, sparsity=0.5)
    assert not (tmp_path / "log").exists()


def test_one_error_for_a_setting_that_is_several_numbers(tmp_path):
    model = two_layers()
    closed(tmp_path / "log", model)
    with pytest.raises(InputError, match="sparsity_first is tensor"):
        record(model, tmp_path / "log", resume=True, sparsity_first=torch.rand(3))


def test_one_error_in_a_folder_that_is_gone(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(InputError, match="cannot open the log folder"):
        open_log("log")


def test_one_error_that_the_system_made_is_not_called_damage(tmp_path):
    with pytest.raises(InputError, match="embedded null byte"):
        open_log("a\0b")


# --- 13: final deletion ------------------------------------------------------------------------


def test_final_deletion_on_a_full_disk_is_completed_later(tmp_path):
    model, log = wide(tmp_path / "log")
    entry, shard = forget(log, model, [3]), tmp_path / "log" / "updates" / "c.0.0"
    found = shard.read_bytes()[1000:1016]
    with no_file_longer_than(60_000), pytest.raises(InputError, match="too large"):
        purge(log, entry.request)
    assert log.history.purging == 1
    purge(log, entry.request)
    files = [path.read_bytes() for path in (tmp_path / "log").rglob("*") if path.is_file()]
    assert not any(found in content for content in files)
    assert list(log.verify()) == []


@pytest.mark.parametrize("name", ["updates", "updates/c.0.0", "requests.json"])
def test_final_deletion_reaches_behind_links(tmp_path, name):
    model = two_layers()
    closed(tmp_path / "log", model)
    (tmp_path / "log" / name).rename(tmp_path / "elsewhere")
    (tmp_path / "log" / name).symlink_to(tmp_path / "elsewhere")
    log, shard = open_log(tmp_path / "log"), tmp_path / "log" / "updates" / "c.0.0"
    found = shard.read_bytes()[:16]
    purge(log, forget(log, model, [3]).request)
    assert (tmp_path / "log" / name).is_symlink()
    assert found not in shard.read_bytes()
    assert list(log.verify()) == []
