"""Faults of true statements: the log says of each step what was recorded, and no more."""

import warnings
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import Tensor, nn

import partial_unlearning
from partial_unlearning import forget, open_log, preview, record, undo
from partial_unlearning.errors import InputError
from partial_unlearning.update_log.commands import forget_command
from partial_unlearning.update_log.log import StoredLog
from partial_unlearning.update_log.recording import Recording
from recorded_loops import ALL, IDS
from reproduction import places


def normalised() -> nn.Module:
    """Its statistics move with every forward pass, whether there is a step or not."""
    return nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))


def accumulate(model: nn.Module, recording: Recording, every: int = 2, lr: float = 0.1) -> None:
    """A script that calls step() after each micro-batch, and steps the optimizer after some."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for number, batch in enumerate(IDS.split(4)):
        model(torch.randn(4, 6)).square().mean().backward()
        if number % every:
            optimizer.step()
            optimizer.zero_grad()
        recording.step(batch, 0)


def accumulated(path: Path, model: nn.Module, **settings: object) -> StoredLog:
    recording = record(model, path, **{**ALL, **settings})
    accumulate(model, recording)
    with pytest.warns(UserWarning, match="^5 of 10 steps recorded no change of any weight"):
        recording.close()
    return open_log(path)


def request(path: Path, model: nn.Module, *options: object) -> tuple[int, str]:
    """What the command says, to both outputs."""
    save_file(model.state_dict(), path.parent / "w.safetensors")
    arguments = ["--log", path, "--weights", path.parent / "w.safetensors", *options]
    arguments += ["--out", path.parent / "new.safetensors"]
    result = CliRunner().invoke(forget_command, [str(argument) for argument in arguments])
    if isinstance(result.exception, InputError):
        raise result.exception
    return result.exit_code, result.output


def ids_file(path: Path, ids: Tensor) -> list[object]:
    (path.parent / "ids.csv").write_text("\n".join(map(str, ids.tolist())))
    return ["--ids", path.parent / "ids.csv"]


def test_true_statements_of_accumulated_steps(tmp_path):
    """Sample 0 is in step 0, which changed nothing: what it did came with step 1."""
    model = nn.Linear(6, 3)
    log = accumulated(tmp_path / "log", model)
    assert log.unchanged(range(10)) == {0, 2, 4, 6, 8}
    before = model.weight.detach().clone()
    code, said = request(tmp_path / "log", model, *ids_file(tmp_path / "log", IDS[:1]))
    assert code == 0
    assert "warning: 1 of these steps recorded no change of any weight" in said
    assert "the ids of all its micro-batches" in said
    assert "0 of them are subtracted already" in said
    assert "as before: nothing of it was recorded" in said
    assert "all of it was subtracted already" not in said
    assert torch.equal(model.weight, before)


def test_true_statements_of_accumulated_steps_in_python(tmp_path):
    model = nn.Linear(6, 3)
    log = accumulated(tmp_path / "log", model)
    with pytest.warns(UserWarning, match="^2 of these steps recorded no change of any weight"):
        forget(log, model, IDS[[0, 4, 8]])
    assert preview(log, model, IDS[[0, 4, 8]]).subtracted == {1}


def test_true_statements_when_nothing_recorded_is_asked_for_again(tmp_path):
    model = nn.Linear(6, 3)
    log = accumulated(tmp_path / "log", model)
    with pytest.warns(UserWarning):
        forget(log, model, IDS[:1])
    _, said = request(tmp_path / "log", model, *ids_file(tmp_path / "log", IDS[:1]))
    assert "0 of them are subtracted already" in said
    assert "as before: nothing of it was recorded" in said
    with pytest.warns(UserWarning):
        forget(log, model, IDS[:8])
    _, said = request(tmp_path / "log", model, *ids_file(tmp_path / "log", IDS[:8]))
    assert "1 of them are subtracted already" in said
    assert "as before: all of it was subtracted already" in said


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude", "global_magnitude"])
@pytest.mark.parametrize("sparsity", [0, 0.5])
def test_true_statements_of_accumulated_steps_with_batch_normalisation(
    tmp_path, strategy, sparsity
):
    pruning = {"strategy": strategy, "sparsity_first": sparsity, "sparsity_last": sparsity}
    log = accumulated(tmp_path / "log", normalised(), **pruning)
    assert log.unchanged(range(10)) == {0, 2, 4, 6, 8}


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude", "global_magnitude"])
def test_true_statements_of_how_much_of_a_step_can_be_taken_back(tmp_path, strategy):
    """Statistics, which move most of all, neither take the place of weights nor count as them."""
    pruning = {"strategy": strategy, "sparsity_first": 0.5, "sparsity_last": 0.5}
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    log = accumulated(tmp_path / "log", model, **pruning, buffers="keep")
    weights = log.description.layout.is_weight
    least = min(int(weights[positions].sum()) for positions, _ in log.updates(range(1, 10, 2)))
    if strategy != "random":
        assert least == log.description.kept
    _, said = request(tmp_path / "log", model, *ids_file(tmp_path / "log", IDS[:8]))
    assert f"of each step {least} of {int(weights.sum())} weights were recorded" in said
    log = accumulated(tmp_path / "both", model, **pruning, buffers="subtract")
    _, said = request(tmp_path / "both", model, *ids_file(tmp_path / "both", IDS[:8]))
    assert f"of each step {log.description.kept} of {len(weights)} entries were recorded" in said


def test_true_statements_of_steps_that_a_scaler_skipped(tmp_path):
    model = nn.Linear(6, 3)
    optimizer, scaler = torch.optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu")
    recording = record(model, tmp_path / "log", **ALL)
    for number, batch in enumerate(IDS.split(4)):
        optimizer.zero_grad()
        factor = torch.inf if number in (0, 7) else 1
        scaler.scale(model(torch.randn(4, 6)).square().mean() * factor).backward()
        scaler.step(optimizer)
        scaler.update()
        recording.step(batch, 0)
    with pytest.warns(UserWarning, match="^2 of 10 steps .* a scaler skipped them"):
        recording.close()
    assert open_log(tmp_path / "log").unchanged(range(10)) == {0, 7}


def test_true_statements_of_steps_at_a_learning_rate_of_zero(tmp_path):
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step, 4) / 4)
    recording = record(model, tmp_path / "log", **ALL)
    for batch in IDS.split(4):
        optimizer.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()
        recording.step(batch, 0)
        warm_up.step()
    with pytest.warns(UserWarning, match="^1 of 10 steps .* the learning rate was 0"):
        recording.close()


@pytest.mark.parametrize("sign", [1, -1])
def test_true_statements_of_changes_too_small_for_the_stored_type(tmp_path, sign):
    """In float16 they are zeros, of either sign."""
    model = nn.Linear(6, 3)
    with torch.no_grad():
        model.weight.zero_()
    recording = record(model, tmp_path / "log", **{**ALL, "values": "float16"})
    with torch.no_grad():
        model.weight += sign * 1e-9
    recording.step(IDS[:4], 0)
    with pytest.warns(UserWarning, match="^1 of 1 steps recorded no change"):
        recording.close()


def test_true_statements_count_the_steps_before_an_interruption(tmp_path):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    accumulate(model, recording)
    recording.checkpoint(1)
    recording.log.folder.unlock()  # the process ends
    recording = record(model, tmp_path / "log", resume=True, **ALL)
    accumulate(model, recording)
    with pytest.warns(UserWarning, match="^10 of 20 steps recorded no change"):
        recording.close()


def no_warning_of(model: nn.Module, trained: list[nn.Parameter], path: Path, x: Tensor) -> None:
    optimizer = torch.optim.SGD(trained, lr=0.1)
    recording = record(model, path, **ALL)
    for batch in IDS.split(4):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()
        recording.step(batch, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recording.close()
        forget(open_log(path), model, IDS[:1])


def test_true_statements_of_steps_that_change_a_single_weight_among_statistics(tmp_path):
    model = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 1), nn.BatchNorm1d(1, affine=False))
    no_warning_of(model, [model[0].bias], tmp_path / "one", torch.randn(4, 6) ** 3)


def test_true_statements_of_sparse_steps(tmp_path):
    model = nn.Sequential(nn.Embedding(50, 6), nn.Flatten(), nn.Linear(12, 1))
    no_warning_of(model, [model[0].weight], tmp_path / "sparse", torch.tensor([[3, 4]]))


def trained(path: Path, dtype: torch.dtype = torch.float32) -> nn.Module:
    model = nn.Linear(6, 3).to(dtype)
    recording = record(model, path, **ALL)
    for batch in IDS.split(4):
        with torch.no_grad():
            model.weight += torch.randn(3, 6).to(dtype)
        recording.step(batch, 0)
    recording.close()
    return model


def test_true_statements_of_an_undo_that_has_nothing_to_take_back(tmp_path):
    """These weights never lost what the request asks for."""
    model = trained(tmp_path / "log")
    gone = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    forget(open_log(tmp_path / "log"), gone, IDS[:1])
    _, said = request(tmp_path / "log", model, "--undo", 1)
    assert (
        "as before: other requests still ask for these steps, or they were not subtracted" in said
    )


def test_true_statements_of_an_undo_that_others_still_ask_for(tmp_path):
    model = trained(tmp_path / "log")
    log = open_log(tmp_path / "log")
    for _ in range(2):
        forget(log, model, IDS[:1])
    _, said = request(tmp_path / "log", model, "--undo", 1)
    assert "as before: other requests still ask for these steps" in said


def test_true_statements_of_changes_too_small_for_the_weights_type(tmp_path):
    """Subtracting 2**-9 from 256 gives 256 in bfloat16."""
    model = nn.Linear(6, 3, bias=False).to(torch.bfloat16)
    with torch.no_grad():
        model.weight.zero_()
    recording = record(model, tmp_path / "log", **ALL)
    for value, batch in zip((2**-9, 256), IDS[:8].split(4), strict=True):
        with torch.no_grad():
            model.weight.fill_(value)
        recording.step(batch, 0)
    recording.close()
    _, said = request(tmp_path / "log", model, *ids_file(tmp_path / "log", IDS[:1]))
    assert "as before: what was recorded of these steps is nothing, or too little" in said
    assert "all of it was subtracted already" not in said


def test_true_statements_of_what_was_subtracted_already(tmp_path):
    model = trained(tmp_path / "log")
    log = open_log(tmp_path / "log")
    forget(log, model, IDS[:1])
    _, said = request(tmp_path / "log", model, *ids_file(tmp_path / "log", IDS[[1, 5]]))
    assert "2 of 10 steps are affected" in said
    assert "1 of them are subtracted already" in said
    assert "as before" not in said
    undo(log, model, 1)


def test_true_statements_of_the_chapter_about_other_training_loops(tmp_path):
    """Its code runs; averaged weights are refused, and each sample is in one step an epoch."""
    chapter = (places.ROOT / "notebooks" / "update_log.py").read_text(encoding="utf-8")
    (cell,) = [part for part in chapter.split("# %%") if "def varied_training" in part]
    names = {"torch": torch, "nn": nn, "folder": tmp_path}
    names |= {name: getattr(partial_unlearning, name) for name in ("record", "open_log")}
    exec(cell.partition("\n")[2], names)  # after the tags of the cell
    log, model, average = names["varied"], names["small"], names["average"]
    batches = [set(ids.tolist()) for _, _, ids in log.plan()]
    assert batches == [set(range(8)), set(range(8, 16))] * (names["steps"] // 2)
    with pytest.raises(InputError, match="neither those at the end of recording"):
        forget(log, average.module, [0])
    before = model.weight.detach().clone()
    forget(log, model, [0])
    assert not torch.equal(model.weight, before)


def test_true_statements_stand_at_the_line_that_called(tmp_path):
    model, head = nn.Embedding(6, 3, max_norm=1.0), nn.Linear(3, 2)
    optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.0)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        recording = record(model, tmp_path / "log", **ALL)
        recording.checkpoint(0)
        head(model(IDS[:4])).sum().backward()
        optimizer.step()
        recording.step(IDS[:4], 0)
        recording.close()
        with torch.no_grad():
            model.weight += 1
        again = record(model, tmp_path / "log", resume=True)
        optimizer.step()
        again.step(IDS[:4], 0)
        again.close()
        forget(open_log(tmp_path / "log"), model, IDS[:1])
    assert [str(one.message)[:12] for one in told if one.filename != __file__] == []
    assert len(told) == 8
