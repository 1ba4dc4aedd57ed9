"""The ledger's comparisons computed a second time from the stored files, with other code.

Nothing of the ledger's is used here, nor of what it reads results with: JSON, scipy's permutation
test and pandas. It reads whatever is committed, and says how many comparisons it has seen.
"""

import json
import math
import re
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from reproduction import places
from reproduction.chapters import rates_beyond
from reproduction.chapters.answer import sentences
from reproduction.chapters.comparison import differences
from reproduction.chapters.complete import complete, complete_runs
from reproduction.chapters.questions import price
from reproduction.checking import comparing
from reproduction.checking.measurements import gather
from reproduction.checking.samples import grouped

TABLE = {
    ("amnesiac", "mnist"): 1,
    ("amnesiac", "organamnist"): 2,
    ("label_flipping", "mnist"): 3,
    ("label_flipping", "organamnist"): 4,
    ("optimization", "mnist"): 5,
    ("optimization", "organamnist"): 6,
}
MARGIN = {"mnist": 1.0, "organamnist": 2.0}
MODELS = {
    "mnist": ("MLP", "LeNet", "ResNet9"),
    "organamnist": ("ConvNet", "AlexNet", "ResNet9"),
}


@cache
def profile() -> dict:
    return yaml.safe_load((places.profiles() / "full.yaml").read_text())


def seeds_of_the_profile() -> dict[tuple[str, str], set[int]]:
    full = profile()
    return {
        (data, model): set(own.get("seeds", full["seeds"]))
        for data, settings in full["datasets"].items()
        for model, own in settings["models"].items()
    }


def is_variation(config: dict) -> bool:
    """Whether a run is of another training, or another width, than the tables'."""
    full = profile()
    own = full["datasets"][config["dataset"]]["models"][config["model"]]
    same = all(config["training"][name] == value for name, value in full["training"].items())
    return not same or own.get("width", config["width"]) != config["width"]


def is_beyond(config: dict) -> bool:
    """Whether a run makes its steps at a rate that the grid of tuning does not have."""
    if "arm" not in config:
        return False
    return config["learning_rate"] not in profile()["tuning"]["learning_rates"][config["optimizer"]]


@cache
def runs() -> list[dict]:
    """Every stored run of the complete data, as its file has it; nothing may change it."""
    paths = sorted((places.results() / "full" / "runs").glob("*.json"))
    return [json.loads(path.read_text()) for path in paths]


@cache
def stored(*, beyond: bool = False) -> pd.DataFrame:
    """One row a table, placement, model, seed, method and reading: D_r, D_t, or not there.

    With ``beyond``, runs at rates beyond the grid are in the place of the tables' own.
    """
    wanted, rows, known = seeds_of_the_profile(), [], {}
    for run in runs():
        config = run["config"]
        key = (config["experiment"], config["dataset"])
        at = (config["dataset"], config["model"])
        if config["experiment"] == "trained":
            known[(*at, config["seed"])] = run["rows"][0]["d_t"]
        if key not in TABLE or config["seed"] not in wanted[at] or is_variation(config):
            continue
        placement = config.get("target_placement", {})
        head = {
            "table": TABLE[key],
            "dataset": config["dataset"],
            "placement": "kept_images" if "target_images" in placement else "tables",
            "model": config["model"],
            "seed": config["seed"],
            "beyond": is_beyond(config),
        }
        own = {row["method"]: row for row in run["rows"]}
        methods = [config["arm"]] if "arm" in config else ["baseline", "proposed"]
        for method in set(methods) & {"baseline", "proposed"}:
            end = own.get(method)
            there = end is not None and end["d_t"] <= 3
            rows.append({**head, "method": method, "reading": "published", "there": there})
            rows[-1] |= {"d_r": end["d_r"], "d_t": end["d_t"]} if there else {}
            rows[-1]["trained"] = own["trained"]["d_t"] if "trained" in own else None
            for record in run["levels"]:
                if record["method"] == method and record["level"] == 1:
                    reading = {"train": "equal", "test": "test"}[record["on"]]
                    one = {**head, "method": method, "reading": reading, "there": record["reached"]}
                    one |= {"d_r": record.get("d_r"), "d_t": record.get("d_t")}
                    rows.append(one | {"trained": rows[-1]["trained"]})
            for record in run.get("fine_tuned", ()):
                if record["method"] == method:
                    after = f"{record['end']}, {record['steps']} steps"
                    one = {**head, "method": method, "reading": after, "there": True}
                    one |= {name: record[name] for name in ("d_r", "d_t")}
                    rows.append(one | {"trained": rows[-1]["trained"]})
    frame = pd.DataFrame(rows)
    if len(frame):
        missing = frame.trained.isna()
        where = zip(frame.dataset, frame.model, frame.seed, strict=True)
        found = [known.get(key) for key in where]
        frame.loc[missing, "trained"] = pd.Series(found, index=frame.index)[missing]
    if not beyond:
        return frame[~frame.beyond] if len(frame) else frame
    one = ["table", "placement", "model", "seed", "method", "reading"]
    return frame.sort_values("beyond").drop_duplicates(one, keep="last")


def exact(values: np.ndarray) -> float:
    """One-sided p of a mean above zero: all signs, by scipy, which refuses a single value."""
    if len(values) == 1:
        return 0.5 if values[0] > 0 else 1.0
    test = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="greater"
    )
    return float(test.pvalue)


def holm(p_values: list[float]) -> list[float]:
    order, found, least = np.argsort(p_values, kind="stable"), [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[at]))
        found[at] = least
    return found


def compared(rows: pd.DataFrame) -> tuple[np.ndarray, bool]:
    """Differences over complete pairs, and whether enough is left to compare."""
    unknown = (rows.trained < 50).any()
    rows = rows[rows.trained >= 50]
    wide = rows.pivot(index="seed", columns="method", values=["d_r", "there"])
    if not len(rows) or wide["there"].shape[1] < 2:
        return np.array([]), False
    both = wide.dropna(subset=[("there", "baseline"), ("there", "proposed")])
    there = both["there"].astype(bool).all(axis=1)
    values = (both["d_r"]["proposed"] - both["d_r"]["baseline"])[there].astype(float).to_numpy()
    enough = len(values) >= 5 or not (unknown or (~there).any())
    return values, bool(len(values) and enough and 2 * (~there).sum() <= len(both))


def word(values: np.ndarray, p_for: float, p_against: float, margin: float) -> str:
    if p_for <= 0.025:
        return "confirmed"
    if p_against <= 0.025:
        return "contradicted"
    if max(exact(values + margin), exact(margin - values)) <= 0.05:
        return "no difference"
    return "inconclusive"


def test_a_second_computation_finds_what_the_ledger_finds():
    frame = stored()
    if frame.empty:
        pytest.skip("no runs on the complete data are stored")
    assert found_again(frame, comparing.comparisons(grouped(gather("full")))) > 0


@pytest.mark.parametrize("number", [3, 4, 5, 6])
def test_a_second_computation_finds_what_rates_beyond_the_grid_come_to(number):
    runs = [run for run in complete_runs("rates_beyond") if rates_beyond.table_of(run) == number]
    if not runs:
        assert rates_beyond.judged(number) == ""
        return
    found = differences(number, rates_beyond.with_these(number, runs))
    assert found_again(stored(beyond=True), found) > 0
    own = found[(found.model == runs[0].config.model) & (found.reading == "equal")].iloc[0]
    assert f"{own['mean']:+.2f}".replace("-", "−") in rates_beyond.judged(number)


def found_again(frame: pd.DataFrame, ledger: pd.DataFrame) -> int:
    """How many comparisons of the ledger were seen, all of which are the same here."""
    seen = 0
    for (number, placement), reading in product(
        ledger[["table", "placement"]].drop_duplicates().itertuples(index=False, name=None),
        ("equal", "test", "published"),
    ):
        dataset = "mnist" if number % 2 else "organamnist"
        here = frame[
            (frame.table == number) & (frame.placement == placement) & (frame.reading == reading)
        ]
        cases = {model: compared(here[here.model == model]) for model in MODELS[dataset]}
        ways = [
            holm([exact(sign * v) if ok else 1.0 for v, ok in cases.values()]) for sign in (1, -1)
        ]
        for (model, (values, ok)), p_for, p_against in zip(cases.items(), *ways, strict=True):
            found = ledger[
                (ledger.table == number)
                & (ledger.placement == placement)
                & (ledger.reading == reading)
                & (ledger.model == model)
            ].iloc[0]
            if not ok:
                assert found.word in ("not comparable", "not run"), (number, model, reading)
                continue
            if reading == "equal" and abs(found.d_t_0 - found.d_t_1) > 0.5:
                continue  # then test images have a say as well; a test of the ledger has it
            seen += 1
            assert found["mean"] == pytest.approx(values.mean(), abs=1e-9)
            assert (found.p_for, found.p_against) == pytest.approx((p_for, p_against), abs=1e-9)
            expected = word(values, p_for, p_against, MARGIN[dataset])
            assert found.word == expected, (number, placement, model, reading)
            if len(values) > 1:
                half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
                assert found.low == pytest.approx(values.mean() - half)
            else:
                assert math.isinf(found.low)
    return seen


def family_mean(
    frame: pd.DataFrame, tables: tuple[int, int], reading: str, placement: str = "tables"
) -> float:
    """Mean over models of the mean difference, of the models that can be compared."""
    means = []
    for number in tables:
        dataset = "mnist" if number % 2 else "organamnist"
        here = frame[
            (frame.table == number) & (frame.placement == placement) & (frame.reading == reading)
        ]
        cases = (compared(here[here.model == model]) for model in MODELS[dataset])
        means += [values.mean() for values, comparable in cases if comparable]
    return float(np.mean(means))


def test_the_sentences_of_the_first_page_say_what_the_runs_say():
    frame = stored()
    if frame.empty:
        pytest.skip("no runs on the complete data are stored")
    told = " ".join(f"{one.head} {one.said}" for one in sentences(complete()))
    said = re.findall(r"([\d.]+) points (more|less)|(gains|loses) ([\d.]+) points", told)
    numbers = [
        float(points or other) * (1 if (way or verb) in ("more", "gains") else -1)
        for points, way, verb, other in said[:4]
    ]
    brought = re.findall(
        r"(\d+) steps of training on the other classes bring the lead to (\S+?)[.,] ", f"{told} "
    )
    assert [int(steps) for steps, _ in brought] == [50, 200]
    numbers += [float(left.replace("−", "-")) for _, left in brought]
    expected = [
        family_mean(frame, (1, 2), "equal"),
        family_mean(frame, (1, 2), "published"),
        family_mean(frame, (5, 6), "equal"),
        family_mean(frame, (3, 4), "equal"),
        family_mean(frame, (1, 2), "equal, 50 steps"),
        family_mean(frame, (1, 2), "published, 200 steps"),
    ]
    for number, value in zip(numbers, expected, strict=True):
        assert number == pytest.approx(value, abs=0.051 if abs(value) < 10 else 0.51)
    elsewhere = family_mean(frame, (1, 2), "equal", "kept_images")
    assert f"lead is {elsewhere:+.1f} (" in sentences(complete())[0].scope


def test_what_is_named_after_steps_on_other_classes_is_what_the_runs_say():
    frame = stored()
    means = []
    for number in (1, 2):
        at = (frame.table == number) & (frame.placement == "tables")
        here = frame[at & (frame.reading == "equal, 50 steps") & frame.there]
        for _, rows in here.groupby("model"):
            both = rows.pivot(index="seed", columns="method", values="d_t").dropna()
            means.append(both.mean())
    part, whole = (np.mean([of[side] for of in means]) for side in ("proposed", "baseline"))
    told = sentences(complete())[0].said
    assert (
        f"with {part:.1f} % of the class recognised, after the known method {whole:.1f} %" in told
    )


def points_lost() -> pd.DataFrame:
    """D_r of each trained model of Tables 1 and 2 minus the part's; none: it has not forgotten."""
    wanted, rows = seeds_of_the_profile(), []
    for run in runs():
        config, at = run["config"], (run["config"]["dataset"], run["config"]["model"])
        of_the_tables = config["experiment"] == "amnesiac" and config["seed"] in wanted[at]
        if (
            not of_the_tables
            or is_variation(config)
            or "target_images" in config["target_placement"]
        ):
            continue
        own = {row["method"]: row for row in run["rows"]}
        end = own["proposed"] if own["proposed"]["d_t"] <= 3 else {}
        lost = own["trained"]["d_r"] - end.get("d_r", np.nan)
        rows.append([*at, round(100 * run["facts"]["affected_fraction"]), lost])
    return pd.DataFrame(rows, columns=["dataset", "model", "share", "lost"])


def test_the_price_is_that_of_the_trainings_in_which_the_class_is_forgotten():
    lost, told = points_lost(), price(complete())
    means = lost.groupby(["dataset", "model"])[["share", "lost"]].mean()
    for (_, model), of in means.iterrows():
        said = rf"{max(0.0, of.lost):.1f} \({model}[ \w]*, {of.share:.0f} %\)"
        assert re.search(said, told)
    for model, count in lost[lost.lost.isna()].groupby("model").size().items():
        assert f"{model}, {count} of {(lost.model == model).sum()}" in told


def test_within_a_network_more_steps_cost_no_more():
    kept = {}
    for run in (run for run in runs() if run["config"]["experiment"] == "shares"):
        share = run["config"]["affected_fraction"]
        ends = {row["method"]: row for row in run["rows"]}
        if share < 1:
            mine = ends["random, decreasing with depth"]
            kept.setdefault((run["config"]["dataset"], share), []).append(
                (mine["d_r"], mine["d_t"])
            )
    means = {key: np.mean(rows, axis=0) for key, rows in kept.items()}
    few = min(share for _, share in means)
    many = max(s for _, s in means if all(v[1] <= 3 for (_, at), v in means.items() if at == s))
    for dataset in {dataset for dataset, _ in means}:
        assert means[dataset, many][0] >= means[dataset, few][0]
    said = f"did not rise from {100 * few:.0f} to {100 * many:.0f} %, the most with which it still"
    assert said in price(complete())


def test_requests_of_a_few_images_touch_and_cost_what_is_said():
    touched, cost = {1: [], 10: []}, {1: [], 10: []}
    for run in (run for run in runs() if run["config"]["experiment"] == "persons"):
        rows = {(r["images"], r["method"]): r for r in run["levels"] if r["batches"] == "shuffled"}
        shares = {r["images"]: r for r in run["facts"]["affected"] if r["batches"] == "shuffled"}
        for images, lost in cost.items():
            after = rows[images, "partial amnesiac, all subtracted"]["accuracy"]
            lost.append(rows[images, "trained"]["accuracy"] - after)
            touched[images].append(100 * shares[images]["measured"])
    parts, lost = (" and ".join(f"{np.mean(v):.1f}" for v in d.values()) for d in (touched, cost))
    told = f"Requests of 1 and 10 images touched {parts} % of an MLP’s steps and cost {lost} points"
    assert told in price(complete())


def test_the_last_layer_alone_is_counted_network_by_network():
    told = next(one for one in sentences(complete()) if "last layer" in one.head)
    counts = {word: int(count) for count, word in re.findall(r"(\d) (\w[\w ]*\w)", told.said)}
    for word in ("confirmed", "inconclusive"):
        assert counts[word] == told.scope.count(f": {word}")
    assert counts["identical"] == told.scope.count("where the chosen mask is the last layer")


def test_how_far_both_methods_end_from_the_papers_accuracies_is_said():
    ours = pd.read_csv(places.results() / "full" / "tables.csv").query("table < 3")
    papers = pd.read_csv(places.book() / "paper" / "tables.csv").query("table < 3")
    keys = ["table", "model", "method"]
    apart = ours.groupby(keys).d_r.mean() - papers.set_index(keys).d_r
    told = sentences(complete())[1].scope
    for method, name in (("baseline", "the known method"), ("proposed", "the part")):
        own = apart.xs(method, level="method").dropna()
        said = f"{name} {own.min():+.1f} to {own.max():+.1f}".replace("-", "−")
        assert said in told
    known = apart.xs("baseline", level="method").dropna().abs().mean()
    assert f"still ends {known:.0f} points away on average" in sentences(complete())[0].scope


def test_the_lead_at_other_levels_and_after_more_steps_is_what_the_runs_say():
    frame, told = stored(), sentences(complete())
    for place, reading in ((0, "equal"), (1, "published")):
        for steps in (50, 200, 469):
            lead = family_mean(frame, (1, 2), f"{reading}, {steps} steps")
            shown = f"{lead:+.1f}".replace("-", "−") if abs(round(lead, 1)) else "0.0"
            assert re.search(rf"{re.escape(shown)} after {steps}[, ]", told[place].scope)
