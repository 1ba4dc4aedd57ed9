"""Class activation maps against hand-made ones, and how alike maps are."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from partial_unlearning.errors import InputError
from partial_unlearning.models import build
from reproduction.chapters import figure_3 as chapter
from reproduction.checking.measurements import map_similarities, tidy
from reproduction.datasets.sets import load
from reproduction.study.experiments import configs_of
from reproduction.study.profiles import Pruning, load_profile
from reproduction.study.runs import activation_maps as experiment
from reproduction.study.runs.grad_cam import (
    class_maps,
    is_flat,
    last_spatial_convolution,
    scaled,
    similarity,
)
from reproduction.study.stored_runs import Result

CHANNELS, CLASSES = 2, 3


def transparent() -> nn.Sequential:
    """Two copies of the image, weighted 1 and -2, whose means are mixed into three classes."""
    convolution = nn.Conv2d(1, CHANNELS, 1, bias=False)
    last = nn.Linear(CHANNELS, CLASSES, bias=False)
    with torch.no_grad():
        convolution.weight.copy_(torch.tensor([1.0, -2.0]).view(CHANNELS, 1, 1, 1))
        last.weight.copy_(torch.tensor([[3.0, 0.5], [0.0, 1.0], [1.0, 0.25]]))
    return nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(3, 1, 6, 6, generator=torch.Generator().manual_seed(0))


def test_map_of_a_transparent_model_is_the_weighted_image(images: Tensor) -> None:
    """Channel c's mean gradient is its weight over 36; class sums are 3 - 1, 0 - 2 and 1 - 0.5."""
    found = class_maps(transparent(), images, torch.tensor([0, 1, 2]))
    weights = torch.tensor([2.0, 0.0, 0.5]) / 36  # -2 is cut off: it speaks against the class
    expected = weights.view(3, 1, 1) * images[:, 0]
    assert torch.allclose(found, expected, atol=1e-7)
    assert is_flat(found).tolist() == [False, True, False]


def test_map_of_lenet_is_the_gradient_weighted_activation() -> None:
    model = build("LeNet", classes=10, seed=0)
    digits = load("mnist", source="sample").evaluation
    x, y = digits.images[:5], digits.labels[:5]
    activation = model[:4](x).detach().requires_grad_()
    scores = model[4:](activation).gather(1, y.view(-1, 1)).sum()
    (gradient,) = torch.autograd.grad(scores, activation)
    raw = (gradient.mean((2, 3), keepdim=True) * activation).sum(1, keepdim=True).relu()
    expected = nn.functional.interpolate(raw, (28, 28), mode="bilinear").squeeze(1)
    assert raw.shape == (5, 1, 10, 10)
    for chunk in (250, 2):
        found = class_maps(model, x, y, chunk=chunk)
        assert torch.allclose(scaled(found), scaled(expected), atol=1e-5)
        assert torch.allclose(found, expected, atol=1e-9)


def test_the_layer_is_the_last_with_places() -> None:
    model, image = build("LeNet", classes=10, seed=0), torch.zeros(1, 1, 28, 28)
    assert last_spatial_convolution(model, image) is model[3]
    with pytest.raises(InputError, match="convolution"):
        last_spatial_convolution(build("MLP", classes=10, seed=0, width=4), image)


def test_the_model_is_left_as_it_was(images: Tensor) -> None:
    model = transparent().train()
    before = [weight.clone() for weight in model.parameters()]
    class_maps(model, images, torch.tensor([0, 1, 2]))
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_similarity_is_the_correlation_of_pixels(images: Tensor) -> None:
    first, second = images[:, 0], images[:, 0].flip(0)
    expected = [
        np.corrcoef(a.flatten(), b.flatten())[0, 1] for a, b in zip(first, second, strict=True)
    ]
    assert similarity(first, second).tolist() == pytest.approx(expected)


def test_similarity_ignores_scale_and_offset_and_knows_opposites(images: Tensor) -> None:
    maps = images[:, 0]
    assert similarity(maps, maps).tolist() == pytest.approx([1] * 3)
    assert similarity(maps, 5 * maps + 2).tolist() == pytest.approx([1] * 3)
    assert similarity(maps, 1 - maps).tolist() == pytest.approx([-1] * 3)


@pytest.mark.parametrize("value", [0.0, 0.3, 1e4])
def test_flat_maps_follow_the_convention(images: Tensor, value: float) -> None:
    maps, flat = images[:, 0], torch.full((3, 6, 6), value)
    assert is_flat(flat).all()
    assert not is_flat(maps).any()
    assert similarity(maps, flat).tolist() == [0] * 3
    assert similarity(flat, maps).tolist() == [0] * 3
    assert similarity(flat, torch.zeros_like(flat)).tolist() == [1] * 3


def test_scaled_maps_reach_1_and_zero_maps_stay() -> None:
    maps = torch.stack([torch.zeros(2, 2), torch.tensor([[0.0, 4.0], [1.0, 2.0]])])
    assert torch.equal(scaled(maps)[0], torch.zeros(2, 2))
    assert torch.equal(scaled(maps)[1], torch.tensor([[0.0, 1.0], [0.25, 0.5]]))


# --- the experiment


@pytest.fixture(scope="module")
def found() -> Result:
    """A run for target 1 whose masks prune nothing."""
    config = configs_of("figure_3", load_profile("smoke"))[1]
    short = config.training.model_copy(update={"epochs": 1})
    nothing = Pruning(sparsity_first=0.0, sparsity_last=0.0)
    changes = {"training": short, "pruning": nothing, "images": 12}
    config = config.model_copy(update=changes)
    return Result(config=config, provenance={}, **experiment.run(config))


def test_compared_images_are_retained_and_spread() -> None:
    data = load("mnist", source="sample")
    chosen = experiment.compared_images(data, target=3, count=90)
    assert len(chosen) == 90
    assert sorted(chosen.labels.unique().tolist()) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    with pytest.raises(InputError, match="expected 2"):
        experiment.compared_images(data, target=3, count=1000)


def test_without_pruning_both_methods_leave_the_same_maps(found: Result) -> None:
    alike = found.similarities
    assert len(alike["image"]) == 12
    assert alike["baseline"] == alike["proposed"]
    assert alike["baseline"] != alike["retrained"]
    assert found.facts["difference"]["mean"] == 0
    mean = found.facts["similarity"]["baseline"]["mean"]
    assert mean == pytest.approx(sum(alike["baseline"]) / 12, abs=1e-5)


def test_examples_are_drawn_from_retained_classes_and_scaled(found: Result) -> None:
    assert sorted(picture["label"] for picture in found.maps) == [2, 7, 8, 9]
    assert all(np.shape(p["maps"]["proposed"]) == (28, 28) for p in found.maps)
    assert all(np.max(p["maps"]["trained"]) == 1 for p in found.maps)
    methods = [row["method"] for row in found.rows]
    assert methods == ["trained", "baseline", "proposed", "retrained"]


def test_the_ledger_reads_the_mean_over_images(found: Result) -> None:
    rows = tidy([found], map_similarities).set_index("method")
    assert rows.similarity["proposed"] == pytest.approx(np.mean(found.similarities["proposed"]))
    assert np.isnan(rows.similarity["trained"])
    assert set(rows.target) == {1}


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        ((0.1, 0.3), "keeps the maps closer than"),
        ((-0.3, -0.1), "leaves the maps farther off than"),
        ((-0.1, 0.1), "cannot be told apart in its maps from"),
    ],
)
def test_words_follow_the_interval(found: Result, gains: tuple[float, float], words: str) -> None:
    alike = found.similarities
    proposed = [value + gains[at % 2] for at, value in enumerate(alike["baseline"])]
    changed = found.model_copy(update={"similarities": {**alike, "proposed": proposed}})
    assert words in chapter.in_words([changed])
    assert chapter.difference(changed).mean == pytest.approx(sum(gains) / 2)
