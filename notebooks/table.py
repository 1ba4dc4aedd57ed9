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
# *{{where}} of the paper.* {{subject}}
#
# > The paper, {{where}}: {{claim}}
#
# What is different here:
#
# {{changes}}
# - Two more rows stand in each table: the model before the request (*trained*), and one trained from the same initial
#   weights without the target data (*retrained*). The paper prints neither.
# - The paper's settings are not known. Ours were chosen by a rule on images that take no part in the table; see below.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
table = 1
models = None
seeds = None

# %%
from IPython.display import Markdown, display

from reproduction.chapters.claim_pages import verdict_table
from reproduction.chapters.comparison import ACCURACIES, CLASSES, comparison, coverage
from reproduction.chapters.curves import runs_with, unlearning
from reproduction.chapters.figures import apply_style, trajectories
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.search_tables import choice_tables
from reproduction.chapters.settings_tables import settings_table
from reproduction.study import results as access
from reproduction.study.experiments import TABLES
from reproduction.study.tuning import searches

apply_style()
changes = {"models": models, "seeds": seeds}
runs = access.results(f"table_{table}", profile, **changes)
own = runs_with(runs, experiment=TABLES[table].family)

# %% [markdown]
# Each setting has to be the one that the rule prefers where its trials are stored:

# %%
assert all(search.obeys_the_rule for search in searches(profile, table))

# %% [markdown]
# ## The table
#
# Test accuracy in percent on the forget set ($\mathcal{D}_t$, the target class: low is good) and on the retain set ($\mathcal{D}_r$, all other
# classes: high is good). The verdict on the paper's claim stands beside the proposed method's $\mathcal{D}_r$; it asks whether the
# proposed method keeps more than the baseline while both forget, and not how near the numbers are to the paper's.

# %% tags=["nbval-check-output"]
comparison(table, runs, ACCURACIES, caption=f"Table {table}: target and retained data")

# %%
display(Markdown(coverage(table)))

# %% [markdown]
# The three retained classes that the paper shows:

# %% tags=["nbval-check-output"]
comparison(table, runs, CLASSES, caption=f"Table {table}: retained classes shown")

# %% [markdown]
# {{special}}
#
# ## On the way there
#
# {{way}} The model starts at the right of each panel and moves to the left as it forgets; a ring marks the end, which is
# what the table prints. Where the curves lie on one another, one method is merely stopped earlier than the other;
# where one lies above, it keeps more retained data at the same degree of forgetting.

# %% mystnb={"image": {"alt": "{{alt}}"}, "figure": {"caption": "{{caption}}", "name": "fig-{{name}}"}}
trajectories(unlearning(own))

# %% [markdown]
# ## What the claims come to

# %%
verdict_table(profile, f"table_{table}")

# %% [markdown]
# ## Settings
#
# {{settings}}

# %%
settings_table(own, caption=f"Settings of the runs on this page, profile {profile}")

# %%
display(*choice_tables(profile, table, top=3))

# %% [markdown]
# [The register of assumptions](assumptions.ipynb) has the rule, the grids, and what else had to be decided.
#
# ## What this does not show
#
# {{limits}}
# - Accuracy near zero on a class is not proof that its images left no trace: a model can hold what it does not answer.
# - A class was forgotten as a whole. Nothing follows for requests to forget some images of a class.
#
# ## Provenance

# %%
provenance(runs, command(f"table_{table}", profile, **changes))
