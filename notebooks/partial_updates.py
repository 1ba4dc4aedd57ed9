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

# %% tags=["parameters", "remove-cell"]
profile = "quick"
family = "label_flipping"
models = None
seeds = None
fraction_first = None
fraction_last = None
learning_rate = None

# %% tags=["remove-input"]
import torch
from IPython.display import Markdown, display

from partial_unlearning.masks import SelectionMask, depth_schedule
from partial_unlearning.models import build
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.gradient import flipped_labels, partial_step
from reproduction.chapters.comparison import points_of
from reproduction.chapters.complete import complete, complete_runs
from reproduction.chapters.controls import (
    answer,
    contrasts,
    control_table,
    mean_table,
    what_helps,
)
from reproduction.chapters.curves import runs_with
from reproduction.chapters.equation import with_code
from reproduction.chapters.figures import apply_style, layer_bars, mask_pictures
from reproduction.chapters.layers import layer_masks, moved, ring_picture
from reproduction.chapters.leads import opening
from reproduction.chapters.pictures.controls import controls_picture
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.settings_tables import settings_table
from reproduction.chapters.tables import simple_table
from reproduction.datasets.sets import load
from reproduction.study import results as access
from reproduction.study.kinds import TABLES

apply_style()
torch.set_num_threads(1)
changes = {"models": models, "seeds": seeds, "learning_rate": learning_rate}
changes |= {"fraction_first": fraction_first, "fraction_last": fraction_last}
numbers = [table.number for table in TABLES.values() if table.family == family]
names = (*(f"table_{number}" for number in numbers), f"controls_{family}")
runs = [run for name in names for run in access.of_page(name, profile, **changes)]
every = runs_with(runs, experiment=family)
full = [run for name in names for run in complete_runs(name)]
own = runs_with(full, experiment=family)
points = {number: complete().points(number) for number in numbers}

# %% tags=["remove-input"]
opening(family)

# %%
controls_picture(complete().data["points"], numbers)

# %% [markdown]
# *{{where}} of the paper.* {{subject}}
#
# {{equations}}
#
# > The paper, {{section}}: {{claim}}
#
# - One step an epoch on **all** target images at once, as the equations are written. Each method is read where it first recognises at most 1 % of them; the step that
#   crosses the level is cut there.
# - The fractions are not given. Those of the paper's direction were fixed beforehand; every arm tried the same rates.
# - The mask moves by "a simple circular shift" of unknown length. Here each layer's weights lie on a ring in random order, and an epoch selects the next ones.
# - Running statistics of batch normalisation are frozen: from one class alone they would change the network whatever its weights do.
# {{changes}}

# %%
with_code(
    r"\widetilde{\nabla}_{\mathbf{w}'_l} \mathcal{L} = \mathbf{S}_{l,e} \odot \nabla_{\mathbf{w}'_l} \mathcal{L}",
    partial_step,
    number="9",
)

# %% [markdown]
# ## What is it that helps?

# %%
display(Markdown(answer(points)), mean_table(points), Markdown(what_helps(points)))

# %% [markdown]
# In the picture, the line is the proposed method; an arm to the right keeps more. Every arm starts from the same trained model, and all but one at a rate of its own:
#
# - *fractions turned round*: few weights where the paper moves many. {{direction}}
# - *half of each layer*; *last layer only*, all its weights;
# - *no mask, rates by layer*: each layer at the rate times its fraction;
# - *at the baseline's rate*: the proposed masks, nothing chosen anew;
# - *minibatches*: both methods with 128 target images a step (LeNet, ConvNet).

# %%
for number in numbers:
    caption = f"Arms of Table {number} at equal forgetting, complete data"
    display(control_table(number, contrasts(number, points[number]), caption))

# %% [markdown]
# *Steps* until the level, the last one in part. *Trainings there*: those in which an arm gets there. A number of trainings behind a difference: it rests on those alone in which both get there, of networks that knew the class.
#
# ## The selection moves on around a ring
#
# The fraction of each layer that one epoch moves:

# %% mystnb={"image": {"alt": "Bars of the fraction of weights selected over the layers of each model, from the first layer to the last."}, "figure": {"caption": "Depth schedules: the percentage of each layer's weights that one epoch moves.", "name": "fig-{{name}}-schedules"}}
schedules = {}
for run in runs_with(own or every, dataset=TABLES[numbers[0]].dataset, arm="proposed"):
    model, ends = run.config.model, (run.config.fraction_first, run.config.fraction_last)
    layers = Layout.of(build(model, classes=10, seed=0)).layers
    schedules[model] = depth_schedule(*ends, len(layers))
layer_bars(schedules, "selected")

# %% [markdown]
# The last layer of LeNet over eight epochs, a third of its weights at a time: in ring order the selection moves on by its own length; in the order of the weights it looks random.

# %% mystnb={"image": {"alt": "Left: eight rows, one an epoch, in each of which the dark stretch begins where the row above ends. Right: the same selection as scattered dark dots on the layer's weight matrix."}, "figure": {"caption": "The selection of eight epochs on the ring (one row an epoch, every ninth place), and the first three of them on the weight matrix.", "name": "fig-{{name}}-shift"}}
layout = Layout.of(build("LeNet", classes=10, seed=0))
last = len(layout.layers) - 1
selection = SelectionMask.draw(layout, [0.34] * len(layout.layers), seed=0)
grids = [layer_masks(layout, selection.at(epoch))["layer 5"] for epoch in range(3)]
pictures = {"ring": ring_picture(selection, last, 8)[:, ::9]}
pictures |= {f"epoch {epoch}": grid for epoch, grid in enumerate(grids, start=1)}
mask_pictures(pictures, side=96, word="selected")

# %%
ring = ring_picture(selection, last, 3)
count = int(ring[0].sum())
assert count == round(0.34 * ring.shape[1])
assert (ring[1] == torch.from_numpy(ring[0]).roll(count).numpy()).all()
assert ring.any(axis=0).all()

# %% [markdown]
# ## Weights outside the mask stay as they are, bit by bit
#
# An optimizer with a memory, such as Adam, moves a weight after its gradient has vanished. So weights outside $\mathbf{S}_{l,e}$ are put back after each step. An
# untrained LeNet, three epochs, and the weights whose bits changed:

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
# Weights inside that did not move had a gradient of zero, or one too small for a 32-bit number.
#
# ## The same on this machine
#
# It shows that all runs, and judges nothing.

# %% tags=["this-machine", "nbval-check-output"]
for number in numbers:
    mine = points_of(number, runs_with(every, dataset=TABLES[number].dataset))
    caption = f"Arms of Table {number} at equal forgetting, this machine, profile {profile}"
    display(control_table(number, contrasts(number, mine), caption))

# %% [markdown]
# ## Settings
#
# The claims are judged in the chapters of {{tables}}.

# %%
settings_table(own, caption="Settings on the complete data")

# %% [markdown]
# ## What this does not show
#
# {{limits}}
# - Other shifts, mask orders or batch sizes: [the register](assumptions.ipynb) lists what was decided.
#
# ## Where the numbers come from

# %%
provenance(own)

# %% tags=["this-machine"]
provenance(every, *(command(name, profile, **changes) for name in names))
