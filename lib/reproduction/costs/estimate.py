"""What an update log would take for other models: bytes by a formula, times by two rates."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from partial_unlearning import open_log, record
from reproduction.chapters.log_size import in_words, log_bytes
from reproduction.chapters.tables import Table, simple_table


@dataclass(frozen=True)
class Rates:
    """How fast a machine records and answers.

    Attributes:
        recording: seconds that recording adds to a step, for each weight.
        reading: bytes of updates summed a second.
    """

    recording: float
    reading: float


def _steps(model: nn.Linear, count: int) -> Iterator[int]:
    """Change every weight so many times, as an optimizer would; its own time is small."""
    for step in range(count):
        model.weight.data.add_(1e-3)
        yield step


def measured_rates(folder: Path, *, weights: int, steps: int) -> Rates:
    """Record and sum that many steps of a layer of so many weights, 90 % pruned."""
    model, ids = nn.Linear(1000, weights // 1000), torch.arange(128)
    began = time.perf_counter()
    for _ in _steps(model, steps):
        pass
    plain = time.perf_counter() - began
    recording = record(model, folder / "rates", ids=ids, batch_size=128)
    began = time.perf_counter()
    for _ in _steps(model, steps):
        recording.step(ids, 0)
    recording.close()
    recorded = time.perf_counter() - began
    log = open_log(folder / "rates", model)
    began = time.perf_counter()
    log.sum(range(steps))
    reading = log.folder.total() / (time.perf_counter() - began)
    return Rates((recorded - plain) / steps / weights, reading)


def lasting(seconds: float) -> str:
    """A time with the unit that fits.

    >>> lasting(0.0123), lasting(7200)
    ('12 ms', '2.0 h')
    """
    units = {"d": 86400, "h": 3600, "min": 60, "s": 1, "ms": 1e-3}
    unit = next((unit for unit, least in units.items() if seconds >= least), "ms")
    amount = seconds / units[unit]
    return f"{amount:.0f} {unit}" if amount >= 10 else f"{amount:.1f} {unit}"


def estimate_table(
    models: Mapping[str, tuple[float, float]], rates: Rates, *, affected: float
) -> Table:
    """Log and times of models of these weights and steps.

    Args:
        models: name -> weights that are recorded, and steps of the training.
        rates: of a machine.
        affected: fraction of the steps that a request takes back.
    """
    rows = []
    for name, (weights, steps) in models.items():
        dense = log_bytes(weights, steps, pruned=0, value_bytes=4)
        sizes = [log_bytes(weights, steps, pruned=pruned) for pruned in (0.5, 0.9, 0.99)]
        answer = affected * sizes[1] / rates.reading
        times = [lasting(rates.recording * weights), lasting(answer)]
        counts = [f"{weights:,.0f}", f"{steps:,.0f}"]
        rows.append([name, *counts, *map(in_words, (dense, *sizes)), *times])
    pruned = [f"{part} pruned" for part in ("50 %", "90 %", "99 %")]
    heads = ["Model", "Weights recorded", "Steps", "Every weight, float32", *pruned]
    heads += ["Added to a step", "To answer a request"]
    return simple_table(rows, headings=heads, caption="What a log would take", cards=True)
