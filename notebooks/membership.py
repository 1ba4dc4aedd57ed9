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
# # Membership: can it be told who was in the data?
#
# *Beyond the paper.* The paper calls accuracy on the forgotten class its "membership inference metric" and attacks nothing. Here the
# attacks are made.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
seeds = None

# %% tags=["remove-input"]
from IPython.display import Markdown, display

from reproduction.chapters import membership as chapter
from reproduction.chapters.figures import apply_style
from reproduction.chapters.provenance_table import command, provenance
from reproduction.study import results as access

apply_style()
runs = access.of_page("membership", profile, seeds=seeds)
complete = access.stored("membership", "full")
many, classes = chapter.crowds(complete), chapter.populations(complete)
display(Markdown(chapter.answer(chapter.single(many))))

# %% [markdown]
# ## The attack on single images, on the complete data
#
# An attack asks of one image: was the model trained on it? The strongest ones compare the model with many others of which that is known,
# image by image {cite:p}`carlini2022`. Here each model is trained on 10,000 common images of MNIST and on a random half of a *pool* of 200 more:
# its person, in one batch an epoch. It is then asked to forget that person. Any one image of the pool has been seen by half of the models.
#
# - **LiRA**, the likelihood-ratio attack, compares with models *of the same method* that never had the image: all that differs is whether this image was in.
# - **U-LiRA**, its form for unlearning {cite:p}`hayes2025`, compares with *retrained* models. It sees whatever unlearning has done to a model.
# - **RMIA** {cite:p}`zarifzadeh2024`, offline, has four retrained models to compare with.
# - **Population**: one threshold for all images.
#
# *AUC*: of a hundred pairs of a member and another image, how many the attack ranks rightly. *TPR at 1 %*: how many of a hundred members it finds when it accuses one
# of a hundred others.
#
# What is compared is the logit of the label's probability. Both Gaussians of an image leave out the pair of models that is judged, so that who
# knows nothing is at chance. Methods are stopped where the model is, on average, as unsure of the person's images as it was of unseen ones;
# *all subtracted* is amnesiac unlearning as published. Curves are on logarithmic axes: what counts is how many members are found while few others are accused.

# %% mystnb={"image": {"alt": "A panel a model. True against false positive rates of LiRA on logarithmic axes, a curve a method; the dotted line is chance."}, "figure": {"caption": "Complete data: the attack on single images, beside models of the same method that never had the image. Dotted: chance.", "name": "fig-roc-complete"}}
chapter.roc_figure(many, "LiRA")

# %% mystnb={"image": {"alt": "A panel a model. True against false positive rates of U-LiRA on logarithmic axes, a curve a method; the dotted line is chance."}, "figure": {"caption": "Complete data: the same beside retrained models (U-LiRA). It also sees damage that has nothing to do with the image.", "name": "fig-roc-retrained-complete"}}
chapter.roc_figure(many, "U-LiRA")

# %% mystnb={"image": {"alt": "A panel a model, a line a method with two dots and intervals: the areas of LiRA and U-LiRA; a dotted line at chance."}, "figure": {"caption": "Complete data: area under the curves with 95 % intervals over pairs of models and images.", "name": "fig-areas-complete"}}
chapter.area_figure(chapter.single(many))

# %% [markdown]
# The panel with *wrong labels* is the check of the check. Its persons' images were trained on with random wrong labels, which no model guesses without having
# seen them. An attack that missed these in the trained model could not be trusted about the others.
#
# ### The numbers
#
# *Forgotten*: in how many of the requests the method came to its level. Intervals are 95 %, by resampling pairs of models and images 200 times.

# %%
display(*chapter.crowd_tables(many, "complete data"))

# %% [markdown]
# ## The attack on a class, on the complete data
#
# This is what the paper's setting asks, and what is in common use: logistic regression on the loss, ten splits, forgotten images against
# unseen ones, as in the starting kit of the NeurIPS 2023 challenge. One attacker for all images, one model. Unseen images are taken in two ways: from
# the **test** set, as is usual, and from a fifth of the class's training images that was **withheld** from every model. Only the latter come from the same
# source as the members. OrganAMNIST's test images are of other patients.

# %% tags=["remove-input"]
found = chapter.of_classes(classes)
display(Markdown(chapter.class_answer(found)))

# %% mystnb={"image": {"alt": "A panel a model, a line a method with two dots and intervals: the area of the population attack beside withheld and beside test images; a dotted line at chance."}, "figure": {"caption": "Complete data: area of the population attack on the forgotten class, mean over trainings with 95 % intervals. An attack that is off chance on the retrained model sees the data, not membership.", "name": "fig-class-complete"}}
chapter.class_figure(found)

# %% [markdown]
# *Regression* is how often logistic regression tells members from others, in percent; 50 is chance.

# %%
chapter.class_table(found, caption="Population attacks on forgotten classes, complete data")

# %% [markdown]
# ## The same on this machine
#
# The same from the runs of this page's profile.

# %% mystnb={"image": {"alt": "The figure of areas from the runs of this page's profile."}, "figure": {"caption": "Area of the attacks on single images, in the runs of this page's profile.", "name": "fig-areas"}}
mine = chapter.crowds(runs)
chapter.area_figure(chapter.single(mine))

# %% tags=["nbval-check-output"]
display(*chapter.crowd_tables(mine, f"profile {profile}"))

# %% tags=["nbval-check-output"]
chapter.class_table(
    chapter.of_classes(chapter.populations(runs)),
    caption=f"Population attacks on forgotten classes, profile {profile}",
)

# %% [markdown]
# ## What this does not show
#
# - That nobody is at risk. Areas are over all images; single images, odd ones above all, are found far more easily than the rest. The wrong labels show how easily.
# - The complete data, image by image. The many models are trained on 10,200 images at most, so that each image weighs more than in 60,000: more is found than would be there.
# - An attacker who knows more: the weights, or the model before the request. Whoever has both models sees what was removed.
# - Other settings. Gradient methods have the rates that were chosen for classes.
#
# ## Provenance

# %%
provenance(runs, command("membership", profile, seeds=seeds))
