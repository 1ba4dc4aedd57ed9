"""Amnesiac and gradient-based unlearning against exact oracles."""

from copy import deepcopy

import pytest
import torch

from partial_unlearning.batching import shuffled_plan
from partial_unlearning.masks import FixedMask, SelectionMask, build_mask, keep_all
from partial_unlearning.models import build
from partial_unlearning.recorders.recorders import MemoryLog, UpdateRecorder
from partial_unlearning.state import Layout
from partial_unlearning.training import fit
from partial_unlearning.unlearners.amnesiac import forget, prune
from partial_unlearning.unlearners.gradient import (
    ASCEND,
    DESCEND,
    flipped_labels,
    gradient_step,
    unlearn_by_gradient,
)
from reproduction.datasets.sets import load
from reproduction.study.runs.epoch_sums import EpochSums, undone
from reproduction.study.runs.optimizers import make_optimizer
from reproduction.study.runs.target_placement import confined_plan


@pytest.fixture(scope="module")
def digits():
    data = load("mnist", source="sample").train
    return data.subset(data.ids[:256])


class Run:
    """A small recorded training run with batch norm: whole and pruned updates of every step."""

    def __init__(self, digits, affected_fraction=1.0):
        self.model = build("ResNet9", classes=10, seed=0, width=4)
        self.layout = Layout.of(self.model)
        self.initial = self.layout.vector(self.model)
        target = digits.of_class(3)
        self.plan = confined_plan(
            digits.ids, target, affected_fraction=affected_fraction, batch_size=32, epochs=2, seed=0
        )
        self.affected = self.plan.affected(target)
        self.mask = build_mask("random", self.layout, sparsity_first=0.9, sparsity_last=0.2, seed=0)
        masks = {
            "full": keep_all(self.layout),
            "random": self.mask,
            "magnitude": build_mask(
                "layer_magnitude", self.layout, sparsity_first=0.9, sparsity_last=0.2, seed=0
            ),
            "nothing": FixedMask.draw(self.layout, [0] * len(self.layout.layers), seed=0),
        }
        self.logs = {name: MemoryLog(self.layout.size) for name in masks}
        recorders = [UpdateRecorder(mask, self.logs[name]) for name, mask in masks.items()]
        whole = EpochSums(self.layout, self.affected)
        magnitude = EpochSums(self.layout, self.affected, masks["magnitude"])
        optimizer = make_optimizer("adam", self.model, learning_rate=0.001)
        fit(self.model, digits, self.plan, optimizer, [*recorders, whole, magnitude])
        self.sums = {"full": whole.sums, "magnitude": magnitude.sums}
        self.final = self.layout.vector(self.model)
        self.steps = [step for epoch in self.affected for step in epoch]


@pytest.fixture(scope="module")
def shuffled(digits):
    return Run(digits)


@pytest.fixture(scope="module")
def confined(digits):
    return Run(digits, affected_fraction=0.5)


def test_all_updates_sum_to_final_minus_initial(shuffled):
    total = shuffled.logs["full"].sum(range(len(shuffled.plan)))
    torch.testing.assert_close(total, shuffled.final - shuffled.initial, rtol=0, atol=1e-5)


def test_undoing_every_step_returns_the_initial_weights_and_buffers(shuffled):
    model = forget(deepcopy(shuffled.model), shuffled.logs["full"].sum(range(len(shuffled.plan))))
    vector = shuffled.layout.vector(model)
    torch.testing.assert_close(vector, shuffled.initial, rtol=0, atol=1e-5)
    assert model.state_dict()["0.1.num_batches_tracked"] == 0
    fresh = build("ResNet9", classes=10, seed=0, width=4).state_dict()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, fresh[name], rtol=0, atol=1e-5)


def test_fraction_one_with_no_pruning_undoes_the_whole_run(shuffled):
    assert len(shuffled.steps) == len(shuffled.plan)
    model = forget(deepcopy(shuffled.model), shuffled.sums["full"].sum(0))
    torch.testing.assert_close(shuffled.layout.vector(model), shuffled.initial, rtol=0, atol=1e-5)


def test_pruning_everything_is_the_identity(confined):
    model = forget(deepcopy(confined.model), confined.logs["nothing"].sum(confined.steps))
    assert torch.equal(confined.layout.vector(model), confined.final)


def test_partial_amnesiac_is_equation_7(confined):
    """w' = w - sum of P * update, term by term, from the whole updates."""
    expected, kept = confined.final.clone(), torch.zeros(confined.layout.size)
    kept[confined.mask.kept()] = 1
    for positions, update in confined.logs["full"].updates(confined.steps):
        assert len(positions) == confined.layout.size
        expected -= kept * update
    model = forget(deepcopy(confined.model), confined.logs["random"].sum(confined.steps))
    torch.testing.assert_close(confined.layout.vector(model), expected, rtol=0, atol=1e-5)
    untouched = kept == 0
    result = confined.layout.vector(model)
    assert torch.equal(result[untouched], confined.final[untouched])


def test_a_fixed_mask_commutes_with_the_sum(confined):
    whole, pruned = (confined.logs[name].sum(confined.steps) for name in ("full", "random"))
    assert torch.equal(prune(whole, confined.mask.kept()), pruned)


def test_magnitude_masks_are_drawn_anew_for_each_update(confined):
    whole = confined.logs["full"].updates(confined.steps)
    pruned = confined.logs["magnitude"].updates(confined.steps)
    chosen = []
    for (_, update), (positions, values) in zip(whole, pruned, strict=True):
        assert torch.equal(values, update[positions])
        chosen.append(set(positions.tolist()))
    assert any(chosen[0] != other for other in chosen[1:])


@pytest.mark.parametrize("name", ["full", "magnitude"])
def test_epoch_sums_agree_with_the_log_of_every_step(confined, name):
    for epoch, steps in enumerate(confined.affected):
        assert torch.equal(confined.sums[name][epoch], confined.logs[name].sum(steps))


def test_epochs_are_undone_one_after_the_other(confined):
    first, last = confined.sums["full"]
    assert not torch.equal(first, last)
    for order, expected in (("forward", [first, first + last]), ("backward", [last, last + first])):
        assert torch.equal(
            torch.stack(list(undone(confined.sums["full"], order))), torch.stack(expected)
        )


def test_kept_buffers_stay_and_weights_are_undone(confined):
    update = confined.sums["full"].sum(0)
    kept = forget(deepcopy(confined.model), update, keep_buffers=True)
    whole = forget(deepcopy(confined.model), update)
    is_weight = confined.layout.is_weight
    kept, whole = confined.layout.vector(kept), confined.layout.vector(whole)
    assert torch.equal(kept, torch.where(is_weight, whole, confined.final))
    assert not torch.equal(whole[~is_weight], confined.final[~is_weight])


def test_several_recorders_leave_the_run_as_it_is(digits, shuffled):
    alone = build("ResNet9", classes=10, seed=0, width=4)
    optimizer = make_optimizer("adam", alone, learning_rate=0.001)
    fit(alone, digits, shuffled.plan, optimizer)
    assert torch.equal(shuffled.layout.vector(alone), shuffled.final)


def gradient_run(digits, optimizer, fractions, epochs=3, sign=DESCEND, after=None):
    model = build("LeNet", classes=10, seed=0)
    plan = shuffled_plan(digits.ids, batch_size=64, epochs=1, seed=0)
    fit(model, digits, plan, make_optimizer("adam", model, learning_rate=0.001))
    layout = Layout.of(model)
    selection = SelectionMask.draw(layout, fractions, seed=0)
    target = digits.subset(digits.of_class(3))
    labels = flipped_labels(target.labels, classes=10, seed=0)
    states, whole = [layout.vector(model)], deepcopy(model)
    given = (target.images, target.labels if sign == ASCEND else labels)
    stepping = make_optimizer(optimizer, model.eval(), learning_rate=0.01)
    for epoch in range(epochs):
        chosen = selection.at(epoch)
        gradient_step(model, *given, sign=sign, optimizer=stepping, positions=chosen)
        states.append(layout.vector(model))
    again = make_optimizer(optimizer, whole, learning_rate=0.01)
    unlearn_by_gradient(
        whole, *given, sign=sign, optimizer=again, selection=selection, epochs=epochs
    )
    assert torch.equal(layout.vector(whole), states[-1])
    return layout, selection, states, target


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_weights_outside_the_selection_stay_bit_identical(digits, optimizer):
    _, selection, states, _ = gradient_run(digits, optimizer, [0.3, 0.25, 0.2, 0.1, 0.5])
    for epoch, (before, after) in enumerate(zip(states, states[1:], strict=False)):
        outside = torch.ones(len(before), dtype=torch.bool)
        outside[selection.at(epoch)] = False
        assert torch.equal(before[outside], after[outside])
        assert not torch.equal(before[~outside], after[~outside])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_fraction_one_is_the_naive_method(digits, optimizer):
    """The same steps with a plain optimizer and no mask, in one piece."""
    layout, _, states, target = gradient_run(digits, optimizer, [1.0] * 5)
    twin = build("LeNet", classes=10, seed=0)
    layout.load(twin, states[0])
    plain = make_optimizer(optimizer, twin, learning_rate=0.01)
    labels = flipped_labels(target.labels, classes=10, seed=0)
    for expected in states[1:]:
        loss = torch.nn.functional.cross_entropy(twin(target.images), labels)
        plain.zero_grad()
        loss.backward()
        plain.step()
        torch.testing.assert_close(layout.vector(twin), expected, rtol=1e-4, atol=1e-5)


def test_ascending_raises_the_loss_on_the_target_and_descending_lowers_it(digits):
    for sign in (ASCEND, DESCEND):
        layout, _, states, target = gradient_run(digits, "sgd", [1.0] * 5, sign=sign)
        labels = target.labels
        if sign == DESCEND:
            labels = flipped_labels(labels, classes=10, seed=0)
        model, losses = build("LeNet", classes=10, seed=0), []
        for state in states:
            layout.load(model, state)
            losses.append(torch.nn.functional.cross_entropy(model(target.images), labels).item())
        assert losses == sorted(losses, reverse=sign == DESCEND)


def test_gradient_unlearning_leaves_batch_norm_statistics_alone(digits):
    model = build("ResNet9", classes=10, seed=0, width=4)
    before = deepcopy(dict(model.named_buffers()))
    layout = Layout.of(model)
    target = digits.subset(digits.of_class(3))
    unlearn_by_gradient(
        model,
        target.images,
        target.labels,
        sign=ASCEND,
        optimizer=make_optimizer("sgd", model, learning_rate=0.01),
        selection=SelectionMask.draw(layout, [1.0] * len(layout.layers), seed=0),
        epochs=2,
    )
    assert all(torch.equal(before[name], b) for name, b in model.named_buffers())


def test_flipped_labels_are_wrong_and_cover_the_other_classes():
    labels = torch.full((2000,), 3)
    flipped = flipped_labels(labels, classes=10, seed=0)
    assert sorted(flipped.unique().tolist()) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    counts = torch.bincount(flipped, minlength=10)
    assert counts[counts > 0].min() > 150  # 222 expected each, sd 14
    assert torch.equal(flipped, flipped_labels(labels, classes=10, seed=0))
