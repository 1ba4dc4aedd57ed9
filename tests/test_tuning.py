"""The rule by which settings are chosen."""

import pytest
import yaml

from partial_unlearning.errors import InputError
from reproduction import places
from reproduction.datasets.sets import load
from reproduction.study import tuning
from reproduction.study.experiments import TABLES
from reproduction.study.profiles import load_profile, names
from reproduction.study.runs.setup import load_data


def trial(d_t: float, d_r: float, *, forgotten: bool = True, **setting: float) -> dict:
    setting = setting or {"share": d_r}
    return {"setting": setting, "forgotten": forgotten, "d_t": d_t, "d_r": d_r}


def test_the_rule_takes_the_best_of_those_that_forgot():
    trials = [trial(0, 50), trial(1.0, 60), trial(1.01, 99)]
    assert tuning.ranked(trials) == [trials[1], trials[0], trials[2]]


def test_who_still_recognises_its_own_target_data_has_not_forgotten():
    trials = [trial(0, 99, forgotten=False), trial(1.0, 60), trial(5, 99)]
    assert tuning.ranked(trials) == [trials[1], trials[0], trials[2]]
    assert tuning.ranked(trials, 99) == [trials[1], trials[0], trials[2]]


def test_without_any_that_forgot_the_rule_takes_the_lowest_d_t():
    trials = [trial(9, 50), trial(5, 20), trial(7, 99)]
    assert tuning.ranked(trials) == [trials[1], trials[2], trials[0]]


def test_the_protocol_is_the_one_nearest_to_the_papers_baseline():
    trials = [trial(0, 90), trial(0, 40), trial(0, 66)]
    assert tuning.ranked(trials, 51.93) == [trials[1], trials[2], trials[0]]


def test_a_protocol_under_which_the_baseline_forgets_goes_first():
    trials = [trial(20, 51), trial(0, 90)]
    assert tuning.ranked(trials, 51.93) == [trials[1], trials[0]]


def test_a_protocol_that_drops_target_images_comes_last():
    trials = [trial(0, 51, target_images=100), trial(20, 90)]
    assert tuning.ranked(trials, 51.93) == [trials[1], trials[0]]


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("family", ["label_flipping", "optimization"])
def test_both_sides_try_equally_many_settings(name, family):
    grids = load_profile(name).tuning
    naive, partial = tuning.naive_grid(grids), tuning.partial_grid(grids, family)
    assert len(naive) == len(partial)
    assert all(method["first"] == method["last"] == 1 for method in naive)
    assert {m["max_epochs"] for m in naive} == {m["max_epochs"] for m in partial}


@pytest.mark.parametrize("name", names())
def test_both_sides_try_rates_of_the_same_range(name):
    grids = load_profile(name).tuning
    assert grids.learning_rates.keys() == grids.partial_learning_rates.keys()
    for optimizer, partial in grids.partial_learning_rates.items():
        naive = grids.learning_rates[optimizer]
        assert set(partial) <= set(naive)
        assert (min(partial), max(partial)) == (min(naive), max(naive))


@pytest.mark.parametrize("name", ["quick", "full"])
def test_the_controls_of_pruning_try_as_many_settings_as_pruning(name):
    grids = load_profile(name).tuning
    assert len(grids.pruning) == len(grids.scales) == sum(map(len, grids.stops.values()))


def test_a_tuning_run_is_measured_on_held_out_training_images():
    config = tuning.searches_for(load_profile("smoke"), TABLES[1], "MLP", {})[0].configs[0]
    tuned, published = load_data(config), load("mnist", source="sample")
    held_out = set(tuned.evaluation.ids.tolist())
    assert held_out <= set(published.train.ids.tolist())
    assert not held_out & set(tuned.train.ids.tolist())


@pytest.mark.parametrize("name", names())
def test_tuning_never_sees_the_test_split_nor_a_published_seed(name):
    profile = load_profile(name)
    searches = [
        *tuning.searches_for(profile, TABLES[1], "MLP", {}),
        *tuning.searches_for(profile, TABLES[5], "MLP", {}),
    ]
    assert all(config.tuning for search in searches for config in search.configs)
    assert tuning.SEED not in profile.seeds


def test_tuning_writes_what_the_rule_chose(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "results", lambda: tmp_path / "results")
    tuned = tmp_path / "tuned.yaml"
    monkeypatch.setattr(tuning, "tuned_path", lambda profile: tuned)
    monkeypatch.setattr(tuning, "read_tuned", lambda profile: {})
    lines = list(tuning.tune("smoke", jobs=1, family="amnesiac", dataset="mnist", model="MLP"))
    chosen = yaml.safe_load(tuned.read_text())["mnist"]["MLP"]["amnesiac"]
    assert len(lines) == 1
    profile = load_profile("smoke")
    searches = tuning.searches_for(profile, TABLES[1], "MLP", chosen)
    protocols, pruning, scales, stops = searches
    assert len(protocols.trials) == len(profile.tuning.protocols)
    assert protocols.nearest == 51.93
    assert all(search.obeys_the_rule for search in searches)
    assert (chosen["protocol"], chosen["pruning"]) == (protocols.best, pruning.best)
    assert ({"scale": chosen["scale"]}, chosen["stop"]) == (scales.best, stops.best)


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="the family sisa, .*choose from amnesiac, mnist, MLP; "):
        list(tuning.tune("smoke", jobs=1, family="sisa"))
    with pytest.raises(InputError, match="the model VGG .*choose from amnesiac, mnist, MLP; "):
        list(tuning.tune("smoke", jobs=1, model="VGG"))


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("number", range(1, 7))
def test_the_profiles_hold_what_the_rule_chose_from_the_stored_trials(name, number):
    for search in tuning.searches(name, number):
        assert search.trials or name == "smoke", f"no trials stored: {search.model} {search.sought}"
        assert search.obeys_the_rule, f"{search.model}: tune {search.sought} again"
