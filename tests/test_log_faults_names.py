"""Faults of names in files: prefixes of wrappers, tied weights, and what is no tensor."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

from partial_unlearning import append_to, forget, open_log, preview, record
from partial_unlearning.errors import InputError
from partial_unlearning.state import named_tensors
from partial_unlearning.update_log.commands import forget_command
from partial_unlearning.update_log.model_description import renamed
from recorded_loops import ALL, IDS


def plain() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))


class Wrapper(nn.Module):
    """As of a training framework."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


def partly_compiled(model: nn.Module) -> nn.Module:
    return nn.Sequential(torch.compile(model[0], backend="eager"), *model[1:])


def partly_checkpointed(model: nn.Module) -> nn.Module:
    return nn.Sequential(checkpoint_wrapper(model[0]), *model[1:])


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "_orig_mod.": lambda model: torch.compile(model, backend="eager"),
    "module.": nn.DataParallel,
    "model.": Wrapper,
    "_orig_mod.module.": lambda model: torch.compile(nn.DataParallel(model), backend="eager"),
    "_orig_mod.model.module.": lambda model: nn.DataParallel(Wrapper(torch.compile(model))),
    "_orig_mod. inside": partly_compiled,
    "_checkpoint_wrapped_module.": partly_checkpointed,
}


def train(model: nn.Module, path: Path, inputs: Callable[[], Tensor] | None = None) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    recording = record(model, path, **ALL)
    torch.manual_seed(1)
    for batch in IDS.split(4):
        optimizer.zero_grad()
        model(inputs() if inputs else torch.randn(4, 6)).square().mean().backward()
        optimizer.step()
        recording.step(batch, 0)
    recording.close()


def request(path: Path, *options: object) -> str:
    """Ask to forget sample 5: from old.safetensors beside the log to new.safetensors."""
    (path.parent / "ids.csv").write_text("id\n5\n")
    files = ["--weights", path.parent / "old.safetensors", "--out", path.parent / "new.safetensors"]
    arguments = ["--log", path, *files, "--ids", path.parent / "ids.csv", *options]
    result = CliRunner().invoke(forget_command, [str(argument) for argument in arguments])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in state.items()}


@pytest.mark.parametrize("prefix", WRAPPERS)
@pytest.mark.parametrize("recorded", ["plain", "wrapped"])
def test_names_in_files_with_and_without_prefixes(tmp_path, prefix, recorded):
    """Recorded plain and saved wrapped, or the other way round."""
    model = plain()
    wrapped = WRAPPERS[prefix](model)
    mine, other = (model, wrapped) if recorded == "plain" else (wrapped, model)
    train(mine, tmp_path / "log")
    shutil.copytree(tmp_path / "log", tmp_path / "twin")
    save_file(copied(named_tensors(other)), tmp_path / "old.safetensors")
    with pytest.raises(InputError, match="differ by") as error:
        request(tmp_path / "log")
    for word in prefix.removesuffix(" inside").split("."):
        assert word in str(error.value)
    assert "--wrapped" in str(error.value)
    assert not (tmp_path / "new.safetensors").exists()
    request(tmp_path / "log", "--wrapped")
    new, expected = load_file(tmp_path / "new.safetensors"), copied(named_tensors(mine))
    assert set(new) == set(named_tensors(other))
    forget(open_log(tmp_path / "twin"), expected, IDS[5:6])
    for value, right in zip(sorted_values(new), sorted_values(expected), strict=True):
        assert torch.equal(value, right)
    moved = zip(sorted_values(expected), sorted_values(named_tensors(mine)), strict=True)
    assert not all(torch.equal(value, before) for value, before in moved)


def sorted_values(state: dict[str, Tensor]) -> list[Tensor]:
    """By names without any wrapper."""
    words = ("_orig_mod", "module", "model", "_checkpoint_wrapped_module")
    bare = {".".join(p for p in n.split(".") if p not in words): t for n, t in state.items()}
    return [bare[name] for name in sorted(bare)]


@pytest.mark.parametrize("prefix", WRAPPERS)
def test_names_in_files_of_the_model_as_it_was_recorded_need_no_option(tmp_path, prefix):
    model = WRAPPERS[prefix](plain())
    train(model, tmp_path / "log")
    shutil.copytree(tmp_path / "log", tmp_path / "twin")
    save_file(copied(named_tensors(model)), tmp_path / "old.safetensors")
    request(tmp_path / "log")
    request(tmp_path / "log", "--wrapped")
    expected = copied(named_tensors(model))
    forget(open_log(tmp_path / "twin"), expected, IDS[5:6])
    new = load_file(tmp_path / "new.safetensors")
    assert all(torch.equal(new[name], expected[name]) for name in expected)


def test_names_that_a_wrapper_takes_out_of_the_state_itself(tmp_path):
    """Activation checkpointing saves the names of the plain model."""
    model = partly_checkpointed(plain())
    train(model, tmp_path / "log")
    save_file(copied(model.state_dict()), tmp_path / "old.safetensors")
    assert set(model.state_dict()) != set(named_tensors(model))
    with pytest.raises(InputError, match="differ by _checkpoint_wrapped_module"):
        request(tmp_path / "log")
    request(tmp_path / "log", "--wrapped")
    assert set(load_file(tmp_path / "new.safetensors")) == set(model.state_dict())


def test_names_of_a_wrapped_model_in_python(tmp_path):
    model = plain()
    train(model, tmp_path / "log")
    shutil.copytree(tmp_path / "log", tmp_path / "twin")
    log, compiled = open_log(tmp_path / "log"), torch.compile(model, backend="eager")
    before = copied(model.state_dict())
    for attempt in (preview, forget):
        with pytest.raises(InputError, match=r"differ by _orig_mod\. .*description\.unwrapped"):
            attempt(log, compiled, IDS[5:6])
    for attempt in (open_log, append_to):
        with pytest.raises(InputError, match=r"differ by _orig_mod\."):
            attempt(tmp_path / "log", compiled)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    forget(log, log.description.unwrapped(compiled), IDS[5:6])
    forget(open_log(tmp_path / "twin"), before, IDS[5:6])
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_names_that_are_words_of_wrappers_themselves(tmp_path):
    """A model whose own parts are called model and module: nothing is guessed."""
    model = nn.ModuleDict({"model": nn.Linear(6, 5), "module": nn.Linear(5, 3)})
    both = nn.Sequential(model["model"], model["module"])
    recording = record(model, tmp_path / "log", **ALL)
    for step in range(2):
        with torch.no_grad():
            both[step].weight += 1
        recording.step(IDS[4 * step : 4 * step + 4], 0)
    recording.close()
    log, state = open_log(tmp_path / "log"), copied(model.state_dict())
    forget(log, state, IDS[:1])
    assert torch.allclose(state["model.weight"], model["model"].weight - 1)
    assert torch.equal(state["module.weight"], model["module"].weight)
    swapped = {f"module.{name}": tensor for name, tensor in state.items()}
    assert set(log.description.unwrapped(swapped)) == set(swapped)
    with pytest.raises(InputError, match="wrong model"):
        forget(log, log.description.unwrapped(swapped), IDS[4:5])


def test_names_of_a_language_model_keep_their_own_model_word(tmp_path):
    """Names that begin with model for some tensors and not for others."""
    body, head = nn.Linear(6, 5), nn.Linear(5, 3)
    model = nn.Sequential()
    model.model, model.lm_head = body, head
    train(model, tmp_path / "log")
    save_file(copied(nn.DataParallel(model).state_dict()), tmp_path / "old.safetensors")
    with pytest.raises(InputError, match=r"differ by module\."):
        request(tmp_path / "log")
    request(tmp_path / "log", "--wrapped")
    assert set(load_file(tmp_path / "new.safetensors")) == {
        f"module.{name}" for name in model.state_dict()
    }


@pytest.mark.parametrize("wrapped", [[], ["--wrapped"]])
def test_names_that_differ_in_more_than_a_wrapper_are_refused(tmp_path, wrapped):
    model = plain()
    train(model, tmp_path / "log")
    state = copied(model.state_dict())
    for wrong in (
        {f"backbone.{name}": tensor for name, tensor in state.items()},
        state | {"module.0.weight": state["0.weight"].clone()},
        {f"module.{n}": t for n, t in state.items()} | {"module.9.weight": state["0.bias"].clone()},
    ):
        save_file(wrong, tmp_path / "old.safetensors")
        with pytest.raises(InputError, match=r"wrong model|differ by module"):
            request(tmp_path / "log", *wrapped)
    assert [entry.kind for entry in open_log(tmp_path / "log").history.entries] == ["trained"]


WORDS = st.sampled_from(["_orig_mod", "module", "model", "0", "1", "weight", "bias"])
NAMES = st.lists(st.lists(WORDS, min_size=1, max_size=4).map(".".join), unique=True)


@given(NAMES, NAMES)
def test_names_are_renamed_one_to_one_or_not_at_all(found, known):
    pairs = renamed(found, known)
    assert set(pairs) <= set(found)
    assert set(pairs.values()) <= set(known)
    after = [pairs.get(name, name) for name in found]
    assert len(set(after)) == len(found)
    assert renamed(known, known) == {}


# --- tied weights ----------------------------------------------------------------------------


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(6, 6, bias=False) for _ in range(3))
        self.b.weight = self.c.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.b(self.a(x)))


@pytest.mark.parametrize("names", ["a", "b", "c", "ab", "bc", "abc"])
@pytest.mark.parametrize("prefix", ["", "_orig_mod."])
def test_names_of_tied_weights_are_found_whichever_a_file_holds(tmp_path, names, prefix):
    torch.manual_seed(0)
    model = Tied()
    train(model, tmp_path / "log")
    weight, expected = model.a.weight.detach().clone(), copied(model.state_dict())
    save_file(
        {f"{prefix}{name}.weight": weight.clone() for name in names}, tmp_path / "old.safetensors"
    )
    shutil.copytree(tmp_path / "log", tmp_path / "twin")
    request(tmp_path / "log", *(["--wrapped"] if prefix else []))
    forget(open_log(tmp_path / "twin"), expected, IDS[5:6])
    new = load_file(tmp_path / "new.safetensors")
    assert set(new) == {f"{prefix}{name}.weight" for name in names}
    for tensor in new.values():
        assert torch.equal(tensor, expected["a.weight"])
        assert not torch.equal(tensor, weight)


# --- extra state and what is no tensor -------------------------------------------------------


class Extra(nn.Linear):
    """Keeps something beside its weights."""

    def __init__(self, extra: object) -> None:
        super().__init__(6, 3)
        self.extra = extra

    def get_extra_state(self) -> object:
        return self.extra

    def set_extra_state(self, state: object) -> None:
        self.extra = state


@pytest.mark.parametrize("extra", [{"scale": 1.0}, None, 3, b"bytes", torch.arange(3.0)])
def test_names_of_extra_state_are_left_alone(tmp_path, extra):
    model = Extra(extra)
    train(model, tmp_path / "log")
    state = model.state_dict()
    assert "_extra_state" in state
    log, before = open_log(tmp_path / "log", model), model.weight.detach().clone()
    forget(log, state, IDS[5:6])
    assert state["_extra_state"] is extra or torch.equal(state["_extra_state"], extra)
    assert not torch.equal(model.weight, before)


def test_names_of_extra_state_in_a_file_are_left_alone(tmp_path):
    model = nn.Sequential(nn.Linear(6, 6), Extra(torch.arange(3.0)))
    train(model, tmp_path / "log")
    save_file(copied(model.state_dict()), tmp_path / "old.safetensors")
    request(tmp_path / "log")
    new = load_file(tmp_path / "new.safetensors")
    assert torch.equal(new["1._extra_state"], torch.arange(3.0))
    assert not torch.equal(new["0.weight"], model[0].weight)


def test_names_of_what_is_no_tensor_in_a_state_are_left_alone(tmp_path):
    model = plain()
    train(model, tmp_path / "log")
    state = copied(model.state_dict()) | {"version": 2, "config": {"width": 5}, "nothing": None}
    forget(open_log(tmp_path / "log"), state, IDS[5:6])
    assert (state["version"], state["config"], state["nothing"]) == (2, {"width": 5}, None)
    assert not torch.equal(state["0.weight"], model[0].weight)
