"""What a reader has to know of the five sentences' numbers before building on them."""

from statistics import fmean

import pandas as pd

from reproduction import paper
from reproduction.chapters.advice import come_back
from reproduction.chapters.assumptions import tried
from reproduction.chapters.complete import Complete, complete_runs
from reproduction.chapters.forgotten import brought_back
from reproduction.chapters.membership import crowds, single
from reproduction.chapters.verdict_box import one_decimal
from reproduction.checking.claims import limits
from reproduction.checking.comparing import Comparison, How, by_model, of_family
from reproduction.checking.samples import sample
from reproduction.checking.verdicts import CONFIRMED
from reproduction.study.kinds import TABLES
from reproduction.study.profiles import load_profile

AMNESIAC = tuple(number for number, table in TABLES.items() if table.family == "amnesiac")
SIZES = (
    "The size of the part was tuned for taking updates back; for these two it was fixed "
    "beforehand. Which layers move more is the paper’s order; *What is it that helps?* has others."
)
UNCLAIMED = (
    "Trainings are left out in which either never comes down to the level; with six or fewer left "
    "one network can only be confirmed after the others of its table. The paper makes no such "
    "claim, so the ledger has none; the rule is that of its comparisons. What is left was neither "
    "trained on nor attacked, but in the MLP."
)


def fine_tuned(found: Complete, reading: str, steps: int) -> Comparison:
    """Both methods after so many steps on the other classes, from where a reading leaves them."""
    how = How((f"proposed, {steps} steps", f"baseline, {steps} steps"))
    return of_family(found.evidence, AMNESIAC, reading, how)


def _over_steps(found: Complete, reading: str) -> str:
    """The lead after more and more steps on the other classes, in a sentence."""
    asked = load_profile("full").comparison.fine_tuning
    after = [(steps, fine_tuned(found, reading, steps)) for steps in asked]
    parts = [f"{one_decimal(one.mean)} after {steps}" for steps, one in after if one.pairs]
    told = f"Trained on the other classes the lead is {', '.join(parts)} steps, each over the "
    return f"{told}trainings that can be compared then." if parts else ""


def of_equal(found: Complete) -> str:
    """On equal forgetting: how far forgotten, by which optimizer, searched how, placed how."""
    settings = load_profile("full")
    said = (
        _over_levels(found),
        _over_steps(found, "equal"),
        f"The part had {len(settings.tuning.pruning)} prunings to choose from on held-out images, "
        "the known method has nothing to choose.",
        f"All are trained by {settings.training.optimizer.capitalize()}; with plain gradient "
        f"descent instead: {tried('optimizer')}",
        _placed(found),
    )
    return " ".join(filter(None, said))


def of_published(found: Complete) -> str:
    """On the paper's own end: how far either method is from the paper's numbers."""
    parts = [
        f"{name} {one_decimal(min(apart))} to {one_decimal(max(apart))}"
        for name, method in (("the known method", "baseline"), ("the part", "proposed"))
        if (apart := _misfits(found, method))
    ]
    off = f"Points from the paper’s accuracies: {', '.join(parts)}. " if parts else ""
    return f"{off}{_over_steps(found, 'published')}"


def _misfits(found: Complete, method: str, placement: str = "tables") -> list[float]:
    """How far a method ends from the paper's cell, of each network, in points."""
    points = found.data["points"]
    at = points.table.isin(AMNESIAC) & (points.placement == placement)
    ends = points[at & (points.end == "published") & (points.method == method)]
    return [
        rows.d_r.mean() - paper.cell(table, model, method).d_r
        for (table, model), rows in ends.groupby(["table", "model"], sort=False)
    ]


def _over_levels(found: Complete) -> str:
    """The lead where more, or less, of the class is still named."""
    leads = {level: fmean(values) for level in limits().levels if (values := _leads(found, level))}
    others = sorted((level for level in leads if level != limits().level), reverse=True)
    parts = [f"{one_decimal(leads[level])} at {level:g} %" for level in others]
    return f"At other levels of what is still recognised it is {', '.join(parts)}." if parts else ""


def _leads(found: Complete, level: float) -> list[float]:
    """The part's lead at a level, of each network that can be compared there."""
    sides, column = How().sides, [How().column]
    rows = (
        found.evidence.get(("tables", table, model), {})
        for table, model in paper.comparisons()
        if table in AMNESIAC
    )
    each = (sample(of, sides, ("train", level), column) for of in rows)
    return [one.interval.mean for one in each if one.comparable]


def _placed(found: Complete) -> str:
    """The same with the class's images placed in the book's other way."""
    how = How(placement="kept_images")
    own, equal = (of_family(found.evidence, AMNESIAC, at, how) for at in ("published", "equal"))
    if not equal.pairs:
        return ""
    each = [one for t in AMNESIAC for one in by_model(found.evidence, t, "equal", how).values()]
    means = [one.mean for one in each if one.pairs]
    confirmed = sum(one.finding.word == CONFIRMED for one in each)
    fits = [fmean(map(abs, _misfits(found, "baseline", at))) for at in ("tables", "kept_images")]
    return (
        "The paper does not say in how few batches the class sits. We took the placement under "
        "which the known method comes nearest to the paper’s numbers on held-out images, of those "
        f"that leave the class known; it still ends {fits[0]:.0f} points away on average. Where "
        f"only 100 images of the class are trained on, plainly shuffled, it is nearer, "
        f"{fits[1]:.0f}, but networks know only {_known(found)} % of the class before. There the "
        f"lead is {one_decimal(equal.mean)} ({one_decimal(min(means))} to "
        f"{one_decimal(max(means))}, confirmed in {confirmed} of {len(each)} networks, trainings "
        f"left out that know less than half of the class), and {one_decimal(own.mean)} at the "
        "paper’s own end."
    )


def _known(found: Complete) -> str:
    """What networks that saw 100 images of the class know of it, the least and the most."""
    points = found.data["points"]
    at = (points.placement == "kept_images") & (points.method == "trained")
    known = points[at].groupby(["table", "model"]).d_t.mean()
    return f"{known.min():.0f} to {known.max():.0f}"


def of_brought_back(found: Complete) -> str:
    """What else comes back: in single trainings, from the methods' own ends, in other methods."""
    points = found.data["points"]
    tuned = points[points.table.isin(AMNESIAC) & (points.end == "train")]
    most = {
        method: tuned[tuned.method.str.startswith(f"{method}, ")].d_t.max()
        for method in ("proposed", "baseline")
    }
    all_back = come_back(found.data, "proposed", "published").max()
    means = brought_back()
    steps, _, method = means.idxmax()
    whole = method.removeprefix("partial ")
    each = (
        f"{means[at]:.0f} and {means[(*at[:2], whole)]:.0f} % in {at[1]}"
        for at in means.index
        if at[0] == steps and at[2] == method
    )
    return (
        f"; in single trainings it is up to {most['proposed']:.0f} % after the part and "
        f"{most['baseline']:.0f} % after the known method. With everything taken back means are at "
        f"most {all_back:.1f} %. After {steps} steps {method} and {whole} have "
        f"{', '.join(each)}."
    )


def part_of_the_mlp() -> str:
    """What the part is in the network that is attacked, in a sentence."""
    settings = load_profile("full").datasets["mnist"].models["MLP"].amnesiac
    alone = settings is not None and settings.pruning.sparsity_first == 1
    return " The MLP’s part is its last layer alone." if alone else ""


def exposed() -> pd.Series:
    """What the better attacker tells where the request's images stand in all batches, by method."""
    points = single(crowds(complete_runs("persons")))
    if points.empty:
        return pd.Series(dtype=float)
    at = (points.batches == "shuffled") & (points.request == 100) & (points.attack == "U-LiRA")
    return points[at & (points.crowd == "MLP")].set_index("method").auc


def shuffled(part: str, whole: str) -> str:
    """The same of both methods, as the end of a sentence."""
    told = exposed()
    if not {part, whole} <= set(told.index):
        return ""
    return f", and {told[part]:.1f} and {told[whole]:.1f} % where the hundred are plainly shuffled"


def better(part: str) -> str:
    """What the better attacker tells before and after the part, as the end of a sentence."""
    told = exposed()
    if not {part, "trained"} <= set(told.index):
        return ""
    return (
        f"; if scattered over most batches, with retrained models in {told[part]:.1f} % (before "
        f"{told['trained']:.1f})"
    )
