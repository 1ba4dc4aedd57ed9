"""Pages with other values: what a page says of its parameters is what it takes, and no more."""

import math
import re
from functools import cache

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from partial_unlearning.errors import InputError
from partial_unlearning.masks import STRATEGIES
from reproduction.publishing import execution, rerun, sources
from reproduction.study.experiments import configs_of
from reproduction.study.overrides import FRACTIONS, LISTS, PARAMETERS, checked, override
from reproduction.study.profiles import load_profile
from reproduction.study.stored_runs import find

PAGES = {
    source.name: sources.parameters(source, sources.read(source)) for source in sources.find([])
}
QUICK = load_profile("quick")
PAIRS = [(page, name) for page, own in PAGES.items() for name in own if name != "profile"]
# Written out once more: what a page's number may be.
BOUNDS = {
    **dict.fromkeys(("sparsity_first", "sparsity_last", *FRACTIONS), (0, 1)),
    "affected_fraction": (math.ulp(0), 1),
    "learning_rate": (math.ulp(0), math.nextafter(math.inf, 0)),
    "target": (0, 10),
    **dict.fromkeys(("target_images", "epochs", "batch_size"), (1, 2**63 - 1)),
}
WHOLE = ("target", "target_images", "epochs", "batch_size")
NUMBERS = st.integers(-5, 20) | st.floats() | st.sampled_from([0, 1, 0.0, 1.0, -0.0, 10, 11])


def shown(page: str, profile: str = "quick") -> BeautifulSoup:
    return BeautifulSoup(rerun.section(page, PAGES[page], profile), "html.parser")


@cache
def rows(page: str) -> dict[str, list[str]]:
    """A page's table of parameters, by the first cell of each row."""
    lines = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in shown(page)("tr")]
    return {first: rest for first, *rest in lines[1:]}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_all_its_parameters_and_no_others(page):
    named = list(rows(page))
    assert named == ["--profile", *(f"-p {name}" for name in PAGES[page] if name != "profile")]


@pytest.mark.parametrize(("page", "name"), PAIRS)
def test_a_page_shows_a_default_and_takes_its_own_example(page, name):
    default, meaning, values = rows(page)[f"-p {name}"]
    assert default != "–" and meaning == PARAMETERS[name].meaning and values
    example = execution.parse_parameters([f"{name}={PARAMETERS[name].example}"])
    if name == "models":
        example = {"models": default.split(", ")[0]}
    (taken,) = rerun.accepted(page, PAGES[page], "quick", example).values()
    assert tuple(taken) == checked(name, example[name]) if name in LISTS else taken


@pytest.mark.parametrize(("page", "name"), PAIRS)
def test_every_parameter_changes_the_runs_of_its_page(page, name):
    """But on the page of amnesiac unlearning, whose placements are an example's."""
    if page == "amnesiac" and name != "seeds":
        return
    experiments = [page] if page in rerun.EXPERIMENTS else rerun.OF_CHAPTERS[page]
    value = {"models": "AlexNet", "seeds": 5}.get(name, 0.77)  # AlexNet is no model of quick's
    changed = override(QUICK, {name: value})
    assert any(configs_of(e, QUICK) != configs_of(e, changed) for e in experiments)


@given(st.sampled_from(list(BOUNDS)), NUMBERS)
def test_a_number_is_taken_within_its_range_and_else_answered_with_it(name, value):
    low, high = BOUNDS[name]
    fits = low <= value <= high and (name not in WHOLE or value == int(value))
    try:
        taken = checked(name, value)
    except InputError as error:
        assert not fits
        assert f"{name} = {value!r}: give {PARAMETERS[name].range}" in str(error)
    else:
        assert fits and taken == value


@given(st.sampled_from([n for n in PARAMETERS if n != "models"]), st.text() | st.booleans())
def test_words_are_answered_with_the_range_unless_they_are_one_of_it(name, value):
    try:
        taken = checked(name, value)
    except InputError as error:
        assert PARAMETERS[name].range in str(error)
    else:
        assert TypeAdapter(PARAMETERS[name].kind).validate_python(taken) == taken
        assert re.fullmatch(
            r"[-+.0-9eE, ]+|keep|subtract|\w*magnitude|random|last_layers", value.strip()
        )


@given(st.sampled_from(list(PAGES)), st.text(), NUMBERS)
def test_a_page_refuses_every_name_that_it_does_not_show(page, name, value):
    if name not in PAGES[page] or name == "profile":
        with pytest.raises(InputError, match=f"notebook {page} has no parameter"):
            rerun.accepted(page, PAGES[page], "quick", {name: value})


@pytest.mark.parametrize(
    ("page", "refused"),
    [
        ("table_1", ["table", "fraction_first", "learning_rate", "family"]),
        ("table_3", ["table", "affected_fraction", "sparsity_first", "sparsity_last"]),
        ("label_flipping", ["family"]),
        ("figure_1", ["table", "fraction_last"]),
    ],
)
def test_what_makes_a_page_the_page_it_is_cannot_be_changed(page, refused):
    assert not set(refused) & set(PAGES[page])


def test_ranges_are_said_in_plain_words():
    assert PARAMETERS["sparsity_first"].range == "a number from 0 to 1"
    assert PARAMETERS["affected_fraction"].range == "a number above 0 and at most 1"
    assert PARAMETERS["epochs"].range == "a whole number above 0"
    assert PARAMETERS["buffers"].range == "keep or subtract"
    assert rows("table_2")["-p models"][2].startswith("some of ConvNet")


def test_every_strategy_of_the_library_can_be_asked_for():
    assert [checked("strategy", name) for name in STRATEGIES] == list(STRATEGIES)
    assert (
        PARAMETERS["strategy"].range == "random, last_layers, layer_magnitude or global_magnitude"
    )


def test_the_command_to_copy_is_for_this_page_and_profile():
    code = shown("table_1", "smoke").get_text().split("```")[1].splitlines()
    assert code[1:] == [
        ".venv/bin/python -m reproduction execute table_1 --profile smoke"
        " -p sparsity_first=0.95 -p sparsity_last=0.3",
        ".venv/bin/python -m reproduction build --profile smoke",
    ]


def test_the_example_of_a_model_is_one_of_the_page():
    with pytest.raises(InputError, match=r"models = \['ConvNet'\]: choose from MLP, LeNet"):
        rerun.accepted("table_1", PAGES["table_1"], "quick", {"models": "ConvNet"})


def test_the_seeds_of_a_page_are_not_those_of_tuning():
    cells = [row.get_text() for row in shown("frontier", "full")("tr")]
    [seeds] = [text for text in cells if text.strip().startswith("-p seeds")]
    assert "0 to 4" in seeds and "1002" not in seeds


def test_a_page_says_how_long_its_runs_took():
    """As their provenance has it, on the complete data, which is stored with the book."""
    stored = [find("full", config) for config in configs_of("table_3", load_profile("full"))]
    minutes = sum(run.provenance["seconds"] for run in stored if run) / 60
    took = f"{minutes:.0f} minutes of one core in all"
    text = " ".join(shown("table_3", "full").get_text().split())
    assert f"The {len(stored)} runs that are stored took {took}" in text
    assert "took" not in shown("audit", "full").get_text()
