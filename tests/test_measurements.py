"""Stored runs become tables: the shapes that the ledger reads, from runs written by hand."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conftest import made_run
from reproduction import places
from reproduction.checking import judging
from reproduction.checking.claims import limits
from reproduction.checking.measurements import (
    COLUMNS,
    curve_points,
    end_points,
    epoch_points,
    gather,
    level_points,
    map_similarities,
    tidy,
    tuned_points,
)
from reproduction.checking.verdicts import BY_CONSTRUCTION, NONE, NOT_RUN, NOT_TESTABLE
from reproduction.study.results import resolve
from reproduction.study.stored_runs import Result, save

CLASSES = [90.0, 91.0, 92.0, 0.5, 94.0, 95.0, 96.0, 97.0, 80.0, 99.0]
"""Of digits 0 to 9; the target is 3."""


def point(d_t: float, d_r: float) -> dict[str, float]:
    return {"d_t": d_t, "d_r": d_r}


def known(d_t: float = 0.5, d_r: float = 92.0) -> dict[str, Any]:
    return {**point(d_t, d_r), "classes": CLASSES}


def first(frame: pd.DataFrame, *names: str) -> list[Any]:
    return frame.iloc[0][list(names)].tolist()


def test_rows_stand_at_their_own_end_with_the_classes_shown_and_the_worst() -> None:
    result = made_run("amnesiac", {"seed": 2}, rows=[{"method": "proposed", **known()}])
    frame = tidy([result])
    assert first(frame, "method", "end", "seed", "d_r") == ["proposed", "published", 2, 92.0]
    assert first(frame, "class_a", "class_b", "class_c", "worst") == [92.0, 97.0, 99.0, 80.0]
    assert set(COLUMNS) <= set(frame.columns)


def test_a_method_that_still_knows_the_class_has_not_got_to_its_end() -> None:
    limit = limits().forgotten
    ends = {"trained": 97.0, "retrained": 0.0, "baseline": limit, "proposed": limit + 0.01}
    rows = [{"method": method, **known(d_t)} for method, d_t in ends.items()]
    frame = tidy([made_run("amnesiac", rows=rows)])
    assert frame.reached.tolist() == [True, True, True, False]


def test_only_the_proposed_method_stores_part_of_an_update() -> None:
    rows = [{"method": method, **known()} for method in ("baseline", "proposed")]
    frame = tidy([made_run("amnesiac", rows=rows, facts={"density": 0.25})])
    assert math.isnan(frame.density[0]) and frame.density[1] == 0.25


def test_a_gradient_arm_that_never_has_the_papers_d_t_is_not_there() -> None:
    frame = tidy([made_run("optimization", {"arm": "proposed"}, rows=[])])
    assert first(frame, "method", "end", "reached") == ["proposed", "published", False]


def test_levels_carry_what_was_reached_and_what_was_not() -> None:
    there = {"method": "baseline", "on": "train", "level": 1, "reached": True, "strength": 0.25}
    never = {"method": "baseline", "on": "test", "level": 1, "reached": False, "lowest": 12.0}
    levels = [{**there, "recognised": 0.97, **known(), "representation": 98.0}, never]
    frame = tidy([made_run("amnesiac", levels=levels)], level_points)
    assert first(frame, "end", "level", "reached", "d_r", "strength", "representation") == [
        *("train", 1, True, 92.0, 0.25, 98.0)
    ]
    assert (frame.end[1], frame.reached[1], frame.lowest[1]) == ("test", False, 12.0)
    assert frame.steps.isna().all()  # a part of an update is no step


def steps(strength: float | None, **config: object) -> pd.Series:
    record = {"method": "proposed", "on": "train", "level": 1, "reached": strength is not None}
    record |= {"strength": strength, **known()} if strength is not None else {"lowest": 5.0}
    settings = {"arm": "proposed", "max_steps": 240, **config}
    facts = {"request": 600, "retained": 5000}
    run = made_run("optimization", settings, levels=[record], facts=facts)
    return tidy([run], level_points).iloc[0]


def test_a_part_of_a_step_costs_a_whole_one() -> None:
    retraining = 2 * 5000  # epochs of the profile smoke, retained images
    found = steps(1.5)
    assert found.steps == 1.5
    assert found.passes == pytest.approx(2 * 600 / retraining)
    assert steps(1.5, batch_size=128).passes == pytest.approx(2 * 128 / retraining)


def test_steps_that_never_get_there_are_one_more_than_allowed() -> None:
    assert steps(None).steps == 241


def test_fine_tuning_stands_beside_the_end_it_began_from() -> None:
    records = [
        {"method": "baseline", "end": end, "steps": 200, **known()}
        for end in ("published", "equal")
    ]
    records.append({"method": "proposed", "end": "published", "steps": 200, **known(d_t=20.0)})
    frame = tidy([made_run("amnesiac", fine_tuned=records)], tuned_points)
    named = [tuple(row) for row in frame[["method", "end", "reached"]].values]
    assert named == [
        ("baseline, 200 steps", "published", True),
        ("baseline, 200 steps", "train", True),
        ("proposed, 200 steps", "published", True),
        ("proposed, 200 steps", "train", False),
    ]
    assert frame.level[1] == 1 and math.isnan(frame.level[0])


def test_epochs_are_counted_from_the_first_that_is_undone() -> None:
    erased = limits().erased
    curves = {
        "training": [point(0, 10)],
        "baseline": {
            "backward": [point(0, 98), point(40, 70), point(erased, 60), point(5, 50)],
            "forward": [point(97, 98), point(50, 70), point(40, 60), point(erased + 0.1, 50)],
        },
        "proposed": {},
    }
    frame = tidy([made_run("amnesiac", curves=curves)], epoch_points)
    assert frame[["method", "end", "reached", "epochs"]].values.tolist() == [
        ["baseline", "backward", True, 2],
        ["baseline", "forward", False, 4],
    ]


def test_undone_epochs_have_both_orders() -> None:
    curves = {
        "training": [point(0, 10), point(97, 98)],
        "baseline": {"backward": [point(97, 98), point(1, 60)], "forward": [point(97, 98)] * 3},
    }
    frame = tidy([made_run("amnesiac", curves=curves)], curve_points)
    backward = frame[frame.order == "backward"]
    assert set(frame[frame.order.isna()].method) == {"training"}
    assert backward[["method", "step", "d_t"]].values.tolist() == [
        ["baseline", 0, 97],
        ["baseline", 1, 1],
    ]


def test_similarities_are_means_over_images() -> None:
    alike = {"image": [7, 8], "baseline": [0.1, 0.2], "proposed": [0.8, 0.9], "retrained": [0, 0]}
    rows = [{"method": name, **known()} for name in ("trained", "baseline", "proposed")]
    frame = tidy([made_run("maps", similarities=alike, rows=rows)], map_similarities)
    assert frame.similarity.tolist()[1:] == pytest.approx([0.15, 0.85])
    assert math.isnan(frame.similarity[0])


def test_the_second_placement_has_its_own_name() -> None:
    placed = {"target_placement": {"target_images": 100}}
    rows = [{"method": "baseline", **known()}]
    runs = [made_run("amnesiac", rows=rows), made_run("amnesiac", placed, rows=rows)]
    assert tidy(runs, end_points).placement.tolist() == ["tables", "kept_images"]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "results", lambda: tmp_path)
    return tmp_path


def stored_run(experiment: str, at: int, **content: object) -> Result:
    _, configs = resolve(experiment, "smoke")
    result = Result(config=configs[at], provenance={"finished": "2026-12-01"}, **content)
    save("smoke", result)
    return result


def test_nothing_stored_is_an_empty_table(stored: Path) -> None:
    assert all(table.empty and set(COLUMNS) <= set(table) for table in gather("quick").values())
    found = judging.findings("quick")
    assert {*found.equal, *found.published} == {NOT_RUN, NONE, BY_CONSTRUCTION, NOT_TESTABLE}


def test_a_part_of_the_runs_is_gathered_by_table(stored: Path) -> None:
    rows = [{"method": method, **known()} for method in ("trained", "baseline", "proposed")]
    amnesiac = stored_run("table_1", 0, rows=rows)
    stored_run("controls_optimization", 0, rows=rows[2:])
    stored_run("kept_images", 0, rows=rows)
    points = gather("smoke")["points"]
    counted = Counter(zip(points.table, points.placement, points.method, strict=True))
    assert counted == Counter(
        [
            (1, at, m)
            for at in ("tables", "kept_images")
            for m in ("trained", "baseline", "proposed")
        ]
        + [(5, "tables", "proposed")]
    )
    assert set(points.finished) == {"2026-12-01"}
    name = f"table-1-{amnesiac.config.model}"
    ledger = judging.findings("smoke").set_index("id")
    assert ledger.coverage[name] == "1 of 1 cases, 1 training"
    assert ledger.coverage["table-1-all"] == "1 of 3 cases, 1 training"


def test_a_process_parses_each_run_at_most_once(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in (0, 1):
        stored_run("table_1", at, rows=[{"method": "trained", **known()}])
    read: Counter[Path] = Counter()
    read_text = Path.read_text

    def counted(path: Path, *options: object, **named: object) -> str:
        read[path] += path.parent.name == "runs"
        return read_text(path, *options, **named)

    monkeypatch.setattr(Path, "read_text", counted)
    one, two = (judging.findings("smoke") for _ in range(2))
    assert one.equals(two)
    assert sorted(times for times in read.values() if times) == [1, 1]


def test_a_run_that_was_written_anew_is_parsed_anew(stored: Path) -> None:
    for number in (1, 2):
        result = stored_run("table_1", 0, rows=[{"method": "trained", **known(d_r=number)}])
        (row,) = gather("smoke")["points"].to_dict("records")
        assert (row["d_r"], row["seed"]) == (number, result.config.seed)
