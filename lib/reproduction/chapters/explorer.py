"""The explorer: every arm of every table, one choice at a time, drawn by Vega-Lite on its page.

:func:`files` makes what the page loads beside its own ``book/_assets/explorer``: two charts in
Vega-Lite's JSON, and the script that takes a reader's choices.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
import vl_convert

from reproduction import paper, places
from reproduction.chapters.complete import COMPLETE
from reproduction.chapters.controls import arms_of
from reproduction.chapters.figures import PALETTE, SOFT
from reproduction.checking.claims import limits
from reproduction.checking.measurements import METHODS, Measurements
from reproduction.datasets.sources import class_names
from reproduction.study.kinds import TABLES
from reproduction.study.profiles import load_profile

FAMILIES = {
    "amnesiac": "amnesiac unlearning",
    "label_flipping": "label flipping",
    "optimization": "loss ascent",
}
PLACEMENTS = {"tables": "", "kept_images": ", 100 target images kept"}
REFERENCES = {"trained": "trained", "retrained": "retrained"}
LICENCE = "/*! Vega {}, Vega-Lite {}, Vega-Embed {}: BSD-3-Clause, see vega-licence.txt */\n"
PUBLISHED = "as published"
KEYS = ["table", "placement", "model", "method", "seed", "at"]
COLUMNS = [*KEYS, "seeds", "d_t", "d_r", "classes"]
PICTURED = {"table": 1, "placement": "tables", "model": "LeNet", "seed": "mean"}
"""What the page shows where no script runs."""


def shown_points(gathered: Measurements) -> pd.DataFrame:
    """Each arm at its own end and at each level, and the mean over its seeds there.

    Args:
        gathered: of the complete data.

    Returns:
        :data:`COLUMNS`: ``seed`` is a text, ``mean`` for their mean, and ``seeds`` how many there
        are; ``at`` says where an arm is read, such as "as published" or "1 %".
    """
    found = gathered["points"]
    found = found[found.end.isin(["published", "train"]) & found.d_r.notna()]
    arms = {number: {**REFERENCES, **arms_of(number)} for number in TABLES}
    found = found[[m in arms[table] for table, m in zip(found.table, found.method, strict=True)]]
    at = found.level.map("{:g} %".format).where(found.end == "train", PUBLISHED)
    found = found.assign(at=at, seed=found.seed.astype(str), seeds=1)
    return pd.concat([found, _means(found)], ignore_index=True)[COLUMNS]


def _means(found: pd.DataFrame) -> pd.DataFrame:
    by = found.groupby([key for key in KEYS if key != "seed"], sort=False)
    means = by[["d_t", "d_r"]].mean().assign(seeds=by.size(), seed="mean")
    classes = by.classes.agg(lambda rows: [sum(c) / len(c) for c in zip(*rows, strict=True)])
    return means.assign(classes=classes).reset_index()


def csv_text(found: pd.DataFrame) -> str:
    """The points as CSV: accuracies in percent, a column a class."""
    classes = pd.DataFrame([dict(enumerate(row)) for row in found.classes], index=found.index)
    flat = pd.concat([found.drop(columns="classes"), classes.add_prefix("class_")], axis=1)
    return flat.to_csv(index=False, float_format="%.2f", lineterminator="\n")


def _tables(found: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Each table under each placement, with what its rows need to be read."""
    for (number, placement), rows in found.groupby(["table", "placement"], sort=False):
        table = TABLES[number]
        about = f"{FAMILIES[table.family]} on {paper.TITLES[table.dataset]}"
        names = {**REFERENCES, **arms_of(number)}
        yield {
            "title": f"Table {number}: {about}{PLACEMENTS[placement]}",
            "classes": class_names(table.dataset),
            "target": paper.TARGET[table.dataset],
            "models": list(rows.model.unique()),
            "arms": list(names.items()),
            "rows": [
                [r.model, r.method, r.seed, r.at, r.seeds, *_rounded(r)] for r in rows.itertuples()
            ],
        }


def _rounded(row: Any) -> list[float]:  # noqa: ANN401 (a named tuple of pandas)
    return [round(value, 1) for value in (row.d_t, row.d_r, *row.classes)]


def _chart(name: str) -> dict[str, Any]:
    """A chart of the page, ``map`` or ``bars``, in Vega-Lite's JSON, without data."""
    path = places.book() / "_assets" / "explorer" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def picture(found: pd.DataFrame, level: str) -> str:
    """The map of one model at a level, as SVG in the colours of the light theme."""
    mine = found[(found[list(PICTURED)] == pd.Series(PICTURED)).all(axis=1)]
    kinds = mine.method.where(mine.method.isin(list(PALETTE)), "control")
    mine = mine.assign(kind=kinds, step=range(len(mine))).drop(columns="classes")
    here = mine[(mine["at"] == level) | mine.method.isin(list(REFERENCES))]
    path = mine[(mine["at"] != PUBLISHED) & mine.method.isin(list(METHODS))]
    here = here.sort_values("kind", key=lambda kinds: kinds != "control")  # under the others
    data = {"here": here.to_dict("records"), "path": path.to_dict("records")}
    spec = {**_chart("map"), "width": 560, "datasets": data, "background": "white"}
    colours = {**PALETTE, "ink-soft": SOFT}
    text = re.sub(r"var\(--([\w-]+)\)", lambda found: colours[found[1]], json.dumps(spec))
    return vl_convert.vegalite_to_svg(text)


def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, whose names stay inside it."""
    versions = vl_convert.get_vega_version(), vl_convert.get_vegalite_versions()[-1]
    head = LICENCE.format(*versions, vl_convert.get_vega_embed_version())
    return f"{head}(() => {{{vl_convert.javascript_bundle()}}})();\n"


def files(gathered: Measurements) -> dict[str, str]:
    """What the page of the explorer loads, by its name in ``_assets/explorer``.

    Args:
        gathered: of the complete data.
    """
    found = shown_points(gathered)
    levels = [PUBLISHED, *map("{:g} %".format, load_profile(COMPLETE).comparison.levels)]
    level = f"{limits().level:g} %"
    charts = {name: _chart(name) for name in ("map", "bars")}
    data = {"tables": list(_tables(found)), "levels": levels, "usual": level, "charts": charts}
    return {
        "vega.js": _vega(),
        "data.js": f"window.EXPLORER = {json.dumps(data, separators=(',', ':'))};\n",
        "explorer.csv": csv_text(found),
        "explorer.svg": picture(found, level),
    }
