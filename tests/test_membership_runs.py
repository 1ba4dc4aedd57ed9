"""Runs that attack single images, and those that forget a person's."""

from itertools import chain

import pytest
import torch

from partial_unlearning.batching import shuffled_plan
from partial_unlearning.errors import InputError
from partial_unlearning.masks import keep_all
from partial_unlearning.models import MODELS, build
from partial_unlearning.recorders.recorders import MemoryLog, UpdateRecorder
from partial_unlearning.state import Layout
from partial_unlearning.training import fit
from reproduction.datasets.sets import load
from reproduction.study.experiments import configs_of
from reproduction.study.measures.membership import auc, roc
from reproduction.study.profiles import Training, load_profile
from reproduction.study.runs import membership, membership_crowd, persons
from reproduction.study.runs.membership_arms import endings, mean_logit
from reproduction.study.runs.membership_draw import draw, plan_of
from reproduction.study.runs.membership_ensemble import train_at_once, train_in_turn
from reproduction.study.runs.optimizers import make_optimizer


@pytest.fixture(scope="module")
def digits():
    return load("mnist", source="sample")


def config_of(kind: str, experiment: str):
    configs = configs_of(experiment, load_profile("smoke"))
    return next(config for config in configs if config.experiment == kind)


CROWD = config_of("crowd", "membership")
PERSONS = config_of("persons", "persons")


# Many models at once


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.1), ("adam", 1e-3)])
def test_a_model_trained_beside_others_is_the_one_trained_alone(digits, optimizer, rate):
    """To rounding, and so are the updates recorded of it."""
    how = Training(epochs=1, batch_size=32, learning_rate=rate, optimizer=optimizer)
    few = digits.train.subset(digits.train.ids[:256])
    plans = [shuffled_plan(few.ids, batch_size=32, epochs=1, seed=seed) for seed in range(3)]
    requests = [[few.ids[:2], few.ids[5:6]], [few.ids[3:4]], []]
    trained = []
    for together in (False, True):
        models = [build("MLP", classes=10, seed=seed, width=16) for seed in range(3)]
        if together:
            bare = MODELS["MLP"][0](10, 16)
            sums = train_at_once(bare, models, few, plans, requests, how)
        else:
            sums = train_in_turn(models, few, plans, requests, how)
        trained.append(([Layout.of(model).vector(model) for model in models], sums))
    for alone, beside in zip(*(chain(*found) for found in trained), strict=True):
        assert torch.allclose(alone, beside, atol=1e-6)
    (weights, sums), untrained = trained[0], build("MLP", classes=10, seed=0, width=16)
    assert not torch.allclose(weights[0], Layout.of(untrained).vector(untrained), atol=1e-3)
    assert [len(own) for own in sums] == [2, 1, 0] and sums[0].abs().sum(1).min() > 0


def test_models_with_statistics_are_not_trained_at_once(digits):
    bare = MODELS["ResNet9"][0](10, 4)
    with pytest.raises(InputError, match="buffers"):
        train_at_once(bare, [bare], digits.train, [], [[]], CROWD.training)


# Whose images are which


def test_each_image_is_in_one_model_of_a_pair_and_nobodys_are_apart(digits):
    drawn = draw(CROWD, digits)
    pairs = drawn.members.view(-1, 2, len(drawn.pool))
    assert (pairs.sum(1) == 1).all() and (drawn.members.sum(1) == 10).all()
    everyone = torch.cat([drawn.pool, drawn.common, drawn.unseen.ids])
    assert len(torch.unique(everyone)) == len(everyone) == 20 + 300 + 50
    assert torch.equal(drawn.data.labels, digits.train.labels)


def test_an_outcome_is_judged_by_its_request_and_a_share_of_what_the_model_never_had(digits):
    drawn = draw(CROWD, digits)
    requests, judging = drawn.requests(1, 5), drawn.judging(1, 5)
    assert [len(ids) for ids in requests] == [5, 5]
    assert torch.equal(torch.cat(requests), drawn.pool[drawn.members[1]])
    assert (torch.stack(judging).sum(0) == 1).all()
    for ids, where in zip(requests, judging, strict=True):
        assert torch.equal(drawn.pool[where & drawn.members[1]], ids)
        assert (where & ~drawn.members[1]).sum() == 5


def test_wrong_labels_are_wrong_in_the_pool_alone(digits):
    drawn = draw(CROWD.model_copy(update={"labels": "wrong"}), digits)
    changed = drawn.data.labels != digits.train.labels
    assert torch.equal(drawn.data.ids[changed], drawn.pool)
    assert (drawn.unseen_alike.labels != drawn.unseen.labels).all()


@pytest.mark.parametrize(
    "changes", [{"models": 7}, {"twins": 8}, {"request": 3}, {"pool": 21}, {"images": 5000}]
)
def test_models_and_images_that_cannot_be_paired_are_refused(digits, changes):
    with pytest.raises(InputError, match=r"models and .* twins|a pool of"):
        draw(CROWD.model_copy(update=changes), digits)


def test_a_request_stands_in_one_batch_an_epoch_where_its_images_are_together(digits):
    drawn = draw(CROWD, digits)
    (request,) = drawn.requests(0, 10)
    plan = plan_of(CROWD, torch.cat([drawn.common, request]), [request], 0)
    assert [len(steps) for steps in plan.affected(request)] == [1] * CROWD.training.epochs


def test_sides_are_those_of_a_loop():
    members = torch.tensor([[True, False], [False, True], [False, False], [True, True]])
    scores = torch.arange(8.0).view(4, 2)
    inside, outside = membership_crowd.sides(scores, members)
    assert inside.tolist() == [[0, 3], [6, 7]] and outside.tolist() == [[2, 1], [4, 5]]


# Methods


def test_methods_end_where_they_have_forgotten_and_leave_the_model_alone(digits):
    model = build("MLP", classes=10, seed=0, width=32)
    training = digits.train.subset(digits.train.ids[:500])
    few = training.subset(training.ids[:3])
    plan = shuffled_plan(training.ids, batch_size=50, epochs=4, seed=0)
    log = MemoryLog(Layout.of(model).size)
    recorder = UpdateRecorder(keep_all(Layout.of(model)), log)
    fit(model, training, plan, make_optimizer("adam", model, learning_rate=0.003), [recorder])
    update, layout = log.sum(chain(*plan.affected(training.ids[:3]))), Layout.of(model)
    before, copy = layout.vector(model), build("MLP", classes=10, seed=0, width=32)

    def measure(weights: torch.Tensor) -> float:
        layout.load(copy, weights)
        return mean_logit(copy, few)

    level, config = measure(before) - 0.5, PERSONS.model_copy(update={"max_steps": 60})
    options = {"classes": 10, "measure": measure, "level": level}
    found = {e.method: e for e in endings(config, model, update, few, **options)}
    assert torch.equal(layout.vector(model), before)
    assert torch.equal(found["amnesiac, all subtracted"].weights, before - update)
    for name in ("label flipping", "loss ascent", "partial label flipping", "partial loss ascent"):
        assert found[name].reached
        assert level - 0.3 < measure(found[name].weights) <= level
    assert len(found) == 8


# A person


def test_persons_share_no_image_with_anyone(digits):
    asked = persons.draw_requests(PERSONS, digits)
    assert [len(ids) for ids in asked.persons] == [1, 10, 50, 10, 10]
    everyone = torch.cat([*asked.persons, asked.unseen.ids])
    assert len(torch.unique(everyone)) == len(everyone)
    assert torch.isin(torch.cat(asked.persons), asked.data.train.ids).all()
    assert not torch.isin(asked.unseen.ids, asked.data.train.ids).any()
    assert [len(ids) for ids in asked.so_far] == [10, 20]


def test_a_twin_sees_the_same_batches_without_the_person():
    plan = shuffled_plan(torch.arange(10), batch_size=3, epochs=2, seed=0)
    left = persons.without(plan, torch.tensor([1, 4]))
    expected = [[i for i in batch.tolist() if i not in (1, 4)] for _, _, batch in plan]
    assert [batch.tolist() for _, _, batch in left] == [batch for batch in expected if batch]


def test_a_persons_updates_are_those_of_the_affected_steps(digits, monkeypatch):
    monkeypatch.setattr(persons.Trained, "_twin", lambda self, ids: self.model)
    config = PERSONS.model_copy(update={"width": 16})
    asked = persons.draw_requests(config, digits)
    run = persons.Trained(config, asked, "together")
    model, log = build("MLP", classes=10, seed=0, width=16), MemoryLog(run.updates[0].numel())
    optimizer = make_optimizer("adam", model, learning_rate=config.training.learning_rate)
    fit(
        model,
        asked.data.train,
        run.plan,
        optimizer,
        [UpdateRecorder(keep_all(Layout.of(model)), log)],
    )
    for ids, update in zip([*asked.alone.values(), *asked.so_far], run.updates, strict=True):
        expected = log.sum(chain(*run.plan.affected(ids)))
        assert torch.allclose(update, expected, atol=1e-7)
    for record in run.affected():
        assert record["measured"] == record["expected"] == 1 / 10


def test_a_run_compares_every_method_with_the_persons_twin():
    found = persons.run(PERSONS.model_copy(update={"width": 16, "max_steps": 2}))
    rows = {(r["batches"], r["images"], r["method"]): r for r in found["levels"]}
    assert len(rows) == 2 * 3 * (3 + 8)
    for batches in persons.BATCHES:
        twin = rows[batches, 50, "retrained"]
        assert (twin["agreement"], twin["total_variation"], twin["logit_gap"]) == (100, 0, 0)
    assert len(found["facts"]["in_turn"]) == 2 * 2 * 2


# Attacks


def test_mislabelled_images_are_found_in_a_trained_model_and_not_in_a_twin(monkeypatch):
    """The check of the check: what is surely memorised is surely found."""
    changes = {"labels": "wrong", "models": 12, "gradient": {}, "width": 64}
    training = CROWD.training.model_copy(update={"epochs": 25, "batch_size": 64})
    monkeypatch.setattr(membership_crowd, "DRAWS", 40)
    found = membership_crowd.run(CROWD.model_copy(update={**changes, "training": training}))
    areas = {(r["method"], r["attack"]): r for r in found["attacks"]}
    assert areas["trained", "LiRA"]["auc_low"] > 85 and areas["trained", "U-LiRA"]["auc_low"] > 85
    twin = areas["retrained", "LiRA"]
    assert twin["auc_low"] - 5 <= 50 <= twin["auc_high"] + 5
    assert ("retrained", "U-LiRA") not in areas
    assert len(twin["curve"]) == len(membership_crowd.FALSE)


def test_intervals_hold_the_rates_and_the_curve_ends_at_one():
    scores = torch.randn(8, 40, generator=torch.Generator().manual_seed(0))
    found = membership_crowd._measured(scores[:4] + 1, scores[4:])
    assert found["auc"] == pytest.approx(
        100 * auc(roc((scores[:4] + 1).flatten(), scores[4:].flatten())), abs=1e-3
    )
    assert found["auc_low"] < found["auc"] < found["auc_high"]
    assert found["curve"][-1] == 100 and found["curve"] == sorted(found["curve"])


def test_a_class_is_attacked_beside_images_of_its_own_that_were_withheld(digits):
    config = config_of("membership", "membership").model_copy(update={"width": 16})
    data, withheld = membership.withhold(config, digits)
    assert (withheld.labels == config.target).all()
    assert len(withheld) == round(0.2 * len(digits.train.of_class(config.target)))
    assert not torch.isin(withheld.ids, data.train.ids).any()
    found = membership.run(config)
    methods = [record["method"] for record in found["levels"]]
    assert methods[:2] == ["trained", "retrained"] and len(methods) == 10
    assert {(r["method"], r["others"]) for r in found["attacks"]} == {
        (method, kind) for method in methods for kind in ("withheld", "test")
    }
