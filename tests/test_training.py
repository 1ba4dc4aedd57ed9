"""The training loop, its callbacks, and accuracy."""

import pytest
import torch

from partial_unlearning.batching import shuffled_plan
from partial_unlearning.errors import InputError
from partial_unlearning.metrics import accuracy, predict
from partial_unlearning.models import build
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.training import Callback, fit
from reproduction.datasets.sets import load
from reproduction.study.measures.history import History
from reproduction.study.runs.optimizers import make_optimizer


@pytest.fixture(scope="module")
def digits() -> Split:
    data = load("mnist", source="sample").train
    return data.subset(data.ids[:300])


def trained(digits: Split, seed: int, optimizer: str = "adam") -> torch.nn.Module:
    model = build("LeNet", classes=10, seed=seed)
    plan = shuffled_plan(digits.ids, batch_size=64, epochs=2, seed=seed)
    return fit(model, digits, plan, make_optimizer(optimizer, model, learning_rate=0.001))


def test_two_runs_of_one_seed_are_identical(digits):
    first, again, other = (trained(digits, seed) for seed in (1, 1, 2))
    layout = Layout.of(first)
    assert torch.equal(layout.vector(first), layout.vector(again))
    assert not torch.equal(layout.vector(first), layout.vector(other))


def test_a_step_of_sgd_is_equation_3(digits):
    """w_b = w_(b-1) - alpha * gradient, computed by hand for one batch."""
    model = build("MLP", classes=10, seed=0)
    twin = build("MLP", classes=10, seed=0)
    plan = shuffled_plan(digits.ids, batch_size=300, epochs=1, seed=0)
    fit(model, digits, plan, make_optimizer("sgd", model, learning_rate=0.5))
    probabilities = torch.log_softmax(twin(digits.images), dim=1)
    loss = -probabilities[torch.arange(300), digits.labels].mean()  # Eq. 1
    gradients = torch.autograd.grad(loss, list(twin.parameters()))
    for new, old, gradient in zip(model.parameters(), twin.parameters(), gradients, strict=True):
        torch.testing.assert_close(new, old - 0.5 * gradient)


def test_callbacks_are_told_of_every_moment_in_order(digits):
    class Notes(Callback):
        def __init__(self):
            self.heard = []

        def on_train_begin(self, model):
            self.heard.append("start")

        def on_step_end(self, step, model):
            self.heard.append(step)

        def on_epoch_end(self, epoch, model):
            self.heard.append(f"epoch {epoch}")

    notes, model = Notes(), build("MLP", classes=10, seed=0)
    plan = shuffled_plan(digits.ids, batch_size=150, epochs=2, seed=0)
    fit(model, digits, plan, make_optimizer("adam", model, learning_rate=0.001), [notes])
    assert notes.heard == ["start", 0, 1, "epoch 0", 2, 3, "epoch 1"]


def test_accuracy_counts_images_and_leaves_the_model_alone(digits):
    model = build("ResNet9", classes=10, seed=0, width=2).train()
    before = Layout.of(model).vector(model)
    measured = accuracy(model, digits, target=3, classes=10)
    assert model.training
    assert torch.equal(before, Layout.of(model).vector(model))
    right = predict(model, digits.images) == digits.labels
    of_target = digits.labels == 3
    assert measured.d_t == pytest.approx(100 * right[of_target].float().mean().item())
    assert measured.d_r == pytest.approx(100 * right[~of_target].float().mean().item())
    assert measured.of(7) == pytest.approx(100 * right[digits.labels == 7].float().mean().item())


def test_history_has_a_point_for_each_epoch(digits):
    history = History(digits, target=3, classes=10)
    model = build("MLP", classes=10, seed=0)
    plan = shuffled_plan(digits.ids, batch_size=64, epochs=3, seed=0)
    fit(model, digits, plan, make_optimizer("adam", model, learning_rate=0.001), [history])
    assert len(history.curve) == 3
    assert history.curve[-1].d_r == accuracy(model, digits, target=3, classes=10).d_r
    assert history.curve[-1].d_r > history.curve[0].d_r


def test_a_class_without_images_has_no_accuracy(digits):
    without = digits.without(digits.of_class(3))
    with pytest.raises(InputError, match="class 3 has no images"):
        accuracy(build("MLP", classes=10, seed=0), without, target=3, classes=10)


def test_a_model_that_answers_nan_recognises_nothing():
    images = torch.eye(3)
    images[1] = torch.nan
    data = Split(images, torch.tensor([0, 1, 0]), torch.arange(3))
    assert predict(torch.nn.Identity(), images).tolist() == [0, -1, 2]
    images[:] = torch.nan  # argmax alone would answer 0 every time
    measured = accuracy(torch.nn.Identity(), data, target=1, classes=3)
    assert (measured.d_t, measured.d_r) == (0.0, 0.0)


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="MLP, ConvNet, LeNet, AlexNet, ResNet9"):
        build("VGG", classes=10, seed=0)
