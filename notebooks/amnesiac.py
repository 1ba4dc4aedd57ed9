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
# # Amnesiac unlearning
#
# *Section 3.2.2 of the paper*, after {cite:t}`graves2021`. While a model is trained, the data holder writes down two things: which images are in each
# batch, and how the step on that batch changed the weights. To forget some images, the changes made by every batch
# that held one of them are taken back:
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
# What is different here, or was open:
#
# - The set $\mathcal{B}_t$ of affected batches has no index for the epoch in Eq. (4). Batches are drawn anew each epoch, so each epoch has a set of
#   its own here.
# - **How batches come to hold target data** is not said in the paper. It decides what this method can do, so it is a setting here, with
#   two *placements*; see below.
# - Eq. (4) is about weights. The running statistics of batch normalisation (ResNet9 only) change with every step too, but are no
#   weights. Whether they are left as trained or subtracted as well is a setting, and [the ablations](partial_amnesiac.ipynb) show both.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
affected_fraction = 0.3
target_images = 100
seeds = None

# %%
from copy import deepcopy

import matplotlib.pyplot as plt
import torch
from IPython.display import Markdown, display

from partial_unlearning.masks import keep_all
from partial_unlearning.metrics import accuracy
from partial_unlearning.models import build, parameter_count
from partial_unlearning.recorders.recorders import MemoryLog, UpdateRecorder
from partial_unlearning.state import Layout
from partial_unlearning.training import fit, make_optimizer
from partial_unlearning.unlearners.amnesiac import forget
from reproduction.chapters.equation import with_code
from reproduction.chapters.figures import PALETTE, apply_style, share_lines
from reproduction.chapters.fractions import fraction_panels, strategies
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.tables import simple_table
from reproduction.datasets.sets import load
from reproduction.study import results as access
from reproduction.study.runs.target_placement import plan_batches

apply_style()
torch.set_num_threads(1)
with_code(
    r"\mathbf{w}' = \mathbf{w} - \sum_{e=1}^{E} \sum_{b \in \mathcal{B}_t} \Delta\mathbf{w}_{e,b}",
    forget,
    number="4",
)

# %% [markdown]
# ## What the data holder knows: the batch plan
#
# Here the plan of all batches is made before training, rather than noted down during it. The example uses the embedded digits, and
# the digit 3 is to be forgotten. Three ways to make the batches:
#
# - *confined*: target images may only be in a given fraction of an epoch's batches, drawn anew each epoch;
# - *first n*: only the first n target images are trained on, and everything is shuffled plainly. The public notebook of
#   {cite:t}`graves2021` does this with 100 images;
# - *plain shuffling* of all images, which is a fraction of 1.

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

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three bar charts over the batches of one epoch: a fraction of the batches holds many target images, the first hundred spread thinly over nearly all batches, and plain shuffling puts some into every batch."}, "figure": {"caption": "Target images in each batch of the first epoch under three ways to make batches.", "name": "fig-batch-plan"}}
fig, axes = plt.subplots(1, 3, figsize=(7.5, 2.3), sharey=True, layout="constrained")
for axis, (name, plan) in zip(axes, plans.items(), strict=True):
    held = [int(torch.isin(ids, threes).sum()) for ids in plan.epochs[0]]
    axis.bar(range(len(held)), held, width=1, color=PALETTE["baseline"])
    axis.set(title=name, xlabel="batch")
_ = axes[0].set_ylabel("target images")

# %% [markdown]
# A batch is affected as soon as it holds a single target image:

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
# ## What is recorded
#
# A recorder watches the training and keeps each step's difference of weights after and before. LeNet, two epochs, under the
# first of the placements:


# %%
def train_and_record(plan):
    model = build("LeNet", classes=10, seed=0)
    layout = Layout.of(model)
    initial, log = layout.vector(model), MemoryLog(layout.size)
    optimizer = make_optimizer("adam", model, learning_rate=0.001)
    fit(model, data.train, plan, optimizer, [UpdateRecorder(keep_all(layout), log)])
    return model, layout, initial, log


plan = plans[confined]
model, layout, initial, log = train_and_record(plan)
(positions, values), *_ = log.updates([0])
Markdown(f"Recorded: {len(plan)} steps, each with {len(values):,} changes.")

# %% [markdown]
# **The sum of all updates is the final weights minus the initial ones**, whatever the optimizer, up to the rounding of
# 32-bit numbers. And a request for everything therefore returns the untrained model:

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
# Now the request for the digit 3 alone, under that placement and under plain shuffling:

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
# Under plain shuffling every step is affected, and **forgetting one class takes back all training**. The last line has to be the
# untrained model:

# %%
assert len(affected) == len(plans["plain shuffling"])
assert torch.allclose(layout.vector(unlearned), initial, atol=1e-5)

# %% [markdown]
# ## Consequences
#
# ### Is less left, the more batches are affected?
#
# The runs of [Figure 4](figure_4.ipynb) train one model for each fraction of affected batches. Conventional amnesiac unlearning alone, everything
# subtracted:

# %% mystnb={"image": {"alt": "Accuracy on retained data after amnesiac unlearning against the percentage of affected batches, on MNIST and OrganAMNIST."}, "figure": {"caption": "Accuracy on retained data after conventional amnesiac unlearning, against the fraction of affected batches; mean over seeds.", "name": "fig-amnesiac-share"}}
runs = access.results("figure_4", profile, seeds=seeds)
points = strategies(runs)
share_lines(fraction_panels(points[points.method == "amnesiac"], "d_r", "published"), "retained")

# %% [markdown]
# The paper says that efficacy falls *proportionally*, which would be a straight line. What is judged is whether it falls at
# all; the finding stands in [the chapter on Figure 4](figure_4.ipynb), beside the other strategies.
#
# ### Larger batches are affected more often
#
# The paper also says that larger batches make matters worse. One reason needs no training to be seen: the larger a batch, the
# likelier it holds a target image. The fraction of affected batches in one plainly shuffled epoch of the complete MNIST training
# set (60,000 images, 6,131 of them threes), by how many threes are kept:

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
# ### Storage
#
# Every update is as large as the model. What it takes to keep those of the affected steps, as conventional amnesiac unlearning
# does, with 4 bytes a number, in the runs of [Figure 1](figure_1.ipynb) and [Figure 2](figure_2.ipynb):

# %% tags=["nbval-check-output"]
recorded = [*access.results("figure_1", profile), *access.results("figure_2", profile)]
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
    caption=f"Recorded updates under profile {profile}",
    labels=2,
)

# %% [markdown]
# ## What this does not show
#
# - Whether the model could have been *influenced* by an affected batch without holding it in its update. It could: each step starts from
#   weights that earlier affected batches have moved, and Adam remembers their gradients. Taking updates back
#   does not undo that, so that amnesiac unlearning is approximate by nature.
# - Brief fine-tuning afterwards, which the authors of the method recommend when many batches are affected:
#   [partial amnesiac unlearning](partial_amnesiac.ipynb) shows what it brings back.
#
# ## Provenance

# %%
provenance(runs, command("figure_4", profile, seeds=seeds))
