"""The rule by which settings are chosen."""

import shutil

import pytest
import yaml

from partial_unlearning.errors import InputError
from reproduction import places
from reproduction.datasets.sets import load
from reproduction.study import searches, tuning
from reproduction.study.arms import PAPER_ARMS, gradient_arm
from reproduction.study.kinds import GRADIENT, TABLES
from reproduction.study.peer_searches import peer_searches
from reproduction.study.profiles import load_profile, names
from reproduction.study.runs.setup import load_data
from reproduction.study.searches import ranked, score_arm, score_placement


def trials(*d_r: float | None, rate: float = 0.1) -> list[dict]:
    """A setting's trials, one a seed; None where it never reached the level."""
    ends = [{"reached": False} if x is None else {"reached": True, "d_r": x} for x in d_r]
    return [{"setting": {"rate": rate}, **end} for end in ends]


def test_a_setting_is_worth_its_worst_training():
    scored = [score_arm(trials(99, 98, 40, rate=1), 3), score_arm(trials(70, 71, 72, rate=2), 3)]
    assert [s.score for s in scored] == [40, 70]
    assert ranked(scored) == [scored[1], scored[0]]


def test_a_setting_that_fails_once_may_not_be_taken():
    scored = [score_arm(trials(99, 99, None, rate=1), 3), score_arm(trials(20, 20, 20, rate=2), 3)]
    assert [s.eligible for s in scored] == [False, True]
    assert ranked(scored) == [scored[1], scored[0]]


def test_a_setting_that_was_not_tried_on_all_trainings_may_not_be_taken():
    finalist, other = score_arm(trials(50, 50, 50, rate=1), 3), score_arm(trials(99, rate=2), 3)
    assert not other.eligible
    assert ranked([other, finalist]) == [finalist, other]


def placement(d_r: float, known: float = 99, trained: float = 98, fraction: float = 0.2) -> dict:
    plain = {"plain_d_t": 100, "plain_d_r": 98}
    setting = {"affected_fraction": fraction}
    return {"setting": setting, "d_r": d_r, "trained_d_t": known, "trained_d_r": trained, **plain}


def test_the_placement_is_the_one_nearest_to_the_papers_baseline():
    near = score_placement([placement(40), placement(60)], 2, 51.93)
    far = score_placement([placement(90), placement(90)], 2, 51.93)
    assert near.score == pytest.approx(-(11.93 + 8.07) / 2)
    assert ranked([far, near]) == [near, far]


@pytest.mark.parametrize(
    "trial", [placement(51, known=94.9), placement(51, trained=96.9)], ids=["class", "others"]
)
def test_a_placement_under_which_training_suffers_may_not_be_taken(trial):
    spoilt, far = score_placement([trial], 1, 51.93), score_placement([placement(0)], 1, 51.93)
    assert (spoilt.eligible, far.eligible) == (False, True)
    assert ranked([spoilt, far]) == [far, spoilt]


def test_if_all_placements_spoil_training_the_one_that_knows_the_class_best_is_taken():
    scored = [score_placement([placement(51, known=k)], 1, 51.93) for k in (50, 70, 60)]
    assert ranked(scored)[0] == scored[1]


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("number", [3, 6])
def test_every_arm_tries_the_same_rates(name, number):
    found = searches.searches_of(load_profile(name), TABLES[number], "ResNet9")
    assert [search.sought for search in found][:2] == ["baseline", "proposed"]
    assert len({str(search.first()[0].rates) for search in found}) == 1
    assert {search.first()[0].max_steps for search in found} == {found[0].first()[0].max_steps}


@pytest.mark.parametrize(
    ("rate", "up", "next_one"),
    [(0.3, True, 1.0), (1.0, True, 3.0), (0.003, True, 0.01), (3e-5, False, 1e-5), (1, False, 0.3)],
)
def test_rates_go_on_as_in_the_grid(rate, up, next_one):
    assert searches.next_rate(rate, up=up) == next_one


@pytest.mark.parametrize(
    ("scores", "on"),
    [
        ([50], True),
        ([50, 60], True),
        ([50, 60, 60], False),
        ([50, 60, 55], False),
        ([50, 60, None], False),
        ([50, 60, 70, 80, 90, 99], False),
    ],
    ids=["first", "better", "equal", "worse", "never there", "enough"],
)
def test_rates_beyond_the_grid_are_tried_while_the_last_is_the_best(scores, on):
    tried = [score_arm(trials(score, rate=n), 1) for n, score in enumerate(scores)]
    assert searches.goes_on(tried) is on


def test_tuning_tries_rates_beyond_the_grid_of_the_papers_methods_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "results", lambda: tmp_path)
    baseline, _, control = searches.searches_of(load_profile("smoke"), TABLES[3], "MLP")[:3]
    assert (baseline.beyond, baseline.further()) == ([], [])
    tuning.run_missing("smoke", [*baseline.first(), *control.first()], jobs=1)
    chosen = baseline.best
    assert control.further() == []
    while configs := baseline.further():
        tuning.run_missing("smoke", configs, jobs=1)
    rates = [chosen["learning_rate"], *(s.setting["learning_rate"] for s in baseline.beyond)]
    assert len(rates) > 1
    assert rates[1:] == [searches.next_rate(rate, up=True) for rate in rates[:-1]]
    assert baseline.best == chosen
    scores = [found.score if found.eligible else -1 for found in baseline.beyond]
    better = max(scores) > (baseline.scored[0].score if baseline.scored[0].eligible else -1)
    best = rates[1 + scores.index(max(scores))] if better else None
    assert (baseline.better_beyond or {"learning_rate": None})["learning_rate"] == best


@pytest.mark.parametrize(
    ("number", "model", "arm"), [(3, "MLP", "proposed"), (3, "ResNet9", "baseline")]
)
def test_no_rate_beyond_is_taken_that_is_no_better(number, model, arm):
    found = searches.searches_of(load_profile("full"), TABLES[number], model)
    search = next(s for s in found if s.sought == arm)
    assert len(search.beyond) == 1 and search.better_beyond is None


@pytest.mark.parametrize("family", GRADIENT)
def test_the_controls_differ_from_the_proposed_method_in_what_their_name_says(family):
    proposed, turned = gradient_arm(family, "proposed"), gradient_arm(family, "reversed")
    assert (proposed.fraction_first, proposed.fraction_last) == (
        turned.fraction_last,
        turned.fraction_first,
    )
    assert gradient_arm(family, "layer_rates").model_dump() == {
        **proposed.model_dump(),
        "form": "rates",
    }
    for name in (*PAPER_ARMS, *load_profile("full").comparison.controls):
        assert (gradient_arm(family, name).batch_size is not None) == name.endswith("_minibatches")


def test_a_tuning_run_is_measured_on_held_out_training_images():
    config = searches.searches_of(load_profile("smoke"), TABLES[1], "MLP")[0].first()[0]
    tuned, published = load_data(config), load("mnist", source="sample")
    held_out = set(tuned.evaluation.ids.tolist())
    assert held_out <= set(published.train.ids.tolist())
    assert not held_out & set(tuned.train.ids.tolist())


@pytest.mark.parametrize("name", names())
def test_tuning_never_sees_the_test_split_nor_a_published_seed(name):
    profile = load_profile(name)
    found = [s for number in TABLES for s in tuning.searches(name, number)]
    assert all(config.held_out for search in found for config in search.first())
    models = [model for data in profile.datasets.values() for model in data.models.values()]
    published = {*profile.seeds, *(seed for model in models for seed in model.seeds or ())}
    assert published.isdisjoint(profile.tuning.seeds)


def test_tuning_writes_what_the_rule_chose(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "results", lambda: tmp_path / "results")
    tuned = tmp_path / "tuned.yaml"
    monkeypatch.setattr(tuning, "tuned_path", lambda profile: tuned)
    monkeypatch.setattr(tuning, "read_tuned", lambda profile: {})
    lines = list(tuning.tune("smoke", jobs=1, family="amnesiac", dataset="mnist", model="MLP"))
    chosen = yaml.safe_load(tuned.read_text())["mnist"]["MLP"]
    assert len(lines) == 1 and lines[0].startswith("table 1, MLP on mnist: placement")
    profile = load_profile("smoke")
    place, pruning, kept = searches.searches_of(profile, TABLES[1], "MLP")
    assert chosen["amnesiac"] == {"target_placement": place.best, "pruning": pruning.best}
    assert chosen["kept_images"]["pruning"] == kept.best
    assert all(search.obeys_the_rule for search in (place, pruning, kept))


def test_todays_methods_are_tried_under_the_placement_that_is_chosen(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "results", lambda: tmp_path / "results")
    monkeypatch.setattr(places, "profiles", lambda: tmp_path)
    for name in ("full", "smoke"):
        shutil.copy(places.ROOT / "profiles" / f"{name}.yaml", tmp_path)
    assert load_profile("smoke").datasets["mnist"].models["MLP"].amnesiac is None
    assert len(list(tuning.tune("smoke", jobs=1, dataset="mnist", model="MLP"))) == 4
    profile = load_profile("smoke")
    found = peer_searches(profile, "mnist", "MLP")
    [run] = found[0].configs
    placement = profile.datasets["mnist"].models["MLP"].amnesiac.target_placement
    assert run.target_placement == placement == {"affected_fraction": 0.2}
    assert all(search.scored and search.obeys_the_rule for search in found)


def test_only_the_best_rates_go_on_to_the_other_trainings(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "results", lambda: tmp_path)
    profile = load_profile("smoke")
    grids = {"seeds": (1000, 1001), "rate_finalists": 1}
    profile = profile.model_copy(update={"tuning": profile.tuning.model_copy(update=grids)})
    search = searches.searches_of(profile, TABLES[5], "MLP")[0]
    assert search.scored == [] and len(search.configs) == 1
    tuning.run_missing("smoke", search.first(), jobs=1)
    [second] = search.second()
    assert second.seed == 1001
    best = search.finalists(1)[0]
    assert second.rates == ((best["optimizer"], best["learning_rate"]),)
    tuning.run_missing("smoke", [second], jobs=1)
    assert [len(scored.trials) for scored in search.scored] == [2, 1]


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="nothing to tune for family sisa; choose from amnesiac"):
        list(tuning.tune("smoke", jobs=1, family="sisa"))
    with pytest.raises(InputError, match="nothing to tune for model VGG; choose from amnesiac"):
        list(tuning.tune("smoke", jobs=1, model="VGG"))


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("number", range(1, 7))
def test_the_profiles_hold_what_the_rule_chose_from_the_stored_trials(name, number):
    for search in tuning.searches(name, number):
        if name == "full" and search.chosen is not None:  # the others take over its settings
            assert search.scored, f"no trials stored: {search.model} {search.sought}"
        assert search.obeys_the_rule, f"{search.model}: tune {search.sought} again"
