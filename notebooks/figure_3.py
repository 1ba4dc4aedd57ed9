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
#
# *Section 5.4.3 of the paper.* A class activation map shows which part of an image speaks for a class, as a model sees
# it. The paper compares maps of LeNet before unlearning, after amnesiac unlearning and after the partial method.
#
# > The paper, Section 5.4.3: "the proposed partial amnesiac unlearning preserves the regions identified to be
# > important for predicting the specific class."
#
# What is different here:
#
# - Next to a few pictures there is **a number over many images**: the similarity of each map to the map before unlearning. Three
#   pictures prove nothing.
# - The text speaks of images "belonging to class-8 and class-1", the caption of targeted classes 3 and 1. They cannot
#   both be read literally, since an image of class 1 is no retained image when class 1 is forgotten. The caption is
#   followed: the model forgets 3 on one side and 1 on the other, and the images are of other digits, 8 always and 1
#   where it is retained.
# - The placement of target images and the pruning are those of LeNet in [Table 1](table_1.ipynb): they were tuned for the target 3 and are used for
#   the target 1 as they are.
# - The kind of map is not named. Here it is Grad-CAM ({cite:t}`selvaraju2017`), by captum, on LeNet's second
#   convolution, 10 x 10 places, enlarged to 28 x 28. The third and last convolution sees the whole image at once and
#   has no places.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
seeds = None
sparsity_first = None
sparsity_last = None

# %%
from reproduction.chapters import figure_3 as maps
from reproduction.chapters.claim_pages import chapter_claims
from reproduction.chapters.figures import apply_style
from reproduction.chapters.provenance_table import command, provenance
from reproduction.study.results import results

apply_style()
changes = {"seeds": seeds, "sparsity_first": sparsity_first, "sparsity_last": sparsity_last}
runs = results("figure_3", profile, **changes)
first = {run.config.target: run for run in reversed(runs)}
columns = {"trained": "before", "baseline": "amnesiac", "proposed": "partial"}
columns["retrained"] = "retrained"
print("maps compared, by target:", {t: len(r.similarities["image"]) for t, r in first.items()})
print("palette of the figures:", maps.COLOURS)

# %% [markdown]
# ## Pictures
#
# Blue is low and red is high, as in the paper. Each map is drawn on its own scale from 0 to its largest value, and the
# digit's outline is white. The images are the first test images of their classes; nobody picked them by their maps. Below
# each map stands the digit that the model takes the image for. The last column is not in the paper: a model trained from
# the same beginning without the target class, which is what unlearning tries to reach.

# %% mystnb={"image": {"alt": "Four digits in rows. In columns the image and its class activation map before unlearning, after amnesiac unlearning, after partial amnesiac unlearning and under a model retrained without the digit 3."}, "figure": {"caption": "Class activation maps of LeNet for the true class, target 3 forgotten.", "name": "fig-3-target-3"}}
maps.map_grid(first[3].maps, maps.example_images(first[3]), columns)

# %% mystnb={"image": {"alt": "Four digits in rows. In columns the image and its class activation map before unlearning, after amnesiac unlearning, after partial amnesiac unlearning and under a model retrained without the digit 1."}, "figure": {"caption": "Class activation maps of LeNet for the true class, target 1 forgotten.", "name": "fig-3-target-1"}}
maps.map_grid(first[1].maps, maps.example_images(first[1]), columns)

# %% [markdown]
# ## The number
#
# For each of many test images of retained classes, spread evenly over the test split, the map of the true class is
# compared with the map before unlearning by Pearson's correlation over the pixels: 1 when the same regions stand out,
# near 0 when the maps have nothing to do with each other. Scale does not matter. A *flat* map points out nothing and has
# no correlation; it counts as 0 beside a map with regions, and as 1 beside another flat map. The table says how many there
# are.
#
# Two models give the scale of the number: one *retrained* without the target class, and one *not trained at all*.

# %%
maps.similarity_table(runs)

# %%
for run in runs:
    print(maps.in_words(run))

# %% [markdown]
# The intervals are Student's $t$ over images, 95 %, for the difference over pairs of the same image. They speak of
# more images under the same trained model, not of another training; where there are several seeds, each has its rows.
#
# ## The claim
#
# As in the ledger, by the rule fixed in `book/claims.yaml`. There the images of a seed are averaged first, so that its interval is one
# over trainings. Both methods stand at their own end, everything subtracted, as in the paper:

# %%
chapter_claims("full", "figure_3")

# %% [markdown]
# The similarity has to be read with the accuracies of the same models. A method that forgets nothing keeps every map.

# %%
maps.accuracy_table(runs)

# %% [markdown]
# ## What this does not show
#
# - **That similar maps mean a good model.** The retrained model is the standard of unlearning. Compare its accuracy and
#   its similarity with the methods' above: maps can move a good deal while accuracy does not. So a high similarity says
#   that little was changed, and not that what was kept is right.
# - Why conventional unlearning loses accuracy. Maps that differ go along with it; cause is not shown.
# - Other maps. Another layer, another method of attribution or another similarity would give other numbers.
# - Regions finer than the 10 x 10 places of the convolution; the smooth pictures are interpolated.
#
# ## Provenance

# %%
provenance(runs, command("figure_3", profile, **changes))
