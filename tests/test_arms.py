"""The arms of a comparison: each is what its name says, and a whole path the plain method."""

from copy import deepcopy
from itertools import islice

import pytest
import torch
from torch.nn.functional import cosine_similarity, cross_entropy

from partial_unlearning.masks import FixedMask, depth_schedule, kept_count
from partial_unlearning.models import build
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.amnesiac import forget
from partial_unlearning.unlearners.gradient import flipped_labels
from reproduction.study.experiments import configs_of
from reproduction.study.kinds import TABLES
from reproduction.study.profiles import GradientSettings, Pruning, load_profile
from reproduction.study.runs import trials
from reproduction.study.runs.amnesiac_arms import MASKS, controls
from reproduction.study.runs.gradient import gradient_path
from reproduction.study.runs.optimizers import make_optimizer
from reproduction.study.runs.paths import POINTS, Activations, Scale, evenly, goals_of, subtraction
from reproduction.study.runs.setup import accuracies, fresh_model, load_data, measure
from reproduction.study.runs.strength import Goal
from reproduction.study.searches import searches_of

PRUNING = Pruning(sparsity_first=0.9, sparsity_last=0.3)


@pytest.fixture(scope="module")
def update():
    layout = Layout.of(build("LeNet", classes=10, seed=0))
    draw = torch.Generator().manual_seed(0)
    return layout, torch.randn(layout.size, generator=draw)


def test_controls_keep_as_many_entries_as_the_proposed_method(update):
    layout, total = update
    sparsity = depth_schedule(0.9, 0.3, len(layout.layers))
    counts = [*map(kept_count, sparsity, layout.layer_sizes)]
    proposed = FixedMask.draw(layout, counts, seed=0).kept()
    found = controls(layout, total, PRUNING, seed=0)
    counts = {name: int((part != 0).sum()) for name, part in found.items()}
    same = ("uniform", "layer_magnitude", "global_magnitude", "lowest_magnitude")
    for name in (*same, *(f"mask_{n}" for n in range(1, MASKS + 1))):
        assert abs(counts[name] - len(proposed)) <= len(layout.layers), name


def test_every_control_takes_entries_of_the_update_as_they_are(update):
    layout, total = update
    for name, part in controls(layout, total, PRUNING, seed=0).items():
        if name != "dense_factors":
            assert torch.equal(part[part != 0], total[part != 0]), name


def test_each_control_is_what_its_name_says(update):
    layout, total = update
    found = controls(layout, total, PRUNING, seed=0)
    sparsity = depth_schedule(0.9, 0.3, len(layout.layers))
    last = layout.slices[-1]
    assert found["last_layer"][: last.start].eq(0).all()
    assert torch.equal(found["last_layer"][last], total[last])
    for part, p, turned in zip(layout.slices, sparsity, sparsity[::-1], strict=True):
        size = part.stop - part.start
        torch.testing.assert_close(found["dense_factors"][part], (1 - p) * total[part])
        assert int((found["reversed"][part] != 0).sum()) == kept_count(turned, size)
        kept = found["layer_magnitude"][part] != 0
        least, most = total[part].abs()[kept].min(), total[part].abs()[~kept].max()
        assert least >= most
        kept = found["lowest_magnitude"][part] != 0
        assert total[part].abs()[kept].max() <= total[part].abs()[~kept].min()
    kept = found["global_magnitude"] != 0
    assert total.abs()[kept].min() >= total.abs()[~kept].max()
    assert not torch.equal(found["mask_1"], found["mask_2"])


def test_the_whole_of_a_subtraction_is_the_plain_method(update):
    layout, total = update
    model = build("LeNet", classes=10, seed=0)
    points = list(subtraction(model, total))
    assert len(points) == POINTS + 1
    assert torch.equal(points[0].weights, layout.vector(model))
    plain = layout.vector(forget(deepcopy(model), total))
    torch.testing.assert_close(points[-1].weights, plain, rtol=0, atol=1e-6)
    assert torch.equal(layout.vector(model), points[0].weights)  # itself untouched


@pytest.fixture(scope="module")
def digits():
    config = configs_of("table_3", load_profile("smoke"))[0]
    data = load_data(config)
    return config, data, fresh_model(config, data), data.train.subset(data.train.of_class(3))


def path(digits, steps=3, family="label_flipping", **settings):
    _, _, model, target = digits
    method = GradientSettings(**{"optimizer": "sgd", "learning_rate": 0.1, **settings})
    how = {"family": family, "classes": 10, "seed": 0, "max_steps": steps}
    return [point.weights for point in gradient_path(model, target, method, **how)]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("family", ["label_flipping", "optimization"])
def test_the_baseline_is_a_plain_optimizer_on_all_target_images(digits, family, optimizer):
    _, _, model, target = digits
    found = path(digits, family=family, optimizer=optimizer, learning_rate=0.001)
    twin, layout = deepcopy(model).eval(), Layout.of(model)
    plain = make_optimizer(optimizer, twin, learning_rate=0.001)
    flipped = flipped_labels(target.labels, classes=10, seed=0)
    sign, labels = (1, flipped) if family == "label_flipping" else (-1, target.labels)
    for expected in found[1:]:
        plain.zero_grad()
        (sign * cross_entropy(twin(target.images), labels)).backward()
        plain.step()
        torch.testing.assert_close(layout.vector(twin), expected, rtol=1e-4, atol=1e-5)


def test_the_last_layer_alone_moves(digits):
    layout = Layout.of(digits[2])
    first, *_, last = path(digits, form="last_layer")
    moved = first != last
    assert not moved[: layout.slices[-1].start].any()
    assert moved[layout.slices[-1]].any()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_layer_rates_are_a_learning_rate_for_each_layer(digits, optimizer):
    _, _, model, target = digits
    settings = {"optimizer": optimizer, "learning_rate": 0.01}
    found = path(digits, form="rates", fraction_first=0.2, fraction_last=0.8, **settings)
    twin = deepcopy(model).eval()
    layers = [m for m in twin.modules() if list(m.parameters(recurse=False))]
    fractions = depth_schedule(0.2, 0.8, len(layers))
    groups = [
        {"params": list(layer.parameters()), "lr": 0.01 * part}
        for layer, part in zip(layers, fractions, strict=True)
    ]
    plain = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer](groups)
    labels = flipped_labels(target.labels, classes=10, seed=0)
    for expected in found[1:]:
        plain.zero_grad()
        cross_entropy(twin(target.images), labels).backward()
        plain.step()
        torch.testing.assert_close(Layout.of(twin).vector(twin), expected, rtol=1e-4, atol=1e-5)


def test_minibatches_pass_over_every_image_before_any_comes_again(digits):
    from reproduction.study.runs.gradient import _batches

    seen = torch.cat(list(islice(_batches(300, 128, seed=0), 3)))
    assert torch.equal(seen.sort().values, torch.arange(300))
    assert len(next(_batches(300, None, seed=0))) == 300


def test_evenly_takes_from_the_whole_range():
    assert evenly(torch.arange(10), 5).tolist() == [0, 2, 4, 6, 8]
    assert evenly(torch.arange(3), 5).tolist() == [0, 1, 2]


def test_a_record_is_what_the_model_says_there(digits):
    config, data, model, target = digits
    scale = Scale(config, model, data, target.ids)
    vector = Layout.of(model).vector(model)
    other = torch.randn(len(vector), generator=torch.Generator().manual_seed(1)) * 0.05
    [record] = scale.records("baseline", subtraction(model, other), [Goal("train", 100)])
    assert (record["reached"], record["strength"], record["representation"]) == (True, 0, 100)
    assert record["d_r"] == accuracies(config, model, data)["d_r"]
    there = deepcopy(model)
    Layout.of(model).load(there, vector - other)
    retained = data.evaluation.labels != 3
    hidden = Activations(there)
    with hidden.kept():
        measure(config, there, data)
    alike = cosine_similarity(hidden.take()[retained], scale.before[retained]).mean().item()
    assert 0 < alike < 0.999
    with scale.hidden.kept():
        measure(config, scale.load(vector - other), data)
    assert scale._alike(scale.hidden.take()) == pytest.approx(100 * alike)


def test_activations_are_only_kept_when_asked(digits):
    config, data, model, _ = digits
    hidden = Activations(model)
    with hidden.kept():
        measure(config, model, data)
    first = hidden.take()
    assert first.shape == (len(data.evaluation), 500)
    measure(config, model, data)
    assert hidden._parts == []


def test_a_tuning_run_tries_every_pruning_of_its_grid():
    profile = load_profile("smoke")
    config = searches_of(profile, TABLES[1], "MLP")[0].first()[0]
    found = trials.amnesiac(config)
    assert [row["method"] for row in found["rows"]] == ["trained", "baseline"]
    assert [t["setting"]["sparsity_first"] for t in found["trials"]] == [0.9]


def test_goals_stand_once_each():
    assert goals_of([1, 2], [1, 1]) == [Goal("train", 1), Goal("train", 2), Goal("test", 1)]
