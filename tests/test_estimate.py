"""What a log would take: the formula against logs on disk, and words for amounts and times."""

import doctest

import numpy as np
import pytest
import torch
from torch import nn

from partial_unlearning import build, create
from reproduction.chapters import people
from reproduction.chapters.log_size import in_words, log_bytes
from reproduction.costs import estimate
from reproduction.costs.cost_figures import size_lines


def filled(path, model: nn.Module, *, steps: int, ids: torch.Tensor, **settings):
    """A log of so many steps of noise; its size does not depend on the values."""
    log = create(path, model, ids=ids, **settings)
    update = torch.rand(log.description.size, generator=torch.Generator().manual_seed(0))
    positions = log.mask.kept(update)
    for step in range(steps):
        log.announce(step, 0, ids[: settings["batch_size"]])
        log.record(step, positions, update[positions][None])
    log.close()
    return log


@pytest.mark.parametrize(
    ("name", "ends", "values", "batch", "most"),
    [
        ("LeNet", (0.9, 0.9), "bfloat16", 128, 60_000),
        ("LeNet", (0.99, 0.5), "float32", 32, 200),
        ("LeNet", (0.99, 0.99), "bfloat16", 128, 2**33),
        ("MLP", (0.9, 0.3), "float16", 64, 70_000),
        ("ResNet9", (0.5, 0.0), "bfloat16", 16, 300),
    ],
)
def test_the_formula_is_the_size_of_a_log(tmp_path, name, ends, values, batch, most):
    model = build(name, classes=10, seed=0, width=8 if name == "ResNet9" else None)
    first, last = ends
    ids = torch.arange(most - 200, most)
    settings = {"sparsity_first": first, "sparsity_last": last, "values": values}
    log = filled(tmp_path / "log", model, steps=300, ids=ids, batch_size=batch, **settings)
    foretold = log_bytes(
        log.description.size,
        300,
        pruned=1 - log.description.kept / log.description.size,
        batch_size=batch,
        value_bytes=4 if values == "float32" else 2,
        id_bytes=np.dtype(log.description.ids).itemsize,
    )
    assert log.folder.total() == pytest.approx(foretold, rel=0.02)


def test_rates_are_of_this_machine(tmp_path):
    rates = estimate.measured_rates(tmp_path, weights=10**6, steps=10)
    assert 0 < rates.recording < 1e-5 and rates.reading > 1e6


def test_the_table_has_a_line_a_model_and_grows_with_it():
    rates = estimate.Rates(recording=1e-9, reading=1e9)
    models = {"small": (1e6, 100.0), "large": (1e9, 100.0)}
    lines = estimate.estimate_table(models, rates, affected=0.5).text.splitlines()
    assert lines[2].split()[:4] == ["small", "1,000,000", "100", "400"]
    assert lines[3].endswith("1.0 s            10 s")


@pytest.mark.parametrize(
    ("amount", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1.5e9, "1.5 GB"), (7e20, "7e+05 PB")],
)
def test_bytes_in_words(amount, words):
    assert in_words(amount) == words


@pytest.mark.parametrize("module", [estimate, people])
def test_examples_in_docstrings_run(module):
    failed, tried = doctest.testmod(module)
    assert failed == 0 and tried > 0


def test_the_figure_marks_real_logs():
    figure = size_lines({"mine": (10**6, 2e5), "another": (10**7, 2e6)})
    axis, names = figure.axes[0], figure.legends[0].texts
    assert [line.get_marker() for line in axis.lines].count("o") == 1
    assert [text.get_text() for text in names] == ["mine", "another"]
