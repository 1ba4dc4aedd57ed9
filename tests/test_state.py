"""A model as one flat vector."""

import pytest
import torch

from partial_unlearning.models import MODELS, build
from partial_unlearning.state import Layout
from reproduction.chapters.layers import parameter_count


def models() -> list[tuple[str, torch.nn.Module]]:
    return [(name, build(name, classes=11, seed=0, width=6)) for name in MODELS]


@pytest.mark.parametrize(("name", "model"), models())
def test_the_vector_holds_every_weight_and_buffer_once(name, model):
    layout = Layout.of(model)
    assert layout.size == sum(t.numel() for t in model.state_dict().values())
    assert sorted(layout.names) == sorted(model.state_dict())
    assert sum(layout.layer_sizes) == layout.size


@pytest.mark.parametrize(("name", "model"), models())
def test_loading_a_models_own_vector_changes_nothing(name, model):
    layout, before = Layout.of(model), {k: v.clone() for k, v in model.state_dict().items()}
    layout.load(model, layout.vector(model))
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_loading_puts_each_value_in_its_place():
    layout, model = Layout.of(build("ResNet9", classes=10, seed=0, width=2)), None
    model = build("ResNet9", classes=10, seed=1, width=2)
    vector = torch.arange(layout.size, dtype=torch.float32)
    layout.load(model, vector)
    state = model.state_dict()
    slow = torch.cat([state[name].reshape(-1).float() for name in layout.names])
    assert torch.equal(slow, vector)


def test_batch_norm_belongs_to_the_layer_before_it():
    layout = Layout.of(build("ResNet9", classes=10, seed=0, width=2))
    assert len(layout.layers) == 9
    assert all(not name.endswith(".1") for name in layout.layers)


def test_subtracting_is_exact_on_counters_too():
    model = build("ResNet9", classes=10, seed=0, width=2)
    layout = Layout.of(model)
    before = layout.vector(model)
    model.train()
    model(torch.rand(4, 1, 28, 28))
    layout.subtract(model, layout.vector(model) - before)
    torch.testing.assert_close(layout.vector(model), before, rtol=0, atol=1e-6)
    assert model.state_dict()["0.1.num_batches_tracked"].item() == 0


def test_tied_weights_count_once():
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert Layout.of(model).size == 9 + 3 + 3


@pytest.mark.parametrize(
    ("name", "width", "count"),
    # MLP: 784*500+500 + 500*10+10. LeNet-5: the count of LeCun et al.'s layers with 28x28 padded.
    # ResNet9 at 64: 9 x (convolution + batch norm) + classifier, added up by hand below.
    [
        ("MLP", None, 784 * 500 + 500 + 500 * 10 + 10),
        ("LeNet", None, 156 + 2416 + 48120 + 10164 + 850),
        (
            "ResNet9",
            None,
            9 * (64 + 64 * 128 + 2 * 128**2 + 128 * 256 + 256 * 512 + 2 * 512**2)
            + 2 * (64 + 3 * 128 + 256 + 3 * 512)
            + 5130,
        ),
        (
            "ConvNet",
            16,
            (160 + 16 * 32 * 9 + 32 + 32 * 64 * 9 + 64)
            + (576 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10),
        ),
        (
            "AlexNet",
            2,
            (20 + 2 * 6 * 9 + 6 + 6 * 12 * 9 + 12 + 12 * 8 * 9 + 8 + 8 * 8 * 9 + 8)
            + (72 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10),
        ),
    ],
)
def test_parameter_counts(name, width, count):
    assert parameter_count(build(name, classes=10, seed=0, width=width)) == count


@pytest.mark.parametrize("name", MODELS)
def test_models_take_any_number_of_classes_and_are_seeded(name):
    images = torch.rand(2, 1, 28, 28)
    first, again, other = (build(name, classes=7, seed=s, width=6).eval() for s in (1, 1, 2))
    assert first(images).shape == (2, 7)
    assert torch.equal(first(images), again(images))
    assert not torch.equal(first(images), other(images))


def test_building_leaves_the_global_random_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build("MLP", classes=10, seed=9)
    assert torch.equal(torch.rand(3), expected)
