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
fraction_first = None
fraction_last = None
learning_rate = None

# %%
from IPython.display import Markdown, display

from reproduction.chapters.claim_pages import chapter_claims
from reproduction.chapters.comparison import (
    ACCURACIES,
    accuracy_table,
    difference_table,
    points_of,
)
from reproduction.chapters.complete import COMPLETE, complete, complete_runs
from reproduction.chapters.controls import single_masks
from reproduction.chapters.curves import frontier_panels, runs_with
from reproduction.chapters.figures import apply_style, frontiers
from reproduction.chapters.leads import opening
from reproduction.chapters.pictures.classes import class_map, class_means
from reproduction.chapters.pictures.result import result_picture
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.rates_beyond import best_at_the_ends, judged
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
runs = access.of_page(f"table_{table}", profile, **changes)
full, points = complete_runs(f"table_{table}"), complete().points(table)
amnesiac, dataset = TABLES[table].family == "amnesiac", TABLES[table].dataset
second_placement = [
    run for run in complete_runs("kept_images") if amnesiac and run.config.dataset == dataset
]
found = complete().comparisons[complete().comparisons.table == table]

# %% tags=["remove-input"]
opening(f"table_{table}")

# %%
result_picture(complete().comparisons, table)

# %% tags=["nbval-check-output"]
accuracy_table(
    table, points, ACCURACIES, caption=f"Table {table}, complete data: accuracy in percent"
)

# %% tags=["remove-input"]
if not amnesiac:
    display(Markdown(single_masks(table, points)))

# %% [markdown]
# *{{where}} of the paper.* {{subject}} *Baseline* is the known method, *proposed* the paper's. A row *trained* (before the request) and a row *retrained* (without the class) are added. *As published* is the
# paper's own end ({{end}}); *at equal forgetting* each method has just come down to 1 % of the target images.
#
# > The paper, {{where}}: {{claim}}
#
# ## The same on this machine
#
# From the profile that this page was made with: fewer images and trainings. It shows that all runs, and judges nothing.

# %% tags=["this-machine", "nbval-check-output"]
own = points_of(table, runs)
accuracy_table(table, own, ACCURACIES, caption=f"Table {table}, this machine, profile {profile}")

# %% [markdown]
# ## Every class, not three
#
# The paper shows three retained classes. Here are all: the stronger the colour, the more is recognised. {{special}}

# %%
shown = TABLES[table].dataset
class_map(class_means(full), shown, full[0].config.target if full else 0)

# %% [markdown]
# ## While they forget
#
# From right to left the methods forget more, and $\mathcal{D}_r$ falls or stays: a mark for each level of target images still recognised, a ring at
# the level of the findings. Where two curves lie on one another, one method is only stopped earlier. A line ends
# where not every training gets further; one without a ring stops short of that level.

# %% mystnb={"image": {"alt": "{{alt}}"}, "figure": {"caption": "{{caption}}", "name": "fig-{{name}}"}}
levels = load_profile(COMPLETE).comparison.levels
primary = levels.index(load_profile(COMPLETE).comparison.primary)
frontiers(frontier_panels(points[points.placement == "tables"], levels), primary)

# %% [markdown]
# ## All differences and claims

# %%
difference_table(
    found, caption=f"Table {table}, complete data: proposed minus baseline, points of d_r"
)

# %%
chapter_claims(COMPLETE, f"table_{table}")

# %% [markdown]
# ## Settings, chosen on held-out images
#
# {{settings}} The rule and the grids stand in [the register](assumptions.ipynb).

# %%
kind = TABLES[table].family
settings_table(runs_with(full, experiment=kind), caption="Settings on the complete data")

# %%
assert all(search.obeys_the_rule for search in searches(profile, table))
display(*choice_tables(COMPLETE, table, top=3))

# %% tags=["remove-input"]
if kind != "amnesiac":
    display(Markdown(f"{best_at_the_ends(searches(COMPLETE, table))} {judged(table)}"))

# %% [markdown]
# ## What this does not show
#
# {{limits}}
# - Whether the class left a trace: see [what the features still know](features.ipynb).
# - Requests for some images of a class. Here a whole class goes.
#
# ## Where the numbers come from

# %%
provenance(full + second_placement)

# %% tags=["this-machine"]
provenance(runs, command(f"table_{table}", profile, **changes))
