"""The public notebook's way to record, against what is known of it."""

import pickle

import torch
from torchvision.models import resnet18

from partial_unlearning.models import build
from reproduction.costs.public_notebook import NotebookScheme


def test_it_writes_resnet18_fifteen_times_over(tmp_path):
    model = resnet18(num_classes=10)
    scheme = NotebookScheme(tmp_path)
    scheme.on_train_begin(model)
    scheme.on_step_end(0, model)
    kept = (tmp_path / "0.pkl").stat().st_size
    weights = 4 * sum(weight.numel() for weight in model.parameters())
    assert 0.99 < kept / weights < 1.01
    assert 14.5 < scheme.written / kept < 15.5


def test_it_keeps_the_difference_of_each_step(tmp_path):
    model = build("MLP", classes=10, seed=0, width=4)
    scheme = NotebookScheme(tmp_path)
    scheme.on_train_begin(model)
    for step, amount in enumerate((0.5, -0.25)):
        with torch.no_grad():
            for weight in model.parameters():
                weight += amount
        scheme.on_step_end(step, model)
        for update in pickle.loads((tmp_path / f"{step}.pkl").read_bytes()).values():
            assert torch.allclose(update, torch.full_like(update, amount))
