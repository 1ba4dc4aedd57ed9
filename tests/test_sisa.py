"""SISA: the partition, its costs, and deletion as exact as training anew."""

from pathlib import Path

import pytest
import torch
from torch import nn

from conftest import made_run
from partial_unlearning.batching import shuffled_plan
from partial_unlearning.errors import InputError
from partial_unlearning.models import build
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.training import fit
from partial_unlearning.unlearners.partition import Partition, make_partition, sliced
from partial_unlearning.unlearners.sisa import Aggregate, Recipe, aggregate, forget, train
from reproduction import places
from reproduction.chapters import sisa as chapter
from reproduction.datasets.sets import load
from reproduction.study.experiments import configs_of
from reproduction.study.measures.sisa_cost import Costs
from reproduction.study.profiles import load_profile
from reproduction.study.runs import sisa as experiment
from reproduction.study.runs.optimizers import make_optimizer
from reproduction.study.stored_runs import Result

SHARDS, SLICES, EPOCHS = 3, 4, 2


@pytest.fixture(scope="module")
def digits() -> Split:
    train_images = load("mnist", source="sample").train
    return train_images.subset(train_images.ids[::10].contiguous())


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe(
        build=lambda seed: build("MLP", classes=10, seed=seed, width=16),
        optimizer=lambda model: make_optimizer("adam", model, learning_rate=0.01),
        batch_size=32,
        epochs=EPOCHS,
        seed=5,
    )


def cut(data: Split, how: str = "iid", shards: int = SHARDS, slices: int = SLICES) -> Partition:
    if how == "iid":
        return make_partition(data.ids, shards=shards, slices=slices, seed=1)
    return sliced(experiment.by_class(data, shards), slices, torch.Generator().manual_seed(1))


def sizes_of(partition: Partition) -> torch.Tensor:
    return torch.tensor([[len(part) for part in shard] for shard in partition.slices])


def by_hand() -> Partition:
    """Two shards of two slices: ids 0 1 | 2 3 4 and 5 | 6 7."""
    parts = [[[0, 1], [2, 3, 4]], [[5], [6, 7]]]
    return Partition(tuple(tuple(torch.tensor(ids) for ids in shard) for shard in parts))


# --- the partition


@pytest.mark.parametrize("how", ("iid", "by class"))
def test_every_sample_is_in_exactly_one_slice(digits: Split, how: str) -> None:
    partition = cut(digits, how)
    ids = torch.cat([part for shard in partition.slices for part in shard])
    assert torch.equal(ids.sort().values, digits.ids)
    assert sizes_of(partition).shape == (SHARDS, SLICES)
    assert sizes_of(partition).sum() == len(digits)


def test_iid_shards_and_slices_differ_by_one_sample_at_most(digits: Split) -> None:
    sizes = sizes_of(cut(digits))
    assert sizes.sum(1).max() - sizes.sum(1).min() <= 1
    assert sizes.max() - sizes.min() <= 1


def test_by_class_no_class_is_in_two_shards(digits: Split) -> None:
    seen = [
        set(digits.labels[digits.positions(torch.cat(shard))].tolist())
        for shard in cut(digits, "by class").slices
    ]
    assert sorted(label for labels in seen for label in labels) == list(range(10))


def test_the_seed_decides_the_partition(digits: Split) -> None:
    def first(seed: int) -> torch.Tensor:
        return make_partition(digits.ids, shards=2, slices=2, seed=seed).slices[0][0]

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


@pytest.mark.parametrize("wrong", [{"shards": 0}, {"slices": 0}, {"shards": 300}])
def test_impossible_partitions_are_refused(digits: Split, wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match="at least"):
        cut(digits, **wrong)


def test_more_shards_than_classes_are_refused(digits: Split) -> None:
    with pytest.raises(InputError, match="fewer shards"):
        cut(digits, "by class", shards=11)


# --- costs


@pytest.mark.parametrize(
    ("request_ids", "visits", "full", "shards"),
    [
        ([0], 1 + 3, 7, 1),  # first slice: all of the shard that remains
        ([3], 2, 7, 1),  # last slice: only that one
        ([5], 0 + 2, 7, 1),  # an emptied slice costs nothing, the next one is trained again
        ([3, 6], 2 + 1, 6, 2),
        ([1, 3, 5, 6, 7], 1 + 2, 3, 2),  # an emptied shard costs nothing
    ],
)
def test_costs_counted_by_hand(request_ids: list[int], visits: int, full: int, shards: int) -> None:
    cost = Costs(by_hand()).of(torch.tensor(request_ids))
    assert (cost.visits, cost.full, cost.shards) == (visits, full, shards)
    assert cost.share == visits / full


def test_first_affected_slice_of_each_shard() -> None:
    assert by_hand().first_affected(torch.tensor([4, 1, 7])) == {0: 0, 1: 1}


def test_mean_cost_of_one_sample_follows_the_formula(digits: Split) -> None:
    """With equal slices of m: (R + 1) / 2 slices, less the sample, of S R of them."""
    some = digits.subset(digits.ids[:480])
    partition = cut(some)
    m, n = 40, 480
    expected = ((SLICES + 1) / 2 * m - 1) / (n - 1)
    shares = [Costs(partition).of(ids).share for ids in some.ids.split(1)]
    assert sum(shares) / n == pytest.approx(expected)


def test_unknown_and_deleted_ids_are_refused() -> None:
    with pytest.raises(InputError, match="1 of 2 sample ids, 99, are in no shard"):
        Costs(by_hand()).of(torch.tensor([1, 99]))
    after = by_hand().without(torch.tensor([2]))
    with pytest.raises(InputError, match="not yet deleted"):
        after.first_affected(torch.tensor([2]))


def test_deleting_everything_is_refused(digits: Split, recipe: Recipe) -> None:
    few = digits.subset(digits.ids[:12])
    sisa = train(recipe, few, cut(few))
    with pytest.raises(InputError, match="every sample"):
        forget(recipe, few, sisa, few.ids)


# --- training and deletion


def test_one_shard_of_one_slice_is_plain_training(digits: Split, recipe: Recipe) -> None:
    partition = cut(digits, shards=1, slices=1)
    sisa = train(recipe, digits, partition)
    model = recipe.build(recipe.seed_of(0, 0))
    plan = shuffled_plan(digits.ids, batch_size=32, epochs=EPOCHS, seed=recipe.seed_of(0, 1))
    fit(model, digits, plan, recipe.optimizer(model))
    assert torch.equal(sisa.states[0][-1], Layout.of(model).vector(model))
    assert sisa.visits == EPOCHS * len(digits)


@pytest.mark.parametrize("how", ("iid", "by class"))
@pytest.mark.parametrize("kind", ["one sample", "several shards", "a class"])
def test_deletion_is_bit_identical_to_training_without(
    digits: Split, recipe: Recipe, how: str, kind: str
) -> None:
    partition = cut(digits, how)
    request = {
        "one sample": partition.slices[1][2][:1],
        "several shards": digits.ids[::61].contiguous(),
        "a class": digits.of_class(3),
    }[kind]
    remaining = digits.without(request)  # forgetting must do without the deleted images
    after = forget(recipe, remaining, train(recipe, digits, partition), request)
    anew = train(recipe, remaining, partition.without(request))
    for shard, expected in zip(after.states, anew.states, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(shard, expected, strict=True))
    cost = Costs(partition).of(request)
    assert (after.visits, anew.visits) == (EPOCHS * cost.visits, EPOCHS * cost.full)


def test_what_was_deleted_mattered_and_only_its_shard_changed(
    digits: Split, recipe: Recipe
) -> None:
    partition = cut(digits)
    before = train(recipe, digits, partition)
    after = forget(recipe, digits, before, partition.slices[1][2][:1])
    same = [
        [torch.equal(a, b) for a, b in zip(old, new, strict=True)]
        for old, new in zip(before.states, after.states, strict=True)
    ]
    # Shard 1 keeps its states up to the one before its third slice.
    assert same == [[True] * 5, [True, True, True, False, False], [True] * 5]


def test_one_deletion_after_another_is_both_at_once(digits: Split, recipe: Recipe) -> None:
    sisa = train(recipe, digits, cut(digits))
    first, second = digits.ids[:20], digits.ids[20:30]
    in_turn = forget(recipe, digits, forget(recipe, digits, sisa, first), second)
    at_once = forget(recipe, digits, sisa, digits.ids[:30])
    for a, b in zip(in_turn.states, at_once.states, strict=True):
        assert torch.equal(a[-1], b[-1])


# --- aggregation


def test_the_final_model_is_the_mean_of_probabilities(digits: Split, recipe: Recipe) -> None:
    sisa = train(recipe, digits, cut(digits))
    whole = aggregate(recipe, sisa)
    model, images = recipe.build(0), digits.images[:7]
    expected = torch.zeros(7, 10)
    for states in sisa.states:
        Layout.of(model).load(model, states[-1])
        expected += model(images).softmax(1) / SHARDS
    assert torch.allclose(whole(images), expected, atol=1e-6)
    assert torch.allclose(whole(images).sum(1), torch.ones(7))


def test_a_sure_model_outweighs_two_that_waver() -> None:
    class Says(nn.Module):
        def __init__(self, *logits: float) -> None:
            super().__init__()
            self.logits = torch.tensor([logits])

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.logits.expand(len(images), -1)

    models = [Says(0.1, 0.0), Says(0.1, 0.0), Says(0.0, 9.0)]
    assert Aggregate(models)(torch.zeros(1, 1)).argmax() == 1


def test_an_emptied_shard_has_no_say(digits: Split, recipe: Recipe) -> None:
    partition = cut(digits, "by class", shards=10, slices=2)
    sisa = train(recipe, digits, partition)
    after = forget(recipe, digits, sisa, digits.of_class(3))
    assert len(aggregate(recipe, sisa).models) == 10
    assert len(aggregate(recipe, after).models) == 9
    assert torch.equal(after.states[3][-1], after.states[3][0])
    assert after.visits == 0


# --- the experiment


def test_requests_cost_what_the_partition_foretold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        places, "results", lambda: tmp_path
    )  # weights cached by others stay out of it
    config = configs_of("sisa", load_profile("smoke"))[0]
    found = experiment.run(config.model_copy(update={"width": 16}))
    for executed in found["facts"]["executed"]:
        assert executed["visits"] == executed["foretold_visits"] <= executed["full_visits"]
    by_method = {row["method"]: row for row in found["rows"]}
    assert by_method["without the target class"]["d_t"] == 0
    assert by_method["ensemble"]["d_t"] > 0
    everyone = found["facts"]["costs"][0]
    assert everyone["drawn"] == len(load("mnist", source="sample").train)
    assert everyone["least"] < everyone["share"] < everyone["most"]


def ensemble_run(how: str, shards: int, d_r: float, share: float) -> Result:
    cost = {"samples": 50, "share": share, "least": share, "most": share, "shards": 1}
    return made_run(
        "sisa",
        {"partition": how, "shards": shards, "slices": 4},
        rows=[{"method": "ensemble", "d_t": 0.0, "d_r": d_r, "classes": [d_r] * 10}],
        facts={"costs": [{"request": "1 % at random", **cost}]},
    )


def test_limitations_are_measured_at_their_weakest() -> None:
    runs = [
        ensemble_run("by class", 2, 80.0, 1.0),
        ensemble_run("by class", 5, 40.0, 1.0),
        ensemble_run("iid", 5, 87.0, 0.75),
        ensemble_run("iid", 2, 90.0, 0.875),
    ]
    designs = [key[:3] for key in chapter.accuracies(runs).index]
    assert designs[:2] == [("iid", 2, 4), ("iid", 5, 4)]
    assert list(chapter.limitations(runs).values()) == [10, 75, 3]
    lines = repr(chapter.limitation_table(runs)).splitlines()[2:]
    assert [line.split()[-2:] for line in lines] == [
        ["10.00", "inconclusive"],  # one seed has no interval
        ["75.00", "inconclusive"],
        ["3.00", "inconclusive"],
    ]
