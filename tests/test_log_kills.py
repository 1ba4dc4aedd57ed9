"""New weights and the ledger are two files: whatever ends a request, it can be repeated.

A request is killed, or refused by the system, at each thing it does to files, and at random
moments. Then the same command has to bring about what it would have without that.
``REQUEST_KILLS`` says how many random kills are tried; with more than usual each request also ends
in each way at every change of files, and else at a third of them, another third in each way.
"""

import errno
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from partial_unlearning import forget, open_log, record, undo
from partial_unlearning.errors import InputError
from partial_unlearning.update_log.request_files import answer

IDS = torch.arange(40)
CHANGES = {"os.rename", "os.remove", "os.chmod", "os.mkdir", "tempfile.mkstemp", "fsync"}
KINDS = ["forget", "forget in place", "undo", "undo in place", "unfinished", "unfinished in place"]
USUAL_KILLS = 24
KILLS = int(os.environ.get("REQUEST_KILLS", USUAL_KILLS))
Injected = Callable[[], None]


def make(folder: Path, kind: str) -> None:
    """A log with its checkpoint, its weights, and what a request needs."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    recording = record(model, folder / "log", ids=IDS, batch_size=4, sparsity_first=0.5)
    for step in range(20):
        optimizer.zero_grad()
        model(torch.randn(4, 6)).pow(2).mean().backward()
        optimizer.step()
        recording.step(IDS[4 * (step % 10) :][:4], step // 10)
    recording.checkpoint(2)
    if kind.startswith("unfinished"):
        recording.log.close()
    else:
        recording.close()
    if kind.startswith("undo"):
        forget(open_log(folder / "log"), model, [30])
        forget(open_log(folder / "log"), model, [0])
    save_file(model.state_dict(), folder / "w.safetensors")
    (folder / "i.csv").write_text("id\n1\n2\n")


def out(folder: Path, kind: str) -> Path:
    return folder / ("w.safetensors" if kind.endswith("in place") else "new.safetensors")


def command(folder: Path, kind: str) -> None:
    asked = 2 if kind.startswith("undo") else folder / "i.csv"
    unfinished = kind.startswith("unfinished")
    answer(str(folder / "log"), folder / "w.safetensors", asked, out(folder, kind), unfinished)


def in_a_process(action: Callable[[], None]) -> int:
    """Do it in a process of its own, and return how that ended."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (the process ends)
            action()
            code = 0
        except InputError:
            code = 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def at(number: int, inject: Injected, folder: str = "") -> list[str]:
    """Have ``inject`` called before the given change of files (from it on, in a given folder).

    Returns:
        The changes so far; the list grows.
    """
    seen = []

    def look(event: str, arguments: tuple) -> None:
        writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if (event in CHANGES or writes) and folder in str(arguments[0]):
            seen.append(event)
            if len(seen) == number or (folder and len(seen) > number):
                inject()

    fsync = os.fsync

    def watched(descriptor: int) -> None:
        look("fsync", (os.readlink(f"/proc/self/fd/{descriptor}"),))
        fsync(descriptor)

    os.fsync = watched
    sys.addaudithook(look)
    return seen


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(number: int) -> Injected:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    return fail


ENDS = {"kill": kill, "full": refuse(errno.ENOSPC), "forbidden": refuse(errno.EACCES)}


@pytest.fixture(scope="module", params=KINDS)
def case(request, tmp_path_factory):
    """The state before a request, and what it leads to undisturbed."""
    folder = tmp_path_factory.mktemp("case")
    make(folder / "before", request.param)
    shutil.copytree(folder / "before", folder / "after")
    command(folder / "after", request.param)
    return request.param, folder


def check(folder: Path, expected: Path, kind: str, code: int) -> None:
    """The files are whole; the same command, and another after it, lead to what is expected."""
    log = open_log(folder / "log")
    assert list(log.verify()) == []
    old, new = (
        load_file(expected.parent / "before" / "w.safetensors"),
        load_file(out(expected, kind)),
    )
    for path in folder.glob("*.safetensors"):
        assert any(equal(load_file(path), known) for known in (old, new))
    after = open_log(expected / "log")
    if code and told(log) != told(after):  # else it was killed after its end
        command(folder, kind)
    assert equal(load_file(out(folder, kind)), new)
    assert told(log) == told(after)
    assert log.history.announced is None
    assert not (folder / "log" / "checkpoint.bin").exists()
    weights = load_file(out(folder, kind))
    forget(log, weights, [39])
    again = load_file(out(expected, kind))
    shutil.copytree(expected / "log", folder / "expected")
    forget(open_log(folder / "expected"), again, [39])
    assert equal(weights, again)


def told(log) -> list[tuple[object, ...]]:
    return [(e.kind, e.request, e.asked, e.weights, e.subtracted) for e in log.history.entries]


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("end", ENDS)
def test_a_request_ended_at_any_change_of_files_can_be_repeated(case, tmp_path, end):
    (kind, folder), inject = case, ENDS[end]
    shutil.copytree(folder / "before", tmp_path / "counted")

    def counted() -> None:
        seen = at(0, kill)
        command(tmp_path / "counted", kind)
        (tmp_path / "count").write_text(str(len(seen)))

    assert in_a_process(counted) == 0
    count = int((tmp_path / "count").read_text())
    assert count > 12  # every file is opened, saved, renamed
    each = 1 if KILLS > USUAL_KILLS else 3
    for number in range(1 + ([*ENDS].index(end) + KINDS.index(kind)) % each, count + 1, each):
        where = tmp_path / str(number)
        shutil.copytree(folder / "before", where)

        def disturbed(where: Path = where, number: int = number) -> None:
            at(number, inject)
            command(where, kind)

        code = in_a_process(disturbed)
        assert code in ((-signal.SIGKILL,) if inject is kill else (0, 2))  # 0: it helped itself
        check(where, folder / "after", kind, code)


def test_a_ledger_that_cannot_be_written_is_found_before_the_weights_are(case, tmp_path):
    kind, folder = case
    shutil.copytree(folder / "before", tmp_path / "case")
    held = {path: path.read_bytes() for path in (tmp_path / "case").rglob("*") if path.is_file()}

    def forbidden() -> None:
        at(1, refuse(errno.EACCES), folder="/log")
        command(tmp_path / "case", kind)

    assert in_a_process(forbidden) == 2
    found = {path: path.read_bytes() for path in (tmp_path / "case").rglob("*") if path.is_file()}
    assert found == held


def test_a_request_killed_at_random_can_be_repeated(case, tmp_path):
    kind, folder = case
    generator = np.random.default_rng(KINDS.index(kind))
    shutil.copytree(folder / "before", tmp_path / "timed")
    began = time.perf_counter()
    in_a_process(lambda: command(tmp_path / "timed", kind))
    whole = time.perf_counter() - began
    for number in range(-(-KILLS // len(KINDS))):
        where = tmp_path / str(number)
        shutil.copytree(folder / "before", where)

        def disturbed(where: Path = where) -> None:
            signal.setitimer(signal.ITIMER_REAL, generator.uniform(0.2, 1.0) * whole)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process where it stands
            command(where, kind)

        code = in_a_process(disturbed)
        generator.uniform()  # the child draws from a copy
        check(where, folder / "after", kind, code)


def test_another_request_on_weights_of_a_killed_one_is_refused(case, tmp_path):
    """Else it would bring back what the first one took, or be noted down as the first one."""
    kind, folder = case
    shutil.copytree(folder / "before", tmp_path / "case")

    def cut_short() -> None:
        save = os.replace
        seen = []

        def watched(old: str, new: str) -> None:
            if seen and str(new).endswith("requests.json"):
                kill()
            seen.append(new)
            save(old, new)

        os.replace = watched
        command(tmp_path / "case", kind)

    assert in_a_process(cut_short) == -signal.SIGKILL
    log, weights = open_log(tmp_path / "case" / "log"), load_file(out(tmp_path / "case", kind))
    assert log.history.announced is not None
    if kind.startswith("undo"):  # bit by bit the weights from before that request
        assert log.history.knows(log.description.digest(weights))
    else:
        with pytest.raises(InputError, match="was cut short; repeat it"):
            forget(log, weights, [39], unfinished=True)
    command(tmp_path / "case", kind)
    assert told(log) == told(open_log(folder / "after" / "log"))


@pytest.mark.parametrize("number", range(1, 4))
@pytest.mark.parametrize("ask", [lambda *a: forget(*a, [1, 2]), lambda *a: undo(*a, 1)])
def test_a_model_in_memory_is_as_before_or_can_be_given_again(tmp_path, monkeypatch, number, ask):
    make(tmp_path, "undo")
    log, weights = open_log(tmp_path / "log"), load_file(tmp_path / "w.safetensors")
    expected = {name: tensor.clone() for name, tensor in weights.items()}
    shutil.copytree(tmp_path / "log", tmp_path / "twin")
    ask(open_log(tmp_path / "twin"), expected)
    replace, seen = os.replace, []

    def failing(old: str, new: str) -> None:
        seen.append(new)
        if len(seen) == number:
            raise OSError(errno.ENOSPC, "no space")
        replace(old, new)

    monkeypatch.setattr(os, "replace", failing)
    if number < 3:
        with pytest.raises(InputError, match="no space"):
            ask(log, weights)
        seen.append(None)
        seen.append(None)
    ask(log, weights)
    assert equal(weights, expected)
    assert told(log) == told(open_log(tmp_path / "twin"))
