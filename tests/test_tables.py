"""Tables: the cells, and the structure that a screen reader follows."""

from bs4 import BeautifulSoup

from reproduction import places
from reproduction.chapters.tables import Fold, Table, simple_table, spread
from reproduction.checking.verdicts import WORDS, Finding

HEADS = ("Model", "Method", "Measure", "paper", "full", "this run", "difference", "verdict")
SEEDS = Finding("inconclusive", "would take 9 seeds", "+1.00 [−0.50, +2.50]")
MIXED = Finding("mixed", "d_t confirmed, d_r not run")
ROWS = [
    ["MLP", "baseline", "d_t", "0.00", "0.00 ± 0.00", "0.00", "+0.00", ""],
    ["MLP", "baseline", "d_r", "51.93", "51.00 ± 1.41", "49.50", "−2.43", ""],
    ["MLP", "retrained", "d_r", "–", "–", "97.50 ± 0.71", "–", SEEDS],
    ["LeNet", "baseline", "d_t", "0.00", "–", "–", "–", MIXED],
]


def shown() -> Table:
    return simple_table(ROWS, headings=HEADS, caption="Table 1 & more", labels=3)


def table() -> BeautifulSoup:
    return BeautifulSoup(shown().html, "html.parser")


def cells(line) -> list[str]:
    return [cell.get_text() for cell in line.find_all("td")]


def test_spread_is_mean_and_sample_standard_deviation():
    assert spread([]) == "–"
    assert spread([49.5]) == "49.50"
    assert spread([50.0, 52.0]) == "51.00 ± 1.41"


def lines() -> list:
    return [line for body in table().find_all("tbody") for line in body.find_all("tr")]


def test_cells_stand_in_their_columns():
    rows = [line for line in lines() if "group" not in line["class"]]
    assert cells(rows[1]) == ["51.93", "51.00 ± 1.41", "49.50", "−2.43", ""]
    finding = "inconclusive+1.00 [−0.50, +2.50]would take 9 seeds"
    assert cells(rows[2]) == ["–", "–", "97.50 ± 0.71", "–", finding]
    assert cells(rows[3])[-1] == "mixedDt confirmed, Dr not run"


def test_the_first_label_is_the_heading_of_its_rows_and_equal_ones_are_joined():
    labels = [
        [(th.get_text(), th.get("rowspan", "1"), th["scope"]) for th in line.find_all("th")]
        for line in lines()
    ]
    assert labels == [
        [("Model MLP", "1", "rowgroup")],
        [("baseline", "2", "rowgroup"), ("Dt", "1", "row")],
        [("Dr", "1", "row")],
        [("retrained", "1", "row"), ("Dr", "1", "row")],
        [("Model LeNet", "1", "rowgroup")],
        [("baseline", "1", "row"), ("Dt", "1", "row")],
    ]
    assert [len(body.find_all("tr")) for body in table().find_all("tbody")] == [4, 2]


def test_labels_that_never_repeat_stay_in_columns():
    made = simple_table(
        [["mnist", "MLP", 1], ["organ", "LeNet", 2]], headings="abc", caption="c", labels=2
    )
    rows = BeautifulSoup(made.html, "html.parser").tbody.find_all("tr")
    assert [[cell.get_text() for cell in row] for row in rows] == [
        ["mnist", "MLP", "1"],
        ["organ", "LeNet", "2"],
    ]


def test_headings_over_several_columns_and_empty_columns():
    made = simple_table(
        [["MLP", "1.00", "–", "2.00"], ["LeNet", "3.00", "–", "–"]],
        headings=("Model", "d_t", "d_r", "d_t"),
        above=("", "Paper", "Paper", "Here"),
        caption="c",
    )
    first, second = BeautifulSoup(made.html, "html.parser").thead.find_all("tr")
    told = [(th.get_text(), th.get("colspan"), th.get("rowspan")) for th in first]
    assert told == [("Model", None, "2"), ("Paper", "1", None), ("Here", "1", None)]
    assert [th.get_text() for th in second] == ["Dt", "Dt"]
    assert str(made).splitlines()[1].split("  ") == ["Model", "Paper: d_t", "Here: d_t"]


def test_what_is_folded_stands_below_its_row():
    fold = Fold("Rule", [("Bound", "at most 1"), ("Measured", "Table 1 | Table 2")])
    made = simple_table([["a", 1], ["b", 2]], headings="xy", caption="c", folds=[fold, None])
    rows = BeautifulSoup(made.html, "html.parser").tbody.find_all("tr")
    assert [row.get("class") for row in rows] == [["first"], ["more"], ["first"]]
    assert rows[1].summary.get_text() == "Rule"
    assert [dd.get_text() for dd in rows[1].find_all("dd")] == ["at most 1", "Table 1", "Table 2"]
    assert str(made).splitlines()[3] == "    Bound: at most 1"
    twice = simple_table([["a", 1], ["a", 2]], headings="xy", caption="c", folds=[fold, fold])
    assert "rowspan" not in twice.html


def test_words_on_a_card_are_one_element():
    made = simple_table([["a", "then D_r is 1"]], headings=("x", "y"), caption="c", cards=True)
    cell = BeautifulSoup(made.html, "html.parser").td
    assert [child.name for child in cell.children] == ["span"]
    assert cell.get_text() == "then Dr is 1"


def test_cards_say_their_roles_and_headings():
    made = simple_table([["a", 1]], headings=("x", "d_r"), caption="c", cards=True)
    shown = BeautifulSoup(made.html, "html.parser").table
    assert [th["role"] for th in shown.find_all("th")] == ["columnheader"] * 2 + ["rowheader"]
    assert (shown["role"], shown.td["role"], shown.td["data-label"]) == ("table", "cell", "Dr")
    assert {line["role"] for line in shown.find_all("tr")} == {"row"}


def test_notes_stand_below_the_table_and_in_its_text():
    made = simple_table([["a", 1]], headings=("x", "y"), caption="c", notes=["[1] D_t & more."])
    foot = BeautifulSoup(made.html, "html.parser").tfoot
    assert [td.get_text() for td in foot.find_all("td")] == ["[1] Dt & more."]
    assert foot.td["colspan"] == "2"
    assert str(made).endswith("[1] D_t & more.")
    assert table().tfoot is None


def test_every_line_fills_every_column():
    for line in lines():
        covered = [int(cell.get("colspan", 1)) for cell in line.find_all(["td", "th"])]
        assert sum(covered) in (6, 7)  # one less below a label of two rows
    assert [th["scope"] for th in table().thead.find_all("th")] == ["col"] * 7


def test_the_caption_is_told_and_escaped():
    assert table().caption.get_text() == "Table 1 & more"
    assert table().div["aria-label"] == "Table 1 & more"


def test_a_finding_has_its_own_look():
    badges = table().find_all(class_="verdict")
    assert [badge["class"] for badge in badges] == [
        ["verdict", "inconclusive"],
        ["verdict", "mixed"],
    ]
    assert [badge.get_text() for badge in badges] == ["inconclusive", "mixed"]


def test_every_finding_has_a_sign_and_a_colour_of_its_page():
    css = (places.book() / "_assets" / "custom.css").read_text()
    for word in WORDS:
        assert f".verdict.{word.replace(' ', '-')}::before" in css, word


def test_text_is_escaped_and_numbers_stand_right():
    made = simple_table([["a<b", 3, "text"]], headings=["x", "n", "t"], caption="c")
    line = BeautifulSoup(made.html, "html.parser").tbody.tr
    assert line.th.get_text() == "a<b"
    assert [cell.get("class") for cell in line.find_all("td")] == [["number"], None]
    mixed = simple_table([["a", "3"], ["b", "word"]], headings="xy", caption="c")
    assert BeautifulSoup(mixed.html, "html.parser").find(class_="number") is None


def test_a_table_without_rows_says_so():
    made = simple_table([], headings=["x", "n"], caption="c", labels=1)
    (cell,) = BeautifulSoup(made.html, "html.parser").tbody.find_all("td")
    assert (cell.get_text(), cell["colspan"]) == ("nothing stored yet", "2")
    assert repr(made).splitlines() == ["c", "x  n", "nothing stored yet"]


def test_the_text_form_has_the_same_cells():
    lines = repr(shown()).splitlines()
    assert lines[0] == "Table 1 & more"
    assert lines[3].split() == ["MLP", "baseline", "d_r", "51.93", "51.00", "±", "1.41"] + [
        "49.50",
        "−2.43",
    ]


def test_a_long_remark_wraps_below_its_number_and_a_short_one_stays():
    rows = [["a", "+2.2 (not ResNet9 of Table 2)"], ["b", "+2.2 (3 of 5)"]]
    html = simple_table(rows, headings=("control", "kept"), caption="c")._repr_html_()
    assert '+2.2 <small class="remark">(not ResNet9 of Table 2)</small>' in html
    assert '+2.2 <small class="spread">(3 of 5)</small>' in html
