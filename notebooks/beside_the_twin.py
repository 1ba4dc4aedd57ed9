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
# # Beside the twin
#
# *Beyond the paper.* Are the answers those of a model that never saw the class?

# %% tags=["parameters", "remove-cell"]
profile = "quick"
models = None
seeds = None

# %% tags=["remove-input"]
from IPython.display import Markdown, display

from reproduction.chapters.beside import (
    ACCURACIES,
    ON_RETAINED,
    ON_TARGET,
    answer,
    beside_table,
    destination_figure,
)
from reproduction.chapters.figures import apply_style
from reproduction.chapters.forgotten import dot_figure
from reproduction.chapters.provenance_table import command, provenance
from reproduction.checking.measurements import tidy
from reproduction.study import results as access

apply_style()
changes = {"models": models, "seeds": seeds}
runs = access.of_page("forgotten", profile, **changes)
complete = access.stored("forgotten", "full")
points, whole = (tidy(found, lambda run: run.beside) for found in (runs, complete))
display(Markdown(answer(whole)))

# %% [markdown]
# Accuracy zero on a class says what a model no longer answers, not that it is as if the class had never been there.
# What it would be then can be had: a **twin**, trained from the same initial weights on the retained data alone. Here every method of Tables 1
# to 6 is laid beside it, each stopped where it first recognises no more than 1 % of the target images that were trained on.
#
# ## How far from the twin, on the complete data
#
# Total variation is half the sum, over classes, of the differences of two models' probabilities: 0 % where they answer alike, 100 % where they
# never do. Zero is too much to ask. Two models trained on the same data from different seeds do not answer alike either, least of all on
# images of a class that neither has seen. So a *second* retrained model, with the next seed, is the yardstick: the vertical lines.

# %% mystnb={"image": {"alt": "A panel a model. A line a method with two dots: the total variation between its outputs and those of the retrained model, on test images of the target class and of retained classes. Vertical lines: a second retrained model."}, "figure": {"caption": "Complete data: distance of outputs to the retrained twin of the same seed; mean over trainings with 95 % intervals. Lines: a second retrained model.", "name": "fig-beside-complete"}}
VARIATION = {
    "total_variation_target": "target class",
    "total_variation_retained": "retained classes",
}
dot_figure(whole, VARIATION, label="total variation (%)", reference="retrained, next seed")

# %% [markdown]
# ## Where the target images go
#
# A model that never saw the class has to put its images somewhere, and does so by likeness. One that was *made* to avoid the class may
# put them elsewhere, which tells that something was removed:

# %% mystnb={"image": {"alt": "A panel a model, a row a method: the percentage of test images of the target class that are put into each class."}, "figure": {"caption": "Complete data: classes into which test images of the target class are put, in percent, mean over trainings.", "name": "fig-destinations-complete"}}
destination_figure(whole)

# %% [markdown]
# ## The numbers, on the complete data
#
# - *Average gap*: mean difference, in points, of the accuracies on target and retained images that were trained on and on all test images.
#   No attack is among them on this page.
# - *ToW*, tug of war: the product of one minus each of these differences {cite:p}`zhao2024`; 1 at the twin.
# - *Agreement*: percent of test images that both models put into the same class.
# - *KL*: $\mathrm{KL}(\text{twin} \,\|\, \text{model})$ in nats, mean over test images.
# - *Sent elsewhere*: percent of the target class's test images that would have to change class for the counts by class to be the twin's.
#
# *Trained, target confined* is the model that amnesiac unlearning starts from, whose target images stand in a part of the batches; *trained*
# is where the others start. *All subtracted* is amnesiac unlearning as published. A method that does not come down to 1 % in a training is missing there:
# *trainings there* counts the others.

# %%
beside_table(whole, ACCURACIES, caption="Accuracies beside the retrained twin, complete data")

# %%
beside_table(whole, ON_TARGET, caption="Answers to images of the target class, complete data")

# %%
beside_table(whole, ON_RETAINED, caption="Answers to images of retained classes, complete data")

# %% [markdown]
# ## The same on this machine
#
# The same from the runs of this page's profile.

# %% mystnb={"image": {"alt": "The figure of distances to the twin from the runs of this page's profile."}, "figure": {"caption": "Distance of outputs to the retrained twin, in the runs of this page's profile.", "name": "fig-beside"}}
dot_figure(points, VARIATION, label="total variation (%)", reference="retrained, next seed")

# %% tags=["nbval-check-output"]
beside_table(points, ACCURACIES, caption=f"Accuracies beside the twin, profile {profile}")

# %% tags=["nbval-check-output"]
beside_table(points, ON_TARGET, caption=f"Answers to the target class, profile {profile}")

# %% [markdown]
# ## What this does not show
#
# - What is inside. A model may answer as the twin does and still hold the class; see [what the features still know](features.ipynb).
# - Whether a person was among the training data. Distances are means over images; an attack asks for single ones.
# - That other twins are as near. Each method is measured beside the twin with its own seed, whose batches hold other images from the first step on.
# - Other settings. Methods are those of the tables, with the settings that were chosen for accuracy on retained data, not for closeness.
#
# ## Provenance

# %%
provenance(runs, command("forgotten", profile, **changes))
