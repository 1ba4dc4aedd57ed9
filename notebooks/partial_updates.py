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
# - No number of epochs is given. Here every method is read where it first recognises at most 1 % of these target images: whoever
#   unlearns has them at hand and needs no others to see it. The step that crosses the level is cut where it does, so that none overshoots.
# - The fractions are not given either; those of the paper's direction were fixed beforehand, and every arm has the same grid of rates.
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
fraction_first = None
fraction_last = None
learning_rate = None

# %%
import torch
from IPython.display import Markdown, display

from partial_unlearning.masks import SelectionMask, depth_schedule
from partial_unlearning.models import build
from partial_unlearning.state import Layout
from partial_unlearning.unlearners.gradient import flipped_labels
from reproduction.chapters.comparison import points_of
from reproduction.chapters.controls import answer, contrasts, control_figure, control_table
from reproduction.chapters.curves import runs_with
from reproduction.chapters.figures import apply_style, layer_bars, mask_pictures
from reproduction.chapters.layers import layer_masks, moved, ring_picture
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
runs = [run for name in names for run in access.results(name, profile, **changes)]
every = runs_with(runs, experiment=family)

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
for run in runs_with(every, dataset=TABLES[numbers[0]].dataset, arm="proposed"):
    model, ends = run.config.model, (run.config.fraction_first, run.config.fraction_last)
    layers = Layout.of(build(model, classes=10, seed=0)).layers
    schedules[model] = depth_schedule(*ends, len(layers))
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
# ## What is it that helps?

# %%
datasets = {number: TABLES[number].dataset for number in numbers}
points = {n: points_of(n, runs_with(every, dataset=data)) for n, data in datasets.items()}
display(Markdown(answer(points)))

# %% [markdown]
# Every arm starts from the same trained model and has a rate of its own, chosen from the same grid by the same rule; each is read at the same
# degree of forgetting. Beside the paper's two methods stand:
#
# - *fractions turned round*: few weights where the paper moves many. {{direction}}
# - *half of each layer*: the same fraction everywhere;
# - *last layer only*: all its weights at each step, no others;
# - *no mask, rates by layer*: each layer moves at the learning rate times the fraction that the mask would select;
# - *at the baseline's rate*: the proposed masks, with nothing chosen anew;
# - *minibatches*: both methods with 128 target images a step in place of all (LeNet and ConvNet).
#
# The vertical line is the proposed method. An arm to the right of it keeps more retained data, one to the left less.

# %% mystnb={"image": {"alt": "A panel a model on MNIST: by how many points of accuracy on retained data the baseline and each control differ from the proposed method."}, "figure": {"caption": "MNIST: accuracy on retained data at equal forgetting, each arm minus the proposed method; bars are 95 % intervals over seeds.", "name": "fig-{{name}}-controls-mnist"}}
found = {number: contrasts(number, points[number]) for number in numbers}
control_figure(numbers[0], found[numbers[0]])

# %% mystnb={"image": {"alt": "A panel a model on OrganAMNIST: by how many points of accuracy on retained data the baseline and each control differ from the proposed method."}, "figure": {"caption": "OrganAMNIST: the same.", "name": "fig-{{name}}-controls-organamnist"}}
control_figure(numbers[1], found[numbers[1]])

# %% tags=["nbval-check-output"]
for number in numbers:
    caption = f"Arms of Table {number} at equal forgetting, profile {profile}"
    display(control_table(number, found[number], caption))

# %% [markdown]
# *Steps* counts those until the level is met; the last one counts as the part of it that is made. An arm that gets there within its first step
# has made a search along one gradient. *Seeds there* counts the trainings in which an arm gets there at all, in as many steps as
# are allowed.
#
# ## Slower?
#
# The paper explains the gain by "slowing down the process". In the table above, compare the steps of the proposed masks *at the baseline's rate* with those of
# the baseline: the masks alone make that difference.
#
# The claims on these methods, the direction of the fractions among them, are judged in the chapters of {{tables}},
# which also draw how much is kept on the way there.
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
provenance(every, *(command(name, profile, **changes) for name in names))
