# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What does it cost?
#
# > The paper, Section 1.1: "storing the pruned updates significantly reduces storage space requirements in contrast to
# > conventional amnesic unlearning"
#
# Amnesiac unlearning has to keep every update of the training until someone asks. The paper names storage as its second gain, and
# measures none. This chapter does: bytes, time and memory of the log of this book, against keeping everything, against the
# scheme of the authors' public notebook, and against training again.
#
# What is different here:
#
# - The paper does not say how pruned updates are stored. Here a random mask is rebuilt from its seed, so that only
#   the values are kept; a magnitude mask differs from step to step and has to be stored.
# - Values are stored as bfloat16 unless said otherwise.
# - *Public notebook* is our own version of how {cite:t}`graves2021` record, made from a description of it. Every
#   weight is cloned before and after each step, and the differences are pickled once for each tensor among them.

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %%
import tempfile
from pathlib import Path

import torch
from IPython.display import Markdown, display

from reproduction.chapters.claim_pages import chapter_claims
from reproduction.chapters.figures import apply_style
from reproduction.chapters.tables import simple_table
from reproduction.costs import cost_figures
from reproduction.costs import measured as costs
from reproduction.costs.timing import alternate, ratio
from reproduction.study.results import results
from reproduction.study.runs.setup import load_data, measure

apply_style()
torch.set_num_threads(1)
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
rounds = {"smoke": 1, "quick": 5, "full": 20}[profile]

# %% [markdown]
# One training of LeNet as in [Table 1](table_1.ipynb), with a log for each setting beside it:

# %%
config = costs.table_1_config(profile, "LeNet")
prunings = (0.5, 0.8, 0.9, 0.95, 0.99)
settings = {f"{pruning:.0%}": costs.uniform(pruning) for pruning in prunings}
settings |= {
    "magnitude 90%": costs.uniform(0.9, strategy="layer_magnitude"),
    "magnitude 99%": costs.uniform(0.99, strategy="layer_magnitude"),
    "every weight": costs.uniform(0.0, values="float32"),
}
settings |= {
    values: costs.schedule(config, values=values) for values in ("float32", "bfloat16", "float16")
}
run = costs.record_run(config, folder, settings)
steps, size = len(run.logs["90%"]), run.logs["90%"].size
Markdown(
    f"LeNet has {size:,} weights; of its {steps} steps the request affects {len(run.affected)}."
)

# %% [markdown]
# ## Bytes
#
# Everything counts here that lies in the log's folder: values, positions, checksums, the sample ids of each batch, metadata. The limit
# for a seeded mask is 16 bits for each kept value and nothing else.

# %%
written, kept = costs.notebook_bytes(run.model, folder)
rows = [["public notebook", f"{kept:,}", f"{8 * kept / size:.2f}", f"{kept / (4 * size):.1%}"]]
names = {
    "every weight": "every weight, float32",
    "90%": "random 90 %",
    "magnitude 90%": "magnitude 90 %",
}
names |= {"bfloat16": "the pruning of Table 1"}
for label, name in names.items():
    bits = run.bits(label)
    rows.append([name, f"{bits * size / 8:,.0f}", f"{bits:.2f}", f"{bits / 32:.1%}"])
display(
    Markdown(
        f"To keep {kept:,} bytes a step, the public notebook writes {written:,}, "
        f"{written / kept:.1f} times as many."
    )
)
simple_table(
    rows,
    headings=("Recorded", "Bytes a step", "Bits a weight", "Of a dense float32 update"),
    caption="What one step of LeNet takes on disk",
)

# %% [markdown]
# Whole runs of the paper's setting, 8 epochs of 469 steps, for the sizes that its models have here. *Dense* is what conventional amnesiac
# unlearning would keep if every step were to be answerable; *affected* is what it keeps when it knows the request beforehand, in
# the runs of Tables 1 and 2 (the third column says which part of the steps their placement of target images affects).

# %% tags=["nbval-check-output"]
rows = []
for run_of in [run for number in (1, 2) for run in results(f"figure_{number}", profile)]:
    name, part = run_of.config.model, run_of.facts["affected_fraction"]
    dense = costs.dense_bytes(name, 8 * 469) / 1e9
    sizes = (dense, dense * part, dense / 2 * 0.1, dense / 2 * 0.01)
    labels = (name, run_of.config.dataset, f"{100 * part:.0f} %")
    rows.append((*labels, *(f"{gigabytes:.2f}" for gigabytes in sizes)))
simple_table(
    list(dict.fromkeys(rows)),
    headings=(
        "Model",
        "Data",
        "Steps affected",
        "Dense (GB)",
        "Affected (GB)",
        "90 % pruned, all (GB)",
        "99 % pruned, all (GB)",
    ),
    caption="Updates of a whole run in the paper's setting",
    labels=2,
)

# %% [markdown]
# ## Where each code wins
#
# Positions of a seeded mask cost nothing. Positions that depend on the update cost one bit a weight as a bitmask, or about
# {math}`\log_2 n` bits a kept value as indices. Below a few percent kept, indices win; the log takes whichever is smaller. Neither reaches the
# least that unknown positions need.

# %% mystnb={"image": {"alt": "Bits a weight and step against the share of weights kept, both logarithmic. The line of seeded masks is lowest everywhere; bitmasks flatten out at one bit, indices fall in parallel to the seeded line; measured dots lie on the lines."}, "figure": {"caption": "What each way to store an update costs, as lines; what the logs of this run take in full, as dots.", "name": "fig-codecs"}}
dots = {"seeded 90 %": "90%", "bitmask 90 %": "magnitude 90%", "indices 99 %": "magnitude 99%"}
shares = {label: run.logs[label].description.kept / size for label in dots.values()}
cost_figures.codec_lines(size, {name: (shares[d], run.bits(d)) for name, d in dots.items()})

# %%
positions = [run.logs[label].description.positions for label in dots.values()]
assert positions == ["seeded", "bitmask", "indices"]
assert run.bits("90%") < run.bits("magnitude 90%") < run.bits("every weight")

# %% [markdown]
# ## What pruning does to forgetting
#
# Bytes alone say nothing: a log of nothing costs nothing. The same request answered from the logs of this one training. A curve
# that stays high in $\mathcal{D}_t$, test accuracy on the forget set, has not forgotten.

# %% mystnb={"image": {"alt": "Accuracy on retained and target data after the request against bits a weight and step, for random pruning from 50 to 99 percent, with the trained model's levels as thin lines."}, "figure": {"caption": "Storage against accuracy after the request: solid on retained data, dashed on target data, thin for the trained model; the labels are the fraction pruned.", "name": "fig-storage-accuracy"}}
trained = measure(config, run.model, load_data(config))
points = {label: (run.bits(label), run.after(label)) for label in map("{:.0%}".format, prunings)}
cost_figures.storage_curve(points, trained)

# %% [markdown]
# ## What rounding does to forgetting
#
# Stored in bfloat16, a value keeps its size and loses digits: an error of at most 0.4 %. In float16, values below
# {math}`3\cdot 10^{-8}` become zero. Both halve the log. The pruning is that of Table 1:

# %%
runs = {"LeNet": run}
mlp = costs.table_1_config(profile, "MLP")
types = {v: costs.schedule(mlp, values=v) for v in ("float32", "bfloat16", "float16")}
runs["MLP"] = costs.record_run(mlp, folder, types)
rows = []
for name, one in runs.items():
    for values in types:
        found = one.after(values)
        numbers = [f"{found.d_t:.2f}", f"{found.d_r:.2f}", f"{one.bits(values):.2f}"]
        rows.append([name, values, *numbers, f"{one.flushed(values, 'float32'):.2%}"])
simple_table(
    rows,
    headings=("Model", "Values", "d_t", "d_r", "Bits a weight", "Turned to zero"),
    caption="The same request from logs of three types of values",
    labels=2,
)

# %% [markdown]
# ## Time
#
# Steps without recording, with it at 90 % pruning, and with the notebook's scheme, in turn; medians on one thread. The figures of record
# are those of `python -m benchmarks.update_log`, which takes them on two threads and on four models. A ratio is the median over pairs of
# turns, not the ratio of the medians, and one below 1 is noise. The C library is told to keep what training frees (`reproduction.machine.memory`): by
# default it may return large blocks after every step and fetch them again page by page. For ConvNet that took a third of a step, and
# whether it happened hung on what else was allocated, so it made recording look dear in one process and free in the next.

# %%
rows = []
for name in ("MLP", "LeNet"):
    taken = costs.step_times(costs.table_1_config(profile, name), folder, rounds=rounds)
    for side, seconds in taken.median().items():
        over = ratio(taken, side, "no recording")
        rows.append([name, side, f"{1000 * seconds:.2f}", f"{over:.2f}"])
simple_table(
    rows,
    headings=("Model", "Recording", "Milliseconds a step", "Over no recording"),
    caption="What a step takes",
    labels=2,
)

# %% [markdown]
# Answering the request, against training again without the target data. The time for retraining is that of as many steps as the
# retained data fills, each as long as a step above:

# %%
log, model = run.logs["90%"], run.model
times = alternate({"forget": lambda: costs.answer(run, "90%")}, rounds=5)
forgetting = times["forget"].median()
data = load_data(config).train
left = round(steps * (1 - len(data.of_class(config.target)) / len(data)))
retraining = taken["no recording"].median() * left
assert forgetting < retraining
Markdown(
    f"To subtract {len(run.affected)} steps took {1000 * forgetting:.0f} ms; to train {left} steps takes "
    f"{retraining:.1f} s, {retraining / forgetting:.0f} times as long."
)

# %% [markdown]
# The log is read once, in order, a shard at a time, so memory does not grow with its length; the benchmark measures that
# at 1,000 and 100,000 steps.
#
# ## What the claim comes to
#
# The ledger judges the fraction of an update that the proposed method stores. It is a statement about bytes only because of the seed: with
# the mask stored beside the values, or with a magnitude mask, more is kept than the pruning fraction suggests.

# %%
chapter_claims("full", "cost")

# %% tags=["remove-cell"]
temporary.cleanup()

# %% [markdown]
# ## What this does not show
#
# - **Half of the gain is not pruning.** Of the bytes saved against a dense log in float32, a factor of two comes from bfloat16, which conventional
#   amnesiac unlearning could use as well.
# - **Affected steps only.** Who knows the request before training needs to record only the steps it affects, as
#   the paper does. A log that can answer anybody has to keep all of them, and then pruning is what makes it affordable.
# - Compression: the values are nearly random, and what a general compressor saves is not worth its time here. Nothing was tried on them.
# - Other disks, other machines. Times are of the machine that made this page.
