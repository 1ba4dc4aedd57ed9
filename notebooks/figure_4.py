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
# # Figure 4: accuracy against the fraction of affected batches

# %% tags=["parameters", "remove-cell"]
profile = "quick"
seeds = None
sparsity_first = None
sparsity_last = None

# %%
from IPython.display import display

from reproduction.chapters.claim_pages import chapter_claims
from reproduction.chapters.complete import COMPLETE, complete_runs
from reproduction.chapters.fractions import fraction_tables, strategies
from reproduction.chapters.leads import opening
from reproduction.chapters.pictures.fractions import fractions_picture
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.settings_tables import mixing_table
from reproduction.study import results as access

changes = {"seeds": seeds, "sparsity_first": sparsity_first, "sparsity_last": sparsity_last}
runs = access.of_page("figure_4", profile, **changes)
full = complete_runs("figure_4")

# %% tags=["remove-input"]
opening("figure_4")

# %%
fractions_picture(full, "d_r", "published")

# %%
fractions_picture(full, "d_t", "published")

# %% [markdown]
# The first picture is the paper's. The second it leaves out: a strategy that forgets nothing keeps everything.
#
# *Section 5.4.4 of the paper.* The more batches hold target images, the more steps are taken back. One model is trained at each fraction,
# and its updates are recorded under every pruning strategy at once.
#
# > The paper, Section 5.4.4: "employing a random pruning strategy with the pruning amount decreasing along the network depth
# > showcased superior performance compared to both magnitude-based and global pruning strategies."
#
# - **All strategies keep equally many entries**, as many as the random one's schedule; what differs is which. The paper does not say
#   whether its were matched.
# - The schedule was chosen for the random strategy, at one placement, and stays at all fractions.
# - The paper names no models. Here: LeNet on MNIST, ConvNet on OrganAMNIST.
#
# ## At equal forgetting

# %%
fractions_picture(full, "d_r", "train")

# %% [markdown]
# A line ends where its strategy no longer comes down to 1 % of the target images.
#
# ## All numbers, and what the fraction does to a batch
#
# The paper prints none. *There* counts the trainings in which a strategy comes down to 1 %, where not all do. The fewer batches hold the target
# images, the more stand in one.

# %%
display(*fraction_tables(strategies(full)))

# %%
mixing_table(full)

# %% [markdown]
# ## The same on this machine
#
# It shows that all runs, and judges nothing.

# %% tags=["this-machine"]
fractions_picture(runs, "d_r", "published")

# %% tags=["this-machine", "nbval-check-output"]
gaps = [abs(run.facts["affected_fraction"] - run.config.affected_fraction) for run in runs]
assert max(gaps, default=0) <= 0.05  # a fraction is met by whole batches only
display(*fraction_tables(strategies(runs)))

# %% [markdown]
# ## All claims
#
# At a fraction of 1 every step is taken back, target class or not; nothing is judged there.

# %%
chapter_claims(COMPLETE, "figure_4")

# %% [markdown]
# ## What this does not show
#
# - The best of each strategy: the pruning was chosen for the random one.
# - The number of affected batches alone: with it changes the mix of images in each.
# - Plain shuffling under other names: it is the right end of the figure, and the usual way to train.
#
# ## Where the numbers come from

# %%
provenance(full)

# %% tags=["this-machine"]
provenance(runs, command("figure_4", profile, **changes))
