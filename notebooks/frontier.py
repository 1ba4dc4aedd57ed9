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
# # Better than the paper's masks?

# %% tags=["parameters", "remove-cell"]
profile = "quick"
models = None
seeds = None

# %% tags=["remove-input"]
from IPython.display import Markdown, display

from reproduction.chapters.figures import apply_style
from reproduction.chapters.frontier import (
    answer,
    choice_table,
    frontier_figure,
    grid_table,
    plain_table,
)
from reproduction.chapters.provenance_table import command, provenance, unfinished
from reproduction.checking.frontier import AFTER, OWN, PAPER, measured
from reproduction.study import results as access

apply_style()
changes = {"models": models, "seeds": seeds}
runs = access.of_page("frontier", profile, **changes)
complete = access.stored("frontier", "full")
points = measured(complete)
display(Markdown(f"{answer(points)}\n\n{unfinished('frontier', 'full')}"))

# %% [markdown]
# This is about the number of entries that a log must keep of each update. The price is said below: a mask in the last layer
# makes the model *answer* as if it had forgotten.
#
# > The paper, Section 6: "In near future, we will explore the layer-wise structured and adaptive partial machine unlearning to erase
# > targeted data from trained models."

# %% mystnb={"image": {"alt": "A panel a model: accuracy on retained data at equal forgetting, minus that of the paper's mask, against bytes of values a step, a line a kind of mask. The last layers stay level longest as bytes shrink."}, "figure": {"caption": "Complete data: accuracy on retained data at equal forgetting against the bytes that a step's values take, for masks that a log can record. Ringed: the paper's mask as in Tables 1 and 2. Shaded: half a point either side. Bars, of the paper's masks and the last layers, are 95 % intervals over trainings; what lies more than 12 points lower is cut off.", "name": "fig-frontier"}}
frontier_figure(points, (PAPER, *OWN))

# %%
choice_table(points, caption="Complete data: the setting that each kind of mask takes by the rule")

# %% [markdown]
# *Entries* are those kept of an update, *bytes* a step's values as bfloat16 and the ids of its batch (fp32 values take twice as much,
# for every mask alike). *λ* is the strength $\lambda$ in $\mathbf{w} - \lambda \mathbf{U}$ at which 1 % of the target images are still recognised.
# $\mathcal{D}_t$ is on test images. *Features* is how alike retained test images are represented in front of the last layer as before. *Paper's
# entries over these* compares with the setting that the paper's random masks take by the same rule, so that above 1 fewer are kept; *half a point* says whether the choice holds.
#
# ## What was tried
#
# All masks prune the same sum of affected updates of one training, and each is read where it first recognises at most 1 % of
# the target images that were trained on.
#
# - **The paper's random masks**: random entries, pruned more in the first layers. At each size the steepest straight line over the
#   layers is taken; the settings of Tables 1 and 2 lie on such lines. In a model of two layers, as the MLP, such a line leaves little but
#   the last one, so that there the paper's masks and the last layers are the same.
# - *Structured*: random **blocks** of 16, 32 or 64 neighbouring entries, and **whole outputs** (all weights into random neurons or channels), in each layer as many
#   as the paper's mask of that size keeps; the **last layers**, filled from the last one back, with random entries where a layer is filled
#   in part; **one layer alone**, whichever the held-out images prefer.
# - *Adaptive*: the **largest in the first steps**, the entries of the whole model that moved most in the first 32 steps; and three masks that only the
#   request makes known: the **largest of each layer** and the **largest of all** entries of the affected sum, and those **largest
#   against all updates**, $|U_i|$ over the root of the summed squares of every step's update. The last leaves out what affected and other batches
#   have in common.
#
# ### What a mask costs
#
# A mask that is known before training costs its values and nothing else: its seed makes the positions again. One that is settled after
# the first steps needs those few whole updates for a while, and its positions once. One that depends on the request needs **every
# update whole** until the request comes, so that it saves no byte while recording. Only the first two kinds can be a log's.
#
# ### The rule
#
# Every mask tries the same sizes on three trainings of other seeds and on held-out images. A size may be taken if on each of them
# the mask comes down to 1 % and keeps $\mathcal{D}_r$ to within half a point of the paper's mask of the tables. The smallest of these is taken. The
# paper's random masks are searched in the same way. Then five further trainings are judged on the test images: *holds* means that the whole
# interval of the difference lies above minus half a point.
#
# The library's log begins with the paper's kind of mask and single entries, not with blocks or last layers, until a kind holds in every model.
#
# ## Is a factor above one allowed?
#
# Equation (7) subtracts what was kept, once. With few entries that is too little, and $\lambda$ goes beyond 1: the little that is kept stands for all of
# it. Whoever holds the target images can find $\lambda$ with them. It helps every mask, the paper's too. The control *last layer only* of the other
# pages keeps all of that layer and is never subtracted more than once. With $\lambda \le 1$ here too, the same search gives:

# %%
plain_table(points, caption="Complete data: the same rule with nothing subtracted more than once")

# %% [markdown]
# ## If the request were known
#
# Masks that know the request, beside the paper's and the last layers. They need the whole log; their place on the axis is what
# they subtract, not what they store.

# %% mystnb={"image": {"alt": "A panel a model: accuracy on retained data at equal forgetting, minus that of the paper's mask, against bytes of values subtracted, for three masks that depend on the request, the paper's and the last layers."}, "figure": {"caption": "Complete data: masks that only the request makes known (dashed), beside two that a log can record.", "name": "fig-frontier-after"}}
frontier_figure(points, (PAPER, "last_layers", *AFTER))

# %%
grid_table(points, caption="Complete data: d_r minus that of the paper's mask, at each size")

# %% [markdown]
# ## The same on this machine
#
# The same from the runs of this page's profile; with few images and one seed they show that it runs.

# %% tags=["nbval-check-output"]
choice_table(measured(runs), caption=f"The setting that each kind of mask takes, profile {profile}")

# %% [markdown]
# ## What this does not show
#
# - **That anything is forgotten inside.** $\mathcal{D}_t$ and $\mathcal{D}_r$ are answers. A mask in the last layer leaves every feature as it was, and these two
#   measures cannot tell. Judge the last layers by what a probe still finds before you rely on them.
# - Requests other than a class. The last layer has a row for each class, which helps here.
# - Another placement of target images: all runs confine them to the part of the batches that Tables 1 and 2 do.
# - Rounding: values were subtracted as float32. [What does it cost?](cost.ipynb) shows that bfloat16 changes nothing that matters.
# - A finer search. Sizes are steps of a grid, and a factor is a ratio of two of them.
#
# ## Provenance

# %%
provenance(complete, command("frontier", "full"))

# %% tags=["this-machine"]
provenance(runs, command("frontier", profile, **changes))
