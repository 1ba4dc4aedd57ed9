"""What the book says first: its boxes, sentences and pictures, all from one ledger."""

import re
from functools import cache

import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from conftest import made_run
from reproduction import paper, places
from reproduction.chapters import answer, census, controls, leads, questions, story
from reproduction.chapters.claim_pages import chapter_claims, claim_table, generated
from reproduction.chapters.complete import COMPLETE, Complete, complete, complete_runs
from reproduction.chapters.pictures import svg
from reproduction.chapters.pictures.classes import class_map, class_means
from reproduction.chapters.pictures.controls import _mark, controls_picture
from reproduction.chapters.pictures.epochs import curve, epochs_picture
from reproduction.chapters.pictures.fractions import fractions_picture
from reproduction.chapters.pictures.method import method_picture
from reproduction.chapters.pictures.restored import restored_picture
from reproduction.chapters.pictures.result import lines, result_picture
from reproduction.chapters.pictures.sisa import sisa_picture
from reproduction.chapters.pictures.storage import (
    Dot,
    smallest,
    storage_picture,
    stored_share,
)
from reproduction.chapters.pictures.two_numbers import two_numbers_picture
from reproduction.chapters.verdict_box import HEADS, SAID, verdicts
from reproduction.checking.claims import READINGS
from reproduction.checking.comparing import Comparison, How, by_model
from reproduction.checking.measurements import tidy
from reproduction.checking.verdicts import NOT_RUN, Finding
from reproduction.publishing.reading_time import in_notebook, in_page, minutes
from reproduction.study.experiments import configs_of
from reproduction.study.profiles import load_profile
from reproduction.study.stored_runs import find

NOTHING = {name: tidy([]) for name in ("points", "fractions", "maps")}


@cache
def told(notebook: str) -> str:
    """All that an executed notebook shows, as plain text."""
    path = places.notebooks() / f"{notebook}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    shown = [o.get("data", {}).get("text/plain", "") for c in cells for o in c.get("outputs", [])]
    return "\n".join(shown)


# One finding everywhere


@pytest.mark.parametrize("chapter", HEADS)
def test_a_chapter_opens_with_the_findings_of_the_ledger(chapter: str) -> None:
    assert repr(leads.opening(chapter)) in told(chapter), f"execute {chapter} again"


@pytest.mark.parametrize(
    "chapter", [name for name in HEADS if f"notebooks/{name}" in set(complete().judged.chapter)]
)
def test_the_claims_of_a_chapter_are_those_of_the_ledger(chapter: str) -> None:
    assert repr(chapter_claims(COMPLETE, chapter)) in told(chapter), f"execute {chapter} again"


def test_the_ledger_shows_what_the_results_say() -> None:
    judged = complete().judged.reset_index(drop=True)
    caption = "The paper's claims, what was measured, and how it is judged"
    assert repr(claim_table(judged, caption)) in told("claims"), "execute claims again"


@pytest.mark.parametrize("chapter", HEADS)
def test_words_of_a_box_are_those_of_its_claims(chapter: str) -> None:
    for name, verdict in zip(HEADS[chapter], verdicts(chapter), strict=True):
        row = complete().judged.loc[name]
        found = {at: said[0] for at, said in verdict.findings.items()}
        assert found == {at: row[at] for at in READINGS if row[at] != "–"}


def test_models_of_a_box_have_the_words_of_their_own_claims() -> None:
    judged = complete().judged
    for number in range(1, 7):
        (verdict,) = verdicts(f"table_{number}")
        for model, line in verdict.models.items():
            own = judged.loc[f"table-{number}-{model}"]
            assert {at: line[at].rpartition(": ")[2] for at in READINGS} == {
                at: own[at] for at in READINGS
            }


def test_every_comparison_drawn_has_the_word_of_its_claim() -> None:
    found, judged = complete().comparisons, complete().judged
    for number, of_table in lines(found).items():
        for line in of_table:
            own = judged.loc[f"table-{number}-{line.model}"]
            assert (line.equal.word, line.published.word) == (own.equal, own.published)
    assert sum(map(len, lines(found).values())) == len(paper.comparisons()) == 18


def test_the_readme_has_the_sentences_and_the_picture_of_the_results() -> None:
    readme = places.readme().read_text(encoding="utf-8")
    assert answer.in_short(complete()) in readme
    assert census.standing(COMPLETE) in readme
    assert len(readme.splitlines()) <= 120
    drawn = places.readme_picture().read_text(encoding="utf-8")
    assert drawn == story.drawing(complete()), "run: python -m reproduction claims"
    assert str(places.readme_picture().relative_to(places.root())) in readme


def test_the_first_page_has_the_sentences_and_an_answer_to_each_question() -> None:
    pieces = generated("quick")
    assert answer.in_short(complete()) in pieces["result.md"]
    assert pieces["questions.md"].count("- [") == len(questions.QUESTIONS) == 4
    assert all(re.search(r"\d", line) for line in pieces["questions.md"].splitlines() if line)
    pages = [path.read_text("utf-8") for path in places.book().rglob("*.md")]
    for name in pieces:
        assert any(f"generated/{name}" in page for page in pages), name


def test_a_sentence_of_the_first_page_is_short_and_says_what_its_numbers_are_of() -> None:
    told = answer.sentences(complete())
    assert len(told) == 5
    for one in told:
        assert len(f"{one.head} {one.said}".split()) <= 80
        assert re.search(r"\d", f"{one.head} {one.said}") and re.search(
            r"network|ConvNet", one.scope
        )


@pytest.mark.parametrize("experiment", census.PLANNED)
def test_what_is_planned_and_not_run_is_said_with_its_number(experiment: str) -> None:
    told = census.standing(COMPLETE)
    stored: dict[str, list[bool]] = {}
    for config in configs_of(experiment, load_profile(COMPLETE)):
        network = f"{config.model} on {paper.TITLES[config.dataset]}"
        stored.setdefault(network, []).append(find(COMPLETE, config) is not None)
    for network, there in stored.items():
        said = f"{census.PLANNED[experiment]}, {network} {sum(there)} of {len(there)} trainings"
        assert (said in told) == (not all(there))


def test_networks_whose_settings_are_not_chosen_are_named_as_not_run(monkeypatch) -> None:
    profile = load_profile(COMPLETE)
    untuned = profile.datasets["mnist"].models["MLP"].model_copy(update={"amnesiac": None})
    profile.datasets["mnist"].models["MLP"] = untuned
    monkeypatch.setattr(census, "load_profile", lambda _: profile)
    assert "none of MLP on MNIST" in census.standing(COMPLETE)


def test_the_logs_of_the_storage_answer_are_those_of_their_trainings() -> None:
    """ResNet9 with 8 channels has 104,443 entries of 32 bits, trained for 2,168 steps."""
    runs = [run for run in complete_runs("figure_2") if run.config.model == "ResNet9"]
    density = sum(run.facts["density"] for run in runs) / len(runs)
    share = sum(run.facts["affected_fraction"] for run in runs) / len(runs)
    whole = 104_443 * 2168 * 4 / 1e9
    sizes = (density * whole / 2, whole, share * whole)
    said = (
        "ResNet9 on OrganAMNIST, in the last {:.2f} GB in place of {:.2f} (if it is known".format(
            *sizes
        )
    )
    assert said in (told := questions.storage(complete()))
    assert f"keeping only their steps whole takes {sizes[2]:.2f})" in told


# Without results, and with few


def test_nothing_run_is_said_and_drawn() -> None:
    empty = Complete(NOTHING)
    assert answer.sentences(empty)[0].head == "Nothing on the complete data is run yet."
    assert questions.reproduces(empty, 4) == "Table 4 is not run yet on the complete data."
    for say in (questions.storage, questions.price, leads.maps, leads.fractions):
        assert say(empty) == answer.NOTHING
    assert leads.epochs(empty, 1) == answer.NOTHING
    assert result_picture(empty.comparisons).html.count("not run yet") == 2 * 18
    for name in HEADS:
        assert {v.findings[at][0] for v in verdicts(name, empty) for at in v.findings} == {NOT_RUN}
    for shown in (
        controls_picture(empty.data["points"]),
        epochs_picture([], 1, "backward"),
        fractions_picture([], "d_r", "published"),
        restored_picture([], "equal"),
        sisa_picture([]),
        storage_picture({}),
        two_numbers_picture([], "LeNet"),
    ):
        assert "<svg" in shown.html
    assert class_means([]) == {}


def test_the_paper_is_averaged_over_the_networks_that_were_run() -> None:
    one = Comparison(Finding("confirmed"), 2.0, 1.0, 3.0, pairs=6, seeds=10)
    other = Comparison(Finding("confirmed"), -1.0, -2.0, 0.0, pairs=10, seeds=10)
    each = {(1, "MLP"): one, (2, "ConvNet"): other}
    assert answer.paper_mean(each) == pytest.approx((42.54 + 58.53) / 2, abs=0.05)
    said = ", in the 16 of 20 trainings where both come down to 3 % of the class"
    assert answer.trainings(each, 3.0) == said
    assert answer.trainings({(2, "ConvNet"): other}, 3.0) == ""
    assert answer.span(each) == "−1.0 to +2.0 in 2 networks"


def test_points_are_told_in_words() -> None:
    assert answer.more(-0.44) == "0.4 points less"
    assert answer.more(64.2) == "64 points more"
    assert SAID.keys() == set(READINGS)


# Pictures


def test_colours_and_letters_are_those_of_the_page() -> None:
    drawn = result_picture(complete().comparisons).html
    assert "var(--proposed, #0a62a9)" in drawn
    assert "var(--pst-font-family-base, sans-serif)" in drawn
    assert "currentColor" in drawn
    assert not re.search(r"(?<!, )#1f2730", drawn)
    assert drawn == result_picture(complete().comparisons).html


def test_two_networks_of_one_name_have_a_panel_each() -> None:
    runs = [run for table in (1, 2) for run in complete_runs(f"figure_{table}")]
    drawn = restored_picture(runs, "equal").html
    both = {"ResNet9 on MNIST", "ResNet9 on OrganAMNIST"}
    assert both <= set(re.findall(r">([^<>]+)</text>", drawn))


def test_two_drawings_of_a_page_share_no_name() -> None:
    points = complete().data["points"]
    shown = "".join(p.html for p in (controls_picture(points), controls_picture(points, (1, 2))))
    names = re.findall(r' id="([^"]+)"', shown)
    assert len(names) == len(set(names)) > 0
    used = set(re.findall(r'(?:url\(#|href="#)([\w-]+)', shown))
    assert used <= set(names)


def test_a_drawing_alone_has_both_modes() -> None:
    alone = story.drawing(complete())
    assert alone.startswith("<svg width=")
    assert "prefers-color-scheme:dark" in alone
    assert set(svg.DARK) <= set(re.findall(r"(--[\w-]+):#", alone))


def test_dark_colours_of_drawings_are_those_of_the_pages() -> None:
    sheets = "".join(
        p.read_text("utf-8") for p in sorted((places.book() / "_assets").glob("*.css"))
    )
    dark = "".join(re.findall(r'html\[data-theme="dark"\] \{(.*?)\}', sheets, re.DOTALL))
    found = dict(re.findall(r"(--[\w-]+): (#\w+)", dark))
    own = {name: colour for name, colour in svg.DARK.items() if not name.startswith("--pst")}
    assert {name: found[name] for name in own} == own


def test_a_curve_is_the_mean_over_seeds_with_their_range_around_it() -> None:
    rows = [(0, 90.0, 95.0), (1, 5.0, 80.0), (0, 80.0, 97.0), (1, 15.0, 90.0)]
    points = pd.DataFrame(rows, columns=["step", "d_t", "d_r"])
    axis = Figure().subplots()
    curve(axis, points, 8, "#123456")
    assert [line.get_xydata().tolist() for line in axis.get_lines()] == [
        [[8, 96], [9, 85]],
        [[8, 85], [9, 10]],
    ]
    ranges = [band.get_paths()[0].vertices[:, 1] for band in axis.collections]
    assert [(found.min(), found.max()) for found in ranges] == [(80, 97), (5, 90)]


def test_marks_of_a_control_beyond_the_edge_have_their_number() -> None:
    axis = Figure().subplots()
    _mark(axis, 0, Comparison(Finding("confirmed"), -41.26, -45.0, -37.0, 10, seeds=10), "o", "x")
    _mark(axis, 1, Comparison(Finding("confirmed"), 2.0, 1.0, 3.0, 8, seeds=10), "o", "x")
    assert [text.get_text() for text in axis.texts] == ["−41.3"]
    assert axis.get_lines()[-1].get_markerfacecolor() == svg.PAGE  # two trainings left out


def test_every_picture_has_words() -> None:
    html = method_picture().html
    assert html.count('role="img" aria-label="') == 2
    assert "<figcaption>" in html


def run(seed: int, base: float) -> object:
    classes = [base] * 10
    row = {"d_t": base, "d_r": base, "classes": classes}
    level = {"method": "proposed", "on": "train", "level": 1.0, "reached": True, **row}
    rows = [{"method": "trained", **row}, {"method": "baseline", **row}]
    return made_run("amnesiac", {"model": "MLP", "seed": seed}, rows=rows, levels=[level])


def test_the_map_of_classes_has_means_over_seeds() -> None:
    means = class_means([run(0, 80.0), run(1, 90.0)])
    assert means == {
        "MLP": {name: [85.0] * 10 for name in ("trained", "proposed, equal", "baseline, published")}
    }
    shown = class_map(means, "mnist", 3)
    assert shown.html.count("<td style=") == 30
    assert "class=target" in shown.html
    assert repr(shown).splitlines()[0] == f"MLP, trained: {' '.join(['85'] * 10)}"


def test_a_log_of_the_last_layer_takes_its_share_of_half_the_bytes() -> None:
    setting = {"sparsity_first": 1.0, "sparsity_last": 0.0}
    share = stored_share("MLP", None, "mnist", setting)
    assert share == pytest.approx(50 * (500 * 10 + 10) / (784 * 500 + 500 + 500 * 10 + 10))


def test_the_smallest_log_is_the_smallest_that_forgets() -> None:
    of_model = [
        Dot(1, (90.0,), False, False),
        Dot(4, (0.5,), True, True),
        Dot(2, (1,), True, False),
    ]
    assert smallest(of_model) == 2
    assert smallest(of_model[:1]) == 100


def test_labels_stand_apart_and_within_the_panel() -> None:
    heights = svg.apart([5.0, 97.0, 98.0, 99.0])
    assert heights == [5, 80, 90, 100]
    assert (np.diff(heights) >= 10).all()


# Time to read


def test_the_time_to_read_counts_words_and_pictures() -> None:
    assert minutes("word " * 400, 4) == 3
    assert minutes("", 0) == 1
    assert minutes("```\n" + "code " * 4000 + "\n```", 0) == 1


def test_the_time_to_read_stands_below_the_title() -> None:
    text = "(mark)=\n# Title\n\nText\n\n```{include} ../generated/a.md\n```\n"
    page = in_page(text, {"a.md": f"<svg>{'drawn ' * 900}</svg>"})
    assert page.startswith('(mark)=\n# Title\n\n<p class="reading-time">1 minute to read</p>\n')
    shown = f"<p>{'word ' * 600}</p><details><summary>More</summary>{'fold ' * 900}</details>"
    assert "3 minutes to read" in in_page(text, {"a.md": shown})
    reference = "# Title\n\n```{eval-rst}\n.. autofunction:: record\n```\n"
    assert in_page(reference, {}) == reference
    cells = [nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_markdown_cell("word " * 600)]
    book = in_notebook(nbformat.v4.new_notebook(cells=cells))
    assert book.cells[0].source == '# Title\n\n<p class="reading-time">3 minutes to read</p>'


@pytest.mark.parametrize(("kind", "said"), [("comparison cards", "2"), ("comparison", "1")])
def test_words_of_cards_take_time_to_read_and_a_table_of_numbers_a_glance(kind, said) -> None:
    table = f"<table class='{kind}'><tr><td>{'word ' * 400}</td></tr></table>".replace("'", '"')
    folded = f"<details>{'fold ' * 900}</details>"
    shown = nbformat.v4.new_output("display_data", {"text/html": table + folded})
    cells = [nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_code_cell(outputs=[shown])]
    book = in_notebook(nbformat.v4.new_notebook(cells=cells))
    assert f"{said} minute{'s' * (said != '1')} to read" in book.cells[0].source


# Means of controls


def test_a_mean_of_a_control_names_what_it_lacks(monkeypatch):
    def ran(pairs: int, seeds: int = 5, bound: float = 1.0) -> Comparison:
        return Comparison(NOTHING_YET, 1.25, bound, bound, pairs=pairs, seeds=seeds)

    def of_table(_, table: int, __, how: How) -> dict[str, Comparison]:
        own = {"MLP": 5} if table == 1 else {"AlexNet": 0}
        whole = {model: ran(seeds, seeds) for model, seeds in {**own, "ResNet9": 5}.items()}
        resnet = ran(3 - table, bound=table - 1.0)  # in Table 1 the proposed method itself
        mine = {**{model: ran(0, 0) for model in own}, "ResNet9": resnet}
        return mine if "uniform" in how.sides else whole

    monkeypatch.setattr(controls, "by_model", of_table)
    monkeypatch.setattr(story, "of_family", lambda *_: ran(2))
    found = story._control_mean(complete(), story.AMNESIAC, "uniform")
    assert found == ("+1.2 (not MLP; the same in ResNet9 on MNIST)")
    monkeypatch.setattr(story, "of_family", lambda *_: ran(0))
    assert story._control_mean(complete(), story.AMNESIAC, "uniform") == "–"


NOTHING_YET = Finding(NOT_RUN, "")


def test_the_sentence_on_the_last_layer_names_every_network_it_was_run_in():
    found = complete()
    said = answer.sentences(found)[3].scope
    for table in answer.AMNESIAC.tables:
        for model, one in by_model(found.evidence, table, "equal", answer.LAST_LAYER).items():
            assert model in said or not one.seeds
            if one.seeds and not one.pairs:
                assert re.search(rf"In {model}( on \w+)? that seldom forgets", said)
