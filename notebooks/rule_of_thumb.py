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
# # Rule of thumb: batches affected, entries kept

# %% tags=["parameters", "remove-cell"]
profile = "quick"
models = None
seeds = None

# %% tags=["remove-input"]
from IPython.display import Markdown, display

from reproduction.chapters.figures import apply_style
from reproduction.chapters.provenance_table import command, provenance, unfinished
from reproduction.chapters.rule_of_thumb import answer, map_figure, map_table, mapped
from reproduction.study import results as access

apply_style()
changes = {"models": models, "seeds": seeds}
runs = access.of_page("rule_of_thumb", profile, **changes)
complete = access.stored("rule_of_thumb", "full")
points = mapped(complete)
display(Markdown(f"{answer(points)}\n\n{unfinished('rule_of_thumb', 'full')}"))

# %% [markdown]
# Partial amnesiac unlearning takes back a part of what was learnt from batches that held the data to forget.

# %% mystnb={"image": {"alt": "Three maps of LeNet: accuracy on the target class, and the distance to the retrained model, for each share of steps affected and each part of an update kept."}, "figure": {"caption": "LeNet on the complete MNIST: accuracy on the class to forget, and the gap to a model retrained without it, where everything kept is subtracted and where 1 % of the target images are still recognised. Less orange is better; a dash: never there.", "name": "fig-map-lenet"}}
map_figure(points, "LeNet")

# %% mystnb={"image": {"alt": "Three maps of the MLP: accuracy on the target class, and the distance to the retrained model, for each share of steps affected and each part of an update kept."}, "figure": {"caption": "The same for the MLP.", "name": "fig-map-mlp"}}
map_figure(points, "MLP")

# %% [markdown]
# What that means for you: [yes if, no if](../book/path/use.md).
#
# ## How to read the maps
#
# A field is a training in which so many steps (across) held images of the class 3, undone with so much of each update (down): random
# masks that keep more of the last layers than of the first, and, in the lowest line, the last layer alone. The **gap** is the mean of two distances
# to a model trained from the same initial weights without the class: that of $\mathcal{D}_t$ (which is 0 there) and that of $\mathcal{D}_r$. A model that
# forgets nothing has a gap of about 50, and so has one that forgets everything. At equal forgetting, so much is subtracted, also more than once,
# that 1 % of the target images are still recognised. In brackets: $\mathcal{D}_t$ and $\mathcal{D}_r$.

# %%
map_table(points, caption="Complete MNIST: the numbers of the maps, mean over trainings")

# %% [markdown]
# ## The same on this machine

# %% tags=["nbval-check-output"]
map_table(mapped(runs), caption=f"The same, profile {profile}")

# %% [markdown]
# ## What this does not show
#
# - Requests other than a class. The share of steps that some random images affect is computed here, and measured in [requests of a few images](persons.ipynb).
# - Other models and data: MLP and LeNet on MNIST; no larger network was tried, and not in all does the last layer alone forget: [what helps](../book/path/helps.md). What a request cost in those of the tables
#   stands in [should I use it?](../book/path/use.md)
# - What the features still know, or what an attack finds.
# - The fraction of affected steps and the mix of images in each change together: where few batches hold the class, they hold hardly
#   anything else.
#
# ## Provenance

# %%
provenance(complete, command("rule_of_thumb", "full"))

# %% tags=["this-machine"]
provenance(runs, command("rule_of_thumb", profile, **changes))
