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
# *Section 5.4.1 of the paper*, the first part of Section 5.4 on partial amnesiac unlearning. A model is trained for some epochs, then a request arrives to forget {{target}}, and the
# updates of the affected batches are taken back, epoch by epoch. The figure shows accuracy all the way.
#
# > The paper, Section 5.4.1: {{claim}}
#
# What is different here:
#
# - Amnesiac unlearning is one subtraction ([Eq. (4)](amnesiac.ipynb)), so that there is nothing in it that could last
#   "2 to 3 epochs". The paper does not explain its horizontal axis. We read it so: the epochs of training are undone one after the
#   other, one a step.
# - The order is not given either. The main figure goes **backward**: what was learnt last is taken back first. The second
#   figure goes **forward**, from the first epoch on. Both end at the same model. The table further down counts epochs
#   for both orders, so that one can see which of them fits the paper's text.
# - A level line shows a model that was trained without the target data. The paper has no such reference.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
table = 1
models = None
seeds = None
affected_fraction = None
sparsity_first = None
sparsity_last = None

# %%
from reproduction.chapters.claim_pages import chapter_claims
from reproduction.chapters.curves import panels, runs_with
from reproduction.chapters.epochs import epoch_table
from reproduction.chapters.figures import apply_style, epoch_curves
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.settings_tables import settings_table
from reproduction.study import results as access

apply_style()
changes = {
    "models": models,
    "seeds": seeds,
    "affected_fraction": affected_fraction,
    "sparsity_first": sparsity_first,
    "sparsity_last": sparsity_last,
}
runs = access.results(f"table_{table}", profile, **changes)
amnesiac = runs_with(runs, experiment="amnesiac")

# %% [markdown]
# These are the runs of [Table {{number}}](table_{{number}}.ipynb): its numbers *as published* are where the curves end. Both orders end at
# the same accuracies, but for an image that rounding may tip.
#
# ## Backward: the last epoch is undone first

# %% mystnb={"image": {"alt": "{{alt}} The epochs are undone from the last one back."}, "figure": {"caption": "{{caption}} Left of the dashed line the model is trained; right of it the epochs are undone from the last one back. Solid lines: retained data; dashed lines: target data; mean over seeds.", "name": "fig-{{name}}-backward"}}
epoch_curves(panels(runs, "backward"))

# %% [markdown]
# ## Forward: the first epoch is undone first

# %% mystnb={"image": {"alt": "{{alt}} The epochs are undone from the first one on."}, "figure": {"caption": "The same models and updates, undone from the first epoch on.", "name": "fig-{{name}}-forward"}}
epoch_curves(panels(runs, "forward"))

# %% [markdown]
# ## When is the class forgotten?
#
# The number of epochs undone when $\mathcal{D}_t$, test accuracy on the forget set, is first at most 1 %; one number a seed. Whoever goes on
# after that takes back more than forgetting asks for: [Table {{number}}](table_{{number}}.ipynb) therefore reads both methods at equal forgetting too.

# %% tags=["nbval-check-output"]
epoch_table(
    amnesiac,
    {"baseline": "2 to 3", "proposed": "a few more"},
    caption="Epochs undone until the target class is forgotten",
)

# %% [markdown]
# ## What the claims come to

# %%
chapter_claims("full", f"figure_{table}")

# %% [markdown]
# ## Settings

# %%
settings_table(amnesiac, caption=f"Settings of the runs on this page, profile {profile}")

# %% [markdown]
# ## What this does not show
#
# - The order in which the paper undid its epochs. If it was another one, "within 2 to 3 epochs" means something else there.
# - That stopping half-way is a method. Taking back a part of *all* updates is, and [partial amnesiac unlearning](partial_amnesiac.ipynb)
#   compares both methods so.
# - What {{data}} does under other ways to batch: [Figure 4](figure_4.ipynb) varies the fraction of affected batches.
#
# ## Provenance

# %%
provenance(runs, command(f"table_{table}", profile, **changes))
