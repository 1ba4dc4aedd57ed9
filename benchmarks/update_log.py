"""What the update log costs: ``python -m benchmarks.update_log --json``.

All ratios are taken in one run, both sides alternating, from medians. 90 % random pruning,
bfloat16, batches of 128, two threads.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch
import zarr
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.memory import peak_memory
from partial_unlearning import create, forget, open_log
from partial_unlearning.models import build
from partial_unlearning.state import Layout
from partial_unlearning.update_log.codecs import PositionCode
from partial_unlearning.update_log.log import LogWriter
from partial_unlearning.update_log.recording import Recording
from partial_unlearning.update_log.row_files import Rows
from reproduction.costs.public_notebook import NotebookScheme
from reproduction.costs.timing import alternate, ratio
from reproduction.machine.memory import keep_freed_memory

IDS = torch.arange(60_000)
SAMPLES = 2000  # in memory, of those 60,000
BATCH = 128
WIDTHS = {"MLP": None, "LeNet": None, "ConvNet": None, "ResNet9": 16}
TOGETHER = {"MLP": 469, "LeNet": 240, "ConvNet": 160, "ResNet9": 48}
"""Steps a round: an epoch of MNIST, less where steps are slow. In short rounds what goes on beside
training has no time to get in its way: 48 steps of the MLP told 1.21 where an epoch told 1.31."""
ROUNDS = {"MLP": 8, "LeNet": 8, "ConvNet": 8, "ResNet9": 5}
BLOCKS = {"MLP": (1, 16, 32, 64), "LeNet": (1, 16, 32, 64), "ConvNet": (1, 32), "ResNet9": (1, 32)}
PEER_ROUNDS = 5
PRUNING = 0.9
AFFECTED = 2000


class Step:
    """One training step after the other, on noise of MNIST's shape held in memory."""

    def __init__(self, name: str) -> None:
        self.together = TOGETHER[name]
        self.model = build(name, classes=10, seed=0, width=WIDTHS[name])
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self._generator = torch.Generator().manual_seed(0)
        self._images = torch.rand(SAMPLES, 1, 28, 28, generator=self._generator)
        self._labels = torch.randint(0, 10, (SAMPLES,), generator=self._generator)
        self.number = 0

    def __call__(self) -> Tensor:
        """Train one step and return the ids of its samples."""
        ids = torch.randint(0, SAMPLES, (BATCH,), generator=self._generator)
        self.optimizer.zero_grad(set_to_none=True)
        cross_entropy(self.model(self._images[ids]), self._labels[ids]).backward()
        self.optimizer.step()
        self.number += 1
        return ids


def new_log(path: Path, model: nn.Module, **settings: object) -> LogWriter:
    """A log with the settings that all measurements share."""
    ends = {"sparsity_first": PRUNING, "sparsity_last": PRUNING}
    return create(path, model, **{**ends, "ids": IDS, "batch_size": BATCH, **settings})


def _train(step: Step) -> None:
    for _ in range(step.together):
        step()


def _train_recording(step: Step, recording: Recording) -> None:
    """Until the last step is in the log: what is done beside training is all counted."""
    for _ in range(step.together):
        recording.step(step(), 0)
    recording._recorder.on_epoch_end(0, step.model)


def _train_peer(step: Step, peer: NotebookScheme) -> None:
    for _ in range(step.together):
        step()
        peer.on_step_end(step.number % 20, step.model)  # over old files: the disk is not endless


def step_overhead(folder: Path) -> dict[str, dict[str, object]]:
    """Step time with recording over step time without, for both schemes; ours by size of blocks.

    All sides train one and the same model, since two equal models differ in speed by as much as
    a tenth, depending on where in memory they happen to lie.
    """
    keep_freed_memory()  # else the C library decides by chance which side has page faults
    names = ("step_overhead", "peer_step_overhead", "step_ms")
    found: dict[str, dict[str, object]] = {name: {} for name in names}
    for name in ROUNDS:
        step = Step(name)
        ours = {block: _recorded(folder, name, step, block) for block in BLOCKS[name]}
        peer = NotebookScheme(folder / f"{name}_peer")
        theirs = alternate(
            {"plain": partial(_train, step), "peer": partial(_train_peer, step, peer)},
            rounds=PEER_ROUNDS,
            prepare={"peer": partial(peer.on_train_begin, step.model)},
        )
        found["step_overhead"][name] = {b: ratio(t, "ours", "plain") for b, t in ours.items()}
        found["peer_step_overhead"][name] = ratio(theirs, "peer", "plain")
        found["step_ms"][name] = 1000 * theirs["plain"].median() / step.together
    return found


def _recorded(folder: Path, name: str, step: Step, block: int) -> pd.DataFrame:
    """Times of steps without recording and with it."""
    log = new_log(folder / f"{name}_{block}", step.model, block=block)
    recording = Recording(step.model, log)
    taken = alternate(
        {"plain": partial(_train, step), "ours": partial(_train_recording, step, recording)},
        rounds=ROUNDS[name],
        # Steps that were made without recording are no updates: read the model anew. Nor does
        # anything look at them then.
        prepare={"ours": recording.restart, "plain": lambda: recording._watch.close()},
    )
    recording._watch.close()
    return taken


def fill(log: LogWriter, steps: int) -> None:
    """Record noise. Bytes and times of reading do not depend on the values."""
    generator = torch.Generator().manual_seed(0)
    kept = log.description.kept
    positions = log.mask.kept(torch.rand(log.description.size, generator=generator))
    values = 1e-3 * torch.randn(kept, generator=generator)
    for step in range(steps):
        ids = IDS[torch.randint(1, len(IDS), (BATCH,), generator=generator)]
        if step % 2 == 0:
            ids[0] = 0  # the person who will ask
        log.announce(step, step // 469, ids)
        log.record(step, positions, values[None])
    log.close()


def limit_bytes(size: int, density: float, *, magnitude: bool) -> float:
    """The fewest bytes a step's update can take: bfloat16 values, and positions if unknown."""
    bits = 16 * density * size
    if magnitude:
        bits += min(size, density * size * PositionCode("indices", size, 1).width)
    return bits / 8


def bytes_over_limit(folder: Path, steps: int = 500) -> dict[str, dict[str, float]]:
    """Bytes of the whole folder over the limit; in short, the worst model's at 90 % pruning."""
    detail = {}
    for name in WIDTHS:
        for kind, strategy in (("seeded", "random"), ("magnitude", "layer_magnitude")):
            for pruning in (PRUNING, 0.99) if kind == "magnitude" else (PRUNING,):
                model = build(name, classes=10, seed=0, width=WIDTHS[name])
                label = f"{kind} {name} {pruning:.0%}"
                ends = {"sparsity_first": pruning, "sparsity_last": pruning}
                log = new_log(folder / label, model, strategy=strategy, **ends)
                fill(log, steps)
                fewest = limit_bytes(log.description.size, 1 - pruning, magnitude=kind != "seeded")
                limit = steps * fewest
                detail[label] = log.folder.total() / limit
    # At 99 % a step of LeNet is 2.5 kB, and its 128 sample ids, at 16 bits each, a tenth of that.
    worst = {
        kind: max(
            ratio for label, ratio in detail.items() if label.startswith(kind) and "90" in label
        )
        for kind in ("seeded", "magnitude")
    }
    return {"bytes_over_limit": worst, "bytes_over_limit_detail": detail}


def _fast_sum(updates: Tensor) -> Tensor:
    """The same sum in memory, row by row, which torch does faster than ``sum(0)``."""
    total = torch.zeros(updates.shape[1])
    for row in updates:
        total += row
    return total


def unlearning(folder: Path) -> dict[str, object]:
    """Unlearning every second step of a log of 4,000, against memory and retraining."""
    step = Step("MLP")
    fill(new_log(folder / "half", step.model), 2 * AFFECTED)
    log = open_log(folder / "half")
    layout, person = Layout.of(step.model), torch.tensor([0])
    in_memory = torch.randn(AFFECTED, log.description.kept).to(torch.bfloat16)
    affected = log.affected_steps(person)
    assert len(affected) == AFFECTED

    def unlearn() -> None:  # all of it: from opening the log to changed weights
        opened = open_log(folder / "half", step.model)
        layout.subtract(step.model, opened.sum(opened.affected_steps(person)))

    sides = {
        "unlearn": unlearn,
        "log.sum": lambda: log.sum(affected),
        "sum(0)": lambda: in_memory.sum(0, dtype=torch.float32),
        "rows": lambda: _fast_sum(in_memory),
    }
    taken = alternate(sides, rounds=11, warmup=2)
    began = time.perf_counter()
    for _ in range(2 * AFFECTED):
        step()
    retraining = time.perf_counter() - began
    gigabytes = in_memory.numel() * in_memory.itemsize / 1e9
    return {
        "unlearn_rate_over_memory": ratio(taken, "sum(0)", "unlearn"),
        "unlearn_rate_over_row_by_row": ratio(taken, "rows", "unlearn"),
        "unlearn_speedup_over_retrain": retraining / taken["unlearn"].median(),
        "unlearn_seconds": taken["unlearn"].median(),
        "retrain_seconds": retraining,
        "gigabytes_per_second": {name: gigabytes / taken[name].median() for name in sides},
    }


def _lengthen(path: Path, shards: int) -> None:
    """Make a log of one full shard long by linking that shard, without the bytes on disk."""
    log = open_log(path)
    for part, _ in log.parts:
        for number in range(1, shards):
            os.link(path / part.name / "c.0.0", path / part.name / f"c.{number}.0")
        rows = shards * part.per_shard
        log.folder.put_json(f"{part.name}/zarr.json", rows, part._metadata)


def _of_the_first(part: Rows) -> Callable[[np.ndarray], np.ndarray]:
    numbers = part._numbers
    return lambda rows: numbers(rows % part.per_shard)


def memory(folder: Path) -> dict[str, object]:
    """Peak memory of a request over all of 1,000 and of 100,000 steps, in megabytes."""
    model, found = build("MLP", classes=10, seed=0), {}
    for steps in (1_000, 100_000):
        path = folder / f"long{steps}"
        log = new_log(path, model)
        next(model.parameters()).data += 1  # trained, as the log must think
        per_shard = log.description.per_shard
        fill(log, per_shard)
        _lengthen(path, -(-steps // per_shard))
        opened = open_log(path)
        for part, _ in opened.parts:  # each shard is the first one
            part._numbers = _of_the_first(part)
        ids = torch.cat([opened.plan().epochs[0][0], torch.tensor([0])])
        seconds = time.perf_counter()
        found[str(len(opened))] = {
            "peak_mb": peak_memory(partial(forget, opened, model, ids, unfinished=True)) / 2**20,
            "seconds": time.perf_counter() - seconds,
        }
    allowed = (4 * 4 * Layout.of(model).size + (64 << 20)) / 2**20
    return {"unlearn_memory": found, "unlearn_memory_allowed_mb": allowed}


def against_zarr(folder: Path, steps: int = 210) -> dict[str, dict[str, float]]:
    """The same array written and summed through the zarr library, over our time."""
    model = build("MLP", classes=10, seed=0)
    log = new_log(folder / "ours", model)
    row = torch.zeros(log.description.update_bytes, dtype=torch.uint8).numpy()
    values, positions = torch.zeros(log.description.kept), log.mask.kept()
    rows, shard = (1, len(row)), (log.description.per_shard, len(row))
    array = zarr.create_array(
        folder / "theirs",
        shape=(0, len(row)),
        chunks=rows,
        shards=shard,
        dtype="uint8",
        compressors=[zarr.codecs.Crc32cCodec()],
    )
    count = iter(range(steps))

    def write_ours() -> None:
        log.announce(step := next(count), 0, IDS[:BATCH])
        log.record(step, positions, values[None])

    def write_theirs() -> None:
        array.resize((array.shape[0] + 1, len(row)))
        array[-1] = row

    def sum_theirs() -> Tensor:
        read = torch.from_numpy(array[: log.description.per_shard]).view(torch.bfloat16)
        return _fast_sum(read)

    writing = alternate({"ours": write_ours, "zarr": write_theirs}, rounds=steps // 14, calls=13)
    reader = open_log(folder / "ours")
    reading = alternate(
        {"ours": lambda: reader.sum(range(log.description.per_shard)), "zarr": sum_theirs},
        rounds=9,
    )
    return {
        "zarr_library_over_ours": {
            "append": ratio(writing, "zarr", "ours"),
            "sum": ratio(reading, "zarr", "ours"),
        }
    }


SECTIONS = (bytes_over_limit, unlearning, memory, against_zarr, step_overhead)


def measure() -> dict[str, object]:
    """Everything, in temporary folders."""
    torch.set_num_threads(2)
    found: dict[str, object] = {}
    for section in SECTIONS:
        with tempfile.TemporaryDirectory() as folder:
            found |= section(Path(folder))
    return found


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def main(as_json: bool) -> None:
    """Measure the update log."""
    for name, value in {"": measure()}.items() if as_json else measure().items():
        click.echo(json.dumps(value) if as_json else f"{name}: {json.dumps(value, indent=2)}")


if __name__ == "__main__":
    main()
