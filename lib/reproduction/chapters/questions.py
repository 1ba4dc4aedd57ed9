"""The four questions that readers come with, answered with numbers from the runs."""

from statistics import fmean

import pandas as pd

from reproduction import paper
from reproduction.chapters.advice import PROPOSED_MASK, below, ends
from reproduction.chapters.answer import (
    AMNESIAC,
    NOTHING,
    called,
    comparable,
    counted,
    is_it_forgotten,
    more,
    of_tables,
    paper_mean,
)
from reproduction.chapters.caveats import exposed, part_of_the_mlp
from reproduction.chapters.complete import Complete, complete_runs
from reproduction.chapters.features import known_again
from reproduction.chapters.forgotten import TWIN
from reproduction.chapters.log_size import in_words, log_bytes
from reproduction.chapters.membership import attack_on_the_mlp
from reproduction.chapters.persons import few_images
from reproduction.chapters.verdict_box import one_decimal
from reproduction.checking.claims import limits
from reproduction.checking.comparing import How, of_family
from reproduction.checking.verdicts import CONFIRMED, CONTRADICTED, NOT_RUN
from reproduction.study.stored_runs import Result

PART = "partial amnesiac, all subtracted"
"""The paper's method in the attacks."""
YES = {CONFIRMED: "Yes, confirmed", CONTRADICTED: "No, contradicted"}
BITS, DENSE = 16, 32
"""Of a stored value, and of one of a log that keeps everything."""


def reproduces(found: Complete, table: int) -> str:
    """Whether one of Tables 1 to 6 reproduces, in a sentence."""
    word = found.judged.loc[f"table-{table}-all", "equal"]
    if word == NOT_RUN:
        return f"Table {table} is not run yet on the complete data."
    each = comparable(found, [table], "equal", How())
    models = sum(number == table for number, _ in paper.comparisons())
    whole, own = (of_family(found.evidence, [table], at, How()) for at in ("equal", "published"))
    some = f"{len(each)} of " if len(each) < models else ""
    run = f"mean of {some}its {models} networks, by network {counted(each)}"
    if len(each) == 1:  # then its own finding, which is corrected for several networks
        ((_, model),) = each
        word = found.judged.loc[f"table-{table}-{model}", "equal"]
        run = f"{model}, the only one run of its {models} networks"
    answer = YES.get(word, word.capitalize())
    return (
        f"{answer}: at equal forgetting the paper’s method keeps {more(whole.mean)} "
        f"accuracy on everything else than the known one ({run}). At the paper’s own end it is "
        f"{one_decimal(own.mean)}, where the paper prints {one_decimal(paper_mean(each))}."
    )


def storage_shares(found: Complete) -> pd.Series:
    """Bytes of the proposed method's log, percent of one that keeps everything, by model."""
    mine = of_tables(found)
    density = mine[mine.density.notna()].groupby(["table", "model"]).density.mean()
    return 100 * density * BITS / DENSE


def parts(found: Complete) -> str:
    """How much of an update the proposed method's part is, by network, as a sentence."""
    shares, names = storage_shares(found) * DENSE / BITS, called(found)
    if shares.empty:
        return NOTHING
    said = ", ".join(f"{names[key]} {share:.0f} %" for key, share in shares.items())  # type: ignore[index]
    return f"Of the entries of an update the part holds: {said}.{part_of_the_mlp()}"


def storage(found: Complete) -> str:
    """How much storage the proposed method needs, in a sentence."""
    shares, row = storage_shares(found), found.judged.loc["storage"]
    if shares.empty:
        return NOTHING
    return (
        f"The values of the pruned log take {shares.min():.1f} to {shares.max():.0f} % of the "
        f"bytes of one that keeps every update whole, in the {len(shares)} networks run"
        f"{_example(found, shares)}. A factor of two of that is shorter numbers, not pruning. "
        f"Whether pruning alone saves “significantly”, half or more: {row.published}."
    )


def own_model(found: Complete) -> str:
    """What a log takes for a model of one's own, with an example."""
    size, whole = (in_words(log_bytes(1e9, 10_000, pruned=pruned)) for pruned in (0.9, 0))
    pruned = 100 - storage_shares(found) * DENSE / BITS
    here = (
        f" (in these tables {pruned.min():.0f} to {pruned.max():.0f} % was)" if len(pruned) else ""
    )
    return (
        "Two bytes for each entry of an update that is kept, for each training step: for a billion "
        f"weights and 10,000 steps {size} if nine tenths of each update are pruned, {whole} if "
        "nothing is "
        "([the rule and more sizes](../notebooks/should_i_use_it.ipynb#what-would-it-cost)). How "
        f"much may be pruned depends on the network{here} ([dots](path/use.md))."
    )


def _example(found: Complete, shares: pd.Series) -> str:
    """What that is in bytes where pruning saves least, of the networks that always forgot."""
    always = ends(found.data, "proposed").groupby(["table", "model"]).reached.all()
    mine = shares[[always.get(key, default=False) for key in shares.index]]
    if mine.empty:
        return ""
    table, model = mine.idxmax()
    alike = mine.index[mine.round() == mine.round().max()].drop((table, model))
    names = [called(found)[key] for key in (*alike, (table, model))]
    where = ", in the last" if len(names) > 1 else ","
    runs = [run for run in complete_runs(f"figure_{table}") if run.config.model == model]
    whole = _whole_bytes(runs[0]) / 1e9
    affected = fmean(run.facts["affected_fraction"] for run in runs) * whole
    return (
        f"; least is saved in {' and '.join(names)}{where} {mine.max() / 100 * whole:.2f} GB in "
        f"place of {whole:.2f} (if it is known before training who will ask, keeping only their "
        f"steps whole takes {affected:.2f})"
    )


def _whole_bytes(run: Result) -> float:
    """Bytes of a log of this training that keeps every update whole."""
    from reproduction.chapters.pictures.storage import whole_log  # torch is slow

    return whole_log(run.config.model, run.config.width, run.config.dataset, run.facts["steps"])


def _missed(found: Complete) -> str:
    """Where trainings keep the class to the paper's end, ``LeNet, 3 of 10``; empty for none."""
    rows, names = ends(found.data, "proposed", "published"), called(found)
    return "; ".join(
        f"{names[key]}, {(~of.reached.astype(bool)).sum()} of {len(of)}"
        for key, of in rows.groupby(["table", "model"], sort=False)
        if not of.reached.all()
    )


def shares() -> dict[tuple[int, str], int]:
    """Which part of the training steps a request of Tables 1 and 2 affects, percent, by model."""
    return {
        (number, run.config.model): round(100 * run.facts["affected_fraction"])
        for number in AMNESIAC.tables
        for run in complete_runs(f"figure_{number}")
    }


def touched() -> str:
    """The least and the most of these."""
    percent = sorted(set(shares().values()))
    return f"{percent[0]} to {percent[-1]} %" if len(percent) > 1 else f"{percent[0]} %"


def _by_network(points: pd.Series) -> str:
    """What is lost in each network, with the part of its steps that was affected."""
    names = paper.names(points.index)
    each = [
        f"{max(0.0, lost):.1f} ({names[key]}, {shares()[key]} %)"  # type: ignore[index]
        for key, lost in points.sort_values().items()
    ]
    return ", ".join(each)


def _within_a_network(found: Complete) -> str:
    """Whether the cost rises with the part of the steps that is affected, as a sentence."""
    rows = found.data["fractions"]
    rows = rows[(rows.end == "published") & (rows.affected_fraction < 1)]
    rows = rows[rows.method == PROPOSED_MASK]
    if rows.empty:
        return ""
    kept = rows.pivot_table(index="affected_fraction", columns="dataset", values=["d_r", "d_t"])
    forgot = kept[(kept.d_t <= limits().forgotten).all(axis=1)]
    if forgot.empty or (forgot.d_r.iloc[-1] < kept.d_r.iloc[0]).any():
        return ""
    few, many = 100 * kept.index[0], 100 * forgot.index[-1]
    return (
        " Network and part of the steps change together in these numbers: within one network the "
        f"cost did not rise from {few:.0f} to {many:.0f} %, the most with which it still forgot "
        "(Figure 4)."
    )


def price(found: Complete) -> str:
    """What a request costs in accuracy and how much of the training it touches, in a sentence."""
    points = below(found.data, "proposed", "trained", "published")
    if points.empty:
        return NOTHING
    left = _missed(found)
    left = (
        f" (without trainings that kept more than {limits().forgotten:g} %: {left})" if left else ""
    )
    return (
        "Yes, if it is answers that must change, and much of the training never saw what must go."
        f"{_trace()} Nor if training again is cheap, if the other training images are at hand, or "
        "if a proof is asked for. The command takes back all that was recorded of the steps that a "
        f"request touches.{few_images(complete_runs('persons'))} A class cost, on all else, in "
        f"points and with the part of the steps it touched, {_by_network(points)}{left}."
        f"{_within_a_network(found)} The log is personal data: it says who was "
        "in which batch."
    )


def _trace() -> str:
    """That it does not hide who was in the data, with what an attack still tells."""
    told = attack_on_the_mlp().get("auc", pd.Series(dtype=float))
    if told.empty:
        return ""
    return (
        " No, if it must not show that somebody was in the data: where a person’s images sat in "
        "few batches of an MLP, an attack told them from others in "
        f"{told['trained']:.1f} % of pairs before the request and in {told[PART]:.1f} % after it "
        f"({told[TWIN]:.1f} % had they never been trained on)"
        f"{_given_away()} ([A person, not a class](#persons))."
    )


def _given_away() -> str:
    """What taking back tells of who asked where batches are plainly shuffled, as a clause."""
    told = exposed()
    if not {"trained", PART} <= set(told.index):
        return ""
    return (
        "; where they were scattered over most batches, taking back even gives them away, as an "
        f"attack with retrained models told {told['trained']:.1f} % before and {told[PART]:.1f} % "
        "after"
    )


def forgotten(found: Complete) -> str:
    """Whether the class is really forgotten, beside what the fifth sentence says."""
    runs = complete_runs("forgotten")
    if not runs:
        return is_it_forgotten(found).said
    return f"At equal forgetting only on the surface: its answers are as asked. {known_again(runs)}"


QUESTIONS = {
    "Does Table 4 reproduce?": (lambda found: reproduces(found, 4), "../notebooks/table_4.ipynb"),
    "How much storage does it take?": (
        lambda found: f"{own_model(found)} {storage(found)}",
        "../notebooks/cost.ipynb",
    ),
    "Can I use it?": (price, "path/use.md"),
    "Is it really forgotten?": (forgotten, "path/forgotten.md"),
}
"""What readers come with: the answer, and the page that gives it."""


def questions(found: Complete) -> str:
    """The four questions with their answers, as a list of Markdown."""
    lines = []
    for asked, (say, page) in QUESTIONS.items():
        first, _, further = say(found).partition(". ")  # the answer, and what it rests on
        lines.append(f"- [{asked}]({page}) **{first.rstrip('.')}.** {further}\n")
    return "".join(lines)
