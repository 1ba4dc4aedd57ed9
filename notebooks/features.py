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
# # What the features still know
#
# *Beyond the paper.* Is the class still in the layers of a model that no longer answers it?

# %% tags=["parameters", "remove-cell"]
profile = "quick"
models = None
seeds = None

# %% tags=["remove-input"]
from IPython.display import Markdown, display

from reproduction.chapters.features import (
    answer,
    feature_table,
    last_hidden,
    layer_figure,
    relearned,
    returned_table,
    shown_counts,
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
display(Markdown(answer(complete)))

# %% [markdown]
# A network answers with its last layer, which reads what the layers below make of an image. To silence a class it is
# enough to change how the last layer reads. Whether the class is still there to be read is asked here, layer by layer, of every method of Tables
# 1 to 6, stopped where it first recognises no more than 1 % of the target images that were trained on, and of its twin, retrained without the class.
#
# ## What a probe finds
#
# A *linear probe* is a logistic regression on features {cite:p}`alain2017`: images of the class against as many others. It is fitted to one half
# of the held-out images (features standardised, squared weights penalised by 0.01), and asked about the other. Chance is 50 %. A twin that never saw the class is no 50 % either, since whatever tells digits apart
# tells an unknown digit from them to a degree. So the line of the *retrained* model is where a class counts as forgotten, and what is to the
# right of it is left of the training on it.

# %% mystnb={"image": {"alt": "A panel a model, a line a method: a dot where the probe of the last hidden layer tells the class from others. A vertical line marks the retrained model."}, "figure": {"caption": "Complete data: test images that a linear probe of the last hidden layer puts rightly in or out of the class; mean over trainings with 95 % intervals. Lines: the retrained twin.", "name": "fig-probe-complete"}}
PROBE = {"probe": "linear probe of the last hidden layer"}
dot_figure(tidy(complete, last_hidden), PROBE, label="told rightly (%)")

# %% [markdown]
# ## Layer by layer

# %% mystnb={"image": {"alt": "A panel a model: what the probe tells rightly after each layer, from the images to the outputs, for the trained, the retrained and the untrained model and for the unlearned ones."}, "figure": {"caption": "Complete data: what a probe tells rightly after each layer. The band spans the six methods, the line in it is their mean.", "name": "fig-probe-layers-complete"}}
layer_figure(complete, "probe", "probe (%)")

# %% [markdown]
# Likeness of the features of target images to the twin's, by linear centred kernel alignment (CKA) {cite:p}`kornblith2019`, which is blind to rotation and scale:

# %% mystnb={"image": {"alt": "A panel a model: linear CKA to the retrained model after each layer, on test images of the target class."}, "figure": {"caption": "Complete data: linear CKA to the retrained twin on test images of the target class.", "name": "fig-cka-layers-complete"}}
layer_figure(complete, "cka_target", "CKA to the twin (%)")

# %% [markdown]
# ## How soon the class is back
#
# Each model is shown a few images of the class again, mixed half and half with retained ones, at the optimizer and rate that it was trained with. It counts as
# knowing the class again once it recognises nine tenths of the test images that the trained model does. What was never learnt takes its time;
# what was only silenced does not.

# %% mystnb={"image": {"alt": "A panel a model, a line a method: steps until the class is known again, from the fewest and the most images shown. Vertical lines mark the retrained model."}, "figure": {"caption": "Complete data: steps until the class is known again, or the 60 that were tried; mean over trainings with 95 % intervals (text and table have medians). Lines: the retrained twin.", "name": "fig-relearned-complete"}}
counts = shown_counts(complete)[::2]
STEPS = {f"steps_{count}": f"from {count} images" for count in counts}
dot_figure(tidy(complete, relearned), STEPS, label="steps")

# %% [markdown]
# ## The numbers, on the complete data
#
# *Probe minus twin's* is paired by seed, with a 95 % interval. *CKA* is that of the last hidden layer. Steps are medians over trainings.

# %%
feature_table(complete, caption="Features of the last hidden layer, complete data")

# %% [markdown]
# ## Does it come back by itself?
#
# Nobody has to show the class again. Brief training on **retained data alone** is what a practitioner does to repair a model, and none of its images is of the
# class:

# %%
returned_table(complete, caption="Fine-tuned on retained data alone, complete data")

# %% [markdown]
# [Partial amnesiac unlearning](partial_amnesiac.ipynb) shows the same after more steps, and from the paper's own end.
#
# ## The same on this machine
#
# The same from the runs of this page's profile.

# %% mystnb={"image": {"alt": "The figure of probes from the runs of this page's profile."}, "figure": {"caption": "The probe in the runs of this page's profile.", "name": "fig-probe"}}
dot_figure(tidy(runs, last_hidden), PROBE, label="told rightly (%)")

# %% tags=["nbval-check-output"]
feature_table(runs, caption=f"Features of the last hidden layer, profile {profile}")

# %% tags=["nbval-check-output"]
returned_table(runs, caption=f"Fine-tuned on retained data alone, profile {profile}")

# %% [markdown]
# ## What this does not show
#
# - That the target *images* can be had back. A probe finds the class; whether single images left a trace, an attack has to say.
# - What a stronger probe would find. A linear one gives a lower bound on what features hold.
# - That the excess harms anyone. Who has the weights and some images of the class can have the class back sooner; who has the answers alone cannot tell.
# - Other ways to stop. Where methods are run on, to their published ends, the table shows them too.
#
# ## Provenance

# %%
provenance(runs, command("forgotten", profile, **changes))
