"""Profiles and overrides: what is written, inherited, changed, and what is refused."""

import re

import pytest

from partial_unlearning.errors import InputError
from reproduction import paper, places
from reproduction.study.overrides import PARAMETERS, override
from reproduction.study.profiles import Profile, load_profile, names

FULL = (places.profiles() / "full.yaml").read_text()


@pytest.fixture
def profile(tmp_path, monkeypatch):
    """Writes a profile beside a copy of ``full``, without tuned settings, and loads it."""
    (tmp_path / "full.yaml").write_text(FULL)
    monkeypatch.setattr(places, "profiles", lambda: tmp_path)

    def load(text, name="own"):
        (tmp_path / f"{name}.yaml").write_text(text)
        return load_profile(name)

    return load


def test_a_profile_that_says_nothing_is_the_one_it_extends(profile):
    own, full = profile("extends: full"), load_profile("full")
    assert own.model_dump() == full.model_dump() | {"name": "own"}


def test_a_mapping_is_merged_and_a_list_or_a_number_replaced(profile):
    full = load_profile("full")
    own = profile(
        "extends: full\n"
        "training: {epochs: 3}\n"
        "seeds: [7]\n"
        "datasets: {mnist: {models: {LeNet: {width: 2}}}}\n"
        "tuning: {learning_rates: {sgd: [1]}}\n"
    )
    assert own.training == full.training.model_copy(update={"epochs": 3})
    assert own.seeds == (7,)
    rates = full.tuning.learning_rates
    assert own.tuning.learning_rates == {"sgd": (1,), "adam": rates["adam"]}
    widths, before = (
        {name: model.width for name, model in profile.datasets["mnist"].models.items()}
        for profile in (own, full)
    )
    assert widths == before | {"LeNet": 2} != before
    assert own.datasets["organamnist"] == full.datasets["organamnist"]


def test_models_keep_the_order_of_the_profile_extended(profile):
    models = "ResNet9: {width: 2}, MLP: {width: 3}"
    own = profile(f"extends: full\ndatasets: {{mnist: {{models: {{{models}}}}}}}")
    models = list(load_profile("full").datasets["mnist"].models)
    assert list(own.datasets["mnist"].models) == models
    assert models.index("MLP") < models.index("ResNet9")


@pytest.mark.parametrize("name", names())
def test_classes_are_those_of_the_paper(name):
    settings = load_profile(name).datasets
    assert {name: data.target for name, data in settings.items()} == paper.TARGET


def test_a_profile_may_name_another_target(profile):
    assert profile("extends: full\ndatasets: {mnist: {target: 8}}").datasets["mnist"].target == 8


def test_a_profile_has_the_tuned_settings_of_the_one_it_extends_but_where_it_has_own(
    tmp_path, profile
):
    (tmp_path / "tuned").mkdir()
    tuned = (places.ROOT / "profiles" / "tuned" / "smoke.yaml").read_text()
    (tmp_path / "tuned" / "full.yaml").write_text(tuned)
    chosen = load_profile("full").datasets["mnist"].models
    assert chosen["MLP"].amnesiac.pruning.sparsity_first == 0.9
    assert profile("extends: full").datasets["mnist"].models == chosen
    placed = (
        "{target_placement: {target_images: 7}, pruning: {sparsity_first: 1, sparsity_last: 0}}"
    )
    (tmp_path / "tuned" / "own.yaml").write_text(f"mnist: {{MLP: {{amnesiac: {placed}}}}}")
    own = profile("extends: full").datasets["mnist"].models
    assert own["MLP"].amnesiac.target_placement == {"target_images": 7}
    assert own["MLP"].optimization == chosen["MLP"].optimization
    assert own["LeNet"] == chosen["LeNet"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: full\nsource: sample\nepochs: 3", "epochs\n  Extra inputs are not permitted"),
        ("extends: full\ntraining: {epoch: 3}", "training.epoch\n  Extra inputs are not permitted"),
        ("extends: full\ndatasets: {cifar: {}}", "datasets.cifar.target\n  Field required"),
        ("extends: full\ntraining: 3", "profiles/own.yaml: 1 validation error"),
        ("extends: own", "extends 'own', which is no profile that stands by itself; choose from f"),
        ("extends: fast", "extends 'fast', which is no profile that stands by itself"),
        ("extends: [full]", "extends ['full'], which is no profile"),
        ("- full", "holds ['full']; it should hold names and values"),
        ("", "holds None; it should hold names and values"),
        ("extends: [", "profiles/own.yaml is not YAML"),
        (
            "extends: full\ncomparison: {controls: [turned]}",
            "Input should be 'reversed', 'uniform'",
        ),
        (FULL + "\ncolour: red", "colour\n  Extra inputs are not permitted"),
        (FULL.replace("  organamnist:\n", "  organs:\n"), "datasets.organs.target"),
        (
            FULL.replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1, 0]"),
            "each seed may stand there once",
        ),
        ("datasets: 3", "datasets\n  Input should be a valid dictionary"),
        ("datasets: {mnist: 3}", "datasets.mnist\n  Input should be a valid dictionary"),
    ],
)
def test_what_cannot_be_a_profile_is_refused(profile, text, message):
    with pytest.raises(InputError, match=re.escape(message)):
        profile(text)


def test_profiles_that_extend_each_other_are_refused(tmp_path, profile):
    (tmp_path / "first.yaml").write_text("extends: second")
    with pytest.raises(InputError, match="extends 'first', which is no profile that stands by"):
        profile("extends: first", name="second")


def test_an_unknown_profile_is_answered_with_the_right_ones():
    with pytest.raises(InputError, match="unknown profile 'fast'; choose from full, quick, smoke"):
        load_profile("fast")


# Overrides


def changed(**changes):
    return override(load_profile("smoke"), changes)


@pytest.mark.parametrize("name", PARAMETERS)
def test_none_leaves_a_setting_as_the_profile_has_it(name):
    assert changed(**{name: None}) == load_profile("smoke")


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("target", 7, lambda p: {data.target for data in p.datasets.values()}),
        ("epochs", 7, lambda p: {p.training.epochs}),
        ("batch_size", 7, lambda p: {p.training.batch_size}),
        ("buffers", "subtract", lambda p: {p.buffers}),
        ("strategy", "layer_magnitude", lambda p: {a.pruning.strategy for a in amnesiac(p)}),
        ("sparsity_first", 0.7, lambda p: {a.pruning.sparsity_first for a in amnesiac(p)}),
        ("sparsity_last", 0.7, lambda p: {a.pruning.sparsity_last for a in amnesiac(p)}),
        ("fraction_first", 0.7, lambda p: {a.fraction_first for a in arms(p, "proposed")}),
        ("fraction_last", 0.7, lambda p: {a.fraction_last for a in arms(p, "proposed")}),
        (
            "learning_rate",
            0.7,
            lambda p: {a.learning_rate for a in arms(p, "proposed", "baseline")},
        ),
    ],
)
def test_a_setting_is_changed_everywhere_it_stands_and_nowhere_else(name, value, read):
    own, plain = changed(**{name: value}), load_profile("smoke")
    assert read(own) == {value} != read(plain)
    different = [key for key, part in plain if part != getattr(own, key)]
    assert len(different) == 1


def amnesiac(profile):
    models = [model for data in profile.datasets.values() for model in data.models.values()]
    return [model.amnesiac for model in models if model.amnesiac is not None]


def arms(profile, *names):
    models = [model for data in profile.datasets.values() for model in data.models.values()]
    families = [family for model in models for family in (model.label_flipping, model.optimization)]
    return [family[name] for family in families for name in names]


def test_one_placement_takes_the_place_of_the_other():
    placed = [a.target_placement for a in amnesiac(changed(target_images=30))]
    assert len(placed) >= 6 and all(p == {"target_images": 30} for p in placed)
    own = changed(target_images=30, affected_fraction="0.5")
    placed = [a.target_placement for a in amnesiac(own)]
    assert len(placed) >= 6 and all(p == {"affected_fraction": 0.5} for p in placed)


def test_settings_that_were_never_chosen_stay_so():
    raw = load_profile("smoke").model_dump()
    raw["datasets"]["mnist"]["models"]["MLP"]["amnesiac"] = None
    own = override(Profile.model_validate(raw), {"affected_fraction": 0.5, "sparsity_first": 0.5})
    models = own.datasets["mnist"].models
    assert models["MLP"].amnesiac is None
    chosen = models["LeNet"].amnesiac
    assert chosen.target_placement == {"affected_fraction": 0.5}
    assert chosen.pruning.sparsity_first == 0.5


@pytest.mark.parametrize("seeds", [3, "3", [3]])
def test_one_seed_is_a_list_of_one_and_of_every_part(seeds):
    own = changed(seeds=seeds)
    assert own.seeds == own.figure_3.seeds == own.figure_4.seeds == own.sisa.seeds == (3,)
    models = [model for data in own.datasets.values() for model in data.models.values()]
    assert all(model.seeds == (3,) for model in models)


@pytest.mark.parametrize("value", ["LeNet, ConvNet", ["ConvNet", "LeNet"]])
def test_only_the_models_named_stay(value):
    models = [list(data.models) for data in changed(models=value).datasets.values()]
    assert models == [["LeNet"], ["ConvNet"]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": 0.5}, "unknown parameter 'share'; choose from models, seeds, affected_fraction"),
        ({"models": "VGG"}, "models = ['VGG']: choose from AlexNet, "),
        ({"models": "MLP,"}, "models = ['MLP', '']: choose from"),
        ({"models": []}, "models = []: choose from AlexNet, ConvNet"),
        ({"models": False}, "models = False: give names, with commas between them"),
        ({"models": [["MLP"]]}, "models = [['MLP']]: give names"),
        (
            {"seeds": "0,0"},
            "seeds = ['0', '0']: give a whole number, at least 0, or several with commas",
        ),
        ({"seeds": []}, "seeds = []: give a whole number, at least 0"),
        ({"seeds": "0;1"}, "seeds = ['0;1']: give a whole number, at least 0"),
        ({"seeds": True}, "seeds = True: give a whole number"),
        ({"epochs": True}, "epochs = True: give a whole number above 0 (epochs of training)"),
        ({"epochs": "many"}, "epochs = 'many': give a whole number above 0"),
        (
            {"affected_fraction": "much"},
            "affected_fraction = 'much': give a number above 0 and at most 1",
        ),
        ({"buffers": "gone"}, "buffers = 'gone': give keep or subtract"),
    ],
)
def test_what_a_setting_cannot_be_is_refused(changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        changed(**changes)
