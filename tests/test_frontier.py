"""Better masks: which entries they keep, the rule that chooses among them, and a rule of thumb."""

import math
import re

import matplotlib
import pandas as pd
import pytest
import torch
from torch import nn

from conftest import made_run
from partial_unlearning.masks import kept_count
from partial_unlearning.models import build
from partial_unlearning.state import Layout
from reproduction.chapters import frontier as chapter
from reproduction.chapters import rule_of_thumb as thumb
from reproduction.chapters.provenance_table import unfinished
from reproduction.checking import frontier
from reproduction.study.experiments import base_config, configs_of
from reproduction.study.kinds import configured
from reproduction.study.profiles import load_profile
from reproduction.study.runs import frontier as run_frontier
from reproduction.study.runs import frontier_masks as masks
from reproduction.study.runs.paths import STRENGTHS, stretched
from reproduction.study.stored_runs import find

matplotlib.use("agg")
LAYOUT = Layout.of(nn.Sequential(nn.Linear(9, 10), nn.Linear(10, 4), nn.Linear(4, 1)))
SIZES = LAYOUT.layer_sizes  # 100, 44, 5


# Masks


@pytest.mark.parametrize("kept", range(0, 150, 7))
def test_the_steepest_line_keeps_what_is_asked_and_touches_an_end(kept):
    line = masks.steepest_schedule(SIZES, kept)
    steps = {round(a - b, 9) for a, b in zip(line, line[1:], strict=False)}
    assert len(steps) == 1
    assert line[0] == 1 or line[-1] == pytest.approx(0)
    assert sum((1 - p) * n for p, n in zip(line, SIZES, strict=True)) == pytest.approx(kept)


def test_the_settings_of_the_tables_lie_on_such_lines():
    sizes = Layout.of(build("LeNet", classes=10, seed=0)).layer_sizes
    kept = sum(0.3 * n * layer / 4 for layer, n in enumerate(sizes))
    assert masks.steepest_schedule(sizes, kept) == pytest.approx([1, 0.925, 0.85, 0.775, 0.7])


@pytest.mark.parametrize("kept", [1, 5, 30, 149])
def test_masks_known_before_keep_as_many_and_each_its_own(kept):
    found = masks.known_before(LAYOUT, kept, seed=3)
    sizes = {name: len(positions.unique()) for name, positions in found.items()}
    assert sizes["last_layers"] == kept
    assert sizes["depth"] == sizes["blocks of 16"] == sizes["blocks of 64"] == sizes["rows"]
    assert abs(sizes["depth"] - kept) <= 2  # rounded in each of three layers
    again = masks.known_before(LAYOUT, kept, seed=3)
    assert all(torch.equal(found[name], again[name]) for name in found)


def test_last_layers_are_filled_from_the_last_one_back():
    kept = masks.known_before(LAYOUT, 12, seed=0)["last_layers"]
    assert kept[-5:].tolist() == list(range(144, 149))
    assert ((kept[:-5] >= 100) & (kept[:-5] < 144)).all()


def test_rows_are_whole_outputs_with_their_biases():
    kept = torch.zeros(LAYOUT.size, dtype=torch.bool)
    kept[masks.rows(LAYOUT, [40, 11, 5], seed=1)] = True
    weights, biases = kept[:90].view(10, 9), kept[90:100]
    assert biases.sum() == 4
    assert torch.equal(weights.all(1), biases)
    assert torch.equal(weights.any(1), biases)
    assert kept[100:144].sum() == 11  # one output of ten weights and its bias
    assert kept[144:].all()


def test_masks_of_the_request_against_sorting():
    generator = torch.Generator().manual_seed(0)
    total, energy = torch.randn(149, generator=generator), torch.rand(149, generator=generator)
    found = masks.known_after(LAYOUT, 40, total, energy)
    assert set(found["global_magnitude"].tolist()) == set(total.abs().argsort()[-40:].tolist())
    scores = total.abs() / (energy.sqrt() + masks.LEAST)
    assert set(found["salient"].tolist()) == set(scores.argsort()[-40:].tolist())
    line = masks.steepest_schedule(SIZES, 40)
    assert len(found["layer_magnitude"]) == sum(map(kept_count, line, SIZES))


def test_the_energy_of_updates_is_the_sum_of_their_squares():
    model, watch = nn.Linear(2, 1), run_frontier.UpdateEnergy()
    watch.on_train_begin(model)
    for step in range(run_frontier.EARLY + 3):
        with torch.no_grad():
            model.weight += 0.5
        watch.on_step_end(step, model)
    expected = [0.25 * (run_frontier.EARLY + 3)] * 2 + [0]
    assert watch.energy.tolist() == pytest.approx(expected)
    assert watch.early.tolist() == pytest.approx([0.25 * run_frontier.EARLY] * 2 + [0])


def test_a_stretched_path_is_a_straight_line_beyond_the_whole():
    model, update = nn.Linear(2, 1), torch.tensor([1.0, 0.0, -2.0])
    trained = Layout.of(model).vector(model)
    points = list(stretched(model, update))
    assert [point.strength for point in points] == [*STRENGTHS]
    for point in points:
        assert torch.allclose(point.weights, trained - point.strength * update)


@pytest.mark.parametrize("model", ["MLP", "ResNet9"])
def test_a_run_has_every_arm_and_counts_weights_only(model):
    profile = load_profile("smoke")
    base = base_config(profile, "mnist", model, 0)
    base["training"] = base["training"].model_copy(update={"epochs": 1})
    own = {"target_placement": {"affected_fraction": 0.3}, "fractions": (0.1,), "level": 50.0}
    pruning = {"sparsity_first": 0.9, "sparsity_last": 0.3}
    config = configured("frontier", **base, **own, pruning=pruning, target_images=16)
    result = run_frontier.run(config)
    layers = [r["method"] for r in result["levels"] if r["method"].startswith("layer ")]
    assert len(layers) == {"MLP": 2, "ResNet9": 9}[model]
    arms = {r["method"] for r in result["levels"]} - {*layers}
    assert arms == {
        *("proposed", "depth", *masks.BLOCKS, "rows", "last_layers", "early"),
        *("layer_magnitude", "global_magnitude", "salient"),
    }
    network = build(model, classes=10, seed=0, width=base["width"])
    weights = sum(p.numel() for p in network.parameters())
    assert result["facts"]["weights"] == weights
    assert sum(r["kept"] for r in result["levels"] if r["method"] in layers) == weights


# The rule


def record(arm: str, fraction: float | None, kept: int, d_r: float | None, strength=0.5) -> dict:
    head = {"method": arm, "fraction": fraction, "kept": kept, "reached": d_r is not None}
    known = {"d_t": 0.5, "d_r": d_r, "strength": strength, "representation": 99.0}
    return head | (known if d_r is not None else {})


def runs(levels: list[list[dict]], kind: str = "frontier", model: str = "MLP") -> list:
    facts = {"weights": 1000, "batch_bytes": 264}
    return [
        made_run(kind, {"model": model, "seed": seed}, levels=found, facts=facts)
        for seed, found in enumerate(levels)
    ]


def both(levels: list[list[dict]], **options: str) -> pd.DataFrame:
    """The same measured on trials and on judged trainings."""
    return frontier.measured(runs(levels, "frontier_tuning", **options) + runs(levels, **options))


def of_seed(bump: float = 0.0, last: float | None = 90.2) -> list[dict]:
    return [
        record("proposed", None, 200, 90.0 + bump),
        record("depth", 0.1, 100, 89.6 + bump),
        record("depth", 0.01, 10, 80.0 + bump),
        record("last_layers", 0.1, 100, 91.0 + bump),
        record("last_layers", 0.01, 10, None if last is None else last + bump, 4.0),
        record("layer 1", None, 900, 70.0 + bump),
        record("layer 2", None, 50, 89.5 + bump),
        record("salient", 0.01, 10, 95.0 + bump),
    ]


def test_the_smallest_setting_within_the_margin_on_every_trial_is_taken():
    found = frontier.standings(both([of_seed(), of_seed(1), of_seed(-1)]))["MLP"]
    assert {a: s.setting for a, s in found.items() if s.setting} == {
        "paper": "10 %",
        "last_layers": "1 %",
        "one_layer": "layer 2",
    }
    last = found["last_layers"]
    assert (last.kept, last.row_bytes) == (10, 2 * 10 + 264)
    assert last.difference.mean == pytest.approx(0.2)
    assert last.word == "holds"
    assert found["one_layer"].word == "inconclusive"  # exactly at the margin
    assert found["blocks of 32"].word == "none may be taken"


def test_one_trial_that_never_gets_there_or_falls_short_forbids_a_setting():
    for bad in (None, 89.4):
        points = both([of_seed(), of_seed(last=bad), of_seed()])
        assert frontier.standing(points, "last_layers").setting == "10 %"


def test_a_strength_above_the_most_allowed_counts_as_not_there():
    points = both([of_seed()])
    assert frontier.standing(frontier.limited(points, 1.0), "last_layers").setting == "10 %"
    assert frontier.standing(frontier.limited(points, 4.0), "last_layers").setting == "1 %"


def test_a_strength_above_the_most_allowed_counts_as_not_there_on_judged_trainings_too():
    more = of_seed()
    more[3] |= {"strength": 1.2}  # the setting that is taken, in one of three judged trainings
    reference = of_seed()
    reference[0] |= {"strength": 1.2}  # there is nothing to compare with
    trials = runs([of_seed()], "frontier_tuning")
    points = frontier.measured(trials + runs([of_seed(), more, reference]))
    found = frontier.standing(frontier.limited(points, 1.0), "last_layers")
    assert (found.setting, found.word, found.difference.n) == ("10 %", "inconclusive", 1)
    assert found.rows.reached.tolist() == [True, False, True]
    assert frontier.standing(points, "last_layers").difference.n == 3


def test_a_setting_fails_where_its_interval_lies_beyond_the_margin():
    trials = runs([of_seed()], "frontier_tuning")
    judged = runs([of_seed(last=80 + n / 10) for n in range(3)])
    assert frontier.standing(frontier.measured(trials + judged), "last_layers").word == "fails"


def test_the_best_of_our_own_has_a_setting_in_every_model_and_the_largest_factor():
    points = both([of_seed(), of_seed(1)])
    found = frontier.standings(points)
    assert frontier.best(found) == "last_layers"
    assert frontier.factors(found, "last_layers") == {"MLP": 10}
    assert frontier.factors(found, "one_layer") == {"MLP": 2}
    missing = both([[record("proposed", None, 200, 90.0), record("layer 1", None, 9, 90.0)]])
    second = pd.concat([points, missing.assign(model="LeNet")])
    assert frontier.best(frontier.standings(second)) == "one_layer"
    assert frontier.best({}) is None


def test_each_training_for_itself_has_its_own_factor():
    judged = runs([of_seed(), of_seed(last=80.0)])  # 100 / 10 entries, and 100 / 100
    found = frontier.ratio(frontier.measured(judged), "last_layers")
    assert found.n == 2
    assert found.mean == pytest.approx(math.sqrt(10))
    assert frontier.ratio(frontier.measured(judged[:1]), "last_layers") is None


# Pages


def test_a_page_says_which_trainings_are_missing():
    profile = load_profile("full")
    missing = configs_of("frontier", profile)
    models = {config.model for config in missing if find("full", config) is None}
    said = unfinished("frontier", "full")
    assert all(f"{model} on " in said for model in models)
    assert bool(said) == bool(models)


def test_the_answer_says_where_no_mask_of_our_own_may_be_taken():
    only = [record("proposed", None, 900, 90.0), record("last_layers", 0.1, 100, 80.0)]
    points = pd.concat([both([of_seed()]), both([only]).assign(model="ResNet9")])
    said = chapter.answer(points)
    assert said.startswith("**No: no mask of our own saves entries in every network.** None may be")
    assert "taken in ResNet9 (the mask of the tables keeps 90 %), at up to 10 %" in said
    assert "Elsewhere the last layers keep fewer entries" in said and "MLP 10 times fewer" in said
    assert "at up to 10 % of the entries: the rule asks" in chapter.answer(both([only]))
    assert chapter.answer(frontier.measured([])) == "Nothing is stored yet."


def test_the_answer_names_the_factor_and_where_it_holds():
    said = chapter.answer(both([of_seed(), of_seed(1), of_seed(-1)]))
    assert "keeping the last layers needs **10 times fewer entries a step**" in said
    assert "1.6 times fewer bytes" in said  # (200 + 264) / (20 + 264)
    assert said.startswith("Yes: ") and "still recognised: MLP holds (" in said
    assert "the factor is 10 [10, 10] over 3 trainings" in said


def test_an_answer_that_is_a_no_and_one_without_runs():
    worse = [record("proposed", None, 200, 90.0), record("blocks of 32", 0.5, 500, 90.0)]
    assert chapter.answer(both([worse])).startswith(
        "No: the best mask of our own, blocks of 32, needs 2.5 times"
    )
    assert chapter.answer(frontier.measured([])) == "Nothing is stored yet."


@pytest.mark.parametrize("count", [0, 1, 3])
def test_tables_and_figures_of_any_number_of_runs(count):
    points = both([of_seed(n / 10) for n in range(count)])
    lines = [
        repr(make(points, caption="c")).splitlines()[2:]
        for make in (chapter.choice_table, chapter.plain_table, chapter.grid_table)
    ]
    figure = chapter.frontier_figure(points, (frontier.PAPER, *frontier.OWN))
    assert len(figure.axes) == 1
    if count:
        assert [len(found) for found in lines] == [8, 8, 3]
        assert re.search(r" 10 +(holds|inconclusive)$", lines[0][1])
        assert "with the request" in next(line for line in lines[2] if "against all" in line)
    else:
        assert lines == [["nothing stored yet"]] * 3


def thumb_runs(gap: float) -> list:
    def point(kept, method="depth", **known):
        return {"method": method, "kept": kept, "classes": [90.0] * 10, **known}

    twin = made_run("retrained", {"model": "MLP"}, rows=[point(1, d_t=0.0, d_r=98.0)])
    rows = [point(1, "trained", d_t=97.0, d_r=97.0), point(1.0, d_t=0.0, d_r=20.0)]
    rows.append(point(0.01, "last_layer", d_t=2.0, d_r=96.0))
    there = {"reached": True, "strength": 0.4, "d_t": 1.0, "d_r": 98 - gap}
    levels = [point(1.0, **there), {"method": "last_layer", "kept": 0.01, "reached": False}]
    return [twin, made_run("rule_of_thumb", {"model": "MLP"}, rows=rows, levels=levels)]


def test_the_gap_is_the_mean_distance_to_the_twin():
    points = thumb.mapped(thumb_runs(gap=3))
    found = {(p["name"], p["end"]): p.gap for _, p in points.iterrows()}
    assert found["100 %", "published"] == (0 + 78) / 2
    assert found["last layer", "published"] == (2 + 2) / 2
    assert found["100 %", "equal"] == (1 + 3) / 2
    assert math.isnan(found["last layer", "equal"])


def test_the_map_marks_what_never_gets_there():
    points = thumb.mapped(thumb_runs(gap=3))
    figure = thumb.map_figure(points, "MLP")
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert texts == ["0.0", "2.0", "39.0", "2.0", "2.0", "–"]
    assert "–, 0 of 1 there" in repr(thumb.map_table(points, caption="c"))
    assert thumb.map_panels(points, "LeNet") == {}


@pytest.mark.parametrize(
    ("gaps", "said"),
    [
        ({0.12: 1.0, 0.5: 1.9, 1.0: 2.0}, "hardly matters how many batches held what must go."),
        ({0.12: 1.0, 0.5: 1.9, 1.0: 30.0}, "from 12 to 50 % of them."),
        ({0.12: 1.0, 0.5: 1.9, 1.0: math.nan}, "from 12 to 50 % of them."),
        ({0.12: 1.0, 0.5: 2.1, 1.0: 30.0}, "How near you come depends"),
        ({0.12: math.nan, 1.0: math.nan}, "How near you come depends"),
    ],
)
def test_the_opinion_follows_the_gaps(gaps, said):
    assert said in thumb._opinion(pd.Series(gaps))


def test_nothing_stored_is_said():
    assert thumb.answer(thumb.mapped(thumb_runs(gap=3))).startswith("**")
    assert thumb.answer(thumb.mapped([])) == "Nothing is stored yet."
