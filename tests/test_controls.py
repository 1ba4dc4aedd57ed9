"""What is it that helps: control arms, fine-tuning and pruning strategies, from runs by hand."""

import re

import matplotlib

from conftest import made_run
from reproduction.chapters.comparison import points_of
from reproduction.chapters.controls import answer, contrasts, control_table, mean_table
from reproduction.chapters.epochs import epoch_table
from reproduction.chapters.fine_tuning import tuned, tuning_table
from reproduction.chapters.fractions import fraction_tables, strategies
from reproduction.study.stored_runs import Result, Row

matplotlib.use("agg")


def accuracies(d_t: float, d_r: float) -> Row:
    return {"d_t": d_t, "d_r": d_r, "classes": [d_r] * 10}


def at_1(method: str, d_r: float | None, strength: float = 0.5) -> Row:
    """A method's record at 1 % of the images trained on; it never gets there without a D_r."""
    head = {"method": method, "on": "train", "level": 1.0, "reached": d_r is not None}
    return head | ({} if d_r is None else {"strength": strength, **accuracies(0.4, d_r)})


def amnesiac(seed: int = 0, model: str = "MLP", **content: object) -> Result:
    arms = {"baseline": 80, "proposed": 90, "reversed": 88, "last_layer": 91.5 + seed / 10}
    rows = [{"method": "trained", **accuracies(95, 97)}]
    rows += [{"method": name, **accuracies(0, 50)} for name in ("baseline", "proposed")]
    levels = [at_1(name, d_r) for name, d_r in arms.items()]
    config = {"model": model, "seed": seed}
    return made_run("amnesiac", config, **{"rows": rows, "levels": levels} | content)


def test_the_answer_has_each_arm_that_was_run_beside_the_proposed_method():
    points = points_of(1, [amnesiac(seed) for seed in range(3)])
    said = answer({1: points})
    assert "is +10.00 points beside the baseline’s, mean over 1 model." in said
    rows = [re.split("  +", line)[:2] for line in repr(mean_table({1: points})).splitlines()[2:]]
    assert rows == [["schedule turned round", "−2.00"], ["last layer only", "+1.60"]]


def test_an_answer_without_runs_says_so():
    assert answer({1: points_of(1, [])}) == "No stored runs can be compared yet."


def test_a_table_of_controls_has_each_arm_with_its_differences():
    points = points_of(1, [amnesiac(seed) for seed in range(3)])
    found = contrasts(1, points)
    assert list(found) == ["MLP"]
    assert list(found["MLP"]) == ["proposed", "baseline", "reversed", "last_layer"]
    rows = [re.split("  +", line) for line in repr(control_table(1, found, "c")).splitlines()[2:]]
    assert rows[0][4:] == ["–", "+10.00 [+10.00, +10.00]", "3 of 3"]
    assert rows[1][4:] == ["−10.00 [−10.00, −10.00]", "–", "3 of 3"]
    own = ["MLP", "schedule turned round", "0.40 ± 0.00", "88.00 ± 0.00"]
    assert rows[2] == [*own, "−2.00 [−2.00, −2.00]", "+8.00 [+8.00, +8.00]", "3 of 3"]


def test_an_arm_that_never_gets_there_is_counted_and_not_averaged():
    runs = [amnesiac(seed) for seed in range(6)]
    runs[0] = amnesiac(
        0, levels=[at_1("baseline", 80), at_1("proposed", 90), at_1("reversed", None)]
    )
    found = contrasts(1, points_of(1, runs))
    line = repr(control_table(1, found, "c")).splitlines()[4]
    assert line.endswith("5 of 6") and "−2.00" in line
    none = [amnesiac(s, levels=[at_1("baseline", 80), at_1("proposed", None)]) for s in range(6)]
    assert "not comparable" in repr(control_table(1, contrasts(1, points_of(1, none)), "c"))


def test_placements_are_kept_apart():
    second = {"target_placement": {"target_images": 100}}
    moved = made_run("amnesiac", second, rows=amnesiac().rows, levels=[at_1("baseline", 70)])
    points = points_of(1, [amnesiac(), moved])
    assert list(contrasts(1, points, "kept_images")["MLP"]) == ["baseline"]
    assert contrasts(1, points)["MLP"]["baseline"].rows.d_r.tolist() == [80]


def test_steps_stand_beside_the_arms_of_gradient_methods():
    arms = {"baseline": (90, 0.5), "proposed": (92, 3.25), "same_rate": (91, 7.0)}
    runs = [
        made_run("label_flipping", {"arm": arm}, levels=[at_1(arm, d_r, steps)])
        for arm, (d_r, steps) in arms.items()
    ]
    table = control_table(3, contrasts(3, points_of(3, runs)), "c")
    heads, _, first, second = repr(table).splitlines()[1:5]
    assert "Steps" in heads
    assert "0.50" in first and "7.00" in second and "−1.00" in second


def test_fine_tuning_begins_at_either_end():
    after = [
        {"method": "proposed", "end": end, "steps": 50, **accuracies(d_t, 96)}
        for end, d_t in (("published", 1), ("equal", 7))
    ]
    points = tuned([amnesiac(fine_tuned=after), amnesiac(1)])
    lines = repr(tuning_table(points, caption="c")).splitlines()
    cells = [line.split()[-4:] for line in lines if "proposed" in line]
    assert cells == [["50.00", "96.00", "0.00", "1.00"], ["90.00", "96.00", "0.40", "7.00"]]


def test_strategies_are_read_as_published_and_at_equal_forgetting():
    def run(part: float, seed: int, equal: float | None) -> Result:
        rows = [{"method": name, **accuracies(3, 60)} for name in ("trained", "amnesiac")]
        config = {"affected_fraction": part, "seed": seed, "dataset": "mnist"}
        return made_run("shares", config, rows=rows, levels=[at_1("amnesiac", equal)])

    points = strategies([run(0.2, 0, 70), run(0.2, 1, None), run(1.0, 0, None)])
    lines = [repr(table).splitlines() for table in fraction_tables(points)][0]
    assert lines[-1].split()[-6:] == ["70.00", "(1", "there)", "–", "(0", "there)"]


def test_epochs_are_counted_until_erased_or_never():
    way = [{"d_t": d_t, "d_r": 90} for d_t in (95, 1.5, 0.9)]
    curves = {"training": [], "baseline": {"backward": way, "forward": way[:2]}}
    runs = [amnesiac(seed, curves=curves) for seed in (1, 0)]
    lines = repr(epoch_table(runs, {"baseline": "2 to 3"}, caption="c")).splitlines()[2:]
    assert lines[0].split()[2:] == ["backward", "2", "to", "3", "2,", "2"]
    assert lines[1].split()[2:] == ["forward", "2", "to", "3", "never,", "never"]
