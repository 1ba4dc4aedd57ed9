"""What an update log withstands: random ``kill -9``, and every kind of single-bit flip.

``python -m benchmarks.damage`` runs 100 kills and 10,000 flips and prints what it found.
"""

import json
import os
import signal
import struct
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from partial_unlearning import exists, open_log, record
from partial_unlearning.errors import InputError
from partial_unlearning.update_log import model_description
from partial_unlearning.update_log.checkpoint import write_checkpoint
from partial_unlearning.update_log.log import StoredLog

IDS = torch.arange(50, 370)
BATCH, EPOCHS = 16, 3
STEPS = EPOCHS * len(IDS) // BATCH
SHARD_BYTES = 5000  # a shard every few steps, so that kills and flips meet every kind of file


def train(path: Path, result: Path, report: Callable[[int], object]) -> None:
    """A resumable run with batch normalisation, Adam and two random generators."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4))
    optimizer, generator = torch.optim.Adam(model.parameters()), torch.Generator().manual_seed(1)
    images, labels = torch.randn(len(IDS), 20), torch.randint(0, 4, (len(IDS),))
    settings = {"ids": IDS, "batch_size": BATCH, "sparsity_first": 0.5, "sparsity_last": 0.0}
    recording = record(
        model, path, keep=[optimizer], generators=[generator], resume=True, **settings
    )
    recording.checkpoint(recording.epoch)  # from here on the run can be begun again
    for epoch in range(recording.epoch, EPOCHS):
        for where in torch.randperm(len(IDS), generator=generator).split(BATCH):
            optimizer.zero_grad()
            noisy = images[where] + 0.1 * torch.randn(20)
            cross_entropy(model(noisy), labels[where]).backward()
            optimizer.step()
            recording.step(IDS[where], epoch)
            report(recording.log.written)
        recording.checkpoint(epoch + 1)
    torch.save([model.state_dict(), optimizer.state_dict(), generator.get_state()], result)
    recording.close()


def _killed_after(seconds: float | None, path: Path, result: Path) -> tuple[bool, int]:
    """Train in a process of its own and kill it, unless seconds is None.

    Returns:
        Whether it was still running when it was killed, and how many steps it had reported.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            train(path, result, lambda steps: os.write(writer, struct.pack("<q", steps)))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        reports = pipe.read()
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("the training process failed")
    said = struct.unpack("<q", reports[-8:])[0] if reports else 0
    return os.WIFSIGNALED(status), said


def _same(first: object, second: object) -> bool:
    """Equality of nested states, tensors bit by bit."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_same(first[k], second[k]) for k in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(_same, first, second))
    return first == second


def _check(path: Path, reported: int, reference: StoredLog) -> str:
    """Look at what a killed process left."""
    if not exists(path):
        return "lost" if reported else "whole"  # killed before there was a log
    try:
        log = open_log(path)
        problems = list(log.verify())
        held = len(log)
    except InputError:
        return "not opened"
    if problems:
        return "damaged"
    if held < reported:
        return "lost"
    pairs = zip(log.updates(range(held)), reference.updates(range(held)), strict=True)
    same = all(torch.equal(mine[1], expected[1]) for mine, expected in pairs)
    return "whole" if same else "wrong"


def kills(count: int, *, seed: int) -> Counter[str]:
    """Kill training ``count`` times at random moments, going on after each.

    Returns:
        How often what was left was ``whole``, or something worse; and of the runs that came to
        their end in spite of all, how many were ``equal`` to an uninterrupted one.
    """
    generator, found = np.random.default_rng(seed), Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for log in ("warm", "whole"):  # the first run of a process is slow
            began = time.perf_counter()
            train(folder / log, folder / f"{log}.pt", lambda _: None)
        whole_run = time.perf_counter() - began
        reference = open_log(folder / "whole")
        expected = torch.load(folder / "whole.pt")
        done, runs = 0, 0
        while True:
            path, result = folder / f"log{runs}", folder / f"result{runs}.pt"
            delay = generator.uniform(0, whole_run) if done < count else None
            killed, reported = _killed_after(delay, path, result)
            if killed:
                found[_check(path, reported, reference)] += 1
                done += 1
                continue
            same = _same(torch.load(result), expected) and _same_log(path, reference)
            found["equal" if same else "unequal"] += 1
            runs += 1
            if done == count:
                return found


def _same_log(path: Path, reference: StoredLog) -> bool:
    """Whether a finished log holds what the uninterrupted run's holds."""
    log = open_log(path)
    weights = [each.history.entries[-1].weights for each in (log, reference)]
    return weights[0] == weights[1] and _check(path, STEPS, reference) == "whole"


def flips(count: int, *, seed: int) -> Counter[str]:
    """Flip ``count`` single bits of a log, one at a time.

    Returns:
        How many were ``detected``, ``harmless`` (everything is read as it was written), or else
        ``wrong``.
    """
    generator, found = np.random.default_rng(seed), Counter()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "log"
        train(path, Path(name) / "result.pt", lambda _: None)
        log = open_log(path)
        write_checkpoint(log.folder, [nn.Linear(3, 3)], [], {"steps": len(log)})  # flipped as well
        expected = _everything(log)
        files = {f: f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}
        for _ in range(count):
            file = generator.choice(list(files))  # short documents as often as long shards
            bit = int(generator.integers(8 * len(files[file])))
            content = bytearray(files[file])
            content[bit // 8] ^= 1 << bit % 8
            file.write_bytes(content)
            found[_judge(path, expected)] += 1
            file.write_bytes(files[file])
    return found


def _everything(log: StoredLog) -> list[object]:
    """All that a log can be asked."""
    entries, ids = log.history.entries, IDS[:5]
    return [log.sum(range(len(log))), log.affected_steps(ids), len(log), entries, log.description]


def _judge(path: Path, expected: list[object]) -> str:
    try:
        log = open_log(path)
        if list(log.verify()):
            return "detected"
    except InputError:
        return "detected"
    return "harmless" if _same(_everything(log), expected) else "wrong"


def measure(*, kill_count: int, flip_count: int, seed: int = 0) -> dict[str, dict[str, int]]:
    """Kills and flips, with small shards."""
    usual = model_description.SHARD_BYTES
    model_description.SHARD_BYTES = SHARD_BYTES
    try:
        return {
            "kills": dict(kills(kill_count, seed=seed)),
            "bit_flips": dict(flips(flip_count, seed=seed)),
        }
    finally:
        model_description.SHARD_BYTES = usual


if __name__ == "__main__":
    print(json.dumps(measure(kill_count=100, flip_count=10_000)))
