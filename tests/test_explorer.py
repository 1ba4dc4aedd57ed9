"""The explorer: its numbers are those of the results, and its charts those that Vega-Lite takes."""

import io
import json
import re

import pandas as pd
import pytest
import vl_convert

from reproduction import places
from reproduction.chapters import explorer
from reproduction.chapters.explorer import PUBLISHED, REFERENCES
from reproduction.checking.measurements import gather
from reproduction.study.results import table_rows

ASSETS = places.book() / "_assets"


@pytest.fixture(scope="module")
def gathered():
    return gather("full")


@pytest.fixture(scope="module")
def points(gathered):
    return explorer.shown_points(gathered)


@pytest.fixture(scope="module")
def files(gathered):
    return explorer.files(gathered)


@pytest.fixture(scope="module")
def data(files):
    return json.loads(files["data.js"].removeprefix("window.EXPLORER = ").rstrip(";\n"))


def test_what_is_published_is_what_the_tables_say(points):
    ends = points[(points["at"] == PUBLISHED) & (points.placement == "tables")]
    ours = ends.set_index(["table", "model", "method", "seed"])
    rows = table_rows("full")
    rows = rows[~rows.method.str.contains("buffers")]
    assert len(rows) > 100
    for row in rows.itertuples():
        found = ours.loc[(row.table, row.model, row.method, str(row.seed))]
        assert (found.d_t, found.d_r) == (row.d_t, row.d_r)


def test_a_mean_is_that_of_the_seeds_that_get_there(points):
    keys = ["table", "placement", "model", "method", "at"]
    for key, rows in points.groupby(keys):
        (mean,) = rows[rows.seed == "mean"].itertuples()
        seeds = rows[rows.seed != "mean"]
        assert mean.seeds == len(seeds), key
        assert mean.d_r == pytest.approx(seeds.d_r.mean())
        classes = [sum(one) / len(seeds) for one in zip(*seeds.classes, strict=True)]
        assert mean.classes == pytest.approx(classes)


def test_the_csv_has_every_point(files, points):
    found = pd.read_csv(io.StringIO(files["explorer.csv"]))
    assert len(found) == len(points)
    assert (found.d_r - points.d_r).abs().max() < 0.006
    assert {"class_0", "class_9", "class_10"} <= set(found.columns)


def test_the_script_can_read_every_row(data):
    assert data["usual"] in data["levels"]
    for table in data["tables"]:
        arms = {name for name, _ in table["arms"]}
        for model, arm, _, at, seeds, *numbers in table["rows"]:
            assert model in table["models"] and arm in arms and at in data["levels"] and seeds > 0
            assert len(numbers) == 2 + len(table["classes"])
            assert numbers[2 + table["target"]] == numbers[0]  # D_t is a class's accuracy
            assert arm not in REFERENCES or at == PUBLISHED


@pytest.mark.parametrize("name", ["map", "bars"])
def test_charts_compile_and_name_only_what_the_script_gives(data, name):
    chart = data["charts"][name]
    compiled = vl_convert.vegalite_to_vega(json.dumps({**chart, "datasets": {}}))
    assert compiled["marks"]
    given = {"map": {"d_t", "d_r", "kind", "method", "step", "seeds"}}
    given["bars"] = {"name", "kind", "value", "trained"}
    assert set(re.findall(r'"field": "(\w+)"', json.dumps(chart))) <= given[name]


def test_colours_of_the_charts_are_defined_in_both_themes(data):
    names = set(re.findall(r"var\(--([\w-]+)\)", json.dumps(data["charts"])))
    style = (ASSETS / "custom.css").read_text()
    for theme in ("light", "dark"):
        block = re.search(rf'data-theme="{theme}"\] {{(.*?)}}', style, re.DOTALL)[1]
        assert names <= set(re.findall(r"--([\w-]+):", block))


def test_the_picture_without_scripts_is_whole(files):
    assert "var(" not in files["explorer.svg"] and files["explorer.svg"].startswith("<svg")


def test_vega_comes_with_its_licence_and_leaves_no_names(files):
    script = files["vega.js"]
    assert script.startswith("/*! Vega 6") and "BSD-3-Clause" in script[:120]
    assert script.splitlines()[1].startswith("(() => {") and script.endswith("})();\n")
    licence = (ASSETS / "explorer" / "vega-licence.txt").read_text()
    assert "University of Washington Interactive Data Lab" in licence


def test_the_page_loads_what_is_made(files):
    page = (places.book() / "explorer.md").read_text()
    loaded = set(re.findall(r"_static/explorer/([\w.]+)", page))
    assert loaded == set(files) | {"explorer.js"}
