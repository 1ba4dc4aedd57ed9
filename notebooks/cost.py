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
# # What does it cost? Bytes, time and memory

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %% tags=["remove-input"]
import tempfile
from pathlib import Path

import torch
from IPython.display import Markdown, display

from reproduction.chapters.claim_pages import chapter_claims
from reproduction.chapters.complete import COMPLETE, complete_runs
from reproduction.chapters.figures import apply_style
from reproduction.chapters.leads import opening
from reproduction.chapters.pictures.storage import dots, log_table, storage_picture
from reproduction.chapters.tables import simple_table
from reproduction.costs import cost_figures
from reproduction.costs import measured as costs
from reproduction.costs.timing import alternate, ratio
from reproduction.study.results import measured_under
from reproduction.study.runs.setup import load_data, measure

apply_style()
torch.set_num_threads(1)
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
own = measured_under(profile)
rounds = {"smoke": 1, "quick": 2, "full": 20}[own]

# %% tags=["remove-input"]
opening("cost")

# %%
found = dots()
storage_picture(found)

# %%
log_table(found)

# %% [markdown]
# > The paper, Section 1.1: "storing the pruned updates significantly reduces storage space requirements in contrast to
# > conventional amnesic unlearning"
#
# The paper measures no storage. A log of nothing costs nothing, so bytes count only where the class is forgotten.
#
# - The paper does not say how updates are stored. Here a random mask is rebuilt from its seed, so only values are kept, as bfloat16; a magnitude mask differs from step to step
#   and is stored.
# - *Public notebook* is our version of how {cite:t}`graves2021` record: weights cloned before and after each step, the differences pickled once for each tensor.
#
# ## A whole run of the paper's setting
#
# 8 epochs: of 469 steps on MNIST, of 271 on OrganAMNIST. *Dense* keeps every step in full; *affected* only those of a request known beforehand; *pruned* is the log of Tables 1 and 2, for every step. Networks have the width
# that was run, see [the networks](models.ipynb).

# %%
rows = {}
for run_of in [run for number in (1, 2) for run in complete_runs(f"figure_{number}")]:
    part = run_of.facts["affected_fraction"]
    dense = costs.dense_bytes(run_of.config, run_of.facts["steps"]) / 1e9
    sizes = (dense, dense * part, dense / 2 * run_of.facts["density"])
    labels = (run_of.config.model, run_of.config.dataset, f"{100 * part:.0f} %")
    rows.setdefault(labels, (*labels, *(f"{gigabytes:.2f}" for gigabytes in sizes)))
simple_table(
    list(rows.values()),
    headings=("Model", "Data", "Steps affected", "Dense (GB)", "Affected (GB)", "Pruned (GB)"),
    caption="Updates of a whole run in the paper's setting",
    labels=2,
)

# %% [markdown]
# ## Bytes of a step, measured on this machine
#
# One short training of LeNet, a log for each setting beside it. Everything in the log's folder counts. The settings are those of the quick profile, whose pruning is not that of
# the complete data above.

# %%
config = costs.table_1_config(own, "LeNet")
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
steps, size = len(run.logs["90%"]), run.logs["90%"].description.size

# %%
written, kept = costs.notebook_bytes(run.model, folder)
rows = [["public notebook", f"{kept:,}", f"{8 * kept / size:.2f}", f"{kept / (4 * size):.1%}"]]
names = {
    "every weight": "every weight, float32",
    "90%": "random 90 %",
    "magnitude 90%": "magnitude 90 %",
}
names |= {"bfloat16": f"pruned as Table 1 in profile {own}"}
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
# ## Which way to store positions is smallest
#
# Positions of a seeded mask cost nothing; those that depend on the update one bit a weight as a bitmask, or about {math}`\log_2 n` bits a kept value as indices. The log takes the smaller.

# %% mystnb={"image": {"alt": "Bits a weight and step against the share of weights kept, both logarithmic. The line of seeded masks is lowest everywhere; bitmasks flatten out at one bit, indices fall in parallel to the seeded line; measured dots lie on the lines."}, "figure": {"caption": "What each way to store an update costs, as lines; what the logs of this run take in full, as dots.", "name": "fig-codecs"}}
dots = {"seeded 90 %": "90%", "bitmask 90 %": "magnitude 90%", "indices 99 %": "magnitude 99%"}
shares = {label: run.logs[label].description.kept / size for label in dots.values()}
cost_figures.codec_lines(size, {name: (shares[d], run.bits(d)) for name, d in dots.items()})

# %%
positions = [run.logs[label].description.positions for label in dots.values()]
assert positions == ["seeded", "bitmask", "indices"]
assert run.bits("90%") < run.bits("magnitude 90%") < run.bits("every weight")

# %% [markdown]
# ## Pruning against forgetting, on this machine
#
# The same request answered from the logs of this one training, the same fraction pruned in every layer. A dashed curve that stays high has not forgotten.

# %% mystnb={"image": {"alt": "Accuracy on retained and target data after the request against bits a weight and step, for random pruning from 50 to 99 percent, with the trained model's levels as thin lines."}, "figure": {"caption": "Storage against accuracy after the request: solid on retained data, dashed on target data, thin for the trained model; the labels are the fraction pruned.", "name": "fig-storage-accuracy"}}
trained = measure(config, run.model, load_data(config))
points = {label: (run.bits(label), run.after(label)) for label in map("{:.0%}".format, prunings)}
cost_figures.storage_curve(points, trained)

# %% [markdown]
# ## Rounding hardly matters
#
# In bfloat16 a value keeps its size to 0.4 %; in float16, values below {math}`3\cdot 10^{-8}` become zero. Both halve the log. The pruning is that of Table 1 under the profile of this training:

# %%
runs = {"LeNet": run}
mlp = costs.table_1_config(own, "MLP")
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
# ## Time to record, and to forget
#
# Steps without recording, with it at 90 % pruning, and with the notebook's scheme, in turn, on one thread; a ratio is the median over pairs of turns, and one below 1 is noise. Figures of record: `python -m benchmarks.update_log`.

# %%
rows = []
for name in ("MLP", "LeNet"):
    taken = costs.step_times(costs.table_1_config(own, name), folder, rounds=rounds)
    for side, seconds in taken.median().items():
        plain = side == "no recording"  # other times drift with the machine, ratios of pairs less
        over = "–" if plain else f"{ratio(taken, side, 'no recording'):.2f}"
        rows.append([name, side, f"{1000 * seconds:.2f}" if plain else "–", over])
simple_table(
    rows,
    headings=("Model", "Recording", "Milliseconds a step", "Times as long"),
    caption="What a step takes",
    labels=2,
)

# %% [markdown]
# Answering the request, against as many steps as the retained data fills:

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
# The log is read once, in order, so memory does not grow with its length.
#
# ## What the paper claims

# %%
chapter_claims(COMPLETE, "cost")

# %% tags=["remove-cell"]
temporary.cleanup()

# %% [markdown]
# ## What this does not show
#
# - **A factor of two is not pruning**: bfloat16 halves any log, the known method’s too.
# - **Affected steps only**: whoever knows the request before training records only the steps it affects. A log that can answer anybody keeps all, and then pruning makes it affordable.
# - Compression: the values are nearly random. Nothing was tried on them.
# - Other disks, other machines.
