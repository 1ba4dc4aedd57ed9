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
# # Figure 4: accuracy against the share of affected batches
#
# *Section 5.4.4 of the paper.* The more batches hold target data, the more updates are taken back. One model is trained at each
# share of affected batches, and its updates are recorded under every pruning strategy at once.
#
# > The paper, Section 5.4.4: "employing a random pruning strategy with the pruning amount decreasing along the network depth
# > showcased superior performance compared to both magnitude-based and global pruning strategies."
#
# What is different here:
#
# - The paper's figure has $\mathcal{D}_r$ (test accuracy on the retain set) alone. A strategy that forgets nothing keeps all of $\mathcal{D}_r$, so
#   $\mathcal{D}_t$ (on the forget set) is shown beside it.
# - **All four strategies keep equally many entries of an update**: as many as the depth schedule of the random one keeps in the whole
#   model. What differs is which. The paper does not say whether its strategies were matched.
# - The depth schedule was chosen under one batch protocol (that of [Table 1](table_1.ipynb) or [Table 2](table_2.ipynb)) for the random
#   strategy and stays the same at all shares and for all strategies.
# - The paper does not name the models. Here it is LeNet on MNIST and ConvNet on OrganAMNIST.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
seeds = None
prune_first = None
prune_last = None

# %%
from IPython.display import display

from reproduction.chapters.claim_pages import verdict_table
from reproduction.chapters.comparison import share_tables
from reproduction.chapters.curves import share_panels
from reproduction.chapters.figures import apply_style, share_lines
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.settings_tables import mixing_table
from reproduction.study import results as access

apply_style()
changes = {"seeds": seeds, "prune_first": prune_first, "prune_last": prune_last}
runs = access.results("figure_4", profile, **changes)
full = access.stored("figure_4", "full")
titles = {"mnist": "MNIST", "organamnist": "OrganAMNIST"}

# %% [markdown]
# The share that a run asks for is met by whole batches only, so that the two may differ a little:

# %%
gaps = [abs(run.facts["affected_share"] - run.config.share) for run in runs]
assert max(gaps, default=0) <= 0.05

# %% [markdown]
# All target images are trained on at every share. The fewer batches hold them, the more of them stand in one, so that a share
# also says how far a batch is *mixed*:

# %% tags=["nbval-check-output"]
mixing_table(runs)

# %% [markdown]
# ## The figure

# %% mystnb={"image": {"alt": "Accuracy on retained data against the percentage of affected batches, MNIST and OrganAMNIST, for amnesiac unlearning and four pruning strategies."}, "figure": {"caption": "The paper's Figure 4, regenerated: accuracy on retained data against the percentage of affected batches; mean over seeds.", "name": "fig-figure-4"}}
share_lines(share_panels(runs, "d_r", titles), "retained data")

# %% mystnb={"image": {"alt": "Accuracy on target data against the percentage of affected batches, MNIST and OrganAMNIST, for amnesiac unlearning and four pruning strategies."}, "figure": {"caption": "What the paper leaves out: accuracy on the target data in the same runs. A line high up has not forgotten.", "name": "fig-figure-4-target"}}
share_lines(share_panels(runs, "d_t", titles), "target data")

# %% [markdown]
# ## The numbers
#
# Read both accuracies together. The paper prints no numbers for this figure; *full* are the runs on the complete data.

# %% tags=["nbval-check-output"]
display(*share_tables(runs, full, titles))

# %% [markdown]
# ## What the claims come to
#
# The ledger compares two strategies only at shares at which both have forgotten ($\mathcal{D}_t \le 10$), since keeping accuracy by not forgetting
# is no success.

# %%
verdict_table(profile, "figure_4")

# %% [markdown]
# ## What this does not show
#
# - The best that each strategy can do. The pruning percentages were chosen for the random strategy; the others might want other ones.
# - The effect of the number of affected batches alone. The share changes their number and the mix of images in each together; at the
#   left end an affected batch is nearly made of target images, so that taking it back costs the other classes little.
# - Chance. Each share is one training with the seeds named below; neighbouring shares are no repetition of it.
# - How the paper set the percentage of affected batches.
# - A share of 1 is plain shuffling. It is the usual way to train, and the right end of the figure; see
#   [partial amnesiac unlearning](partial_amnesiac.ipynb).
#
# ## Provenance

# %%
provenance(runs, command("figure_4", profile, **changes))
