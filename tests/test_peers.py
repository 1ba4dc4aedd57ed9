"""The field's unlearners, each against a closed form or a slow and obvious twin."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import islice

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from partial_unlearning.batching import BatchPlan, shuffled_plan
from partial_unlearning.errors import InputError
from partial_unlearning.models import build
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.training import Callback, fit
from partial_unlearning.unlearners import (
    bad_teaching,
    finetuning,
    last_layer,
    neggrad_plus,
    salun,
    scrub,
    ssd,
    steps,
    svd_removal,
)
from partial_unlearning.unlearners.gradient import ASCEND, flipped_labels, gradient_step
from partial_unlearning.unlearners.replay import replay, without
from partial_unlearning.update_log.checkpoint import read_checkpoint, restore, write_checkpoint
from partial_unlearning.update_log.folder import Folder
from reproduction.datasets.sets import load
from reproduction.study.runs.optimizers import make_optimizer
from reproduction.study.runs.target_placement import confined_plan

RATE = 0.1


@pytest.fixture(scope="module")
def digits() -> Split:
    data = load("mnist", source="sample").train
    return data.subset(data.ids[:300])


@pytest.fixture(scope="module")
def target(digits: Split) -> Split:
    return digits.subset(digits.of_class(3))


@pytest.fixture(scope="module")
def retained(digits: Split) -> Split:
    return digits.without(digits.of_class(3))


def small(seed: int = 0) -> nn.Module:
    return build("MLP", classes=10, seed=seed, width=12).eval()


def softmax_regression() -> nn.Sequential:
    """A model whose gradient is known: that of W is the mean of (p - y) x^T."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def known_gradient(model: nn.Sequential, data: Split) -> Tensor:
    x = data.images.flatten(1)
    error = model(data.images).softmax(1) - one_hot(data.labels, 10)
    return (error.T @ x / len(x)).detach()


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return make_optimizer("sgd", model, learning_rate=RATE)


def gradients(model: nn.Module, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(model.parameters())))


def close(model: nn.Module, expected: list[Tensor]) -> None:
    for weight, value in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.detach(), value, rtol=1e-4, atol=1e-6)


def test_batches_pass_over_all_samples_before_any_comes_again(digits):
    found = list(islice(steps.batches(digits, 128, seed=0), 6))
    assert [len(batch) for batch in found] == [128, 128, 44] * 2
    passes = [torch.cat([batch.ids for batch in found[at : at + 3]]) for at in (0, 3)]
    assert all(torch.equal(ids.sort().values, digits.ids) for ids in passes)
    assert not torch.equal(*passes)
    again = next(steps.batches(digits, 128, seed=0))
    assert torch.equal(again.images, found[0].images) and torch.equal(again.ids, found[0].ids)


def test_a_gradient_in_chunks_is_the_gradient_of_the_mean(digits):
    model = small()
    expected = gradients(model, cross_entropy(model(digits.images), digits.labels))
    steps.add_gradient(lambda x, y: cross_entropy(model(x), y), digits, chunk=77)
    for weight, value in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, value, rtol=1e-4, atol=1e-7)


def test_divergence_is_the_sum_over_classes_and_mean_over_images(digits):
    teacher, student = small(0), small(1)
    p, q = ((m(digits.images) / 4).softmax(1) for m in (teacher, student))
    expected = (p * (p / q).log()).sum() / len(digits)
    found = steps.divergence(teacher, student, digits.images, 4)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert all(weight.grad is None for weight in teacher.parameters())
    assert steps.divergence(student, student, digits.images).item() == pytest.approx(0, abs=1e-6)


def test_finetuning_is_one_step_of_gradient_descent(retained):
    model = softmax_regression()
    expected = model[1].weight.detach() - RATE * known_gradient(model, retained)
    finetuning.step(model, sgd(model), retained)
    torch.testing.assert_close(model[1].weight.detach(), expected)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9, 1.0])
def test_neggrad_plus_weighs_two_known_gradients(target, retained, alpha):
    model = softmax_regression()
    toward, away = known_gradient(model, retained), known_gradient(model, target)
    expected = model[1].weight.detach() - RATE * (alpha * toward - (1 - alpha) * away)
    neggrad_plus.step(model, sgd(model), target, retained, alpha=alpha)
    torch.testing.assert_close(model[1].weight.detach(), expected)


def test_importance_is_the_mean_of_known_squared_gradients(target):
    model = softmax_regression()
    error = model(target.images).softmax(1) - one_hot(target.labels, 10)
    each = error[:, :, None] * target.images.flatten(1)[:, None, :]
    found = ssd.importance(model, target)
    torch.testing.assert_close(found["1.weight"], each.square().mean(0).detach())
    torch.testing.assert_close(found["1.bias"], error.square().mean(0).detach())


def test_dampening_follows_the_table():
    """alpha 2, lambda 0.5: kept at T = 2 A; A / 2 T beyond; never enlarged; kept where all is 0."""
    model = nn.Linear(5, 1, bias=False)
    nn.init.ones_(model.weight)
    ours = {"weight": torch.tensor([[2.0, 4.0, 0.0, 0.0, 1.0]])}
    every = {"weight": torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0]])}
    ssd.dampen(model, ours, every, alpha=2, dampening=0.5)
    assert model.weight.tolist() == [[1.0, 0.125, 1.0, 1.0, 0.0]]
    nn.init.ones_(model.weight)
    ssd.dampen(model, ours, every, alpha=2, dampening=100)
    assert model.weight.tolist() == [[1.0, 1.0, 1.0, 1.0, 0.0]]


def test_the_salient_weights_are_those_of_largest_gradient(target):
    model = small()
    found = gradients(model, cross_entropy(model(target.images), target.labels))
    selected = salun.salient(model, target, fraction=0.2)
    assert [w for w, _ in selected] == list(model.parameters())
    chosen = torch.cat([mask.flatten() for _, mask in selected])
    sizes = torch.cat([gradient.abs().flatten() for gradient in found])
    assert chosen.sum() == round(0.2 * len(sizes))
    assert sizes[chosen].min() >= sizes[~chosen].max() * (1 - 1e-5)


def test_salun_moves_salient_weights_alone(target, retained):
    model = small()
    wrong = flipped_labels(target.labels, classes=10, seed=0)
    relabelled = Split(target.images, wrong, target.ids)
    selected = salun.salient(model, target, fraction=0.5)
    before = [w.detach().clone() for w in model.parameters()]
    loss = cross_entropy(model(target.images), wrong)
    loss = loss + 0.3 * cross_entropy(model(retained.images), retained.labels)
    found = gradients(model, loss)
    salun.step(model, sgd(model), relabelled, retained, selected=selected, alpha=0.3)
    close(
        model,
        [w - RATE * g * m for w, g, (_, m) in zip(before, found, selected, strict=True)],
    )
    for weight, old, (_, mask) in zip(model.parameters(), before, selected, strict=True):
        assert torch.equal(weight[~mask], old[~mask])


def kl(p: Tensor, q: Tensor) -> Tensor:
    return (p.exp() * (p - q)).sum(1).mean()


def test_scrub_takes_the_two_steps_of_its_objective(target, retained):
    teacher, student, twin = small(0), small(1), small(1)
    with torch.no_grad():
        ours, others = (teacher(d.images).log_softmax(1) for d in (target, retained))
    for turn in ("max", "min"):
        if turn == "max":
            loss = -kl(ours, twin(target.images).log_softmax(1))
        else:
            loss = 0.7 * kl(others, twin(retained.images).log_softmax(1))
            loss = loss + 2 * cross_entropy(twin(retained.images), retained.labels)
        found = gradients(twin, loss)
        with torch.no_grad():
            for weight, gradient in zip(twin.parameters(), found, strict=True):
                weight -= RATE * gradient
    scrub.step(student, sgd(student), target, retained, teacher=teacher, alpha=0.7, gamma=2)
    close(student, [w.detach() for w in twin.parameters()])


def test_scrub_leaves_a_student_that_is_its_teacher_only_by_the_cross_entropy(target, retained):
    """At w = w_o both divergences are at their minimum, so that their gradients are zero."""
    model, twin = small(), small()
    teacher = deepcopy(model)
    scrub.step(model, sgd(model), target, retained, teacher=teacher, alpha=5)
    finetuning.step(twin, sgd(twin), retained)
    close(model, [w.detach() for w in twin.parameters()])


def test_bad_teaching_gives_each_sample_the_teacher_it_has(target, retained):
    competent, incompetent, student = small(0), small(1), small(0)
    is_target = torch.cat([torch.ones(len(target)), torch.zeros(len(retained))])
    images = torch.cat([target.images, retained.images])
    good, bad, own = (
        (m(images) / 3).log_softmax(1).detach() for m in (competent, incompetent, student)
    )
    p = torch.where(is_target[:, None] == 1, bad, good)
    given = (student(images) / 3).log_softmax(1)
    loss = (p.exp() * (p - given)).sum() / len(images)
    expected = [
        w.detach() - RATE * g
        for w, g in zip(student.parameters(), gradients(student, loss), strict=True)
    ]
    teachers = {"competent": competent, "incompetent": incompetent, "temperature": 3.0}
    bad_teaching.step(student, sgd(student), target, retained, **teachers)
    close(student, expected)
    assert not torch.equal(own, bad)


def normalised(seed: int) -> nn.Module:
    """As it comes from training: in training mode, with statistics and dropout."""
    torch.manual_seed(seed)
    layers = (nn.Flatten(), nn.Linear(784, 12), nn.BatchNorm1d(12), nn.Dropout(), nn.Linear(12, 10))
    return nn.Sequential(*layers)


STEPS = {
    "fine-tuning": lambda model, target, retained, _: finetuning.step(model, sgd(model), retained),
    "NegGrad+": lambda model, target, retained, _: neggrad_plus.step(
        model, sgd(model), target, retained, alpha=0.5
    ),
    "SalUn": lambda model, target, retained, _: salun.step(
        model, sgd(model), target, retained, selected=salun.salient(model, target, fraction=0.5)
    ),
    "SCRUB": lambda model, target, retained, other: scrub.step(
        model, sgd(model), target, retained, teacher=other, alpha=1
    ),
    "bad teaching": lambda model, target, retained, other: bad_teaching.step(
        model, sgd(model), target, retained, competent=other, incompetent=other
    ),
    "loss ascent": lambda model, target, retained, _: gradient_step(
        model, target.images, target.labels, sign=ASCEND, optimizer=sgd(model), positions=ALL_OF_IT
    ),
}
ALL_OF_IT = torch.arange(100)


@pytest.mark.parametrize("name", STEPS)
def test_what_comes_from_training_is_taken_as_it_answers(target, retained, name):
    """No statistics move, no dropout is drawn, and a teacher stays as it is, bit by bit."""
    model, other = normalised(0), normalised(1)
    twin, twins_other = deepcopy(model).eval(), deepcopy(other).eval()
    before, generator = deepcopy(other.state_dict()), torch.get_rng_state()
    STEPS[name](model, target, retained, other)
    STEPS[name](twin, target, retained, twins_other)
    for key, tensor in other.state_dict().items():
        assert torch.equal(tensor, before[key]), key
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, twin.state_dict()[key]), key
    assert torch.equal(torch.get_rng_state(), generator)
    assert torch.equal(model[2].running_mean, torch.zeros(12))


def test_eu_k_leaves_what_was_frozen_frozen(retained):
    model = small()
    model[1].requires_grad_(False)
    last_layer.retrain(model, sgd(model), [retained], layers=1, seed=5)
    assert [weight.requires_grad for weight in model.parameters()] == [False, False, True, True]


def test_eu_k_is_training_a_fresh_last_layer_on_fixed_features(retained):
    model = small()
    start = deepcopy(model)
    hidden = start[1:3](retained.images.flatten(1)).detach()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        twin = nn.Linear(12, 10)
    optimizer = torch.optim.SGD(twin.parameters(), lr=RATE)
    for _ in range(3):
        optimizer.zero_grad()
        cross_entropy(twin(hidden), retained.labels).backward()
        optimizer.step()
    last_layer.retrain(model, sgd(model), [retained] * 3, layers=1, seed=5)
    close(model[3], [w.detach() for w in twin.parameters()])
    assert torch.equal(model[1].weight, start[1].weight)
    assert all(weight.requires_grad for weight in model.parameters())


def test_eu_k_of_all_layers_is_retraining_from_other_weights(retained):
    one, other = small(0), small(1)
    for model in (one, other):
        last_layer.retrain(model, sgd(model), [retained], layers=2, seed=5)
    assert torch.equal(Layout.of(one).vector(one), Layout.of(other).vector(other))


def scaled_projection(inputs: Tensor, alpha: float) -> Tensor:
    """As the paper has it: by singular vectors, with inputs as columns."""
    u, s, _ = torch.linalg.svd(inputs.double().T, full_matrices=False)
    v = s.square() / s.square().sum()
    return u @ torch.diag(alpha * v / ((alpha - 1) * v + 1)) @ u.T


def patches(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Each 3 x 3 patch that a padded convolution sees, cut out by hand."""
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    rows = [
        padded[n, :, i : i + 3, j : j + 3].flatten()
        for n in range(len(x))
        for i in range(x.shape[2])
        for j in range(x.shape[3])
    ]
    return torch.stack(rows)


def test_removal_is_the_papers_projection_of_each_layer(target, retained):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.MaxPool2d(7),
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
    start, sides = deepcopy(model), {}
    for name, images in (("target", target.images), ("retained", retained.images[:40])):
        pooled = start[0](images)
        sides[name] = (patches(start[1], pooled), start[1:4](pooled).detach())
    svd_removal.remove(model, target.images, retained.images[:40], alpha_t=3, alpha_r=100)
    for at, layer in enumerate((1, 4)):
        p, q = (scaled_projection(sides[n][at], a) for n, a in (("target", 3), ("retained", 100)))
        old = start[layer].weight.detach().flatten(1).double()
        expected = old @ (torch.eye(len(p)) - p @ (torch.eye(len(q)) - q)).T
        found = model[layer].weight.detach().flatten(1).double()
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
        assert torch.equal(model[layer].bias, start[layer].bias)


def test_removal_silences_what_only_the_target_uses_and_nothing_else():
    """Inputs of the two sides at right angles, and a use of all that there is (alpha large)."""
    model = nn.Linear(4, 3)
    target, retained = torch.eye(4)[:2], torch.eye(4)[2:]
    before = model(retained).detach()
    svd_removal.remove(model, target, retained, alpha_t=1e9, alpha_r=1e9)
    torch.testing.assert_close(model(target), model.bias.expand(2, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(model(retained), before)


def forgetful(width: int = 4) -> nn.Sequential:
    """Batch normalisation, whose buffers are state, and dropout, which draws."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, width, 3, stride=2),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(width * 169, 10),
    )


class Checkpoints(Callback):
    """One after each epoch, in a folder of its own."""

    def __init__(self, folder, optimizer: torch.optim.Optimizer, per_epoch: list[int]) -> None:
        self.folder, self.optimizer = folder, optimizer
        self.steps = [sum(per_epoch[: n + 1]) for n in range(len(per_epoch))]

    def on_epoch_end(self, epoch: int, model: nn.Module) -> None:
        done = self.steps[epoch]
        folder = Folder(self.folder / str(epoch))
        write_checkpoint(folder, [model, self.optimizer], [], {"steps": done})


def late_plan(digits: Split, ids: Tensor) -> BatchPlan:
    """Three epochs, of which the first two have none of these ids, and one batch nothing else."""
    others = digits.ids[~torch.isin(digits.ids, ids)]
    early = shuffled_plan(others, batch_size=40, epochs=2, seed=0)
    last = confined_plan(digits.ids, ids, affected_fraction=0.5, batch_size=40, epochs=1, seed=1)
    return BatchPlan((*early.epochs, (*last.epochs[0], ids[:5])))


def all_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    yield from model.state_dict().values()
    for state in optimizer.state_dict()["state"].values():
        yield from state.values()


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_replay_is_bit_identical_to_the_twin_along_the_same_batches(digits, tmp_path, name):
    ids = digits.of_class(3)[:20]
    plan = late_plan(digits, ids)
    model = forgetful()
    optimizer = make_optimizer(name, model, learning_rate=0.01)
    watch = Checkpoints(tmp_path, optimizer, [len(batches) for batches in plan.epochs])
    fit(model, digits, plan, optimizer, [watch])
    knows = Layout.of(model).vector(model)

    back = forgetful()
    again = make_optimizer(name, back, learning_rate=0.01)
    saved = read_checkpoint(Folder(tmp_path / "1"))
    done = restore(saved, [back, again], [])["steps"]
    replay(back, again, digits.without(ids), plan, ids, done=done)

    twin = forgetful()
    other = make_optimizer(name, twin, learning_rate=0.01)
    fit(twin, digits.without(ids), without(plan, ids), other)
    pairs = zip(all_tensors(back, again), all_tensors(twin, other), strict=True)
    assert all(torch.equal(one, same) for one, same in pairs)
    assert not torch.equal(Layout.of(back).vector(back), knows)


def test_replay_refuses_a_checkpoint_that_knows_the_samples(digits):
    ids = digits.of_class(3)[:20]
    plan = late_plan(digits, ids)
    first = min(step for steps in plan.affected(ids) for step in steps)
    model = forgetful()
    optimizer = make_optimizer("sgd", model, learning_rate=0.01)
    with pytest.raises(InputError, match=f"step {first} had .* at most {first} steps"):
        replay(model, optimizer, digits, plan, ids, done=first + 1)


def test_a_plan_without_samples_keeps_order_and_drops_empty_batches(digits):
    plan = BatchPlan(
        (
            (torch.tensor([3, 1]), torch.tensor([2])),
            (torch.tensor([2, 5, 1]),),
            (torch.tensor([2]),),
        )
    )
    found = without(plan, torch.tensor([2]))
    assert [[batch.tolist() for batch in epoch] for epoch in found.epochs] == [[[3, 1]], [[5, 1]]]
    with pytest.raises(InputError, match="nothing is left"):
        without(plan, torch.tensor([1, 2, 3, 5]))
