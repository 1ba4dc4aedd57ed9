"""Whether to use it on a model of one's own: conditions, each with what was measured."""

from collections.abc import Iterable

import pandas as pd

from reproduction.chapters.forgotten import TWIN, brought_back
from reproduction.chapters.membership import attack_on_the_mlp
from reproduction.chapters.peers import by_model
from reproduction.chapters.tables import NONE, Table, simple_table
from reproduction.checking.claims import limits
from reproduction.checking.measurements import Measurements
from reproduction.study.kinds import TABLES
from reproduction.study.shuffling import expected_affected_fraction

PROPOSED_MASK = "random, decreasing with depth"
KEYS = ["table", "model"]
WHERE_ALL_ARE_AFFECTED = (("amnesiac", "d_r"), (PROPOSED_MASK, "d_t"))
REQUESTS = (1, 100, 600)
TRAINED_ON, BATCH = 59_000, 128
"""Images to forget, of so many, in batches of so many: as the runs with persons have it."""

CONDITIONS = {
    "Yes, if what must go, such as a class, sits in few batches, because you batch it so, and it "
    "is the answers that must change": "with at most 1 % of the class still recognised, accuracy "
    "on everything else is {distance} points below training again without it; with all that was "
    "recorded taken back, as the command does, {all}, where that forgets (the sentence above the "
    "picture compares with the network before the request)",
    "Yes, if you hold some data out and look before you publish the new weights": "the pruned "
    "method gets down to 1 % in {reached} trainings, and not in the others",
    "Yes, if an answer is needed soon, and roughly will do": "it is one sum over the affected "
    "steps and one subtraction, 0 training steps, milliseconds here. For billions of weights it "
    "is, by the table of sizes, minutes to hours if they are fine-tuned and days if trained from "
    "scratch. To stop in time, which the command does not, takes some of the target images",
    "No, if batches are shuffled plainly and a request is large, such as a whole class": "1, 100 "
    "and 600 of 59,000 images (MNIST but for a thousand to test with) stand in {shares} of the "
    "steps by the closed form; with "
    "every batch affected, taking back all leaves {whole} accuracy on everything else, and taking "
    "back the pruned part leaves {pruned} on the class: little kept, or little forgotten",
    "No, if it must not show that a person was in the data": "with 100 images in few batches, an "
    "attack on the MLP tells which were trained on in {before} of pairs before, {after} after the "
    "pruned part was taken back and {never} in a network that never saw them (50 is chance)",
    "No, if you need a proof that no trace is left": "stopped at 1 % and then trained for some "
    "steps without the class, a model answers up to {back} of it again, mean of a network’s "
    "trainings, and up to {flipped} after another method in part; only training again is exact",
    "No, if you still hold the other training images": "training the last one or two layers anew "
    "on them (EU-k) ends {anew} points beside training again, means of three trainings, and needs "
    "no log; the layers below stay as they were, and know the class",
    "No, if training again is cheap": "it is exact; here it took {minutes} minutes on one core, "
    "medians",
    "Know first that the log is personal data": "it holds who was in which batch, and whoever has "
    "it can undo a request, until that is made final (forget --final)",
    "Think again, if the last layer alone would do": "taking back its updates and no others is "
    "{last} points below training again where it forgets enough, with no mask, and no log of the "
    "other layers",
}


def _span(values: Iterable[float], unit: str = "") -> str:
    """The least and the most of some numbers, ``0.6 to 7.3``; a dash for none."""
    ends = sorted({f"{value:.1f}" for value in values if pd.notna(value)}, key=float)
    if not ends:
        return NONE
    said = " to ".join(dict.fromkeys((ends[0], ends[-1])))
    return f"{said}{unit}".replace("-", "−")


def _amnesiac(gathered: Measurements) -> pd.DataFrame:
    """Tables 1 and 2 under the placement of the tables."""
    points = gathered["points"]
    tables = [number for number, table in TABLES.items() if table.family == "amnesiac"]
    return points[points.table.isin(tables) & (points.placement == "tables")]


def ends(gathered: Measurements, method: str, end: str = "train") -> pd.DataFrame:
    """A method in each training where it comes down to the level of the findings, or does not.

    With ``end="published"``, where everything is taken back, whether it has forgotten or not.
    """
    points = _amnesiac(gathered)
    mine = points[(points.end == end) & (points.method == method)]
    return mine if end == "published" else mine[mine.level == limits().level]


def below(
    gathered: Measurements, method: str, other: str = "retrained", end: str = "train"
) -> pd.Series:
    """Points of D_r by which :func:`ends` lie below another model of the same training, by model.

    The means of those trainings in which the method has forgotten.
    """
    points, mine = _amnesiac(gathered), ends(gathered, method, end)
    beside = points[points.method == other].set_index([*KEYS, "seed"]).d_r
    there = mine[mine.reached.astype(bool)].set_index([*KEYS, "seed"]).d_r
    return (beside - there).dropna().groupby(level=KEYS).mean()


def _reached(gathered: Measurements) -> str:
    """In how many trainings the proposed mask gets to the level at all."""
    runs = ends(gathered, "proposed").reached
    return f"{runs.sum()} of {len(runs)}"


def _everywhere(gathered: Measurements, method: str, measure: str) -> pd.Series:
    """An arm of Figure 4 where every batch is affected, everything subtracted, by data set."""
    rows = gathered["fractions"]
    at = (rows.affected_fraction == 1) & (rows.end == "published") & (rows.method == method)
    return rows[at].groupby("dataset")[measure].mean()


def come_back(gathered: Measurements, method: str, end: str = "train") -> pd.Series:
    """D_t after steps of fine-tuning on other classes, with their number, by model.

    From equal forgetting, or from another ``end``: ``published``, with everything taken back.
    """
    points = _amnesiac(gathered)
    parts = points.method.str.extract(rf"^{method}, (?P<steps>\d+) steps$")
    tuned = points.assign(steps=parts.steps)[parts.steps.notna() & (points.end == end)]
    return tuned.groupby([*KEYS, "steps"]).d_t.mean()


def _last_layer_anew(found: pd.DataFrame) -> pd.Series:
    """Points of D_r of EU-k beside the twin, by model, of :func:`peers.points`."""
    kept = by_model(found)
    return kept.loc["last_layer"].kept if len(kept) else pd.Series(dtype=float)


def _shares() -> str:
    """Of the steps that random requests affect under plain shuffling."""
    found = (100 * expected_affected_fraction(TRAINED_ON, BATCH, count) for count in REQUESTS)
    return ", ".join(f"{share:.1f} %" for share in found)


def _attacked() -> dict[str, str]:
    """How often an attack on the MLP tells single images: before, after the part, of the twin."""
    told = attack_on_the_mlp().get("auc", pd.Series(dtype=float))
    who = {"before": "trained", "after": "partial amnesiac, all subtracted", "never": TWIN}
    return {name: _span([told.get(method)], " %") for name, method in who.items()}


def advice_table(gathered: Measurements, peers: pd.DataFrame) -> Table:
    """Yes-if and no-if, each with its number from the runs on the complete data.

    Args:
        gathered: of :func:`reproduction.checking.measurements.gather`.
        peers: of :func:`reproduction.chapters.peers.points`.
    """
    points = _amnesiac(gathered)
    again = points[points.method == "retrained"].groupby(KEYS).seconds.median() / 60
    whole, pruned = (_everywhere(gathered, *pair) for pair in WHERE_ALL_ARE_AFFECTED)
    measured = {
        "distance": _span(below(gathered, "proposed")),
        "all": _span(below(gathered, "proposed", end="published")),
        "last": _span(below(gathered, "last_layer")),
        "reached": _reached(gathered),
        "whole": _span(whole, " %"),
        "pruned": _span(pruned, " %"),
        "back": _span([come_back(gathered, "proposed").max()], " %"),
        "flipped": _span([brought_back().max()], " %"),
        "shares": _shares(),
        "anew": _span(_last_layer_anew(peers)),
        "minutes": _span(again),
        **_attacked(),
    }
    rows = [(when, found.format(**measured)) for when, found in CONDITIONS.items()]
    caption = "Numbers from the complete data: Tables 1 and 2, Figure 4, and today's methods"
    headings = ("Use it?", "What was measured here")
    return simple_table(rows, headings=headings, caption=caption, cards=True)
