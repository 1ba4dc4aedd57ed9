"""Faults of other people's scripts, seventh part: numbers, shared memory, hidden modules."""

import shutil
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from partial_unlearning import forget, open_log, record, undo
from partial_unlearning.errors import InputError
from partial_unlearning.masks import depth_schedule
from partial_unlearning.state import Layout
from recorded_loops import ALL, IDS, Partial, train

WHOLE = {torch.bfloat16: torch.int16, torch.float16: torch.int16, torch.float32: torch.int32}


def bits(tensor: Tensor) -> Tensor:
    return tensor.detach().view(WHOLE[tensor.dtype]).clone()


def counted(path: Path, changes: list[tuple[int, list[int]]], **settings: object) -> nn.Module:
    """A counter that changes in steps of some samples."""
    model = nn.Linear(6, 3)
    model.register_buffer("count", torch.tensor([5]))
    recording = record(model, path, **{**ALL, "buffers": "subtract", **settings})
    for change, ids in changes:
        model.count += change
        with torch.no_grad():
            model.weight += 0.1
        recording.step(torch.tensor(ids), 0)
    recording.close()
    return model


@pytest.mark.parametrize("strategy", ["random", "layer_magnitude"])
@pytest.mark.parametrize("values", ["float32", "bfloat16"])
@pytest.mark.parametrize("large", [2**24, 2**24 + 2, 2**30])
def test_arithmetic_of_whole_numbers_that_cancel_out_is_exact(tmp_path, strategy, values, large):
    large = large if values == "float32" else 2 ** (large.bit_length() - 1)
    changes = [(large, [0]), (1, [0, 1]), (-large, [0]), (7, [2])]
    model = counted(tmp_path / "log", changes, values=values, strategy=strategy)
    forget(open_log(tmp_path / "log"), model, [0])
    assert model.count.item() == 5 + 7


class Overridden(nn.Module):
    """A class attribute hides a submodule."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head, self.spare = nn.Linear(6, 5), nn.Linear(5, 3), nn.Linear(5, 3)

    @property
    def head(self) -> nn.Module:
        return self.spare

    def forward(self, x: Tensor) -> Tensor:
        return self._modules["head"](self.body(x))


def dotted() -> nn.Module:
    model = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 3))
    model._modules["a.b"] = model._modules.pop("1")
    return model


def hidden() -> nn.Module:
    model = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 3))
    model.__dict__["1"] = print
    return model


@pytest.mark.parametrize("make", [Overridden, dotted, hidden])
def test_another_model_is_not_read_where_a_name_hides_a_module(tmp_path, make):
    model = make()
    held = dict(model.named_parameters())
    optimizer = torch.optim.SGD(held.values(), lr=0.1)
    recording, moved = record(model, tmp_path / "log", **ALL), []
    for step in range(2):
        before = {name: weight.detach().clone() for name, weight in held.items()}
        train(model, optimizer, recording, range(step, step + 1))
        moved.append({name: weight.detach() - before[name] for name, weight in held.items()})
    recording.close()
    last = {name: weight.detach().clone() for name, weight in held.items()}
    forget(open_log(tmp_path / "log", model), model, IDS[:1])
    for name, weight in held.items():
        assert torch.equal(weight, last[name] - moved[0][name]), name


def hankel() -> Tensor:
    return torch.randn(8).as_strided((6, 3), (1, 1))


def gaps() -> Tensor:
    return torch.randn(8).as_strided((2, 3), (2, 2))


@pytest.mark.parametrize("make", [hankel, lambda: torch.randn(8).unfold(0, 3, 1), gaps])
def test_one_memory_of_several_entries_of_a_weight_is_refused(tmp_path, make):
    model = nn.Linear(6, 3)
    model.wide = nn.Parameter(make())
    with pytest.raises(InputError, match=r"entries of wide overlap in memory; clone\(\) it"):
        record(model, tmp_path / "log", **ALL)
    assert not (tmp_path / "log").exists()


def test_one_memory_of_a_number_that_is_repeated_and_moves_is_refused_until_it_is_cloned(tmp_path):
    model = nn.Linear(6, 3)
    model.register_buffer("scale", torch.ones(1).expand(4))
    recording = record(model, tmp_path / "log", **ALL, buffers="subtract")
    with torch.no_grad():
        model.weight += 1
    model.scale = torch.full((1,), 3.0).expand(4)
    recording.step(IDS[:4], 0)
    recording.close()
    log = open_log(tmp_path / "log", model)
    with pytest.raises(InputError, match=r"nothing was changed: scale is one number, repeated"):
        forget(log, model, IDS[:1])
    model.scale = model.scale.clone()
    forget(log, model, IDS[:1])
    assert model.scale.tolist() == [1.0] * 4


def test_arithmetic_of_a_weight_whose_memory_holds_its_negative(tmp_path):
    model = nn.Linear(6, 3)
    model.own = nn.Parameter(torch.tensor(1 + 2j).conj().imag)
    recording = record(model, tmp_path / "log", **ALL)
    with torch.no_grad():
        model.own += 3
    recording.step(IDS[:4], 0)
    recording.close()
    forget(open_log(tmp_path / "log", model), model, IDS[:1])
    assert model.own.item() == -2.0


def test_a_model_whose_parameters_are_a_list_is_recorded(tmp_path):
    class Listed(nn.Linear):
        def parameters(self, recurse: bool = True) -> list[nn.Parameter]:
            return [weight for weight in super().parameters(recurse) if weight.requires_grad]

    model = Listed(6, 3)
    recording = record(model, tmp_path / "log", **ALL)
    train(model, torch.optim.SGD(model.parameters(), lr=0.1), recording, range(3))
    recording.close()
    assert len(open_log(tmp_path / "log", model)) == 3


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 60))
def test_the_environment_s_processor_has_no_part_in_a_schedule(first, last, layers):
    line = depth_schedule(first, last, layers)
    step = (Fraction(last) - Fraction(first)) / max(layers - 1, 1)
    exact = [float(Fraction(first) + step * number) for number in range(layers)]
    assert np.allclose(line, exact, rtol=0, atol=1e-15)
    assert line[0] == first
    assert layers == 1 or line[-1] == last
    assert all(0 <= part <= 1 for part in line)


@pytest.mark.parametrize("dtype", [*WHOLE])
@pytest.mark.parametrize("rest", [float("nan"), -0.0, 3.0])
def test_arithmetic_notes_the_weights_that_are_there(tmp_path, dtype, rest):
    """A request that moves no entry of a tensor leaves it bit by bit, as the history says."""
    model = nn.Sequential(nn.Linear(6, 20), nn.Linear(20, 33)).to(dtype)
    with torch.no_grad():
        model[1].bias.fill_(rest)
        model[1].bias[1] = 0
    recording = record(model, tmp_path / "log", **ALL)
    for number, value in enumerate((2**-13, 2**10)):  # too little beside what follows
        with torch.no_grad():
            model[0].weight += 0.1
            model[1].bias[1] = value
        recording.step(IDS[4 * number :][:4], 0)
    recording.close()
    log, before = open_log(tmp_path / "log", model), bits(model[1].bias)
    entry = forget(log, model, IDS[:1])
    assert entry.weights == log.description.digest(model)
    assert torch.equal(bits(model[1].bias), before) == (dtype != torch.float32)
    forget(log, model, IDS[4:5])
    undo(log, model, 1)


@given(st.sampled_from([*WHOLE]), st.integers(0, 2**32))
def test_arithmetic_leaves_every_entry_of_no_update_bit_by_bit(dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    model = nn.Linear(6, 3, dtype=dtype)
    kind = torch.iinfo(WHOLE[dtype])
    drawn = torch.randint(kind.min, kind.max, (18,), generator=generator, dtype=torch.int64)
    with torch.no_grad():
        model.weight.copy_(drawn.to(WHOLE[dtype]).view(dtype).view(3, 6))
        model.weight[0, 0] = 1
    before, update = bits(model.weight), torch.zeros(21)
    update[0] = 0.5
    Layout.of(model).subtract(model, update)
    changed = bits(model.weight) != before
    assert model.weight[0, 0] == 0.5
    assert changed.nonzero().tolist() == [[0, 0]]


class HalfLoaded(nn.Linear):
    """Fails when the weights are loaded already."""

    def load_state_dict(self, state: dict[str, Tensor], **_: object) -> object:
        with torch.no_grad():
            self.weight.copy_(state["weight"])
        if not torch.equal(self.bias, state["bias"]):
            raise RuntimeError("no more")


class Foreign:
    """A generator of another kind."""

    def get_state(self) -> int:
        return 0

    def set_state(self, state: Tensor) -> None:
        raise TypeError("not a state of mine")


def begun(path: Path, make: type[nn.Module], steps: int, **given: object) -> None:
    model = make(6, 3)
    optimizer = torch.optim.Adam(model.parameters())
    recording = record(model, path, keep=[optimizer], **ALL, **given)
    train(model, optimizer, recording, range(steps))
    recording.checkpoint(0)
    recording._watch.close()
    recording.log.folder.unlock()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Partial, "leaves some out"),
        (HalfLoaded, "no more"),
        (nn.Linear, "not a state of mine"),
        (nn.Linear, "made after 5 steps, but the log holds 3"),
    ],
)
def test_nothing_is_taken_over_by_a_resume_that_is_refused(tmp_path, make, message):
    foreign = message.startswith("not")
    begun(tmp_path / "log", make, 3, generators=[torch.Generator()] if foreign else [])
    if "5 steps" in message:
        begun(tmp_path / "more", make, 5)
        shutil.copy(tmp_path / "more/checkpoint.bin", tmp_path / "log/checkpoint.bin")
    model = make(6, 3)
    optimizer = torch.optim.Adam(model.parameters())
    before = [tensor.clone() for tensor in (*model.parameters(), torch.get_rng_state())]
    with pytest.raises(InputError, match=message):
        record(
            model,
            tmp_path / "log",
            keep=[optimizer],
            generators=[Foreign()] if foreign else [],
            resume=True,
        )
    after = [*model.parameters(), torch.get_rng_state()]
    assert all(map(torch.equal, before, after))
    assert not optimizer.state


@pytest.mark.parametrize("half", [np.float32(0.51), np.float64(0.5), Fraction(51, 100), 0.5])
def test_one_error_numbers_of_any_kind_are_a_fraction(tmp_path, half):
    model = nn.Linear(6, 3)
    recording = record(model, tmp_path / "log", **{**ALL, "sparsity_first": half})
    assert recording.log.description.kept == 10
    recording._watch.close()
    recording.log.folder.unlock()
    assert record(model, tmp_path / "log", resume=True, sparsity_first=half).steps == 0


@pytest.mark.parametrize("half", [True, "0.5", None, Decimal("0.5"), torch.tensor(0.5), 1.5, -0.1])
def test_one_error_what_is_no_fraction_is_refused_as_what_it_is(tmp_path, half):
    with pytest.raises(InputError, match="^sparsity_first is .*; give a number from 0 to 1"):
        record(nn.Linear(6, 3), tmp_path / "log", **{**ALL, "sparsity_first": half})


def changed(path: Path, name: str, start: Tensor, changes: list[float], **given: object):
    model = nn.Linear(6, 3)
    model.register_buffer(name, start)
    recording = record(model, path, **{**ALL, "buffers": "subtract", **given})
    for number, change in enumerate(changes):
        with torch.no_grad():
            model.weight += 0.1
        model.get_buffer(name).add_(change)
        recording.step(IDS[4 * number :][:4], 0)
    recording.close()
    forget(open_log(path), model, IDS[:1])
    return model.get_buffer(name).item()


@pytest.mark.parametrize("name", ["covariance", "log_var", "variable", "invariant"])
def test_true_statements_of_statistics_that_are_no_variance(tmp_path, name):
    assert changed(tmp_path / "log", name, torch.zeros(1), [0.5, -0.25]) == -0.25


@pytest.mark.parametrize("name", ["running_var", "var", "moving_variance"])
def test_true_statements_of_variances(tmp_path, name):
    with pytest.raises(InputError, match=f"{name} without these steps is a variance below 0"):
        changed(tmp_path / "log", name, torch.zeros(1), [0.5, -0.25])


def test_true_statements_of_a_count_that_would_fall_below_0(tmp_path):
    with pytest.raises(InputError, match="balance without these steps is a count or place below 0"):
        changed(tmp_path / "log", "balance", torch.tensor([0]), [5, -3])


def test_true_statements_of_what_float32_cannot_hold_give_no_advice_that_was_followed(tmp_path):
    with pytest.raises(InputError, match=r"float32 cannot hold exactly; make it a buffer"):
        changed(tmp_path / "log", "b", torch.tensor([0]), [2**24 + 1])


@pytest.mark.parametrize("values", ["float32", "bfloat16", "float16"])
def test_arithmetic_of_a_change_beyond_float32_is_refused_when_it_is_recorded(tmp_path, values):
    start = torch.zeros(1, dtype=torch.float64)
    with pytest.raises(InputError, match="big changed by more than float32 can hold"):
        changed(tmp_path / "log", "big", start, [1e39, -1e39], values=values)


def test_arithmetic_of_a_change_that_rounds_to_infinity_is_refused_when_recorded(tmp_path):
    with pytest.raises(InputError, match="a change is too large for torch.bfloat16"):
        changed(tmp_path / "log", "big", torch.zeros(1), [3.4e38], values="bfloat16")
