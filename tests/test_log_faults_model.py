"""What other people's training scripts do to a model that is recorded, and what is right then.

The kinds: the model is not where its last step left it; it is another than at ``record()``; one
memory has several names; arithmetic in each type; several processes.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.optim.swa_utils import AveragedModel

from partial_unlearning import forget, gather_ids, open_log, record, undo
from partial_unlearning.errors import InputError
from partial_unlearning.state import Layout
from partial_unlearning.update_log.log import StoredLog
from partial_unlearning.update_log.recording import Recording
from partial_unlearning.update_log.request_files import answer

IDS = torch.arange(40)
ALL = {
    "sparsity_first": 0,
    "sparsity_last": 0,
    "values": "float32",
    "buffers": "subtract",  # the reading in which nothing may be lost
}


def begin(model: nn.Module, path: Path, **setting: Any) -> Recording:
    return record(model, path, ids=IDS, batch_size=4, **{**ALL, **setting})


def train(model: nn.Module, recording: Recording | None, steps: int = 20) -> None:
    """Steps 0, 10, 20 and so on see samples 0 to 3."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    dtype = next(model.parameters()).dtype
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 6, dtype=torch.float32).to(dtype)).square().mean().backward()
        optimizer.step()
        if recording:
            recording.step(IDS[4 * (step % 10) :][:4], step // 10)


def recorded(model: nn.Module, path: Path, **setting: Any) -> StoredLog:
    recording = begin(model, path, **setting)
    train(model, recording)
    recording.close()
    return open_log(path)


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def bits(tensors: Mapping[str, Tensor]) -> dict[str, bytes]:
    return {
        name: tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        for name, tensor in tensors.items()
    }


def two_layers(**setting: Any) -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 5, **setting), nn.Linear(5, 3, **setting))


# --- 1: the model is not where its last step left it ------------------------------------------


def average(model: nn.Module) -> None:
    averaged = AveragedModel(model)
    train(model, None, 3)
    averaged.update_parameters(model)
    model.load_state_dict(averaged.module.state_dict())


def clip(model: nn.Module) -> None:
    with torch.no_grad():
        model[1].weight.clamp_(-1e-3, 1e-3)


def start_the_head_anew(model: nn.Module) -> None:
    model[1].reset_parameters()


def one_bit(model: nn.Module) -> None:
    flat = model[1].weight.data.view(-1)
    flat[7] = torch.nextafter(flat[7], torch.tensor(9.0))


LEAVING = {
    "averaged weights": average,
    "a step without step()": lambda model: train(model, None, 1),
    "clipped weights": clip,
    "a new head": start_the_head_anew,
    "one bit": one_bit,
}


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
def test_a_model_that_left_its_last_step_is_refused(tmp_path, leave, strategy):
    model = two_layers()
    recording = begin(model, tmp_path / "log", strategy=strategy)
    train(model, recording)
    last = state(model)
    leave(model)
    for end in (lambda: recording.checkpoint(2), recording.close):
        with pytest.raises(InputError, match=r"not as step\(\) read them last.*restart"):
            end()
    assert not open_log(tmp_path / "log").history.entries
    model.load_state_dict(last)
    recording.checkpoint(2)
    recording.close()
    assert len(open_log(tmp_path / "log")) == 20


def test_a_left_model_with_its_best_weights_says_of_which_step_they_are(tmp_path):
    model = two_layers()
    recording = begin(model, tmp_path / "log")
    train(model, recording)
    best = state(model)
    train(model, recording)
    model.load_state_dict(best)
    with pytest.raises(InputError, match=r"restart\(steps\)"):
        recording.close()
    for steps in (-1, 41):
        with pytest.raises(InputError, match="restart is .* from 0 to 40"):
            recording.restart(steps)
    recording.restart(20)
    recording.close()
    log = open_log(tmp_path / "log")
    assert len(log) == 20
    assert log.affected_steps(IDS[:1]) == [0, 10]
    expected = log.description.layout.vector(best) - log.sum([0, 10])
    forget(log, model, IDS[:1])
    assert torch.equal(Layout.of(model).vector(model), expected)


def test_a_left_model_may_train_on_from_its_best_weights(tmp_path):
    model = two_layers()
    recording = begin(model, tmp_path / "log")
    train(model, recording)
    best = state(model)
    train(model, recording, 7)
    recording.checkpoint(3)
    model.load_state_dict(best)
    recording.restart(20)
    train(model, recording)
    recording.close()
    log = open_log(tmp_path / "log")
    assert log.affected_steps(IDS[:1]) == [0, 10, 20, 30]
    moved = log.description.layout.vector(model) - log.description.layout.vector(best)
    assert torch.allclose(log.sum(range(20, 40)), moved, atol=1e-6)


def test_a_left_model_that_was_meant_refuses_requests_for_the_steps_before(tmp_path):
    model = two_layers()
    recording = begin(model, tmp_path / "log")
    train(model, recording, 10)
    average(model)
    recording.restart()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for ids in IDS[:8].split(4):  # of these, the later steps alone could be subtracted
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()
        recording.step(ids, 1)
    recording.close()
    log, before = open_log(tmp_path / "log"), state(model)
    with pytest.raises(InputError, match=r"1 of these steps, from 0 on, cannot be subtracted"):
        forget(log, model, IDS[:1])
    assert bits(state(model)) == bits(before)
    assert [entry.kind for entry in log.history.entries] == ["trained"]


def test_a_left_model_lets_later_steps_be_subtracted(tmp_path):
    model = two_layers()
    recording = record(model, tmp_path / "log", ids=torch.arange(99), batch_size=4, **ALL)
    train(model, recording, 10)
    clip(model)
    recording.restart()
    with torch.no_grad():
        model[0].weight += 0.5
    recording.step(torch.tensor([77]), 1)
    recording.checkpoint(2)
    recording.log.folder.unlock()  # as the end of the process does
    recording = record(model, tmp_path / "log", resume=True)
    recording.close()
    log, before = open_log(tmp_path / "log"), state(model)
    with pytest.raises(InputError, match="cannot be subtracted"):
        forget(log, model, IDS[:1])
    forget(log, model, [77])
    assert torch.equal(model[0].weight, before["0.weight"] - log.sum([10])[:30].view(5, 6))
    assert torch.equal(model[1].weight, before["1.weight"])
    with pytest.raises(InputError, match="cannot be subtracted"):
        forget(log, model, IDS[:1])


def test_a_left_model_by_step_before_the_optimizer(tmp_path):
    model = two_layers()
    recording = begin(model, tmp_path / "log")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for ids in IDS.split(4):
        model(torch.randn(4, 6)).square().mean().backward()
        recording.step(ids, 0)
        optimizer.step()
    with pytest.raises(InputError, match=r"called before optimizer\.step"):
        recording.close()


def test_a_left_model_by_statistics_of_a_forward_pass(tmp_path):
    model = nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3))
    recording = begin(model, tmp_path / "log")
    train(model, recording)
    model(torch.randn(4, 6))
    with pytest.raises(InputError, match="7 recorded entries"):
        recording.close()
    recording.restart(20)  # all of the steps are still in it
    recording.close()
    forget(open_log(tmp_path / "log"), model, IDS[:1])


def test_a_model_that_came_back_to_its_last_step_has_not_left_it(tmp_path):
    model = two_layers()
    recording = begin(model, tmp_path / "log")
    train(model, recording)
    last = state(model)
    average(model)  # for validation
    model.load_state_dict(last)
    recording.restart()
    recording.close()
    forget(open_log(tmp_path / "log"), model, IDS[:1])


@settings(max_examples=30, deadline=None)
@given(sparsity=st.sampled_from([0.0, 0.5, 0.9]), data=st.data())
def test_a_left_model_is_found_at_every_kept_entry(tmp_path_factory, sparsity, data):
    model = two_layers()
    path = tmp_path_factory.mktemp("left") / "log"
    recording = begin(model, path, sparsity_first=sparsity, sparsity_last=sparsity)
    train(model, recording, data.draw(st.integers(0, 20)))
    layout, kept = Layout.of(model), recording.log.mask.kept()
    entry = kept[data.draw(st.integers(0, len(kept) - 1))]
    vector = layout.vector(model)
    vector[entry] = data.draw(st.sampled_from([vector[entry].item() + 1, float("nan")]))
    layout.load(model, vector)
    with pytest.raises(InputError, match="1 recorded entries"):
        recording.close()


# --- 2: the model is another than at record() --------------------------------------------------


class Adapter(nn.Module):
    """A frozen layer and a trained one of low rank beside it."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.low = nn.Sequential(nn.Linear(base.in_features, 1), nn.Linear(1, base.out_features))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.low(x)


def replace_head(model: nn.Module) -> None:
    model[1] = nn.Linear(5, 3)


def adapt(model: nn.Module) -> None:
    model[1] = Adapter(model[1])


def own_weight(model: nn.Module) -> None:
    model[1].weight = nn.Parameter(torch.zeros(3, 7))


BECOMING: dict[str, Callable[[nn.Module], object]] = {
    "a replaced layer": replace_head,
    "an adapter": adapt,
    "another type": lambda model: model.double(),
    "half of it in another type": lambda model: model[1].to(torch.bfloat16),
    "another device": lambda model: model.to("meta"),
    "a buffer made later": lambda model: model[0].register_buffer("scale", torch.ones(1)),
    "one layer more": lambda model: model.append(nn.Linear(3, 3)),
    "one layer less": lambda model: model.pop(1),
    "pruning": lambda model: prune.l1_unstructured(model[0], "weight", amount=0.5),
    "weight norm": lambda model: parametrizations.weight_norm(model[0]),
    "weight norm by hooks": lambda model: nn.utils.weight_norm(model[0]),
    "another shape": own_weight,
    "no bias": lambda model: model[1].register_parameter("bias", None),
}


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
@pytest.mark.parametrize("become", BECOMING.values(), ids=BECOMING)
def test_another_model_than_at_record_is_refused_at_its_first_step(tmp_path, become, strategy):
    model = two_layers()
    recording = begin(model, tmp_path / "log", strategy=strategy)
    become(model)
    for parameter in model.parameters():  # what an optimizer does, in any type and shape
        if parameter.requires_grad:
            parameter.data = parameter.data + 0.1
    with pytest.raises(InputError):
        recording.step(IDS[:4], 0)


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
@pytest.mark.parametrize("become", BECOMING.values(), ids=BECOMING)
def test_another_model_than_at_record_is_refused_at_the_end(tmp_path, become, strategy):
    model = two_layers()
    recording = begin(model, tmp_path / "log", strategy=strategy)
    train(model, recording)
    become(model)
    for end in (lambda: recording.checkpoint(2), recording.close):
        with pytest.raises(InputError):
            end()
    assert not open_log(tmp_path / "log").history.entries


def test_another_model_by_a_layer_replaced_between_steps_can_be_said_to_be_meant(tmp_path):
    model = two_layers()
    recording = begin(model, tmp_path / "log")
    train(model, recording)
    replace_head(model)
    recording.restart()
    before = Layout.of(model).vector(model)
    train(model, recording)
    recording.close()
    log = open_log(tmp_path / "log")
    moved = Layout.of(model).vector(model) - before
    assert torch.allclose(log.sum(range(20, 40)), moved, atol=1e-6)
    with pytest.raises(InputError, match="2 of these steps, from 0 on, cannot be subtracted"):
        forget(log, model, IDS[:1])


def test_another_model_cannot_be_said_to_be_meant(tmp_path):
    model = two_layers()
    recording = begin(model, tmp_path / "log")
    train(model, recording)
    adapt(model)
    with pytest.raises(InputError, match="wrong model for this log"):
        recording.restart()


def test_another_model_by_a_tie_is_refused(tmp_path):
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    recording = begin(model, tmp_path / "log")
    train(model, recording)
    model[1].weight = model[0].weight
    with pytest.raises(InputError, match=r"0\.weight.*1\.weight|1\.weight.*0\.weight"):
        recording.close()


def test_another_model_by_a_broken_tie_is_refused(tmp_path):
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    model[1].weight = model[0].weight
    recording = begin(model, tmp_path / "log")
    model[1].weight = nn.Parameter(model[1].weight.detach().clone())
    with pytest.raises(InputError, match="other values under its other names"):
        train(model, recording)


def test_the_same_model_with_hooks_frozen_and_in_another_mode_is_not_another(tmp_path):
    model = two_layers()
    recording = begin(model, tmp_path / "log")
    model[0].register_forward_hook(lambda *_: None)
    model[0].requires_grad_(False)
    model.eval()
    train(model, recording)
    recording.checkpoint(2)
    recording.close()


# --- 3: one memory, several names --------------------------------------------------------------


class Thrice(nn.Module):
    """One weight in three places, tied in three ways."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(6, 6, bias=False) for _ in range(3))
        self.b.weight = self.a.weight  # the same parameter
        self.c.weight = nn.Parameter(self.a.weight.data)  # another one of the same memory
        self.d = self.a  # the same layer

    def forward(self, x: Tensor) -> Tensor:
        return self.d(self.c(self.b(self.a(x))))


NAMES = ["a.weight", "b.weight", "c.weight", "d.weight"]


@pytest.fixture(scope="module")
def thrice(tmp_path_factory):
    """A recorded model, to be copied by who changes it."""
    path, model = tmp_path_factory.mktemp("thrice") / "log", Thrice()
    recording = begin(model, path)
    for step in range(2):
        with torch.no_grad():
            model.a.weight += torch.randn(6, 6)
        recording.step(IDS[4 * step :][:4], 0)
    recording.close()
    return path, model


def copy_log(path: Path, target: Path) -> StoredLog:
    for file in path.rglob("*"):
        if file.is_file():
            new = target / file.relative_to(path)
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(file.read_bytes())
    return open_log(target)


def test_one_memory_is_recorded_once(thrice):
    path, model = thrice
    log = open_log(path, model)
    assert log.description.size == 36
    assert set(log.description.layout.tied) == {"b.weight", "c.weight", "d.weight"}


@settings(max_examples=40, deadline=None)
@given(names=st.sets(st.sampled_from(NAMES), min_size=1), shared=st.booleans())
def test_one_memory_moves_under_all_names_a_state_has(thrice, tmp_path_factory, names, shared):
    path, model = thrice
    log = copy_log(path, tmp_path_factory.mktemp("copy") / "log")
    own = deepcopy(model).state_dict()
    weights = {name: own[name] if shared else own[name].clone() for name in names}
    before = model.a.weight.detach().clone()
    forget(log, weights, IDS[:1])
    assert set(weights) == names
    for tensor in weights.values():
        assert torch.equal(tensor, before - log.sum([0]).view(6, 6))
    undo(log, weights, 1)
    for tensor in weights.values():
        assert torch.allclose(tensor, before, atol=1e-6)


@pytest.mark.parametrize("how", ["model", "copy", "loaded", "assigned"])
def test_one_memory_moves_once_in_a_model(thrice, tmp_path, how):
    path, trained = thrice
    log = copy_log(path, tmp_path / "log")
    model = deepcopy(trained) if how != "loaded" else Thrice()
    if how in ("loaded", "assigned"):  # assigned: every name gets memory of its own
        model.load_state_dict(state(trained), assign=how == "assigned")
    forget(log, model, IDS[:1])
    expected = trained.a.weight - log.sum([0]).view(6, 6)
    assert all(torch.equal(tensor, expected) for tensor in model.state_dict().values())


def test_one_memory_with_names_that_disagree_is_refused(thrice, tmp_path):
    path, model = thrice
    log, weights = copy_log(path, tmp_path / "log"), state(model)
    weights["c.weight"][0, 0] += 1
    before = bits(weights)
    with pytest.raises(InputError, match="a.weight is tied, but has other values"):
        forget(log, weights, IDS[:1])
    assert bits(weights) == before


def test_one_memory_with_none_of_its_names_is_refused(thrice):
    path, model = thrice
    for weights in ({}, {"e.weight": model.a.weight}):
        with pytest.raises(InputError, match="none of that name|no tensor"):
            forget(open_log(path), weights, IDS[:1])


@pytest.mark.parametrize("names", [NAMES[:1], NAMES[1:2], NAMES[2:], NAMES])
def test_one_memory_moves_under_all_names_of_a_file(thrice, tmp_path, names):
    path, model = thrice
    log = copy_log(path, tmp_path / "log")
    old, new, ids = (tmp_path / name for name in ("old", "new", "ids.csv"))
    save_file({name: model.a.weight.detach().clone() for name in names}, old)
    ids.write_text("id\n0\n")
    answer(str(tmp_path / "log"), old, ids, new)
    expected = model.a.weight - log.sum([0]).view(6, 6)
    assert sorted(load_file(new)) == names
    assert all(torch.equal(tensor, expected) for tensor in load_file(new).values())


def transposed(model: nn.Module) -> None:
    model[1].weight = nn.Parameter(model[0].weight.data.t())


def first_row(model: nn.Module) -> None:
    model[0].register_buffer("first", model[0].weight.data[0])


def flattened(model: nn.Module) -> None:
    model.flat = nn.Parameter(model[0].weight.data.view(-1))


def other_type(model: nn.Module) -> None:
    model.register_buffer("raw", model[0].weight.data.view(torch.int32))


@pytest.mark.parametrize("overlap", [transposed, first_row, flattened, other_type])
def test_one_memory_in_part_is_refused(tmp_path, overlap):
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    overlap(model)
    with pytest.raises(InputError, match="overlap in memory"):
        begin(model, tmp_path / "log")
    assert not (tmp_path / "log").exists()


class Behind(nn.Module):
    """A buffer that is a weight's memory, and comes before it."""

    def __init__(self) -> None:
        super().__init__()
        self.head = None
        head = nn.Linear(6, 3)
        self.register_buffer("view", head.weight.data)
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x)


def test_one_memory_of_a_weight_and_a_buffer_is_a_weight(tmp_path):
    model = Behind()
    log, before = recorded(model, tmp_path / "log", buffers="keep"), model.view.clone()
    forget(log, model, IDS[:1])
    assert not torch.equal(model.view, before)
    assert torch.equal(model.view, model.head.weight)


@pytest.mark.parametrize("extra", [{"scale": 1.0}, torch.ones(3)], ids=["no tensor", "a tensor"])
def test_what_is_no_weight_is_left_alone(tmp_path, extra):
    class Extra(nn.Linear):
        def get_extra_state(self) -> object:
            return extra

        def set_extra_state(self, state: object) -> None:
            pass

    model = Extra(6, 3)
    log = recorded(model, tmp_path / "log")
    weights = dict(model.state_dict())
    forget(log, weights, IDS[:1])
    assert weights["_extra_state"] is extra
    forget(log, model, IDS[4:5])


def test_one_memory_cut_into_pieces_is_several(tmp_path):
    model = two_layers()
    flat = torch.randn(Layout.of(model).size)
    parts = flat.split([p.numel() for p in model.parameters()])
    for parameter, part in zip(model.parameters(), parts, strict=True):
        parameter.data = part.view_as(parameter)
    log, before = recorded(model, tmp_path / "log"), flat.clone()
    forget(log, model, IDS[:1])
    assert torch.equal(flat, before - log.sum([0, 10]))


def test_one_memory_repeated_in_a_constant_is_left_alone(tmp_path):
    model = two_layers()
    model.register_buffer("mask", torch.ones(1).expand(4, 4))
    log = recorded(model, tmp_path / "log")
    forget(log, model, IDS[:1])
    assert torch.equal(model.mask, torch.ones(4, 4))


# --- 4: arithmetic -----------------------------------------------------------------------------


class Masked(nn.Linear):
    """Attention with a causal mask."""

    def __init__(self) -> None:
        super().__init__(6, 6)
        self.register_buffer("mask", torch.full((6, 6), float("-inf")).triu(1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(super().forward(x)[:, None] + self.mask, -1).mean(1)


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
@pytest.mark.parametrize("buffers", ["keep", "subtract"])
def test_arithmetic_leaves_infinities_that_did_not_change(tmp_path, buffers, strategy):
    model = Masked()
    log = recorded(model, tmp_path / "log", buffers=buffers, strategy=strategy)
    before = state(model)
    assert log.sum(range(20)).isfinite().all()
    forget(log, model, IDS[:1])
    assert torch.equal(model.mask, before["mask"])
    assert not torch.equal(model.weight, before["weight"])
    assert not model(torch.randn(2, 6)).isnan().any()


class Counting(nn.Linear):
    """A linear layer with buffers of one's own; what is done to them is told each step."""

    def __init__(self, change: Callable[["Counting", int], None], **buffers: Tensor) -> None:
        super().__init__(6, 3)
        self.change, self.step = change, 0
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor)

    def forward(self, x: Tensor) -> Tensor:
        self.change(self, self.step)
        self.step += 1
        return super().forward(x)


def add(by: int) -> Callable[[Counting, int], None]:
    def change(model: Counting, step: int) -> None:
        model.count += by

    return change


@pytest.mark.parametrize("values", ["float32", "bfloat16"])
@pytest.mark.parametrize("start", [0, 2**24 + 1, 2**53 + 1, 2**62 + 1])
@pytest.mark.parametrize("by", [1, -3, 128])
def test_arithmetic_of_whole_numbers_is_exact(tmp_path, start, by, values):
    model = Counting(add(by), count=torch.tensor([start, 5]))
    log = recorded(model, tmp_path / "log", values=values)
    assert model.count.tolist() == [start + 20 * by, 5 + 20 * by]
    forget(log, model, IDS[:1])
    assert model.count.tolist() == [start + 18 * by, 5 + 18 * by]
    undo(log, model, 1)
    assert model.count.tolist() == [start + 20 * by, 5 + 20 * by]


@pytest.mark.parametrize(
    ("dtype", "start", "by"),
    [
        (torch.uint8, 100, 3),
        (torch.int8, -100, 3),
        (torch.int16, 30000, 64),
        (torch.int32, 2**30, 1),
    ],
)
def test_arithmetic_of_small_whole_numbers_is_exact(tmp_path, dtype, start, by):
    model = Counting(add(by), count=torch.tensor([start], dtype=dtype))
    log = recorded(model, tmp_path / "log")
    forget(log, model, IDS[:1])
    assert model.count.dtype == dtype
    assert model.count.item() == start + 18 * by


@pytest.mark.parametrize(
    ("by", "values"), [(257, "bfloat16"), (2**24 + 1, "float32"), (70000, "float16")]
)
def test_arithmetic_refuses_changes_that_cannot_be_stored_exactly(tmp_path, by, values):
    model = Counting(add(by), count=torch.tensor([0]))
    recording = begin(model, tmp_path / "log", values=values)
    with pytest.raises(InputError, match="count changed by what .* cannot hold exactly"):
        train(model, recording)


def test_arithmetic_of_buffers_that_are_kept_need_not_be_exact(tmp_path):
    model = Counting(add(2**30 + 1), count=torch.tensor([7]))
    log = recorded(model, tmp_path / "log", buffers="keep", values="bfloat16")
    before = state(model)
    forget(log, model, IDS[:1])
    assert model.count.item() == before["count"].item() == 7 + 20 * (2**30 + 1)
    assert not torch.equal(model.weight, before["weight"])


def test_arithmetic_refuses_a_sum_of_whole_numbers_that_is_not_exact(tmp_path):
    model = Counting(add(2**23), count=torch.tensor([0]))
    log, before = recorded(model, tmp_path / "log"), state(model)
    with pytest.raises(InputError, match="nothing was changed: count"):
        forget(log, model, IDS[:1])
    assert bits(state(model)) == bits(before)


def test_arithmetic_refuses_what_is_out_of_range(tmp_path):
    def wrap(model: Counting, step: int) -> None:
        model.count += 100  # beyond 255 it begins anew

    model = Counting(wrap, count=torch.tensor([0], dtype=torch.uint8))
    log, before = recorded(model, tmp_path / "log"), state(model)
    steps = log.affected_steps(IDS[4:5])
    assert steps == [1, 11]
    expected = before["count"].item() - int(log.sum(steps)[-1])
    if 0 <= expected <= 255:
        forget(log, model, IDS[4:5])
        assert model.count.item() == expected
    else:
        with pytest.raises(InputError, match="nothing was changed: count"):
            forget(log, model, IDS[4:5])
        assert bits(state(model)) == bits(before)


def test_arithmetic_of_truth_values_flips_them(tmp_path):
    def flip(model: Counting, step: int) -> None:
        if step in (0, 3, 11):
            model.seen[step % 10] ^= True  # 0: on. 3: on. 11: on, at 1

    model = Counting(flip, seen=torch.zeros(12, dtype=torch.bool))
    log = recorded(model, tmp_path / "log")
    assert model.seen.nonzero().flatten().tolist() == [0, 1, 3]
    forget(log, model, IDS[:1])  # steps 0 and 10
    assert model.seen.nonzero().flatten().tolist() == [1, 3]
    undo(log, model, 1)
    assert model.seen.nonzero().flatten().tolist() == [0, 1, 3]


def test_arithmetic_of_an_infinity_that_comes_and_goes_is_refused(tmp_path):
    def best(model: Counting, step: int) -> None:
        model.best.fill_(float("inf") if step < 10 else 0.5)

    model = Counting(best, best=torch.zeros(2))
    log, before = recorded(model, tmp_path / "log"), state(model)
    forget(log, model, IDS[4:5])  # steps 1 and 11: infinite, and 0.5, before and after
    assert torch.equal(model.best, before["best"])
    weights = state(model)
    with pytest.raises(InputError, match="nothing was changed: best"):
        forget(log, model, IDS[:1])  # step 0 made it infinite, step 10 finite
    assert bits(state(model)) == bits(weights)
    assert len(log.history.entries) == 2


def test_arithmetic_of_a_diverged_run_is_refused(tmp_path):
    model = nn.Linear(6, 3)
    recording = begin(model, tmp_path / "log")
    train(model, recording, 10)
    with torch.no_grad():
        model.weight[0, 0] = float("nan")
    recording.step(IDS[:4], 1)
    recording.close()  # NaN is where the last step left it
    log, before = open_log(tmp_path / "log"), state(model)
    for ids in (IDS[:1], IDS[4:5]):  # the sum is NaN; the weights are
        with pytest.raises(InputError, match="nothing was changed: weight"):
            forget(log, model, ids)
    assert bits(state(model)) == bits(before)
    assert [entry.kind for entry in log.history.entries] == ["trained"]


def test_arithmetic_of_an_overflow_is_refused(tmp_path):
    model = nn.Linear(6, 3).half()
    recording = begin(model, tmp_path / "log")
    for step in range(2):
        with torch.no_grad():
            model.weight[1, 1] = (-60000, 60000)[step]
        recording.step(IDS[4 * step :][:4], 0)
    recording.close()
    before = state(model)
    with pytest.raises(InputError, match="nothing was changed: weight"):
        forget(open_log(tmp_path / "log"), model, IDS[:1])  # 60000 + 60000
    assert bits(state(model)) == bits(before)


class Spectral(nn.Module):
    """Complex weights."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(6, 3, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(torch.complex64) @ self.w).abs()


UNRECORDABLE: dict[str, Callable[[], nn.Module]] = {
    "complex weights": Spectral,
    "a complex buffer": lambda: Counting(add(0), roots=torch.ones(2, dtype=torch.complex128)),
    "eight bits": lambda: Counting(add(0), small=torch.zeros(2).to(torch.float8_e4m3fn)),
    "a lazy layer": lambda: nn.LazyLinear(3),
    "no values": lambda: nn.Linear(6, 3, device="meta"),
    "a sparse buffer": lambda: Counting(add(0), sparse=torch.eye(3).to_sparse()),
}


@pytest.mark.parametrize("model", UNRECORDABLE.values(), ids=UNRECORDABLE)
def test_arithmetic_that_cannot_be_right_is_refused_at_record(tmp_path, model):
    with pytest.raises(InputError, match="only plain tensors"):
        begin(model(), tmp_path / "log")
    assert not (tmp_path / "log").exists()


@pytest.fixture
def defaults() -> Iterator[None]:
    """Set the process's defaults back."""
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.float16])
def test_arithmetic_does_not_depend_on_the_default_type(tmp_path, defaults, dtype, strategy):
    model = two_layers(dtype=torch.float32)
    before = Layout.of(model).vector(model)
    torch.set_default_dtype(dtype)
    log = recorded(model, tmp_path / "log", strategy=strategy)
    total, weights = log.sum(range(20)), Layout.of(model).vector(model)
    assert total.dtype == torch.float32
    assert (total - (weights - before)).abs().max() < 1e-6
    forget(log, model, IDS[:1])
    expected = weights - log.sum([0, 10])
    assert torch.equal(Layout.of(model).vector(model), expected)


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
def test_arithmetic_does_not_depend_on_the_default_device(tmp_path, defaults, strategy):
    model = two_layers()
    with torch.device("meta"):  # where nothing has values
        recording = begin(model, tmp_path / "log", strategy=strategy)
    train(model, None, 1)
    with torch.device("meta"):
        recording.step(IDS[:4], 0)
        recording.checkpoint(1)
        recording.close()
    before = state(model)
    with torch.device("meta"):
        log = open_log(tmp_path / "log")
        forget(log, model, [0])
    assert torch.equal(model[1].bias, before["1.bias"] - log.sum([0])[-3:])
    assert log.sum([0]).any()


def test_arithmetic_of_double_weights_is_double(tmp_path):
    model = nn.Linear(6, 3).double()
    recording = begin(model, tmp_path / "log")
    with torch.no_grad():
        model.weight += 1e-12  # less than float32 can see
    recording.step(IDS[:4], 0)
    recording.close()
    log, before = open_log(tmp_path / "log"), state(model)
    forget(log, model, [0])
    assert model.weight.dtype == torch.float64
    moved = before["weight"] - model.weight
    assert torch.allclose(moved, torch.full_like(moved, 1e-12), rtol=1e-3)
    again = state(model)
    forget(log, model, [0])  # known by all their bits: these lack it already
    assert bits(state(model)) == bits(again)
    model.load_state_dict(before)
    forget(log, model, [0])
    assert bits(state(model)) == bits(again)


@settings(max_examples=60, deadline=None)
@given(
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
    seed=st.integers(0, 999),
    share=st.sampled_from([0.0, 0.2, 1.0]),
)
def test_arithmetic_is_bit_identical_where_nothing_was_recorded(dtype, seed, share):
    torch.manual_seed(seed)
    model = nn.Linear(40, 5).to(dtype)
    special = torch.tensor([-0.0, float("inf"), float("-inf"), float("nan"), 1e-7], dtype=dtype)
    update = torch.randn(205) * (torch.rand(205) < share)
    with torch.no_grad():
        model.bias.copy_(special)
    update[200:] = 0
    before = state(model)
    Layout.of(model).subtract(model, update)
    after, still = state(model), update[:200].view(5, 40) == 0
    assert bits({"": after["bias"]}) == bits({"": before["bias"]})
    same = bits({"": after["weight"][still]}) == bits({"": before["weight"][still]})
    assert same
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    expected = (before["weight"].to(wide) - update[:200].view(5, 40)).to(dtype)
    assert torch.equal(after["weight"], expected)


def test_arithmetic_of_mixed_types_records_each_in_its_own(tmp_path):
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(6, 4), nn.Linear(4, 3).double()
            self.register_buffer("count", torch.tensor(2**53))

        def forward(self, x: Tensor) -> Tensor:
            self.count += 1
            return self.two(self.one(x).double())

    torch.manual_seed(0)
    model = Mixed()
    before = state(model)
    log = recorded(model, tmp_path / "log")
    forget(log, model, IDS)  # every step
    assert model.count.item() == 2**53
    assert torch.allclose(model.two.weight, before["two.weight"], atol=1e-7, rtol=0)
    assert torch.allclose(model.one.weight, before["one.weight"], atol=1e-6, rtol=0)


# --- 9: several processes ----------------------------------------------------------------------


def share_out(rank: int, folder: str) -> None:
    """One of two processes that train together, each on half of every batch."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    model = start()
    wrapped = nn.parallel.DistributedDataParallel(model)
    path = Path(folder) / "log"
    if rank == 0:
        for more in ({}, {"resume": True}):
            with pytest.raises(InputError, match="gathered=True"):
                begin(model, path, **more)
        assert not path.exists()
        recording = begin(model, path, gathered=True)
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.05)
    for ids in batches():
        mine = ids[2 * rank : 2 * rank + 2]
        optimizer.zero_grad()
        wrapped(samples()[mine]).square().mean().backward()
        optimizer.step()
        both = gather_ids(mine)
        assert both.tolist() == ids.tolist()
        if rank == 0:
            recording.step(both, 0)
    assert gather_ids(IDS[:rank]).tolist() == [0]  # parts may differ in length, or be empty
    if rank == 0:
        recording.close()
        forget(open_log(path), model, IDS[:1])
        torch.save(model.state_dict(), f"{folder}/weights")
    torch.distributed.destroy_process_group()


def start() -> nn.Module:
    torch.manual_seed(3)
    return two_layers()


def samples() -> Tensor:
    return torch.randn(len(IDS), 6, generator=torch.Generator().manual_seed(4))


def batches() -> list[Tensor]:
    return list(torch.randperm(40, generator=torch.Generator().manual_seed(5)).split(4))


def test_two_processes_give_what_one_does(tmp_path):
    torch.multiprocessing.spawn(share_out, (str(tmp_path),), nprocs=2)
    model = start()
    recording = begin(model, tmp_path / "alone")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for ids in batches():
        optimizer.zero_grad()
        model(samples()[ids]).square().mean().backward()
        optimizer.step()
        recording.step(ids, 0)
    recording.close()
    log, both = open_log(tmp_path / "alone"), open_log(tmp_path / "log")
    for sample in IDS:
        assert log.affected_steps([sample]) == both.affected_steps([sample])
    assert torch.allclose(log.sum(range(10)), both.sum(range(10)), atol=1e-6)
    before = state(model)
    forget(log, model, IDS[:1])
    assert not torch.equal(model[0].weight, before["0.weight"])
    for name, tensor in torch.load(tmp_path / "weights").items():
        assert torch.allclose(tensor, model.state_dict()[name], atol=1e-6)


def test_a_process_that_is_alone_in_its_group_records_as_ever(tmp_path):
    meet = f"file://{tmp_path}/meet"
    torch.distributed.init_process_group("gloo", init_method=meet, rank=0, world_size=1)
    try:
        log = recorded(two_layers(), tmp_path / "log")
        assert gather_ids(IDS[:3]).tolist() == [0, 1, 2]
    finally:
        torch.distributed.destroy_process_group()
    assert log.affected_steps(IDS[:1]) == [0, 10]
