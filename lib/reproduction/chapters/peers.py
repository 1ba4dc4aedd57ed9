"""Today's methods beside the paper's: what they keep, how near the twin they are, their needs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from reproduction import paper
from reproduction.chapters.tables import NONE, Table, signed, simple_table, spread
from reproduction.study.profiles import load_profile
from reproduction.study.stored_runs import Result


@dataclass(frozen=True)
class Method:
    """A method's name on pages, whose it is, and which training images a request takes."""

    label: str
    group: str
    images: str = "none"


EXACT, PAPER, FIELD = "exact methods", "the paper's, whole and in part", "today's methods"
BOTH = "retained, target"
METHODS = {
    "retrained": Method("retrained", EXACT, "retained"),
    "replay": Method("exact replay", EXACT, "retained"),
    "conventional": Method("amnesiac", PAPER),
    "proposed": Method("partial amnesiac", PAPER),
    "label_flipping_baseline": Method("label flipping", PAPER, "target"),
    "label_flipping_proposed": Method("partial label flipping", PAPER, "target"),
    "optimization_baseline": Method("loss ascent", PAPER, "target"),
    "optimization_proposed": Method("partial loss ascent", PAPER, "target"),
    "finetuning": Method("fine-tuning", FIELD, "retained"),
    "neggrad_plus": Method("NegGrad+", FIELD, BOTH),
    "salun": Method("SalUn", FIELD, BOTH),
    "scrub": Method("SCRUB", FIELD, BOTH),
    "bad_teaching": Method("bad teaching", FIELD, BOTH),
    "last_layer": Method("EU-k", FIELD, "retained"),
    "ssd": Method("SSD", FIELD, "target"),
    "svd_removal": Method("SVD removal", FIELD, BOTH),
}
WITHOUT_PATH = ("trained", "retrained", "replay")
"""Models that are no point of a path; they stand in a run's rows alone."""

WITH_END = ("conventional", "proposed", *(m for m, its in METHODS.items() if its.group == FIELD))
"""Methods that have an end of their own; the paper's gradient methods have none."""

COLUMNS = ("d_t", "d_r", "variation_target", "variation_retained", "agreement_target", "probe")


def _records(result: Result) -> Iterator[dict[str, object]]:
    """Each method at equal forgetting and at its own end, time as a part of retraining's."""
    config, facts = result.config, result.facts
    head = {"dataset": config.dataset, "model": config.model, "seed": config.seed}
    ends = [("own", row) for row in result.rows] + [("equal", row) for row in result.levels]
    ends += [("equal", row) for row in result.rows if row["method"] in WITHOUT_PATH]
    for end, row in ends:
        stored = facts["bytes"].get(row["method"], 0) / facts["bytes"]["ssd"]
        time = 100 * row["seconds"] / facts["retraining_seconds"]
        yield {**head, "end": end, "reached": True, **row, "time": time, "stored": stored}


def points(results: Iterable[Result]) -> pd.DataFrame:
    """A row for each method of each run, with ``end`` "equal" (forgetting) and "own".

    ``time`` is in percent of retraining's, ``stored`` in sets of weights. Models that are exact, or
    not unlearned at all, are the same at both ends.
    """
    rows = [record for result in results for record in _records(result)]
    names = ("dataset", "model", "seed", "method", "end", "reached", "time", "stored", *COLUMNS)
    further = dict.fromkeys(name for row in rows for name in row if name not in names)
    return pd.DataFrame(rows, columns=[*names, *further])


def by_model(found: pd.DataFrame, end: str = "equal") -> pd.DataFrame:
    """Means over trainings by method and model; missing where one seed does not get there.

    Args:
        found: of :func:`points`.
        end: "equal" or "own".

    Returns:
        Also ``kept``, D_r less that of the twin in points, and ``probe_gap``, likewise.
    """
    there = found[found.end == end]
    there = there[there.groupby(["method", "model"]).reached.transform("all").astype(bool)]
    means = there.groupby(["method", "model"], sort=False)[[*COLUMNS, "time", "stored"]].mean()
    if len(means):
        twin = means.loc["retrained"]
        for name, measure in (("kept", "d_r"), ("probe_gap", "probe")):
            means[name] = means[measure] - twin[measure].reindex(means.index, level="model")
    return means


def everywhere(means: pd.DataFrame) -> pd.DataFrame:
    """The methods that get there in every model, of :func:`by_model`, in the order of pages."""
    models = means.index.unique("model")
    complete = [m for m in METHODS if m in means.index and len(means.loc[m]) == len(models)]
    return means.loc[complete]


def _points(value: float) -> str:
    return f"{signed(value)} points"


def _beside_twins(equal: pd.DataFrame) -> pd.DataFrame:
    """Trainings at equal forgetting with ``kept``, their D_r minus that of their twin."""
    twin = equal[equal.method == "retrained"].set_index(["model", "seed"]).d_r
    own = pd.MultiIndex.from_frame(equal[["model", "seed"]])
    return equal.assign(kept=equal.d_r - twin.reindex(own).to_numpy())


def _better_in_part(found: pd.DataFrame, means: pd.DataFrame) -> str:
    """The methods that would be the best of their group but for trainings where they miss."""
    said, equal = [], _beside_twins(found[found.end == "equal"])
    for name, runs in equal[~equal.method.isin(means.index)].groupby("method", sort=False):
        there = runs[runs.reached.astype(bool)]
        if name not in METHODS or there.model.nunique() < runs.model.nunique():
            continue
        mine = there.groupby("model").kept.mean().mean()
        rivals = [n for n in means.index if METHODS[n].group == METHODS[name].group]
        if mine > means.kept[rivals].max():
            label = METHODS[name].label
            said.append(
                f" {label[0].upper()}{label[1:]} would be better ({_points(mine)}) but misses "
                f"the level in {len(runs) - len(there)} of {len(runs)} trainings."
            )
    return "".join(said)


def answer(found: pd.DataFrame) -> str:
    """What the runs come to, in three sentences; of methods that get there in every model."""
    if found.empty:
        return "No runs on the complete data are stored yet."
    means = everywhere(by_model(found)).groupby("method", sort=False).mean()
    group = pd.Series({name: METHODS[name].group for name in means.index})
    rest = means[group != EXACT]
    best = {name: means[group == name].kept.idxmax() for name in (FIELD, PAPER)}
    near = rest.variation_target.idxmin()
    labels = {name: METHODS[name].label for name in means.index}
    kept = [f"{labels[b]} ({_points(means.kept[b])} of $\\mathcal{{D}}_r$)" for b in best.values()]
    models, seeds = found.model.nunique(), found.groupby("model").seed.nunique().min()
    over = [
        f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((models, "model"), (seeds, "training"))
    ]
    missing = _better_in_part(found, means)
    return (
        f"At equal forgetting, mean over {over[0]} ({over[1]}), the best of "
        f"today's methods beside a network trained again without the class, the twin, is "
        f"{kept[0]}, the best of the paper's, whole "
        f"or in part, is {kept[1]}, of those that get there in every training.{missing} "
        f"{labels[best[FIELD]]} needs "
        f"{METHODS[best[FIELD]].images} images, {labels[best[PAPER]]} "
        f"{METHODS[best[PAPER]].images} ones; all need target images to tell when to stop. Nearest "
        f"to the twin in its answers to target images is {labels[near]}: they "
        f"differ by {means.variation_target[near]:.0f} % (total variation), those of exact "
        "replay, a retraining from the same weights, by "
        f"{means.variation_target['replay']:.0f} %, those of the farthest method by "
        f"{rest.variation_target.max():.0f} %. A linear probe of the last layer's "
        f"input tells the class from the others in {rest.probe.min():.1f} to "
        f"{rest.probe.max():.1f} % of test images after these methods, and in "
        f"{means.probe['retrained']:.1f} % in the twin, which never saw it."
    )


def censored(found: pd.DataFrame) -> str:
    """Which methods do not get down to the level, in which models and on how many seeds."""
    equal = found[found.end == "equal"]
    parts = []
    for (method, model), runs in equal.groupby(["method", "model"], sort=False):
        lost = len(runs) - int(runs.reached.sum())
        if lost and method in METHODS:
            parts.append(f"{METHODS[method].label} in {model} (trainings: {lost} of {len(runs)})")
    return f"Not there within the steps allowed: {', '.join(parts) or 'none'}."


def coverage(profile: str, found: pd.DataFrame) -> str:
    """Which of the planned models have how many seeds, and which were not run yet."""
    planned = [
        (dataset, model)
        for dataset, models in load_profile(profile).peers.models.items()
        for model in models
    ]
    seeds = found.groupby(["dataset", "model"]).seed.nunique()
    done, missing = [], []
    for dataset, model in planned:
        name = f"{model} on {paper.TITLES[dataset]}"
        if (dataset, model) in seeds.index:
            done.append(f"{name} (trainings: {seeds[dataset, model]})")
        else:
            missing.append(name)
    left = f" Not run yet: {', '.join(missing)}." if missing else ""
    return f"Run: {', '.join(done) or 'none'}.{left}"


def replayed(results: Iterable[Result]) -> str:
    """How much of the training exact replay repeats, as a sentence."""
    facts = [result.facts for result in results]
    if not facts:
        return "No runs on the complete data are stored yet."
    least = min(100 * f["replayed_steps"] / f["steps"] for f in facts)
    first = max(f["first_affected"] for f in facts) + 1
    return (
        f"The replays of this page went along {least:.1f} % of the steps at least: in every "
        f"training one of the first {first} steps holds a target image."
    )


def _range(values: pd.Series) -> str:
    """A mean over models with the lowest and the highest."""
    if len(values) == 1:
        return signed(values.mean())
    return f"{signed(values.mean())} [{signed(values.min())}, {signed(values.max())}]"


def summary_table(found: pd.DataFrame) -> Table:
    """A line a method: means over models at equal forgetting."""
    means, rows = by_model(found), []
    models = list(means.index.unique("model")) if len(means) else []
    for name, method in _methods(found):
        of = means.loc[name] if name in means.index else means.iloc[:0]
        if len(of) < len(models):
            there = ", ".join(of.index.get_level_values("model"))
            cells = [f"{there} only" if there else "not there", *[NONE] * 3]
        else:
            cells = [f"{of.d_t.mean():.2f}", _range(of.kept)]
            cells += [f"{of.variation_target.mean():.1f}", _range(of.probe_gap)]
        rows.append([method.group, method.label, *cells])
    heads = ("", "Method", "d_t", "d_r beside the twin", "Total variation, %")
    heads += ("Probe beside the twin",)
    caption = f"At equal forgetting, mean over {_networks(found)} [lowest, highest]."
    notes = ("Total variation: of the answers to target images, beside the twin's.",)
    return simple_table(rows, headings=heads, caption=caption, labels=2, notes=notes)


def _networks(found: pd.DataFrame) -> str:
    """The models of each data set."""
    parts = [
        f"{', '.join(rows.model.unique())} on {paper.TITLES[dataset]}"
        for dataset, rows in found.groupby("dataset", sort=False)
    ]
    return " and ".join(parts) or "no model"


def needs_table(found: pd.DataFrame) -> Table:
    """A line a method: what a request takes, mean over models."""
    means = by_model(found)
    stored = found.groupby("method").stored.mean()
    rows = [
        [
            method.group,
            method.label,
            _time(means.loc[name].time, found.model.nunique()) if name in means.index else NONE,
            method.images,
            f"{stored[name]:,.1f}",
        ]
        for name, method in _methods(found)
    ]
    heads = ("", "Method", "Time, %", "Images needed", "Bytes stored, × those of the weights")
    notes = (
        "Time: processor time of a request, in percent of retraining. Bytes: in numbers of 32 "
        "bits; the update log's own have 16, and take half. Images: that the method computes with. "
        "Where to stop is read on 1,024 target images, for all but the exact methods.",
    )
    return simple_table(rows, headings=heads, caption="What a request takes", labels=2, notes=notes)


def _time(each: pd.Series, networks: int) -> str:
    """Mean over networks; named where a method does not get there in all."""
    only = f" ({', '.join(each.index)} only)" if len(each) < networks else ""
    return f"{each.mean():.1f}{only}"


def _methods(found: pd.DataFrame) -> list[tuple[str, Method]]:
    """Those that were run, in the order of pages."""
    return [(name, method) for name, method in METHODS.items() if name in set(found.method)]


def model_table(found: pd.DataFrame, end: str, caption: str) -> Table:
    """A line a model and method, mean ± standard deviation over trainings.

    Args:
        found: of :func:`points`.
        end: "equal" or "own".
        caption: says what the table shows.
    """
    rows = []
    at = found[found.end == end]
    for model, of_model in at.groupby("model", sort=False):
        for name in ("trained", *METHODS):
            mine = of_model[of_model.method == name]
            there = mine[mine.reached.astype(bool)]
            if len(mine):
                label = METHODS[name].label if name in METHODS else name
                cells = [spread(there[measure].tolist()) for measure in (*COLUMNS, "time")]
                rows.append([model, label, *cells, f"{len(there)} of {len(mine)}"])
    heads = ("Model", "Method", "d_t", "d_r", "Total variation: target", "retained")
    heads += ("Agreement, target", "Probe", "Time, %", "Trainings there")
    return simple_table(rows, headings=heads, caption=caption, labels=2)
