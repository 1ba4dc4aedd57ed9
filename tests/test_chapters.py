"""What chapters show: rows, curves, choices and pictures, from runs written by hand."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import made_run
from partial_unlearning.masks import SelectionMask
from partial_unlearning.models import MODELS, build
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.gradient import flipped_labels
from reproduction import paper, places
from reproduction.chapters import assumptions, layers
from reproduction.chapters.claim_pages import chapter_claims
from reproduction.chapters.comparison import class_name
from reproduction.chapters.controls import GRADIENT
from reproduction.chapters.curves import runs_with
from reproduction.chapters.fractions import fraction_tables, strategies
from reproduction.chapters.layers import (
    layer_masks,
    layer_table,
    moved,
    parameter_count,
    ring_picture,
)
from reproduction.chapters.messages import load_messages
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.rates_beyond import best_at_the_ends
from reproduction.chapters.search_tables import choice_tables, grid_table, placement_table
from reproduction.chapters.settings_tables import (
    WIDTHS,
    held_at,
    mixing_table,
    moved_text,
    setting_text,
    settings_table,
)
from reproduction.datasets.sets import load
from reproduction.study import stored_runs as store
from reproduction.study.arms import PAPER_ARMS
from reproduction.study.profiles import GradientSettings, Pruning, load_profile, names
from reproduction.study.searches import PlacementSearch
from reproduction.study.stored_runs import Result
from reproduction.study.tuning import searches, tuning_runs

PROVENANCE = {
    "commit": "0123456789abcdef",
    "dirty": False,
    "code_digest": "e" * 64,
    "versions": {"torch": "2"},
    "device": "cpu",
    "data_digest": "f" * 64,
    "seconds": 1.5,
    "finished": "2024-01-01T00:00:00Z",
}


def point(d_t: float, d_r: float) -> dict[str, float]:
    return {"d_t": d_t, "d_r": d_r}


def row(method: str, d_t: float, d_r: float) -> dict:
    return {"method": method, **point(d_t, d_r), "classes": [d_r] * 11}


METHODS = ("baseline", "proposed")


def amnesiac(
    seed: int = 0, end: float = 0.0, dataset: str = "mnist", model: str = "MLP", **changes: object
) -> Result:
    way = [point(90, 95), point(5, 80), point(end, 60)]
    curves = {name: {"backward": way, "forward": [way[0], way[2]]} for name in METHODS}
    facts = {"affected_fraction": 0.3, "density": 0.25, "request": 60, "affected_steps": 24}
    training = load_profile("smoke").training.model_copy(update={"epochs": 8, "batch_size": 128})
    content = {
        "rows": [row("trained", 90, 95), *(row(name, end, 60) for name in METHODS)],
        "curves": {"training": [point(10, 10), point(90, 95)], **curves},
        "facts": facts,
        "provenance": PROVENANCE,
    }
    config = {"dataset": dataset, "model": model, "seed": seed, "training": training}
    return made_run("amnesiac", config, **content | changes)


# Rows


def test_classes_have_the_names_of_digits_and_organs():
    assert class_name("mnist", 9) == "digit 9"
    assert class_name("organamnist", 0) == "bladder"


def test_a_chapter_without_runs_says_so():
    none = runs_with([amnesiac()], experiment="label_flipping")
    assert none == [] and runs_with([amnesiac()], experiment="amnesiac") == [amnesiac()]
    assert "nothing stored yet" in repr(settings_table(none, caption="c"))
    assert fraction_tables(strategies(none)) == []
    assert "last run ended" in repr(provenance(none, "again"))


def test_settings_that_were_never_tuned_stand_without_trials(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "results", lambda: tmp_path)
    placed, trials = choice_tables("smoke", 2, top=3)
    assert "nothing stored yet" in repr(placed)
    assert repr(trials).splitlines()[1].split() == ["Model", "For", "Setting"]


# Curves


def test_widths_are_those_of_the_library():
    assert {name: width for name, (_, width) in MODELS.items()} == WIDTHS


# Settings and choices


def test_settings_in_words():
    texts = {
        "plain shuffling": {"affected_fraction": 1.0},
        "30 % of the batches": {"affected_fraction": 0.3},
        "all, but 100 target images kept": {"target_images": 100.0},
        "layer magnitude, 0.9 → 0.3": Pruning(
            strategy="layer_magnitude", sparsity_first=0.9, sparsity_last=0.3
        ).model_dump(),
        "sgd, 0.01": {"optimizer": "sgd", "learning_rate": 0.01},
    }
    assert {setting_text(setting): setting for setting in texts.values()} == texts


def test_what_moves_in_words():
    assert moved_text("masks", 1, 1) == "all"
    assert moved_text("masks", 0.9, 0.1) == "0.9 → 0.1"
    assert moved_text("rates", 0.9, 0.1) == "all, at rates × 0.9 → 0.1"
    assert moved_text("last_layer", 1, 1) == "last layer"


def test_arms_have_a_line_each_with_the_steps_they_take():
    def arm(seed: int, name: str, strength: float | None) -> Result:
        record = {"method": name, "on": "train", "level": 1.0, "reached": strength is not None}
        method = GradientSettings(optimizer="sgd", learning_rate=0.1, fraction_last=0.1)
        config = {"arm": name, "seed": seed, **method.model_dump()}
        return made_run("label_flipping", config, levels=[{**record, "strength": strength}])

    runs = [arm(0, "proposed", 2.5), arm(1, "proposed", 0.75), arm(2, "proposed", None)]
    lines = repr(settings_table([*runs, arm(0, "uniform", None)], caption="c")).splitlines()[2:]
    assert "0.8 to 2.5, 1 never there" in lines[0] and "1 → 0.1" in lines[0]
    assert "never there" in lines[1] and len(lines) == 2


def test_settings_keep_one_model_on_two_data_sets_apart():
    results = [amnesiac(model="ResNet9"), amnesiac(dataset="organamnist", model="ResNet9")]
    assert repr(settings_table(results, caption="c")).count("ResNet9") == 2


def test_target_images_in_an_affected_batch():
    assert "  20.0  " in repr(settings_table([amnesiac()], caption="c"))  # 60 * 8 / 24
    config = amnesiac().config
    part = {"dataset": "mnist", "affected_fraction": 0.3, "training": config.training}
    run = made_run("shares", part, facts={"affected_fraction": 0.3})
    train = load("mnist", source="sample").train
    expected = len(train.of_class(3)) / (0.3 * 40)  # 5,000 images are 40 batches of 128
    assert f"{expected:.1f} of 128" in repr(mixing_table([run]))
    assert held_at(config.model_copy(update={"source": "complete"}), 1.0) == 6131 / 469


def test_a_placement_counts_when_all_of_its_search_is_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "results", lambda: tmp_path)

    def search() -> PlacementSearch:
        return next(s for s in searches("smoke", 1) if isinstance(s, PlacementSearch))

    printed = paper.cell(1, "MLP", "baseline").d_r
    for config in search().first():
        assert search().scored == [] and search().obeys_the_rule
        rows = [row("trained", 95, 90)]
        own = {}
        if config.experiment == "amnesiac_trials":
            rows.append(row("baseline", 0, printed - 2))
            own = {"trials": [{"setting": {}}], "facts": {"affected_fraction": 0.5}}
        store.save("smoke", Result(config=config, rows=rows, provenance={}, **own))
    (found,) = search().scored
    assert found.eligible and found.score == -2
    assert search().obeys_the_rule == (found.setting == search().chosen)
    line = next(x for x in repr(placement_table("smoke", 1)).splitlines() if "MLP" in x)
    assert "95.00" in line and line.endswith("  2.00")
    assert len(tuning_runs("smoke")) == len(search().first())


@pytest.mark.parametrize("profile", names())
def test_the_register_is_complete_under_every_profile(profile):
    entries = assumptions.register(profile)
    assert len(entries) > 15
    assert all(text and "{" not in text for entry in entries for text in entry.values())
    assert load_profile(profile).training.optimizer in entries[0]["choice"]


@pytest.mark.parametrize("number", [3, 4, 5, 6])
def test_a_rate_at_the_end_of_the_grid_is_named_with_what_lies_beyond(number):
    found = searches("full", number)
    said = best_at_the_ends(found)
    for search in found:
        best = search.chosen
        trials = [
            trial["setting"] for run in search._stored(search.configs) for trial in run.trials
        ]
        rates = {t["learning_rate"] for t in trials if t["optimizer"] == best["optimizer"]}
        assert len(rates) > 1 and best["learning_rate"] in rates
        inside = min(rates) < best["learning_rate"] < max(rates)
        name = f"{search.model} {GRADIENT[search.sought]}"
        named = f"{name} ({best['optimizer']}, " in said or f"{name}: " in said
        assert named != inside
        if search.sought in PAPER_ARMS and not inside:
            beyond = [[trial.get("d_r") for trial in end.trials] for end in search.beyond]
            worst = [min(d_r) for d_r in beyond if None not in d_r]
            best = f"{max(worst):.2f}" if worst else "does not forget enough"
            assert f"{name}: {best} at " in said


@pytest.mark.parametrize("profile", names())
def test_grids_are_counted_as_tuning_tries_them(profile):
    text, grids = repr(grid_table(profile)), load_profile(profile).tuning
    rates = sum(map(len, grids.learning_rates.values()))
    for size in (len(grids.affected_fractions), len(grids.pruning), rates):
        assert f"  {size}  " in text


# Models, masks, weights


@pytest.mark.parametrize("name", MODELS)
def test_layers_add_up_to_the_model(name):
    model = build(name, classes=11, seed=0, width=4)
    found = layers.layer_rows(model)
    assert sum(line[2] for line in found) == parameter_count(model)
    assert sum(line[2] + line[3] for line in found) == Layout.of(model).size
    assert "61,706" in repr(layer_table("LeNet", classes=10))


def test_layer_masks_show_each_kept_weight_once():
    layout = Layout.of(build("LeNet", classes=10, seed=0))
    pictures = layer_masks(layout, torch.arange(layout.size))
    assert len(pictures) == 5 and all(grid.all() for grid in pictures.values())
    one = layer_masks(layout, torch.tensor([layout.slices[1].start]))
    assert {name: int(grid.sum()) for name, grid in one.items()} == {
        f"layer {number}": int(number == 2) for number in range(1, 6)
    }


def test_the_selection_moves_on_by_its_own_length():
    layout = Layout.of(build("LeNet", classes=10, seed=0))
    selection = SelectionMask.draw(layout, [0.25] * 5, seed=3)
    picture = ring_picture(selection, 4, 5)
    count = int(picture[0].sum())
    for before, after in pairwise(picture):
        assert (np.roll(before, count) == after).all()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_nothing_moves_outside_the_selection(optimizer):
    train = load("mnist", source="sample").train
    target = train.subset(train.of_class(3)[:20])
    labels = flipped_labels(target.labels, classes=10, seed=0)
    model = build("LeNet", classes=10, seed=0)
    selection = SelectionMask.draw(Layout.of(model), [0.3] * 5, seed=0)
    found = moved(model, target.images, labels, selection, optimizer=optimizer, epochs=2)
    assert [line[1] for line in found] == [1, 2]
    assert all(line[3] > 0 and line[4] == 0 for line in found)


# Origin


def test_provenance_says_what_ran_and_how_to_repeat_it():
    repeat = command("table_1", "quick", seeds=None, target=5)
    assert repeat == ".venv/bin/python -m reproduction run table_1 --profile quick -p target=5"
    text = repr(provenance([amnesiac(0), amnesiac(1)], repeat))
    assert "seeds 0, 1" in text and "3 s in all" in text and repeat in text
    assert "0123456789" in text and "uncommitted" not in text


def test_a_chapter_shows_its_own_claims_only():
    text = repr(chapter_claims("smoke", "figure_2"))
    assert "was calibrated on the paper's baseline cell" in text  # the caveat
    assert "Figure 2" in text and "Table" not in text.partition("\n")[2]


def test_the_messages_that_the_book_shows_are_those_of_tests_that_exist():
    sources = "".join(
        path.read_text("utf-8") for path in Path(__file__).parent.glob("test_log_*.py")
    )
    for entry in load_messages():
        assert f"def {entry['test'].partition('[')[0]}(" in sources
        assert entry["message"]
