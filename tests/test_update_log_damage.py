"""Random kills and bit flips; ``python -m benchmarks.damage`` does many more of both."""

from benchmarks import damage


def test_killed_training_loses_nothing_and_resumes_to_the_same_result():
    found = damage.measure(kill_count=12, flip_count=0, seed=1)["kills"]
    assert found["whole"] == 12
    assert found.get("equal", 0) >= 1
    assert set(found) <= {"whole", "equal"}


def test_single_bit_flips_are_detected_or_harmless():
    found = damage.measure(kill_count=0, flip_count=600, seed=1)["bit_flips"]
    assert found["detected"] > 590
    assert found.get("wrong", 0) == 0
