"""Runs that ask whether a class is really forgotten: the tables' models, and what must hold."""

from copy import deepcopy

import pytest
import torch

from partial_unlearning.models import build
from partial_unlearning.state import Layout
from reproduction import places
from reproduction.datasets.sets import load
from reproduction.study.experiments import configs_of
from reproduction.study.kinds import KINDS
from reproduction.study.overrides import override
from reproduction.study.profiles import Training, load_profile
from reproduction.study.runs import forgotten
from reproduction.study.runs.relearning import recognised, relearning_curve
from reproduction.study.runs.retrained import retrained_model, twin

LEVEL = 50  # percent: some methods get there within the steps of this profile, some do not


def smoke(name):
    profile = override(load_profile("smoke"), {"models": ["MLP"]})
    return [c for c in configs_of(name, profile) if c.dataset == "mnist"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "results", lambda: folder)
        config = smoke("forgotten")[0].model_copy(update={"primary": LEVEL})
        yield config, forgotten.run(config)


def test_methods_stop_where_those_of_the_tables_do(ran):
    """The same trainings, requests and paths: the tables' runs are the slow twin."""
    _, found = ran
    mine = {record.pop("method"): record for record in deepcopy(found["levels"])}
    names = {("amnesiac", "baseline"): "amnesiac", ("amnesiac", "proposed"): "partial amnesiac"}
    names |= forgotten.NAMES
    theirs = {}
    for config in (c for n in (1, 3, 5) for c in smoke(f"table_{n}")):
        if config.experiment in ("amnesiac", *{family for family, _ in forgotten.NAMES}):
            for record in KINDS[config.experiment].run(config)["levels"]:
                arm = (config.experiment, record.pop("method"))
                if arm in names and (record["on"], record["level"]) == ("train", LEVEL):
                    theirs[names[arm]] = record
    assert mine == theirs
    assert {record["reached"] for record in mine.values()} == {True, False}


def test_a_method_that_does_not_get_there_is_measured_nowhere(ran):
    _, found = ran
    censored = {record["method"] for record in found["levels"] if not record["reached"]}
    for part in ("beside", "layers", "relearned", "fine_tuned"):
        assert censored.isdisjoint(record["method"] for record in found[part])


def test_a_twin_is_itself(ran):
    _, found = ran
    [own] = [r for r in found["beside"] if r["method"] == "retrained"]
    for name, value in own.items():
        if name.startswith("agreement"):
            assert value == 100
        if name.startswith(("divergence", "total_variation", "average_gap", "misplaced")):
            assert value == 0
    assert own["tow"] == 1
    for record in (r for r in found["layers"] if r["method"] == "retrained"):
        assert record["cka_target"] == record["cka_retained"] == 100


def test_accuracies_and_destinations_are_those_of_the_model(ran):
    config, found = ran
    levels = {r["method"]: r for r in found["levels"] if r["reached"]}
    for record in found["beside"]:
        assert sum(record["destinations"]) == pytest.approx(100, abs=0.1)
        assert record["destinations"][config.target] == pytest.approx(record["d_t"], abs=0.01)
        if record["method"] in levels:
            level = levels[record["method"]]
            assert (record["d_t"], record["d_r"]) == (level["d_t"], level["d_r"])


def test_pixels_are_the_same_to_every_model(ran):
    _, found = ran
    first = found["layers"][0]["layer"]
    assert len({r["probe"] for r in found["layers"] if r["layer"] == first}) == 1


def test_a_twin_is_kept_and_equal_to_the_retrained_model(ran):
    config, _ = ran
    data = load("mnist", source="sample")
    kept, again = twin(config, data), retrained_model(config, data)
    layout = Layout.of(kept)
    assert torch.equal(layout.vector(kept), layout.vector(again))


def relearned(model, **changes):
    data = load("mnist", source="sample")
    target = data.train.of_class(3)
    options = {"level": 50, "max_steps": 20, "seed": 0, **changes}
    return relearning_curve(
        model,
        data.train.subset(target[:5]),
        data.train.without(target),
        data.evaluation.subset(data.evaluation.of_class(3)),
        how=Training(epochs=1, batch_size=128, learning_rate=0.001, optimizer="adam"),
        **options,
    )


def test_relearning_ends_at_its_level_or_after_its_steps_and_leaves_the_model():
    model = build("MLP", classes=10, seed=0)
    before, random = Layout.of(model).vector(model), torch.get_rng_state()
    curve = relearned(model)
    assert curve[-1] >= 50 > max(curve[:-1])
    assert curve == relearned(model)
    assert relearned(model, max_steps=2) == curve[:3]
    assert relearned(model, level=0) == curve[:1]
    assert torch.equal(Layout.of(model).vector(model), before)
    assert torch.equal(torch.get_rng_state(), random)
    data = load("mnist", source="sample").evaluation
    assert curve[0] == recognised(model, data.subset(data.of_class(3)))
