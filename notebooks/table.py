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
# - Methods are read twice: *as published*, at the paper's own end ({{end}}), and *at equal forgetting*, where each first
#   recognises no more than 1 % of the target images that it was to forget. The last step is halved until the level is met, so that
#   no method overshoots.
# - Two more rows stand in each table: the model before the request (*trained*), and one trained from the same initial
#   weights without the target data (*retrained*). The paper prints neither.
# - The paper's settings are not known. Ours were chosen by one rule for all arms, on trainings and images that take no part in
#   the table; see below.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
table = 1
models = None
seeds = None
affected_fraction = None
sparsity_first = None
sparsity_last = None
fraction_first = None
fraction_last = None
learning_rate = None

# %% tags=["remove-input"]
from IPython.display import Markdown, display

from reproduction.chapters.claim_pages import chapter_claims
from reproduction.chapters.comparison import (
    ACCURACIES,
    CLASSES,
    accuracy_table,
    complete_points,
    coverage,
    difference_table,
    differences,
    points_of,
)
from reproduction.chapters.curves import difference_panels, frontier_panels, runs_with
from reproduction.chapters.figures import apply_style, difference_figure, frontiers
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.search_tables import choice_tables
from reproduction.chapters.settings_tables import settings_table
from reproduction.study import results as access
from reproduction.study.kinds import TABLES
from reproduction.study.profiles import load_profile
from reproduction.study.tuning import searches

apply_style()
changes = {"models": models, "seeds": seeds, "affected_fraction": affected_fraction}
changes |= {"sparsity_first": sparsity_first, "sparsity_last": sparsity_last}
changes |= {"fraction_first": fraction_first, "fraction_last": fraction_last}
changes |= {"learning_rate": learning_rate}
runs = access.results(f"table_{table}", profile, **changes)
own = runs_with(runs, experiment=TABLES[table].family)
points = points_of(table, runs)
complete = differences(table, complete_points(table))

# %% [markdown]
# ## The result, on the complete data

# %% mystnb={"image": {"alt": "By how many points of accuracy on retained data the proposed method is above the baseline, a line a model: as published beside the paper's number, and at equal forgetting."}, "figure": {"caption": "{{caption}} Bars are 95 % intervals over seeds.", "name": "fig-{{name}}-differences"}}
READINGS = {"published": "as published", "equal": "at equal forgetting"}
difference_figure(difference_panels(complete[complete.placement == "tables"], READINGS))

# %%
difference_table(
    complete, caption=f"Table {table}, complete data: proposed minus baseline, points of d_r"
)

# %%
display(Markdown(coverage(table)))

# %% [markdown]
# ## The table
#
# Test accuracy in percent on the forget set ($\mathcal{D}_t$, the target class: low is good) and on the retain set ($\mathcal{D}_r$, all other
# classes: high is good), from the runs of this page's profile.

# %% tags=["nbval-check-output"]
accuracy_table(table, points, ACCURACIES, caption=f"Table {table}: target and retained data")

# %% [markdown]
# The three retained classes that the paper shows:

# %% tags=["nbval-check-output"]
accuracy_table(table, points, CLASSES, caption=f"Table {table}: retained classes shown")

# %% [markdown]
# {{special}}
#
# ## On the way there
#
# $\mathcal{D}_r$ against $\mathcal{D}_t$ while the methods forget more and more, from right to left: a mark for each level of target images still
# recognised, the ring at the level of the findings. Where the curves lie on one another, one method is merely stopped
# earlier than the other; where one lies above, it keeps more retained data at the same degree of forgetting.

# %% mystnb={"image": {"alt": "{{alt}}"}, "figure": {"caption": "{{caption}}", "name": "fig-{{name}}"}}
levels = load_profile(profile).comparison.levels
primary = levels.index(load_profile(profile).comparison.primary)
frontiers(frontier_panels(points, levels), primary)

# %% [markdown]
# ## What the claims come to

# %%
chapter_claims("full", f"table_{table}")

# %% [markdown]
# ## Settings
#
# {{settings}}

# %%
settings_table(own, caption=f"Settings of the runs on this page, profile {profile}")

# %%
assert all(search.obeys_the_rule for search in searches(profile, table))
display(*choice_tables(profile, table, top=3))

# %% [markdown]
# [The register of assumptions](assumptions.ipynb) has the rule, the grids, and what else had to be decided.
#
# ## What this does not show
#
# {{limits}}
# - Accuracy near zero on a class is not proof that its images left no trace: a model can hold what it does not answer:
#   [what the features still know](features.ipynb).
# - A class was forgotten as a whole. Nothing follows for requests to forget some images of a class.
#
# ## Provenance

# %%
provenance(runs, command(f"table_{table}", profile, **changes))
