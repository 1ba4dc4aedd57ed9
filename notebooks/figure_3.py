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
# # Figure 3: class activation maps

# %% tags=["parameters", "remove-cell"]
profile = "quick"
seeds = None
sparsity_first = None
sparsity_last = None

# %%
from IPython.display import Markdown, display

from reproduction.chapters import figure_3 as maps
from reproduction.chapters.claim_pages import chapter_claims
from reproduction.chapters.complete import COMPLETE, complete_runs
from reproduction.chapters.figures import apply_style
from reproduction.chapters.leads import opening
from reproduction.chapters.provenance_table import command, provenance
from reproduction.study.results import of_page

apply_style()
changes = {"seeds": seeds, "sparsity_first": sparsity_first, "sparsity_last": sparsity_last}
runs, full = of_page("figure_3", profile, **changes), complete_runs("figure_3")
first = {run.config.target: run for run in reversed(full or runs)}
columns = {"trained": "before", "baseline": "amnesiac", "proposed": "partial"}
columns["retrained"] = "retrained"

# %% tags=["remove-input"]
opening("figure_3")

# %% mystnb={"image": {"classes": "photo", "alt": "Four digits in rows. In columns the image and its class activation map before unlearning, after amnesiac unlearning, after partial amnesiac unlearning and under a model retrained without the digit 3."}, "figure": {"caption": "Class activation maps of LeNet for the true class, target 3 forgotten.", "name": "fig-3-target-3"}}
maps.map_grid(first[3].maps, maps.example_images(first[3]), columns)

# %% mystnb={"image": {"classes": "photo", "alt": "Four digits in rows. In columns the image and its class activation map before unlearning, after amnesiac unlearning, after partial amnesiac unlearning and under a model retrained without the digit 1."}, "figure": {"caption": "Class activation maps of LeNet for the true class, target 1 forgotten.", "name": "fig-3-target-1"}}
maps.map_grid(first[1].maps, maps.example_images(first[1]), columns)

# %%
maps.similarity_table(full)

# %% [markdown]
# *Section 5.4.3 of the paper.* A class activation map shows which part of an image speaks for a class. Blue is low, red high, each map on its own scale; the
# outline of the digit is white. The images are the first of their classes in the test set. Below each map: the digit that the model takes it for.
#
# > The paper, Section 5.4.3: "the proposed partial amnesiac unlearning preserves the regions identified to be
# > important for predicting the specific class."
#
# - A few pictures prove nothing. So each map of many images is compared with the map *before*: Pearson's correlation over the pixels, 1 where the same regions stand
#   out, 0 where the maps have nothing in common. A *flat* map, which points out nothing, counts as 0 (as 1 beside another flat one).
# - Two models give the scale: one *retrained* without the class, one *not trained at all*.
# - The text speaks of images of "class-8 and class-1", the caption of targets 3 and 1, which cannot both hold. The caption is followed.
# - The kind of map is not named. Here: Grad-CAM ({cite:t}`selvaraju2017`) at LeNet's second convolution, 10 x 10 places.
# - Pruning and placement are LeNet's in [Table 1](table_1.ipynb), tuned for target 3 and used for target 1 as they are.

# %%
each = {target: [run for run in full if run.config.target == target] for target in first if full}
display(Markdown("\n\n".join(map(maps.in_words, each.values()))))

# %% [markdown]
# Intervals are over images of one training. The claim is judged over trainings:

# %%
chapter_claims(COMPLETE, "figure_3")

# %% [markdown]
# ## Similar to before is not good in itself
#
# A method that forgets nothing keeps every map. The accuracies of the same models:

# %%
maps.accuracy_table(full)

# %% [markdown]
# ## The same on this machine
#
# It shows that all runs, and judges nothing.

# %% tags=["this-machine"]
display(maps.similarity_table(runs), maps.accuracy_table(runs))

# %% [markdown]
# ## What this does not show
#
# - **That similar maps mean a good model.** The retrained model is the standard, and its maps move while its accuracy does not.
# - Why the known method loses accuracy. Maps that differ go along with it.
# - Other layers, other kinds of map, regions finer than 10 x 10.
#
# ## Where the numbers come from

# %%
provenance(full)

# %% tags=["this-machine"]
provenance(runs, command("figure_3", profile, **changes))
