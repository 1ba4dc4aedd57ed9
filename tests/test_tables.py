"""Tables: the cells, and the structure that a screen reader follows."""

from bs4 import BeautifulSoup

from reproduction import places
from reproduction.chapters.tables import Table, simple_table, spread
from reproduction.checking.verdicts import WORDS

HEADS = ("Model", "Method", "Measure", "paper", "full", "this run", "difference", "verdict")
ROWS = [
    ["MLP", "baseline", "d_t", "0.00", "0.00 ± 0.00", "0.00", "+0.00", ""],
    ["MLP", "baseline", "d_r", "51.93", "51.00 ± 1.41", "49.50", "−2.43", ""],
    ["MLP", "retrained", "d_r", "–", "–", "97.50 ± 0.71", "–", "inconclusive (would take 9 seeds)"],
    ["LeNet", "baseline", "d_t", "0.00", "–", "–", "–", "mixed: d_t confirmed, d_r not run"],
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


def test_cells_stand_in_their_columns():
    lines = table().tbody.find_all("tr")
    assert cells(lines[1]) == ["51.93", "51.00 ± 1.41", "49.50", "−2.43", ""]
    assert cells(lines[2]) == ["–", "–", "97.50 ± 0.71", "–", "inconclusivewould take 9 seeds"]
    assert cells(lines[3])[-1] == "mixedDt confirmed, Dr not run"


def test_equal_labels_are_joined_within_their_group_only():
    labels = [
        [(th.get_text(), th.get("rowspan", "1"), th["scope"]) for th in line.find_all("th")]
        for line in table().tbody.find_all("tr")
    ]
    assert labels == [
        [("MLP", "3", "rowgroup"), ("baseline", "2", "rowgroup"), ("Dt", "1", "row")],
        [("Dr", "1", "row")],
        [("retrained", "1", "row"), ("Dr", "1", "row")],
        [("LeNet", "1", "row"), ("baseline", "1", "row"), ("Dt", "1", "row")],
    ]


def test_notes_stand_below_the_table_and_in_its_text():
    made = simple_table([["a", 1]], headings=("x", "y"), caption="c", notes=["[1] D_t & more."])
    foot = BeautifulSoup(made.html, "html.parser").tfoot
    assert [td.get_text() for td in foot.find_all("td")] == ["[1] Dt & more."]
    assert foot.td["colspan"] == "2"
    assert str(made).endswith("[1] D_t & more.")
    assert table().tfoot is None


def test_every_line_fills_every_column():
    for line in table().tbody.find_all("tr"):
        covered = len(cells(line)) + len(line.find_all("th"))
        assert covered <= 8
    assert [th["scope"] for th in table().thead.find_all("th")] == ["col"] * 8


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
