"""Stored runs become tables: the shapes that the ledger reads, from runs written by hand."""

import json
from collections import Counter
from pathlib import Path

import pytest

from conftest import made_run
from partial_unlearning.system.files import write_atomic
from reproduction import places
from reproduction.checking import judging
from reproduction.checking.measurements import (
    curve_points,
    gather,
    map_similarities,
    stored_share,
    tidy,
)
from reproduction.checking.verdicts import NOT_ATTEMPTED
from reproduction.study import stored_runs
from reproduction.study.results import resolve


def point(d_t: float, d_r: float) -> dict[str, float]:
    return {"d_t": d_t, "d_r": d_r}


def test_undone_epochs_have_both_orders() -> None:
    curves = {
        "training": [point(0, 10), point(97, 98)],
        "baseline": {"backward": [point(97, 98), point(1, 60)], "forward": [point(97, 98)] * 3},
        "proposed": {"backward": [point(97, 98), point(9, 95)], "forward": [point(97, 98)] * 3},
    }
    frame = tidy([made_run("amnesiac", curves=curves)], curve_points)
    backward = frame[frame.order == "backward"]
    assert frame.order.value_counts().to_dict() == {"backward": 4, "forward": 6}
    assert set(frame[frame.order.isna()].method) == {"training"}
    assert backward[["method", "step", "d_t"]].values.tolist() == [
        ["baseline", 0, 97],
        ["baseline", 1, 1],
        ["proposed", 0, 97],
        ["proposed", 1, 9],
    ]
    assert set(frame.seed) == {0} and set(frame.model) == {"MLP"}


def test_steps_carry_their_family_and_have_no_order() -> None:
    curves = {"baseline": [point(97, 98), point(2, 90)], "proposed": [point(97, 98)]}
    frame = tidy([made_run("label_flipping", curves=curves)], curve_points)
    assert frame[["family", "dataset", "method", "step", "d_r"]].values.tolist() == [
        ["label_flipping", "mnist", "baseline", 0, 98],
        ["label_flipping", "mnist", "baseline", 1, 90],
        ["label_flipping", "mnist", "proposed", 0, 98],
    ]
    assert frame.order.isna().all()


def test_rows_carry_what_the_configuration_adds() -> None:
    rows = [{"method": "amnesiac", "d_t": 1.0, "d_r": 50.0}]
    result = made_run("shares", {"seed": 2, "share": 0.2}, rows=rows)
    (row,) = tidy([result]).to_dict("records")
    assert (row["share"], row["seed"], row["method"], row["d_r"]) == (0.2, 2, "amnesiac", 50.0)


def test_similarities_carry_the_accuracy_of_their_model() -> None:
    alike = {"image": [7, 8], "baseline": [0.1, 0.2], "proposed": [0.8, 0.9], "retrained": [0, 0]}
    accuracies = [
        {"method": name, "d_t": d_t} for name, d_t in zip(alike, (0, 2.0, 4.0, 0), strict=True)
    ]
    frame = tidy([made_run("maps", similarities=alike, rows=accuracies)], map_similarities)
    assert frame[["method", "image", "similarity", "d_t"]].values.tolist() == [
        ["baseline", 7, 0.1, 2.0],
        ["baseline", 8, 0.2, 2.0],
        ["proposed", 7, 0.8, 4.0],
        ["proposed", 8, 0.9, 4.0],
    ]


def test_storage_has_no_seed() -> None:
    (row,) = tidy([made_run("amnesiac", facts={"kept_share": 0.25})], stored_share).to_dict(
        "records"
    )
    assert (row["dataset"], row["model"], row["kept_share"]) == ("mnist", "MLP", 0.25)
    assert "seed" not in gather("full")["storage"]


def test_nothing_stored_is_an_empty_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "results", lambda: tmp_path)
    assert all(table.empty for table in gather("quick").values())
    assert set(judging.verdicts("quick").verdict) == {NOT_ATTEMPTED}


def test_a_process_parses_each_run_at_most_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stored_runs._parsed.cache_clear()
    read: Counter[Path] = Counter()
    read_text = Path.read_text

    def counted(path: Path, *options: object, **named: object) -> str:
        read[path] += path.parent.name == "runs"
        return read_text(path, *options, **named)

    monkeypatch.setattr(Path, "read_text", counted)
    first, second = (judging.verdicts("full") for _ in range(2))
    assert first.equals(second)
    runs = {path: times for path, times in read.items() if times}
    assert len(runs) > 50 and set(runs.values()) == {1}


def test_a_run_that_was_written_anew_is_parsed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (config, *_) = resolve("figure_1", "full")
    content = json.loads(stored_runs.run_path("full", config).read_text())
    monkeypatch.setattr(places, "results", lambda: tmp_path)
    for number in (1, 2):
        facts = {"facts": {"number": number}}
        write_atomic(stored_runs.run_path("full", config), json.dumps(content | facts))
        assert stored_runs.find("full", config).facts == facts["facts"]
