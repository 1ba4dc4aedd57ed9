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
# (persons)=
# # A person, not a class
#
# *Beyond the paper.* The paper forgets whole classes. Whoever asks to delete their data, and to be forgotten, is a person with a few images among many, of any class.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
seeds = None

# %% tags=["remove-input"]
from IPython.display import Markdown, display

from reproduction.chapters import persons as chapter
from reproduction.chapters.figures import apply_style
from reproduction.chapters.membership import crowds, single
from reproduction.chapters.provenance_table import command, provenance
from reproduction.study import results as access

apply_style()
runs = access.of_page("persons", profile, seeds=seeds)
complete = access.stored("persons", "full")
attacked = single(crowds(complete))
display(Markdown(chapter.answer(complete, attacked)))

# %% [markdown]
# ## What a request touches, on the complete data
#
# Amnesiac unlearning takes back every step whose batch held an image of the request. Under plain shuffling of $N$ images in batches of $b$, a batch holds none
# of $k$ images with chance $\binom{N-b}{k} / \binom{N}{k}$, close to $(1 - b/N)^k$: the line. If a person's images stand **together** in one batch an
# epoch, or in as few as they fill, the share stays at $\lceil k/b \rceil$ batches an epoch.

# %% mystnb={"image": {"alt": "Share of affected steps against the number of images in a request, on a logarithmic axis: under plain shuffling it rises to nearly all, with a person's images together it stays near zero."}, "figure": {"caption": "Complete data: share of steps that a request touches; dots measured, lines in closed form.", "name": "fig-affected-complete"}}
shares = chapter.affected(complete)
chapter.affected_figure(shares)

# %%
chapter.affected_table(shares, caption="Steps affected, in percent of all, complete data")

# %% [markdown]
# ## How far from the twin, on the complete data
#
# Each person has a **twin**: a model trained on the very same batches without the person's images. *Trained* is the model of which nothing was taken back;
# *another training* is the twin of the other kind of batches, which never saw the person either (so its two rows mirror one another). Where *trained* is nearer to the twin than *another training*, doing nothing
# is already within what training again would change.

# %% mystnb={"image": {"alt": "A panel a number of images in the request. A line a method with two dots, for plain shuffling and for a person together: total variation to the person's twin."}, "figure": {"caption": "Complete data: distance of outputs on test images to the person's twin, mean over trainings with 95 % intervals, logarithmic from 1 % on.", "name": "fig-gap-complete"}}
points = chapter.carried_out(complete)
chapter.gap_figure(points)

# %% [markdown]
# *Surer than the twin by*: mean difference of the logits of the label's probability, on the person's own images. Above zero the model still knows them
# better than it would, below zero it is less sure of them than a model that never saw them, which gives them away as well.

# %%
chapter.request_table(points, caption="Requests of each size by every method, complete data")

# %% [markdown]
# ## One after another, on the complete data

# Each takes back the steps that saw their ten images, but for those that are taken back already.

# %% mystnb={"image": {"alt": "Test accuracy against the number of persons who have asked, for plain shuffling and for a person together, after subtracting all affected steps."}, "figure": {"caption": "Complete data: test accuracy as ten persons of ten images ask one after another, all affected steps subtracted; mean over trainings.", "name": "fig-turn-complete"}}
chapter.turn_figure(chapter.in_turn(complete))

# %% [markdown]
# ## Can it be told, on the complete data?
#
# Attacks on single images as in [the chapter on membership](membership.ipynb), from trainings on 10,000 common images, for requests of each size.

# %%
chapter.attack_table(attacked, caption="Attacks on single images by size of request, complete data")

# %% [markdown]
# ## What a practitioner can promise
#
# - **Keep a person's images together.** Then a request costs its own batches and no others, whoever else asks. It has to be done before training, and
#   takes nothing away from it that could be seen here: the trained models are as accurate.
# - **With plain shuffling, promise amnesiac unlearning to few.** What has been touched adds up over requests, and is gone for everybody once most steps are.
# - **Do not promise that the model is as if the person had never been there.** No method here gets there, and none can show it. Only training again from before the
#   first affected step does that, and the log keeps what is needed for it.
# - **Do not push one image until the model is unsure of it.** Most single images are easy, seen or not; a model that has become unsure of one tells that somebody asked.
#
# ## The same on this machine
#
# The same from the runs of this page's profile.

# %% mystnb={"image": {"alt": "The figure of distances to the person's twin from the runs of this page's profile."}, "figure": {"caption": "Distance of outputs to the person's twin, in the runs of this page's profile.", "name": "fig-gap"}}
chapter.gap_figure(chapter.carried_out(runs))

# %% tags=["nbval-check-output"]
chapter.affected_table(
    chapter.affected(runs), caption=f"Steps affected, in percent of all, profile {profile}"
)

# %% tags=["nbval-check-output"]
chapter.attack_table(
    single(crowds(runs)), caption=f"Attacks on single images by size of request, profile {profile}"
)

# %% [markdown]
# ## What this does not show
#
# - Persons who are alike. Images were drawn at random; a person's own photographs resemble each other, and are memorised together.
# - Other models and data. One MLP on MNIST, where single images hardly matter.
# - Exactness. Under Adam a step depends on all before it, so that subtracting a step does not undo all that it caused.
#
# ## Provenance

# %%
provenance(runs, command("persons", profile, seeds=seeds))
