"""The paper's tables, and what the granularity check says of them."""

from fractions import Fraction

import numpy as np
import pytest

from partial_unlearning.errors import InputError
from reproduction import paper
from reproduction.checking import audit
from reproduction.datasets.official import data_root
from reproduction.datasets.sets import load
from reproduction.datasets.sources import official_counts


def brute(text: str, n: int, rule: str) -> bool:
    """The slow, obvious check with exact fractions over every count."""
    step = Fraction(1, 10 ** len(text.partition(".")[2]))
    value = Fraction(text)
    shares = (Fraction(100 * k, n) for k in range(n + 1))
    if rule == "truncated":
        return any(value <= share < value + step for share in shares)
    return any(abs(share - value) <= step / 2 for share in shares)


@pytest.mark.parametrize("rule", audit.RULES)
@pytest.mark.parametrize("n", [7, 40, 225, 1009])
def test_rules_agree_with_brute_force(rule: str, n: int) -> None:
    texts = [f"{v // 100}.{v % 100:02d}" for v in range(0, 10001, 61)] + ["100.00", "100"]
    texts += ["0", "0.5", "1.0", "33.3", "99.99", "7"]
    assert [t for t in texts if audit.RULES[rule](t, n)] == [t for t in texts if brute(t, n, rule)]


@pytest.mark.parametrize("n", [7, 99, 100, 101, 9999, 10000, 10001, 16985])
@pytest.mark.parametrize("text", ["0.5", "12.34", "7"])
def test_chance_counts_the_attainable_values(text: str, n: int) -> None:
    _, whole = audit.scaled(text)
    attainable = {k * whole // n for k in range(n + 1)}
    assert audit.chance(text, n) == len(attainable) / (whole + 1)
    assert audit.chance("0", n) == 1.0


def test_transcription_is_complete() -> None:
    frame = paper.tables()
    assert frame.shape == (36, 10) and len(paper.comparisons()) == 18
    assert frame[paper.MEASURES].stack().between(0, 100).sum() == 180
    assert set(frame[frame.table % 2 == 1].model) == {"MLP", "LeNet", "ResNet9"}
    assert set(frame[frame.table % 2 == 0].model) == {"ConvNet", "AlexNet", "ResNet9"}


def test_cell_reads_a_row_and_refuses_what_is_not_printed() -> None:
    assert paper.cell(1, "MLP", "baseline").d_r == 51.93
    assert paper.cell(6, "ResNet9", "proposed").d_t == 1.13
    with pytest.raises(InputError, match="AlexNet"):
        paper.cell(2, "MLP", "baseline")


def test_printed_keeps_the_written_precision() -> None:
    frame = paper.printed().set_index(["table", "model", "method"])
    assert frame.loc[(6, "AlexNet", "baseline"), "d_t"] == "0.5"
    assert frame.loc[(6, "ConvNet", "proposed"), "d_t"] == "0.50"


def test_a_network_of_two_tables_is_named_with_its_data_where_both_are_meant() -> None:
    one = {(1, "MLP"): "MLP", (2, "ResNet9"): "ResNet9"}
    assert paper.names(one) == one
    both = paper.names([(1, "ResNet9"), (1, "MLP"), (2, "ResNet9")])
    assert [*both.values()] == ["ResNet9 on MNIST", "MLP", "ResNet9 on OrganAMNIST"]


def test_178_of_180_cells_are_counts_of_test_images() -> None:
    for reading in (str, audit.padded):
        frame = audit.cells(reading=reading)
        assert len(frame) == 180 and frame.truncated.sum() == 178
        assert frame.rounded.sum() < frame.truncated.sum()


def test_the_two_impossible_cells() -> None:
    frame = audit.impossible()
    assert frame[["table", "model", "method", "column", "printed", "n"]].values.tolist() == [
        [3, "ResNet9", "baseline", "class_b", "98.90", 1028],
        [3, "ResNet9", "proposed", "class_b", "98.90", 1028],
    ]
    assert set(zip(frame.below, frame.above, strict=True)) == {("98.83", "98.92")}


def test_table_5_shows_digits_2_7_9_and_no_others() -> None:
    found = audit.solutions("table").query("table == 5").set_index("column")
    assert found.loc[["class_a", "class_b", "class_c"], "labels"].tolist() == [(2,), (7,), (9,)]
    assert (found.fit == 6).all() and (found.next[2:] < 6).all()


def test_pooled_columns_have_one_class_each() -> None:
    found = audit.solutions("dataset").set_index(["dataset", "column"]).labels
    for dataset, shown in paper.SHOWN.items():
        columns = ("class_a", "class_b", "class_c")
        assert [found[dataset, name] for name in columns] == [(label,) for label in shown]
    assert found["organamnist", "d_t"] == (2,)


def test_target_of_organamnist_is_fixed_by_table_6_alone() -> None:
    found = audit.solutions("table").set_index(["table", "column"])
    assert found.loc[(6, "d_t"), "labels"] == (2,) and found.loc[(6, "d_t"), "fit"] == 6


def test_target_of_mnist_is_the_only_digit_that_fits_both_columns() -> None:
    frame = paper.printed().query("dataset == 'mnist'")
    both = [audit.fitting(frame, name) == len(frame) for name in ("d_t", "d_r")]
    assert list(np.flatnonzero(both[0] & both[1])) == [3]


def test_no_other_split_explains_the_tables() -> None:
    frame = audit.readings().set_index(["split", "reading"])
    test = frame.loc[("test", "as written")]
    assert test.cells == 180 and test.expected < test.truncated
    assert (frame.loc["val"].truncated < frame.loc["val"].cells - 2).all()


def test_test_split_sizes() -> None:
    mnist = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    organs = (1036, 784, 793, 785, 2064, 1965, 3285, 1747, 1813, 1622, 1884)
    assert official_counts("mnist")["test"] == mnist
    assert official_counts("organamnist")["test"] == organs
    assert audit.size("mnist", "d_r", 3) == 8990 and audit.size("organamnist", "d_r", 2) == 16985


@pytest.mark.parametrize("name", paper.TARGET)
def test_official_sizes_are_those_of_the_complete_data(name: str) -> None:
    if not (data_root() / "organamnist.npz").exists():
        pytest.skip("complete data sets absent")
    data, sizes = load(name, source="complete"), official_counts(name)
    assert tuple(np.bincount(data.train.labels)) == sizes["train"]
    assert tuple(np.bincount(data.evaluation.labels)) == sizes["test"]
    if "val" in sizes:
        held_out = load(name, source="complete", tuning=True).evaluation
        assert tuple(np.bincount(held_out.labels)) == sizes["val"]


def test_paper_differences_and_repeats() -> None:
    gap = audit.differences()
    assert len(gap) == 18 and (gap.d_t >= 0).all() and (gap.d_r > 0).all()
    assert gap.loc[(4, "ResNet9"), "class_b"] == -4.64
    assert audit.repeated()[["table", "model", "method", "d_r"]].values.tolist() == [
        [4, "ResNet9", "baseline", "76.93"],
        [6, "ResNet9", "baseline", "76.93"],
    ]


def test_contradictions_are_whole() -> None:
    for entry in audit.remarks("contradictions"):
        assert {"subject", "where", "says", "reading", "quotes"} == set(entry)
    assert all({"subject", "says"} == set(entry) for entry in audit.remarks("silences"))
