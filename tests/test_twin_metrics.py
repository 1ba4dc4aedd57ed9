"""Measures beside a retrained twin, and of features: each against a closed form or a slow twin."""

import math

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from partial_unlearning.errors import InputError
from partial_unlearning.metrics import evaluated
from partial_unlearning.models import build
from partial_unlearning.state import Layout
from reproduction.datasets.sets import load
from reproduction.study.measures.features import features, fit_probe, linear_cka, probe
from reproduction.study.measures.twin import (
    agreement,
    average_gap,
    destinations,
    divergence,
    log_probabilities,
    total_variation,
    tug_of_war,
)

METHOD = {"forget": 0.5, "retain": 0.9, "test": 0.7}
TWIN = {"forget": 0.0, "retain": 1.0, "test": 0.9}


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_gaps_are_those_of_arithmetic():
    assert average_gap(METHOD, TWIN) == pytest.approx((0.5 + 0.1 + 0.2) / 3)
    assert tug_of_war(METHOD, TWIN) == pytest.approx(0.5 * 0.9 * 0.8)
    with_attack = {**METHOD, "attack": 0.6}, {**TWIN, "attack": 0.5}
    assert average_gap(*with_attack) == pytest.approx((0.5 + 0.1 + 0.2 + 0.1) / 4)


def test_a_twin_has_no_gap_to_itself_and_names_must_agree():
    assert average_gap(TWIN, TWIN) == 0
    assert tug_of_war(TWIN, TWIN) == 1
    for one, other in (({**METHOD, "attack": 0.6}, TWIN), (METHOD, {**TWIN, "attack": 0.6})):
        for measure in (average_gap, tug_of_war):
            with pytest.raises(KeyError):
                measure(one, other)


def test_outputs_of_two_coins():
    """Two images, two classes: (0.5, 0.5) against (0.25, 0.75), and equal answers."""
    model = torch.tensor([[0.5, 0.5], [0.9, 0.1]], dtype=torch.float64).log()
    twin = torch.tensor([[0.25, 0.75], [0.9, 0.1]], dtype=torch.float64).log()
    kl = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    assert divergence(model, twin) == pytest.approx(kl / 2)  # over 2 images, not 4 numbers
    assert divergence(twin, model) != pytest.approx(kl / 2)
    assert total_variation(model, twin) == pytest.approx(0.25 / 2)
    assert agreement(model, twin) == 0.5  # a tie goes to the first class
    assert destinations(twin).tolist() == [0.5, 0.5]
    assert destinations(model).tolist() == [1, 0]


def test_equal_outputs_are_at_distance_zero():
    answers = drawn(50, 10).log_softmax(1)
    assert divergence(answers, answers) == 0
    assert total_variation(answers, answers) == 0
    assert agreement(answers, answers) == 1


def slow_cka(x, y):
    """The formula with covariances in place of Gram matrices (Kornblith et al., Section 3)."""
    x, y = x - x.mean(0), y - y.mean(0)
    return ((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())).item()


def test_linear_cka_is_its_formula_and_blind_to_rotation_scale_and_shift():
    x, y = drawn(30, 5), drawn(30, 8, seed=1)
    assert linear_cka(x, y) == pytest.approx(slow_cka(x, y))
    rotation = torch.linalg.qr(drawn(5, 5, seed=2)).Q
    assert linear_cka(x, 3 * x @ rotation + 1) == pytest.approx(1)
    assert linear_cka(x, torch.ones(30, 4).double()) == 0


def test_orthogonal_features_have_no_cka():
    x = torch.tensor([[1.0], [1], [-1], [-1]])
    y = torch.tensor([[1.0], [-1], [1], [-1]])
    assert linear_cka(x, y) == 0


def test_the_probe_is_logistic_regression():
    x, y = drawn(80, 6), drawn(80, seed=1) + drawn(80, 6)[:, 0] > 0
    weights = fit_probe(x, y, penalty=0.01)
    oracle = LogisticRegression(C=1 / (80 * 0.01), tol=1e-10, max_iter=10_000).fit(x, y)
    expected = torch.cat([torch.tensor(oracle.coef_[0]), torch.tensor(oracle.intercept_)])
    assert torch.allclose(weights, expected, atol=1e-4)


def generator():
    return torch.Generator().manual_seed(0)


def test_a_probe_finds_what_can_be_separated_and_nothing_else():
    features_of = drawn(400, 3)
    shift = torch.tensor([0.0, 20.0, 0.0])
    assert probe(features_of[:200] + shift, features_of[200:], generator=generator()) == 1
    alike = probe(features_of[:200], features_of[200:], generator=generator())
    assert abs(alike - 0.5) < 3 * 0.5 / math.sqrt(200)
    constant = torch.ones(10, 2)
    assert probe(constant, constant, generator=generator()) == 0.5


def test_a_probe_is_not_asked_about_images_that_it_was_fitted_to():
    """More features than images: every half can be fitted, and nothing was learnt."""
    noise = drawn(200, 500)
    found = probe(noise[:100], noise[100:], generator=generator())
    assert abs(found - 0.5) < 3 * 0.5 / math.sqrt(100)


def test_features_are_what_the_layers_are_given():
    model, images = (
        build("LeNet", classes=10, seed=0),
        load("mnist", source="sample").evaluation.images[:7],
    )
    found = features(model, images, chunk=3)
    assert list(found) == [*Layout.of(model).layers, "outputs"]
    given = images
    for name, part in model.named_children():
        if name in found:
            assert torch.allclose(found[name], given.flatten(1), atol=1e-5)
        given = part(given)
    assert torch.allclose(found["outputs"], given, atol=1e-5)


def test_a_layer_that_is_used_twice_is_refused():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(self.layer(x))

    with pytest.raises(InputError, match="layer is given 6 rows for 3 images"):
        features(Twice(), torch.ones(3, 4))


def hooks_of(model):
    return [len(part._forward_pre_hooks) + len(part._forward_hooks) for part in model.modules()]


def test_measuring_leaves_the_model_as_it_was():
    model = build("ResNet9", classes=10, seed=0, width=4).train()
    frozen = next(model.children()).eval()  # a part in a mode of its own
    weight = next(model.parameters()).requires_grad_(requires_grad=False)
    state, random, hooks = Layout.of(model).vector(model), torch.get_rng_state(), hooks_of(model)
    images = load("mnist", source="sample").evaluation.images[:20]
    features(model, images)
    answers = log_probabilities(model, images, chunk=7)
    assert torch.allclose(answers.exp().sum(1), torch.ones(20).double())
    with pytest.raises(InputError), evaluated(model):
        raise InputError("in the middle of it")
    assert torch.equal(Layout.of(model).vector(model), state)
    assert torch.equal(torch.get_rng_state(), random)
    assert model.training
    assert not frozen.training
    assert not weight.requires_grad
    assert all(p.grad is None for p in model.parameters())
    assert hooks_of(model) == hooks
