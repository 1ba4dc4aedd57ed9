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
from reproduction.chapters.complete import COMPLETE, complete_runs
from reproduction.chapters.curves import runs_with
from reproduction.chapters.epochs import epoch_table
from reproduction.chapters.leads import opening
from reproduction.chapters.pictures.epochs import epochs_picture
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.settings_tables import settings_table
from reproduction.study import results as access

changes = {
    "models": models,
    "seeds": seeds,
    "affected_fraction": affected_fraction,
    "sparsity_first": sparsity_first,
    "sparsity_last": sparsity_last,
}
runs = access.of_page(f"table_{table}", profile, **changes)
amnesiac = runs_with(runs, experiment="amnesiac")
full = complete_runs(f"table_{table}")

# %% tags=["remove-input"]
opening(f"figure_{table}")

# %%
epochs_picture(full, table, "backward")

# %%
printed = {"baseline": "2 to 3", "proposed": "a few more"}
epoch_table(
    runs_with(full, experiment="amnesiac"),
    printed,
    caption="Complete data: epochs undone until the class is forgotten, one number a training",
)

# %% [markdown]
# *Section 5.4.1 of the paper, the first of Section 5.4.* A model is trained, then asked to forget {{target}}, and the updates of the affected batches are taken
# back epoch by epoch.
#
# > The paper, Section 5.4.1: {{claim}}
#
# Amnesiac unlearning is one subtraction ([Eq. (4)](amnesiac.ipynb)): nothing in it lasts "2 to 3 epochs". We read the paper's axis so: the epochs of
# training are undone one a step. The order is not given; above, the latest goes first. Both orders end at the same model, whose accuracies are
# those of [Table {{number}}](table_{{number}}.ipynb) as published.
#
# ## The earliest epoch undone first

# %%
epochs_picture(full, table, "forward")

# %% [markdown]
# ## The same on this machine
#
# It shows that all runs, and judges nothing.

# %% tags=["this-machine"]
epochs_picture(runs, table, "backward")

# %% tags=["this-machine", "nbval-check-output"]
epoch_table(
    amnesiac,
    printed,
    caption=f"This machine, profile {profile}: epochs undone until the class is forgotten",
)

# %% [markdown]
# ## All claims and settings

# %%
chapter_claims(COMPLETE, f"figure_{table}")

# %%
settings_table(runs_with(full, experiment="amnesiac"), caption="Settings on the complete data")

# %% [markdown]
# ## What this does not show
#
# - In which order the paper undid its epochs. In another, "within 2 to 3 epochs" means something else.
# - That stopping half-way is a method. Taking back a part of *all* updates is: [partial amnesiac unlearning](partial_amnesiac.ipynb) compares so.
# - {{data}} under other ways to batch: [Figure 4](figure_4.ipynb) varies them.
#
# ## Where the numbers come from

# %%
provenance(full)

# %% tags=["this-machine"]
provenance(runs, command(f"table_{table}", profile, **changes))
