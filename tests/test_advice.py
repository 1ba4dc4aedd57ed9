"""Should I use it? Each condition stands there with a number from the results."""

import pandas as pd

from reproduction.chapters import peers
from reproduction.chapters.advice import CONDITIONS, advice_table, below, ends
from reproduction.chapters.complete import complete_runs
from reproduction.checking.measurements import COLUMNS, gather


def point(method: str, d_r: float, end: str = "published", **more: object) -> dict:
    base = {"table": 1, "placement": "tables", "model": "MLP", "level": 1.0, "reached": True}
    return {**base, "seed": 0, "method": method, "d_r": d_r, "d_t": 0.0, "end": end, **more}


def measurements(points: list[dict]) -> dict[str, pd.DataFrame]:
    fractions = pd.DataFrame(columns=COLUMNS)
    return {"points": pd.DataFrame(points, columns=COLUMNS), "fractions": fractions}


def test_the_distance_to_training_again_is_taken_where_the_same_training_has_forgotten():
    found = measurements(
        [
            point("retrained", 98),
            point("retrained", 96, seed=1),
            point("retrained", 10, seed=2),  # its method did not forget
            point("proposed", 20),  # its own end is not what is asked
            point("proposed", 94, end="train"),
            point("proposed", 94, end="train", seed=1),
            point("proposed", None, end="train", seed=2, reached=False),
            point("proposed", 90, end="train", level=5.0),
            point("proposed", 50, end="train", placement="kept_images"),
            point("last_layer", 98, end="train"),
        ]
    )
    assert below(found, "proposed").to_dict() == {(1, "MLP"): 3.0}
    assert below(found, "last_layer").to_dict() == {(1, "MLP"): 0.0}
    assert below(found, "proposed", end="published").to_dict() == {(1, "MLP"): 78.0}
    assert list(ends(found, "proposed").reached) == [True, True, False]


def test_all_conditions_are_there_with_numbers_of_the_complete_data():
    lines = advice_table(gather("full"), peers.points(complete_runs("peers"))).text.splitlines()
    assert len(lines) == 2 + len(CONDITIONS)
    assert not any(word in "\n".join(lines) for word in ("nan", "–", "{"))


def test_what_was_not_run_is_a_dash():
    text = advice_table(measurements([point("trained", 98)]), peers.points([])).text
    assert "everything else is – points" in text and "0 of 0 trainings" in text
