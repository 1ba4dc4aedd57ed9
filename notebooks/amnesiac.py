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
# # Amnesiac unlearning: taking back whole steps

# %% tags=["parameters", "remove-cell"]
profile = "quick"
affected_fraction = 0.3
target_images = 100
seeds = None

# %% tags=["remove-input"]
from copy import deepcopy

import torch
from IPython.display import Markdown, display

from partial_unlearning.masks import keep_all
from partial_unlearning.metrics import accuracy
from partial_unlearning.models import build
from partial_unlearning.recorders.recorders import MemoryLog, UpdateRecorder
from partial_unlearning.state import Layout
from partial_unlearning.training import fit
from partial_unlearning.unlearners.amnesiac import forget
from reproduction.chapters.complete import complete_runs
from reproduction.chapters.equation import with_code
from reproduction.chapters.figures import PALETTE, apply_style, side_by_side
from reproduction.chapters.fractions import strategies
from reproduction.chapters.layers import parameter_count
from reproduction.chapters.leads import opening
from reproduction.chapters.pictures.fractions import lines_picture
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.tables import simple_table
from reproduction.datasets.sets import load
from reproduction.study import results as access
from reproduction.study.runs.target_placement import plan_batches

apply_style()
torch.set_num_threads(1)

# %% tags=["remove-input"]
opening("amnesiac")

# %%
full = complete_runs("figure_4")
points = strategies(full)
lines_picture(points[points.method == "amnesiac"], "d_r", "published")

# %% [markdown]
# Proportional decay would be a falling line.
#
# *Section 3.2.2 of the paper*, after {cite:t}`graves2021`. While a model is trained, the data holder writes down which images are in each batch, and how
# the step on it changed the weights. To forget some images, the changes of every batch that held one are taken back:
#
# (eq-4)=
# $$
# \mathbf{w}' = \mathbf{w} - \sum_{e=1}^{E} \sum_{b \in \mathcal{B}_t} \Delta\mathbf{w}_{e,b}
# \tag{4}
# $$
#
# > The paper, Section 3.2.2: "As the number of affected batches increases, the resulting model efficacy after amnesiac
# > unlearning diminishes proportionally."
#
# - Batches are drawn anew each epoch, so each epoch has its own set $\mathcal{B}_t$ of affected batches.
# - **How batches come to hold target data** is not said, and decides what the method can do. Here it is a setting.
# - Running statistics of batch normalisation are no weights; [both readings](partial_amnesiac.ipynb) are tried.

# %%
with_code(
    r"\mathbf{w}' = \mathbf{w} - \sum_{e=1}^{E} \sum_{b \in \mathcal{B}_t} \Delta\mathbf{w}_{e,b}",
    forget,
    number="4",
)

# %% [markdown]
# ## Three ways to make batches
#
# The embedded digits, and the digit 3 to forget. *Confined*: target images may be in a given fraction of an epoch's batches only. *First n*: only n
# target images are kept, plainly shuffled, as in the public notebook of {cite:t}`graves2021` with 100. *Plain shuffling* of all.

# %%
data = load("mnist", source="sample")
threes = data.train.of_class(3)
confined = f"confined to {100 * affected_fraction:g} %"
placements = {
    confined: {"affected_fraction": affected_fraction},
    f"first {target_images}": {"target_images": target_images},
    "plain shuffling": {"affected_fraction": 1.0},
}
plans = {
    name: plan_batches(data.train.ids, threes, placement, batch_size=128, epochs=2, seed=0)
    for name, placement in placements.items()
}

# %% mystnb={"image": {"alt": "Three bar charts over the batches of one epoch: a fraction of the batches holds many target images, the first hundred spread thinly over nearly all batches, and plain shuffling puts some into every batch."}, "figure": {"caption": "Target images in each batch of the first epoch under three ways to make batches.", "name": "fig-batch-plan"}}
first_epochs = {
    name: [int(torch.isin(ids, threes).sum()) for ids in plan.epochs[0]]
    for name, plan in plans.items()
}


def bars(axis, held):
    axis.bar(range(len(held)), held, width=1, color=PALETTE["baseline"])
    axis.set_xlabel("batch")


side_by_side(first_epochs, bars, height=2.3, label="target images", legend=False)

# %% [markdown]
# One target image makes a batch affected:

# %% tags=["nbval-check-output"]
rows = []
for name, plan in plans.items():
    held = threes[torch.isin(threes, plan.ids)]
    rows.append([name, len(held), len(plan), f"{100 * plan.affected_fraction(held):.1f} %"])
simple_table(
    rows,
    headings=("Placement", "Target images", "Steps", "Steps affected"),
    caption="The same images, batched in three ways (two epochs of 128 images a batch)",
)

# %% [markdown]
# ## The updates add up to the training
#
# LeNet, two epochs, confined. **The sum of all updates is the final weights minus the initial ones**, whatever the optimizer, up to rounding; so a request
# for everything returns the untrained model.


# %% tags=["show-input"]
def train_and_record(plan):
    model = build("LeNet", classes=10, seed=0)
    layout = Layout.of(model)
    initial, log = layout.vector(model), MemoryLog(layout.size)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    fit(model, data.train, plan, optimizer, [UpdateRecorder(keep_all(layout), log)])
    return model, layout, initial, log


plan = plans[confined]
model, layout, initial, log = train_and_record(plan)
(positions, values), *_ = log.updates([0])
Markdown(f"Recorded: {len(plan)} steps, each with {len(values):,} changes.")

# %%
final = layout.vector(model)
gap = (initial + log.sum(range(len(plan))) - final).abs().max().item()
everything = [step for epoch in plan.affected(plan.ids) for step in epoch]
emptied = layout.vector(forget(deepcopy(model), log.sum(everything)))
display(Markdown(f"The largest weight is {final.abs().max():.2f}, the largest gap {gap:.0e}."))
assert gap < 1e-5
assert len(everything) == len(plan)
assert torch.allclose(emptied, initial, atol=1e-5)

# %% [markdown]
# The request for the digit 3 alone:

# %%
rows = []
for name in (confined, "plain shuffling"):
    model, layout, initial, log = train_and_record(plans[name])
    affected = [step for epoch in plans[name].affected(threes) for step in epoch]
    unlearned = forget(deepcopy(model), log.sum(affected))
    for word, state in (("trained", model), ("baseline", unlearned)):
        found = accuracy(state, data.evaluation, target=3, classes=10)
        moved = (layout.vector(state) - initial).abs().max().item()
        rows.append([name, word, f"{found.d_t:.2f}", f"{found.d_r:.2f}", f"{moved:.5f}"])
simple_table(
    rows,
    headings=("Placement", "Model", "d_t", "d_r", "Largest distance from initial weights"),
    caption="A worked example: LeNet after two epochs on the embedded digits",
    labels=2,
)

# %% [markdown]
# Under plain shuffling **forgetting one class takes back all training**: the last line is the untrained model.

# %%
assert len(affected) == len(plans["plain shuffling"])
assert torch.allclose(layout.vector(unlearned), initial, atol=1e-5)

# %% [markdown]
# ## Larger batches are affected more often
#
# Affected batches in one plainly shuffled epoch of MNIST's 60,000 images, 6,131 of them threes, by how many threes are kept:

# %% tags=["nbval-check-output"]
ids, kept = torch.arange(60_000), (10, 100, 300, 6131)
rows = []
for size in (8, 32, 128, 512):
    one = {"batch_size": size, "epochs": 1, "seed": 0}
    plans = [plan_batches(ids, ids[:6131], {"target_images": n}, **one) for n in kept]
    shares = [plan.affected_fraction(ids[:n]) for plan, n in zip(plans, kept, strict=True)]
    rows.append([size, *(f"{100 * found:.1f} %" for found in shares)])
simple_table(
    rows,
    headings=("Batch size", *(f"{n} threes" for n in kept)),
    caption="Affected batches of one epoch",
)

# %% [markdown]
# ## One update is as large as the model
#
# What the known method keeps of the affected steps, 4 bytes a number, on the complete data:

# %% tags=["nbval-check-output"]
recorded = [*complete_runs("figure_1"), *complete_runs("figure_2")]
rows = []
for run in recorded:
    config, steps = run.config, run.facts["affected_steps"]
    classes = len(load(config.dataset, source="sample").classes)
    model = build(config.model, classes=classes, seed=0, width=config.width)
    size = parameter_count(model)
    sizes = [f"{size:,}", steps, f"{4 * size / 1e6:,.1f}", f"{4 * size * steps / 1e6:,.1f}"]
    rows.append([config.dataset, config.model, *sizes])
simple_table(
    list(dict.fromkeys(map(tuple, rows))),
    headings=(
        "Data",
        "Model",
        "Parameters",
        "Steps affected",
        "One update (MB)",
        "All of them (MB)",
    ),
    caption="Recorded updates, complete data",
    labels=2,
)

# %% [markdown]
# ## The same on this machine
#
# It shows that all runs, and judges nothing.

# %% tags=["this-machine"]
runs = access.of_page("figure_4", profile, seeds=seeds)
own = strategies(runs)
lines_picture(own[own.method == "amnesiac"], "d_r", "published")

# %% [markdown]
# ## What this does not show
#
# - What an affected batch caused later. The next steps start from weights that it moved, and Adam remembers its gradient; taking its update back
#   undoes neither. Amnesiac unlearning is approximate by nature.
# - Brief fine-tuning, which its authors recommend: [here](partial_amnesiac.ipynb).
#
# ## Where the numbers come from

# %%
provenance(full)

# %% tags=["this-machine"]
provenance(runs, command("figure_4", profile, seeds=seeds))
