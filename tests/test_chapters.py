"""What chapters show: rows, curves, choices and pictures, from runs written by hand."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch

from conftest import made_run
from partial_unlearning.masks import SelectionMask
from partial_unlearning.models import MODELS, build, parameter_count
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.gradient import flipped_labels
from reproduction import paper, places
from reproduction.chapters import assumptions, layers, search_tables
from reproduction.chapters.claim_pages import verdict_table
from reproduction.chapters.comparison import (
    ACCURACIES,
    CLASSES,
    class_name,
    comparison,
    comparison_rows,
    controls_table,
    every_method,
    forgotten_table,
    share_tables,
)
from reproduction.chapters.curves import panels, runs_with, share_panels, unlearning
from reproduction.chapters.figures import Curve
from reproduction.chapters.layers import layer_masks, layer_table, moved, ring_picture
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.search_tables import choice_tables, grid_table
from reproduction.chapters.settings_tables import (
    WIDTHS,
    held_at,
    mixing_table,
    setting_text,
    settings_table,
)
from reproduction.checking.measurements import tidy
from reproduction.datasets.sets import load
from reproduction.study import stored_runs as store
from reproduction.study import tuning
from reproduction.study.experiments import TABLES
from reproduction.study.profiles import GradientSettings, Pruning, Stop, load_profile, names
from reproduction.study.stored_runs import Result

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
    return {"method": method, **point(d_t, d_r), "class_a": 1.0, "class_b": 2.0, "class_c": 3.0}


METHODS = ("baseline", "proposed")


def amnesiac(
    seed: int = 0, end: float = 0.0, dataset: str = "mnist", model: str = "MLP", **changes: object
) -> Result:
    way = [point(90, 95), point(5, 80), point(end, 60)]
    curves = {name: {"backward": way, "forward": [way[0], way[2]]} for name in METHODS}
    facts = {"affected_share": 0.3, "kept_share": 0.25, "request": 60, "affected_steps": 24}
    training = load_profile("smoke").training.model_copy(update={"epochs": 8, "batch_size": 128})
    content = {
        "rows": [row("trained", 90, 95), *(row(name, end, 60) for name in METHODS)],
        "curves": {"training": [point(10, 10), point(90, 95)], **curves},
        "facts": facts,
        "provenance": PROVENANCE,
    }
    config = {"dataset": dataset, "model": model, "seed": seed, "training": training}
    return made_run("amnesiac", config, **content | changes)


def share_run(share: float, d_r: float) -> Result:
    rows = [row("amnesiac", 0, d_r), row("global magnitude", 1, d_r)]
    return made_run("shares", {"dataset": "mnist", "share": share}, rows=rows)


# Rows


def test_rows_follow_the_paper_and_the_verdict_stands_by_the_claim():
    run = tidy([amnesiac(0), amnesiac(1)]).assign(table=1)
    found = comparison_rows(1, run, run.iloc[:0], ACCURACIES)
    lines = {tuple(line[:3]): line[3:] for line in found}
    assert [line[1] for line in found[::2]] == ["trained", "baseline", "proposed", "retrained"]
    printed = paper.cell(1, "MLP", "proposed").d_r
    assert lines["MLP", "proposed", "d_r"][0] == f"{printed:.2f}"
    assert lines["MLP", "trained", "d_r"][0] == "–"
    assert lines["MLP", "baseline", "d_r"][1:3] == ["–", "60.00 ± 0.00"]
    assert lines["MLP", "retrained", "d_r"][2] == "–"
    assert [line[:3] for line in found if line[-1]] == [["MLP", "proposed", "d_r"]]


def test_class_columns_have_the_names_of_their_classes():
    run = tidy([amnesiac(dataset="organamnist", model="ConvNet")]).assign(table=2)
    found = comparison_rows(2, run, run.iloc[:0], CLASSES)
    assert [line[2] for line in found[:3]] == ["bladder", "kidney-right", "spleen"]
    assert class_name("mnist", 9) == "digit 9"


def test_a_chapter_without_runs_says_so():
    none = runs_with([amnesiac()], experiment="label_flipping")
    assert none == [] and runs_with([amnesiac()], experiment="amnesiac") == [amnesiac()]
    shown = [
        comparison(2, none, ACCURACIES, caption="c"),
        every_method(2, none, caption="c"),
        settings_table(none, caption="c"),
        *share_tables(none, none, {"mnist": "MNIST"}),
    ]
    assert all("nothing stored yet" in repr(table) for table in shown)
    assert panels(none, "backward") == {} and unlearning(none) == {}
    assert share_panels(none, "d_r", {"mnist": "MNIST"}) == {}
    assert "last run ended" in repr(provenance(none, "again"))


def test_the_choice_of_settings_that_were_never_tuned_is_an_empty_table(tmp_path, monkeypatch):
    for profile in places.profiles().glob("*.yaml"):
        (tmp_path / profile.name).write_text(profile.read_text())
    monkeypatch.setattr(places, "profiles", lambda: tmp_path)
    assert {repr(t).splitlines()[-1] for t in choice_tables("smoke", 2, top=3)} == {
        "nothing stored yet"
    }


def test_every_method_has_both_accuracies():
    text = repr(every_method(1, [amnesiac()], caption="c"))
    assert "trained" in text and text.count("60.00") == 2


# Curves


def test_curves_are_means_over_seeds_and_drop_the_doubled_points():
    panel = panels([amnesiac(0, end=0), amnesiac(1, end=4)], "backward")["MLP"]
    assert panel.training == Curve([90], [95])
    assert panel.unlearning["proposed"] == Curve([5, 2], [80, 60])
    assert panel.retrained is None
    retrained = made_run("retrained", {"model": "MLP"}, rows=[row("retrained", 0, 97)])
    assert panels([amnesiac(), retrained], "forward")["MLP"].retrained == Curve([0], [97])


def test_a_run_that_ended_earlier_stays_where_it_ended():
    def steps(seed: int, *d_t: float) -> Result:
        curve = [point(value, 90) for value in d_t]
        return made_run("label_flipping", {"seed": seed}, curves=dict.fromkeys(METHODS, curve))

    ((_, curves),) = unlearning([steps(0, 90, 0), steps(1, 90, 8, 6, 4)]).items()
    assert curves == dict.fromkeys(METHODS, Curve([90, 4, 3, 2], [90] * 4))


def test_forgotten_is_the_first_time_or_never_a_seed():
    table = forgotten_table(
        [amnesiac(0), amnesiac(1, end=2)],
        [],
        printed={"baseline": "2 to 3", "proposed": "more"},
        unit="epochs",
        caption="c",
        orders=["backward", "forward"],
    )
    heads, first = (re.split(r"  +", line) for line in repr(table).splitlines()[1:3])
    assert heads[-4:] == ["full: ≤ 3", "full: ≤ 1", "this run: ≤ 3", "this run: ≤ 1"]
    assert first == ["MLP", "baseline", "backward", "2 to 3", "–", "–", "2, 2", "2, never"]


def test_steps_of_full_runs_stand_beside_those_of_this_run():
    def stepped(end: float) -> Result:
        curves = dict.fromkeys(METHODS, [point(90, 95), point(5, 80), point(end, 60)])
        return made_run("label_flipping", curves=curves)

    table = forgotten_table(
        [stepped(0)],
        [stepped(2)],
        printed={"baseline": "–", "proposed": "slower"},
        unit="steps",
        caption="c",
    )
    assert repr(table).splitlines()[2].split()[-4:] == ["2", "never", "2", "2"]


def test_controls_count_where_both_sides_forget():
    def run(seed: int, d_t: float, d_r: float) -> Result:
        return amnesiac(seed, rows=[row("proposed", 1, 90), row("scaled", d_t, d_r)])

    results = [run(0, 3, 80), run(1, 3.01, 70), run(2, 0, 91)]
    lines = repr(controls_table(results, caption="c")).splitlines()[2:]
    assert lines[0].split() == ["baseline", "0", "of", "0", "–"]
    assert lines[1].split()[:4] == ["scaled", "1", "of", "2"]
    assert lines[1].endswith("MLP on mnist: +10.00, MLP on mnist: -1.00")


def test_widths_are_those_of_the_library():
    assert {name: width for name, (_, width) in MODELS.items()} == WIDTHS


def test_share_tables_keep_both_sources_of_a_strategy_together():
    titles = {"mnist": "MNIST", "organamnist": "none"}
    results, full = [share_run(0.2, 50), share_run(1.0, 10)], [share_run(0.2, 60)]
    assert share_panels(results, "d_r", titles) == {
        "MNIST": {"amnesiac": {0.2: 50, 1.0: 10}, "global magnitude": {0.2: 50, 1.0: 10}}
    }
    lines = repr(share_tables(results, full, {"mnist": "MNIST"})[0]).splitlines()[2:]
    assert [line.split()[0] for line in lines] == ["amnesiac"] * 4 + ["global"] * 4
    assert lines[3].split()[-2:] == ["60.00", "–"]


# Settings and choices


def test_settings_in_words():
    texts = {
        "plain shuffle (share 1)": {"share": 1.0},
        "share 0.3": {"share": 0.3},
        "first 100 target images, shuffled": {"target_images": 100.0},
        "layer magnitude, 0.9 → 0.3": Pruning(strategy="layer_magnitude", first=0.9, last=0.3),
        "times 0.5": {"scale": 0.5},
        "the last 2 of the run's epochs": Stop(order="backward", epochs=2),
        "sgd, 0.01, weights moved: all": GradientSettings(
            optimizer="sgd", learning_rate=0.01, max_epochs=60
        ),
        "adam, 0.001, weights moved: 0.9 → 0.1": GradientSettings(
            optimizer="adam", learning_rate=0.001, max_epochs=60, first=0.9, last=0.1
        ),
    }
    for text, setting in texts.items():
        assert setting_text(setting if isinstance(setting, dict) else setting.model_dump()) == text


def test_settings_keep_one_model_on_two_data_sets_apart():
    results = [amnesiac(model="ResNet9"), amnesiac(dataset="organamnist", model="ResNet9")]
    assert repr(settings_table(results, caption="c")).count("ResNet9") == 2


def test_target_images_in_an_affected_batch():
    assert "  20.0  " in repr(settings_table([amnesiac()], caption="c"))  # 60 * 8 / 24
    config = amnesiac().config
    share = {"dataset": "mnist", "share": 0.3, "training": config.training}
    run = made_run("shares", share, facts={"affected_share": 0.3})
    train = load("mnist", source="sample").train
    expected = len(train.of_class(3)) / (0.3 * 40)  # 5,000 images are 40 batches of 128
    assert f"{expected:.1f} of 128" in repr(mixing_table([run]))
    assert held_at(config.model_copy(update={"source": "complete"}), 1.0) == 6131 / 469


def test_a_search_counts_when_all_of_it_is_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "results", lambda: tmp_path)
    profile = load_profile("smoke")
    configs = tuning.searches_for(profile, TABLES[1], "MLP", {})[0].configs
    printed = paper.cell(1, "MLP", "baseline").d_r

    def protocol() -> tuning.Search:
        return next(s for s in tuning.searches("smoke", 1) if s.sought == "protocol")

    for distance, config in enumerate(configs):
        assert protocol().trials == [] and protocol().obeys_the_rule
        judged = {"forgotten": True, **point(0, printed - distance)}
        trial = {"setting": config.protocol, **judged}
        facts = {"affected_share": 0.5}
        result = store.Result(config=config, trials=[trial], facts=facts, provenance={})
        store.save("smoke", result)
    found = protocol()
    assert [t["setting"] for t in found.trials] == [config.protocol for config in configs]
    assert found.obeys_the_rule == (found.chosen == configs[0].protocol)
    assert "50.0 %" in repr(search_tables.protocol_table("smoke", 1))
    assert len(tuning.tuning_runs("smoke")) == len(configs)


@pytest.mark.parametrize("profile", names())
def test_the_register_is_complete_under_every_profile(profile):
    entries = assumptions.register(profile)
    assert len(entries) > 15
    assert all(text and "{" not in text for entry in entries for text in entry.values())
    assert load_profile(profile).training.optimizer in entries[0]["choice"]


@pytest.mark.parametrize("profile", names())
def test_grids_are_counted_as_tuning_tries_them(profile):
    text = repr(grid_table(profile))
    grids = load_profile(profile).tuning
    for size in (len(tuning.naive_grid(grids)), len(grids.pruning), len(grids.protocols)):
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
    repeat = command("table_1", "quick", seeds=None, share=0.5)
    assert repeat == ".venv/bin/python -m reproduction run table_1 --profile quick -p share=0.5"
    text = repr(provenance([amnesiac(0), amnesiac(1)], repeat))
    assert "seeds 0, 1" in text and "3 s in all" in text and repeat in text
    assert "0123456789" in text and "uncommitted" not in text


def test_a_chapter_shows_its_own_claims_only():
    text = repr(verdict_table("smoke", "figure_2"))
    assert "was calibrated on the paper's baseline cell" in text  # the caveat
    assert "Figure 2" in text and "Table" not in text.partition("\n")[2]
