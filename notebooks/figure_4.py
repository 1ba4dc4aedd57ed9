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
#
# *Section 5.4.4 of the paper.* The more batches hold target data, the more updates are taken back. One model is trained at each
# fraction of affected batches, and its updates are recorded under every pruning strategy at once.
#
# > The paper, Section 5.4.4: "employing a random pruning strategy with the pruning amount decreasing along the network depth
# > showcased superior performance compared to both magnitude-based and global pruning strategies."
#
# What is different here:
#
# - The paper's figure has $\mathcal{D}_r$ (test accuracy on the retain set) alone. A strategy that forgets nothing keeps all of $\mathcal{D}_r$, so
#   $\mathcal{D}_t$ (on the forget set) is shown beside it.
# - Strategies are read twice: *as published*, with everything subtracted that a strategy keeps, and *at equal forgetting*, where
#   so much of it is subtracted that at most 1 % of the target images are still recognised.
# - **All four strategies keep equally many entries of an update**: as many as the depth schedule of the random one keeps in the whole
#   model. What differs is which. The paper does not say whether its strategies were matched.
# - The depth schedule was chosen under one placement of target images (that of [Table 1](table_1.ipynb) or [Table 2](table_2.ipynb)) for the
#   random strategy and stays the same at all fractions and for all strategies.
# - The paper does not name the models. Here it is LeNet on MNIST and ConvNet on OrganAMNIST.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
seeds = None
sparsity_first = None
sparsity_last = None

# %%
from IPython.display import display

from reproduction.chapters.claim_pages import chapter_claims
from reproduction.chapters.figures import apply_style, share_lines
from reproduction.chapters.fractions import fraction_panels, fraction_tables, strategies
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.settings_tables import mixing_table
from reproduction.study import results as access

apply_style()
changes = {"seeds": seeds, "sparsity_first": sparsity_first, "sparsity_last": sparsity_last}
runs = access.results("figure_4", profile, **changes)
points = strategies(runs)

# %% [markdown]
# The fraction that a run asks for is met by whole batches only, so that the two may differ a little:

# %%
gaps = [abs(run.facts["affected_fraction"] - run.config.affected_fraction) for run in runs]
assert max(gaps, default=0) <= 0.05

# %% [markdown]
# All target images are trained on at every fraction. The fewer batches hold them, the more of them stand in one, so that the fraction
# also says how far a batch is *mixed*:

# %% tags=["nbval-check-output"]
mixing_table(runs)

# %% [markdown]
# ## As published

# %% mystnb={"image": {"alt": "Accuracy on retained data against the percentage of affected batches, MNIST and OrganAMNIST, for amnesiac unlearning and four pruning strategies with everything subtracted."}, "figure": {"caption": "The paper's Figure 4, regenerated: accuracy on retained data against the percentage of affected batches, everything subtracted; mean over seeds.", "name": "fig-figure-4"}}
share_lines(fraction_panels(points, "d_r", "published"), "retained data")

# %% mystnb={"image": {"alt": "Accuracy on target data against the percentage of affected batches, MNIST and OrganAMNIST, for amnesiac unlearning and four pruning strategies."}, "figure": {"caption": "What the paper leaves out: accuracy on the target data in the same runs. A line high up has not forgotten.", "name": "fig-figure-4-target"}}
share_lines(fraction_panels(points, "d_t", "published"), "target data")

# %% [markdown]
# ## At equal forgetting

# %% mystnb={"image": {"alt": "Accuracy on retained data against the percentage of affected batches, MNIST and OrganAMNIST, for amnesiac unlearning and four pruning strategies at equal forgetting."}, "figure": {"caption": "The same trainings, each strategy where it first recognises at most 1 % of the target images; mean over the seeds that get there.", "name": "fig-figure-4-equal"}}
share_lines(fraction_panels(points, "d_r", "train"), "retained data")

# %% [markdown]
# ## The numbers
#
# Read both accuracies together. The paper prints no numbers for this figure. *There* counts the trainings in which a strategy comes down to
# 1 % where not all do.

# %% tags=["nbval-check-output"]
display(*fraction_tables(points))

# %% [markdown]
# ## What the claims come to
#
# At a fraction of 1 every update is taken back, target class or not; no claim is judged there.

# %%
chapter_claims("full", "figure_4")

# %% [markdown]
# ## What this does not show
#
# - The best that each strategy can do. The pruning percentages were chosen for the random strategy; the others might want other ones.
# - The effect of the number of affected batches alone. The fraction changes their number and the mix of images in each together; at the
#   left end an affected batch holds hardly anything but target images.
# - Chance. Each fraction is one training with each of the seeds named below; neighbouring fractions are no repetition of it.
# - How the paper set the percentage of affected batches.
# - A fraction of 1 is plain shuffling. It is the usual way to train, and the right end of the figure; see
#   [amnesiac unlearning](amnesiac.ipynb).
#
# ## Provenance

# %%
provenance(runs, command("figure_4", profile, **changes))
