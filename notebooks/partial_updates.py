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
# # {{title}}
#
# *{{where}} of the paper.* {{subject}}
#
# {{equations}}
#
# > The paper, {{section}}: {{claim}}
#
# What is different here, or was open:
#
# - One step an epoch on **all** target images at once, as the equations are written.
# - No number of epochs is given. Here a method ends after the first step at which at most one in a thousand of these target images is
#   still recognised: whoever unlearns has them at hand and needs no others to see it.
# - The paper calls the movement of the selection mask "a simple circular shift" and gives neither the first mask nor the length of the
#   shift. Here each layer's weights lie on a ring in a random order; an epoch selects the next ones on it, so that
#   every weight has its turn before any has a second one.
# - Batch normalisation's running statistics are frozen. Computed from one class alone they would change the network
#   whatever its weights do.
# {{changes}}

# %% tags=["parameters", "remove-cell"]
profile = "quick"
family = "label_flipping"
models = None
seeds = None

# %%
import torch
from IPython.display import display

from partial_unlearning.masks import SelectionMask, depth_schedule
from partial_unlearning.models import build
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.gradient import flipped_labels
from reproduction.chapters.comparison import forgotten_table
from reproduction.chapters.curves import runs_with, unlearning
from reproduction.chapters.figures import apply_style, layer_bars, mask_pictures, trajectories
from reproduction.chapters.layers import layer_masks, moved, ring_picture
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.settings_tables import settings_table
from reproduction.chapters.tables import simple_table
from reproduction.datasets.sets import load
from reproduction.study import results as access
from reproduction.study.experiments import TABLES

apply_style()
torch.set_num_threads(1)
changes = {"models": models, "seeds": seeds}
numbers = [table.number for table in TABLES.values() if table.family == family]
tables = {number: access.results(f"table_{number}", profile, **changes) for number in numbers}
every = runs_with([run for found in tables.values() for run in found], experiment=family)

# %% [markdown]
# {{labels}}
#
# ## Selection masks
#
# ### The depth schedule
#
# The fraction of each layer that one epoch of the proposed method moves, for the models on MNIST (the others are listed under
# *Settings*). The naive method moves all of each.

# %% mystnb={"image": {"alt": "Bars of the fraction of weights selected over the layers of each model, from the first layer to the last."}, "figure": {"caption": "Depth schedules: the percentage of each layer's weights that one epoch moves.", "name": "fig-{{name}}-schedules"}}
schedules = {}
for run in runs_with(every, dataset=TABLES[numbers[0]].dataset):
    model, chosen = run.config.model, run.config.proposed
    layers = Layout.of(build(model, classes=10, seed=0)).layers
    schedules[model] = depth_schedule(chosen.first, chosen.last, len(layers))
layer_bars(schedules, "selected")

# %% [markdown]
# ### The circular shift
#
# The last layer of LeNet over eight epochs, with a third of its weights selected each time: in ring order the selection moves on by
# its own length; in the order in which the weights lie it looks random:

# %% mystnb={"image": {"alt": "Left: eight rows, one an epoch, in each of which the dark stretch begins where the row above ends. Right: the same selection as scattered dark dots on the layer's weight matrix."}, "figure": {"caption": "The selection of eight epochs on the ring (one row an epoch, every ninth place), and the first three of them on the weight matrix.", "name": "fig-{{name}}-shift"}}
layout = Layout.of(build("LeNet", classes=10, seed=0))
last = len(layout.layers) - 1
selection = SelectionMask.draw(layout, [0.34] * len(layout.layers), seed=0)
grids = [layer_masks(layout, selection.at(epoch))["layer 5"] for epoch in range(3)]
pictures = {"ring": ring_picture(selection, last, 8)[:, ::9]}
pictures |= {f"epoch {epoch}": grid for epoch, grid in enumerate(grids, start=1)}
mask_pictures(pictures, side=96, word="selected")

# %% [markdown]
# Three things have to hold: the mask of an epoch is the one before, shifted along the ring; each epoch selects as many weights as the
# fraction says; and after a whole cycle every weight has had its turn.

# %%
ring = ring_picture(selection, last, 3)
count = int(ring[0].sum())
assert count == round(0.34 * ring.shape[1])
assert (ring[1] == torch.from_numpy(ring[0]).roll(count).numpy()).all()
assert ring.any(axis=0).all()

# %% [markdown]
# ## Weights outside the mask stay bit-identical
#
# It is not enough to set the other gradients to zero: an optimizer with a memory, such as Adam, goes on moving a weight after its
# gradient has vanished. Here weights outside $\mathbf{S}_{l,e}$ are put back after the step. An untrained LeNet, three epochs with a third
# of each layer selected, and the weights whose bits have changed:

# %% tags=["nbval-check-output"]
target = load("mnist", source="sample").train
target = target.subset(target.of_class(3)[:64])
labels = flipped_labels(target.labels, classes=10, seed=0)
lenet = build("LeNet", classes=10, seed=0)
rows = [
    row
    for optimizer in ("sgd", "adam")
    for row in moved(lenet, target.images, labels, selection, optimizer=optimizer, epochs=3)
]
assert all(row[-1] == 0 for row in rows)
simple_table(
    rows,
    headings=("Optimizer", "Epoch", "Selected", "Moved inside", "Moved outside"),
    caption="Weights moved in each epoch",
)

# %% [markdown]
# Weights inside that did not move had a gradient of zero, as behind a ReLU that no image passes, or one too small to
# change a 32-bit number.
#
# ## The run
#
# All models of {{tables}}, from the trained model on; each mark is a step. The tables have the numbers at the end.

# %%
turned = access.results(f"turned_{family}", profile, **changes)
curves_of = {}
for number, found in tables.items():
    curves_of[number] = unlearning(runs_with(found, experiment=family))
    reversed_schedule = unlearning(runs_with(turned, dataset=TABLES[number].dataset))
    for model, curves in reversed_schedule.items():
        curves_of[number][model]["turned round"] = curves["proposed"]

# %% mystnb={"image": {"alt": "A panel a model on MNIST: accuracy on retained data against accuracy on target data for the naive method, the proposed one and the one with its schedule turned round."}, "figure": {"caption": "MNIST: the naive method (baseline), the proposed one, and the proposed one with its depth schedule turned round; mean over seeds.", "name": "fig-{{name}}-mnist"}}
trajectories(curves_of[numbers[0]])

# %% mystnb={"image": {"alt": "A panel a model on OrganAMNIST: accuracy on retained data against accuracy on target data for the naive method, the proposed one and the one with its schedule turned round."}, "figure": {"caption": "OrganAMNIST: the same three.", "name": "fig-{{name}}-organamnist"}}
trajectories(curves_of[numbers[1]])

# %% [markdown]
# ## Slower?
#
# The paper explains the gain by "slowing down the process". The number of steps until the target class is forgotten, one number a seed.
# Here both methods have the optimizer and the rate that were chosen for the naive one, so that the selection masks alone make the
# difference:

# %% tags=["nbval-check-output"]
paced = access.results(f"same_step_{family}", profile, **changes)
full = access.stored(f"same_step_{family}", "full")
display(
    *(
        forgotten_table(
            runs_with(paced, dataset=TABLES[number].dataset),
            runs_with(full, dataset=TABLES[number].dataset),
            printed={"baseline": "–", "proposed": "slower"},
            unit="steps",
            caption=f"Steps until the target class is forgotten, models of Table {number}, at one rate",
        )
        for number in tables
    )
)

# %% [markdown]
# ## Which layers?
#
# {{direction}} Turned round, with everything else as it was chosen for the recommended
# direction:

# %% tags=["nbval-check-output"]
rows = []
for number, models_of in curves_of.items():
    for model, curves in models_of.items():
        for name, curve in curves.items():
            numbers_at = (len(curve.d_t) - 1, f"{curve.d_t[-1]:.2f}", f"{curve.d_r[-1]:.2f}")
            rows.append([f"Table {number}", model, name, *numbers_at])
simple_table(
    rows,
    headings=("Models of", "Model", "Method", "Steps", "d_t", "d_r"),
    caption=f"Where each method ends, profile {profile}; mean over seeds",
    labels=2,
)

# %% [markdown]
# This is not yet a comparison of directions at equal strength. Layers differ in size, so that turning the schedule round also changes how many weights
# move in all; and its step size was not chosen anew. What it shows is how much hangs on the direction once all else is settled.
#
# ## Settings

# %%
settings_table(every, caption=f"Settings of the runs on this page, profile {profile}")

# %% [markdown]
# ## What this does not show
#
# {{limits}}
# - Whether another shift, mask order or batch size would change the outcome. [The register](assumptions.ipynb) lists what was decided.
#
# ## Provenance

# %%
provenance(
    [*every, *turned, *paced],
    *(command(f"table_{number}", profile, **changes) for number in numbers),
    command(f"turned_{family}", profile, **changes),
    command(f"same_step_{family}", profile, **changes),
)
