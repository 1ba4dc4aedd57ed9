"""Attacks on membership, against closed forms, slow twins and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import nn

from partial_unlearning.errors import InputError
from partial_unlearning.models import build
from partial_unlearning.state import Layout
from reproduction.study.measures.features import fit_probe
from reproduction.study.measures.membership import (
    auc,
    label_logits,
    log_ratios,
    population_accuracy,
    rmia,
    roc,
    tpr_at,
)


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=drawn(seed), dtype=torch.float64)


# Rates


def test_separable_scores_are_told_apart_at_no_price():
    members, others = torch.tensor([3.0, 2.0]), torch.tensor([1.0, 0.0, -1.0])
    assert auc(roc(members, others)) == 1 and auc(roc(others, members)) == 0
    assert tpr_at(0, roc(members, others)) == 1 and tpr_at(0.3, roc(others, members)) == 0


def test_equal_scores_tell_nothing():
    same = torch.zeros(7)
    assert auc(roc(same, same)) == 0.5
    assert tpr_at(0.5, roc(same, same)) == 0  # all or none is above a threshold
    assert [rates.tolist() for rates in roc(same, same)] == [[0, 1], [0, 1]]


def test_rates_counted_by_hand():
    false, true = roc(torch.tensor([4.0, 2.0, 2.0]), torch.tensor([3.0, 2.0]))
    assert false.tolist() == [0, 0, 0.5, 1]
    assert true.tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1])


def test_the_area_is_that_of_scikit_learn():
    members, others = normal(50).round(decimals=1) + 0.3, normal(80, seed=1).round(decimals=1)
    truth = np.repeat([1, 0], [50, 80])
    expected = roc_auc_score(truth, torch.cat([members, others]).numpy())
    assert auc(roc(members, others)) == pytest.approx(expected, abs=1e-12)


def test_gaussians_one_apart_have_the_area_of_the_closed_form():
    phi = torch.distributions.Normal(0.0, 1.0).cdf(torch.tensor(1 / 2**0.5)).item()
    assert auc(roc(normal(40_000) + 1, normal(40_000, seed=1))) == pytest.approx(phi, abs=0.005)


def test_nobody_to_compare_is_refused():
    with pytest.raises(InputError, match="0 members and 2 others"):
        roc(torch.zeros(0), torch.zeros(2))


# Scores


def test_label_logits_are_those_of_the_probability_and_leave_the_model_alone():
    model = build("ResNet9", classes=10, seed=0, width=4).train()
    before, images = Layout.of(model).vector(model), torch.rand(7, 1, 28, 28, generator=drawn())
    labels = torch.arange(7)
    found = label_logits(model, images, labels, chunk=3)
    assert torch.equal(Layout.of(model).vector(model), before) and model.training
    chance = model.eval()(images).double().softmax(1)[torch.arange(7), labels]
    assert torch.allclose(found, chance.logit(), atol=1e-5)


def test_a_sure_answer_has_a_finite_logit():
    images, labels = torch.tensor([[90.0, 0.0], [0.0, 90.0]]), torch.tensor([0, 0])
    assert label_logits(nn.Identity(), images, labels).tolist() == [90, -90]


def test_the_regression_is_that_of_scikit_learn():
    losses = torch.cat([normal(60).abs(), normal(60, seed=1).abs() * 2])
    truth = torch.arange(120) < 60
    slope, bias = fit_probe(losses[:, None], truth, penalty=1 / 120)
    theirs = LogisticRegression(tol=1e-10).fit(losses[:, None].numpy(), truth.numpy())
    assert slope.item() == pytest.approx(theirs.coef_[0, 0], abs=1e-4)
    assert bias.item() == pytest.approx(theirs.intercept_[0], abs=1e-4)


def test_losses_that_do_not_meet_are_told_apart_and_equal_ones_not():
    assert population_accuracy(normal(50) + 20, normal(90) - 20, generator=drawn()) == 1
    same = normal(400)
    assert population_accuracy(same, same.clone(), generator=drawn()) == pytest.approx(0.5, abs=0.1)


def test_a_model_that_is_worse_on_what_it_forgot_is_found_as_well():
    assert population_accuracy(normal(60) - 20, normal(60) + 20, generator=drawn()) == 1


def test_log_ratios_are_those_of_a_loop_that_leaves_each_row_out():
    inside, outside = normal(6, 3) + 1, 2 * normal(6, 3, seed=1)
    found = log_ratios(inside, outside)
    for side, ratios in zip((inside, outside), found, strict=True):
        for row in range(6):
            rest = [side_[torch.arange(6) != row] for side_ in (inside, outside)]
            fits = [torch.distributions.Normal(r.mean(0), r.std(0)) for r in rest]
            expected = fits[0].log_prob(side[row]) - fits[1].log_prob(side[row])
            assert torch.allclose(ratios[row], expected)


def test_ratios_of_models_without_difference_are_at_chance():
    """Also with few models: no entry has a say in its own judgement."""
    for seed in range(2):
        ratios = log_ratios(normal(8, 4000, seed=seed), normal(8, 4000, seed=seed + 9))
        assert auc(roc(*map(torch.flatten, ratios))) == pytest.approx(0.5, abs=0.01)


def test_many_models_give_the_exact_ratio_of_gaussians():
    drawn_once = normal(20_000, 1)
    standard = (drawn_once - drawn_once.mean()) / drawn_once.std()
    inside, outside = log_ratios(standard + 1, standard)
    assert torch.allclose(inside, standard + 0.5, atol=0.01)  # log N(x; 1, 1) - log N(x; 0, 1)
    assert torch.allclose(outside, standard - 0.5, atol=0.01)


@pytest.mark.parametrize(("one", "other"), [(2, 2), (4, 3)])
def test_too_few_or_unequal_models_are_refused(one, other):
    with pytest.raises(InputError, match=f"{one} and {other} models"):
        log_ratios(normal(one, 2), normal(other, 2))


def test_rmia_ranks_by_how_far_the_model_is_above_its_references():
    target, references = torch.tensor([0.9, 0.5, 0.5]), torch.tensor([[0.5, 0.5, 0.9]] * 2)
    population = torch.full((4,), 0.5)
    beside = torch.tensor([[0.3, 0.5, 0.7, 0.9]] * 2)
    # 0.9 / 0.675, 0.5 / 0.675 and 0.5 / 0.935 beside 0.5 / (0.545, 0.675, 0.805, 0.935)
    assert rmia(target, references, population, beside).tolist() == [1, 0.75, 0.25]
