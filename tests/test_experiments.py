"""Runs: stored with provenance, found by hash, never half-written, the same for the same seed."""

import json
import os
import re
import subprocess
import sys

import pandas as pd
import pytest
import torch

from partial_unlearning.errors import InputError
from partial_unlearning.models import build
from partial_unlearning.state import Layout
from reproduction import places
from reproduction.datasets.sets import load
from reproduction.machine import code
from reproduction.study import cache, kinds, runner
from reproduction.study import results as access
from reproduction.study import stored_runs as store
from reproduction.study.experiments import EXPERIMENTS, TABLES, base_config, configs_of
from reproduction.study.overrides import override
from reproduction.study.profiles import Pruning, load_profile, names
from reproduction.study.runs import amnesiac
from reproduction.study.runs import pruning_strategies as shares
from reproduction.study.runs.optimizers import make_optimizer
from reproduction.study.runs.recorded_training import RecordedTraining


@pytest.fixture
def results_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "results", lambda: tmp_path)
    return tmp_path


def small(name: str, **changes) -> list[store.Result]:
    return access.results(name, "smoke", models="MLP", epochs=1, **changes)


def test_a_run_keeps_all_that_it_came_from(results_folder):
    result = small("table_1")[0]
    assert result.config.training.epochs == 1
    assert result.config.seed == 0
    origin = result.provenance
    assert origin["data_digest"] == load("mnist", source="sample").digest
    assert re.fullmatch(r"[0-9a-f]{40}", origin["commit"] or "0" * 40)
    assert origin["code_digest"] == code.code_digest()
    assert origin["versions"]["torch"] == torch.__version__.split("+")[0]
    assert origin["seconds"] > 0
    assert origin["peak_memory_mb"] > 0


def test_a_stored_run_is_read_and_not_run_again(results_folder, monkeypatch):
    first = small("table_1")
    monkeypatch.setattr(runner, "KINDS", {})  # running anything would now fail
    assert small("table_1") == first


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(results_folder):
    config = small("table_1")[0].config
    again = amnesiac.run(config)
    stored = store.find("smoke", config)
    assert again["rows"] == stored.rows
    assert again["curves"] == stored.curves
    assert amnesiac.run(config.model_copy(update={"seed": 1}))["curves"] != stored.curves


def test_the_rows_agree_with_the_ends_of_the_curves(results_folder):
    result = small("table_1")[0]
    rows = {row["method"]: row for row in result.rows}
    for method in ("baseline", "proposed"):
        for order in ("backward", "forward"):
            curve = result.curves[method][order]
            assert curve[-1]["d_t"] == pytest.approx(rows[method]["d_t"], abs=0.2)
            assert curve[0] == {key: rows["trained"][key] for key in ("d_t", "d_r")}


def test_batch_norm_models_show_both_readings_of_their_statistics(results_folder):
    config = configs_of("figure_1", override(load_profile("smoke"), {"models": "ResNet9"}))[0]
    rows = amnesiac.run(config.model_copy(update={"levels": (50.0,), "fine_tuning": ()}))["rows"]
    methods = [row["method"] for row in rows]
    assert "baseline_buffers_subtract" in methods
    assert "proposed_buffers_subtract" in methods


@pytest.mark.parametrize(("variance", "left"), [(0.5, 2), (1.5, 0)])
def test_a_reading_that_leaves_a_variance_below_0_leaves_no_model(variance, left):
    config = next(c for c in configs_of("table_1", load_profile("smoke")) if c.model == "MLP")
    model = build("ResNet9", classes=3, seed=0, width=6)  # every running variance is 1
    layout = Layout.of(model)
    state = {
        name: torch.zeros(shape) for name, shape in zip(layout.names, layout.shapes, strict=True)
    }
    next(part for name, part in state.items() if name.endswith("running_var"))[0] = variance
    update = torch.cat([part.ravel() for part in state.values()])[None]
    nothing = torch.tensor([])
    run = RecordedTraining(model, None, nothing, [], update, {"proposed": update}, True)
    assert len(list(amnesiac._published(config, run, {}))) == left


def test_an_optimizer_of_another_name_is_refused():
    with pytest.raises(InputError, match="adam, sgd"):
        make_optimizer("lion", build("MLP", classes=10, seed=0), learning_rate=1)


def test_every_setting_changes_the_hash(results_folder):
    config = configs_of("table_1", load_profile("smoke"))[0]
    hashes = {store.run_hash(config)}
    fields = config.model_dump(mode="json")
    for key in fields:
        hashes.add(store.hash_of({**fields, key: "changed"}))
    assert len(hashes) == len(fields) + 1


def test_the_recipe_changes_the_hash(monkeypatch):
    config = configs_of("table_1", load_profile("smoke"))[0]
    before = store.run_hash(config)
    monkeypatch.setattr(store, "RECIPE", store.RECIPE + 1)
    assert store.run_hash(config) != before


def test_an_interrupted_run_leaves_nothing_and_finished_ones_stay(results_folder, monkeypatch):
    finished, calls = small("table_1", seeds="0"), []

    def interrupted(kind, config):
        calls.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr(kinds.Kind, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small("table_1", seeds="0,1")
    assert len(calls) == 1
    runs = sorted((results_folder / "smoke" / "runs").iterdir())
    assert [path.stem for path in runs] == sorted(store.run_name(r.config) for r in finished)


def test_runs_side_by_side_agree_with_runs_one_by_one(tmp_path, monkeypatch):
    """Worker processes are fresh, so they keep results in the real folder: under another name."""
    changes = {"models": "MLP", "seeds": 7, "epochs": 1}
    configs = configs_of("table_3", override(load_profile("smoke"), changes))
    configs += configs_of("controls_label_flipping", override(load_profile("smoke"), changes))
    runs = [kinds.KINDS[config.experiment] for config in configs]
    monkeypatch.setattr(places, "results", lambda: tmp_path)
    alone = [kind.run(config)["rows"] for kind, config in zip(runs, configs, strict=True)]
    monkeypatch.undo()
    profile = f"test-{tmp_path.name}"
    try:
        assert runner.run_missing(profile, configs, jobs=2) == len(configs) == 6
        assert [store.find(profile, config).rows for config in configs] == alone
    finally:
        made = [path for config in configs for path in cache.shared_files(config)]
        for path in (*made, *(store.run_path(profile, config) for config in configs)):
            path.unlink(missing_ok=True)
        store.run_path(profile, configs[0]).parent.rmdir()
        (places.results() / profile).rmdir()


def test_no_two_runs_make_the_same_file_at_a_time(results_folder):
    settings = override(load_profile("smoke"), {"models": "MLP"})
    first, turned, other = (
        configs_of(name, settings)[0] for name in ("table_3", "controls_label_flipping", "table_1")
    )
    assert runner._next([turned, other], [first], set()) == other
    assert runner._next([turned], [first], set()) is None
    for path in cache.shared_files(first):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert runner._next([turned, other], [first], set()) == turned


def test_tables_csv_follows_the_contract(results_folder):
    access.results("table_1", "smoke", models="MLP")
    access.results("table_3", "smoke", models="MLP")
    frame = pd.read_csv(results_folder / "smoke" / "tables.csv")
    contract = "table,dataset,family,model,method,seed,d_t,d_r,class_a,class_b,class_c"
    assert ",".join(frame.columns).startswith(contract)
    first = frame[(frame.table == 1) & (frame.model == "MLP")]
    assert {"trained", "baseline", "proposed", "retrained"} <= set(first.method)
    third = frame[(frame.table == 3) & (frame.model == "MLP")]
    assert {"trained", "retrained"} <= set(third.method)  # and who came to the paper's D_t
    assert set(third.method) <= {"trained", "baseline", "proposed", "retrained"}
    assert first.d_r.between(0, 100).all()
    text = (results_folder / "smoke" / "tables.csv").read_text()
    assert re.search(r",\d+\.\d\d,\d+\.\d\d,", text)


def test_changed_settings_stay_out_of_tables_csv(results_folder):
    small("table_1", affected_fraction=0.5)
    assert access.table_rows("smoke", 1).empty


def test_the_committed_tables_csv_is_what_the_committed_runs_say():
    committed = pd.read_csv(places.results() / "full" / "tables.csv")
    runs = access.table_rows("full")
    assert len(committed) and list(committed.run) == list(runs.run)
    assert (committed.d_r - runs.d_r).abs().max() < 0.006  # two decimals


def test_slowness_is_measured_at_the_naive_methods_own_rate():
    models = load_profile("smoke").datasets["mnist"].models
    for arms in (model.optimization for model in models.values()):
        for name in ("optimizer", "learning_rate"):
            assert getattr(arms["same_rate"], name) == getattr(arms["baseline"], name)
        for name in ("fraction_first", "fraction_last"):
            assert getattr(arms["same_rate"], name) == getattr(arms["proposed"], name)


def test_code_is_named_as_it_was_before_the_first_run(monkeypatch):
    first = code.code_facts()
    monkeypatch.setattr(code, "code_digest", lambda: "edited meanwhile")
    assert code.code_facts() == first


def test_the_code_digest_follows_the_code(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "ROOT", tmp_path)
    (tmp_path / "lib").mkdir()
    (tmp_path / "requirements.txt").write_text("torch\n")
    source = tmp_path / "lib" / "a.py"
    source.write_text("one = 1\n")
    first = code.code_digest()
    source.write_text("one = 2\n")
    assert code.code_digest() != first
    source.write_text("one = 1\n")
    assert code.code_digest() == first
    source.rename(source.with_name("b.py"))
    assert code.code_digest() != first


def test_figure_4_compares_strategies_that_keep_equally_many(results_folder):
    layout = Layout.of(build("LeNet", classes=10, seed=0))
    pruning = Pruning(sparsity_first=0.9, sparsity_last=0.3)
    update = torch.randn(layout.size)
    kept = {
        name: len(mask.kept(update))
        for name, mask in shares.strategies(layout, pruning, seed=0).items()
    }
    assert max(kept.values()) - min(kept.values()) <= len(layout.layers)  # rounding, layer by layer
    result = access.results("figure_4", "smoke", models="LeNet,ConvNet", epochs=1)[0]
    assert len(result.rows) == 6
    asked = result.config.affected_fraction
    assert result.facts["affected_fraction"] == pytest.approx(asked, abs=0.06)


@pytest.mark.parametrize("name", names())
def test_every_profile_resolves_every_experiment(name):
    profile = load_profile(name)
    for experiment in EXPERIMENTS:
        for config in configs_of(experiment, profile):
            assert config.experiment in kinds.KINDS
            assert config.source == profile.source


def test_smoke_has_all_models_of_all_tables():
    profile = load_profile("smoke")
    for number, table in TABLES.items():
        configs = configs_of(f"table_{number}", profile)
        models = {c.model for c in configs if c.experiment == table.family}
        assert models == set(profile.datasets[table.dataset].models)


def test_unknown_names_are_refused():
    profile = load_profile("smoke")
    with pytest.raises(InputError, match="table_1"):
        configs_of("table_7", profile)
    with pytest.raises(InputError, match="no model 'LeNet' on 'organamnist'"):
        base_config(profile, "organamnist", "LeNet", 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"affected_fraction": 0}, "a number above 0 and at most 1"),
        ({"affected_fraction": 1.5}, "a number above 0 and at most 1"),
        ({"target": 10}, "class 10 has no images"),
        ({"target": 42}, "a whole number from 0 to 10"),
        ({"sparsity_first": 1.5}, "a number from 0 to 1"),
    ],
)
def test_impossible_runs_leave_nothing_behind(results_folder, changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        small("table_1", **changes)
    assert list(results_folder.rglob("*.json")) == []


def test_who_only_reads_results_imports_no_torch():
    code = """if True:
        import sys
        from reproduction.study import results
        assert len(results.stored("table_1", "full")) > 0
        print("torch" in sys.modules)
    """
    environment = {**os.environ, "PYTHONPATH": str(places.root() / "lib")}
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip() == "False"


def test_committed_runs_are_read_and_written_as_they_are(tmp_path, monkeypatch):
    paths = [path for name in names() for path in (places.results() / name).glob("runs/*.json")]
    assert len(paths) > 100
    monkeypatch.setattr(places, "results", lambda: tmp_path)
    for path in paths:
        stored = json.loads(path.read_text())
        config = kinds.configured(**stored["config"])
        assert store.run_name(config) == path.stem
        result = store.Result.model_validate({**stored, "config": config})
        assert json.loads(store.save("copy", result).read_text()) == stored


def test_a_page_of_the_complete_data_shows_what_is_stored(monkeypatch, tmp_path):
    monkeypatch.setattr(access, "run_missing", lambda *_, **__: pytest.fail("it was run"))
    shown, found = (f("table_1", "full") for f in (access.of_page, access.stored))
    assert [store.run_hash(run.config) for run in shown] == [
        store.run_hash(run.config) for run in found
    ]
    assert len(shown) >= 20
    with pytest.raises(pytest.fail.Exception, match="it was run"):
        access.of_page("table_1", "full", sparsity_first=0.5)


def test_a_page_trains_on_complete_data_only_where_somebody_names_them(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "root", lambda: tmp_path)
    monkeypatch.setattr(places, "profiles", lambda: places.ROOT / "profiles")
    monkeypatch.setenv("UNLEARN_DATA", "")
    assert [access.measured_under(name) for name in ("full", "smoke")] == ["quick", "smoke"]
    (tmp_path / "data").mkdir()
    assert access.measured_under("full") == "full"
    (tmp_path / "data").rmdir()
    monkeypatch.setenv("UNLEARN_DATA", str(tmp_path / "elsewhere"))
    assert access.measured_under("full") == "full"


# Settings that an experiment does not have


@pytest.mark.parametrize(
    ("experiment", "setting"),
    [
        ("figure_3", {"learning_rate": 0.5}),
        ("figure_3", {"target": 7}),
        ("table_3", {"buffers": "subtract"}),
        ("sisa", {"sparsity_first": 0.1}),
        ("table_1", {"fraction_first": 0.5}),
    ],
)
def test_a_setting_that_no_run_of_an_experiment_has_is_refused(experiment, setting):
    with pytest.raises(InputError, match=f"no run of {experiment} has a setting"):
        access.refuse_unused(experiment, "full", **setting)


@pytest.mark.parametrize("experiment", ["table_1", "table_4", "figure_3", "figure_4", "frontier"])
def test_settings_that_an_experiment_has_may_have_their_own_value(experiment):
    own = {"epochs": 8, "batch_size": 128, "models": None, "seeds": "0,1,2,3,4"}
    access.refuse_unused(experiment, "full", **own)


@pytest.mark.parametrize("profile", ["full", "quick", "smoke"])
@pytest.mark.parametrize(
    ("experiment", "setting"),
    [
        ("figure_3", {"sparsity_last": 0.3}),
        ("peers", {"affected_fraction": 0.5}),
        ("membership", {"affected_fraction": 0.5}),
        ("variation_width", {"epochs": 4}),
    ],
)
def test_settings_that_an_experiment_has_may_have_the_value_of_the_example(
    profile, experiment, setting
):
    access.refuse_unused(experiment, profile, **setting)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("model", ["MLP", "ConvNet"])
def test_an_experiment_has_no_runs_of_a_network_that_it_does_not_have(experiment, model):
    try:
        found = configs_of(experiment, override(load_profile("full"), {"models": model}))
    except InputError as refused:  # says which it has
        assert "profile full has no model" in str(refused)
        return
    assert {config.model for config in found if hasattr(config, "model")} <= {model}
