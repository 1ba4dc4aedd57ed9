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
# # The register of assumptions
#
# *Sections 4 and 5 of the paper, and what they leave out.* The paper gives the number of epochs, the batch size and the learning rate of the
# training, and hardly any other setting. This page lists what had to be decided for its numbers to be
# regenerated: what, our choice, how it was chosen, and what changes if it is chosen otherwise.
#
# > The paper, Section 4.1: "the number of zeros in $\mathbf{P}_l$ is determined by the pruning percentage." No percentage is
# > given.
#
# The page is made from the profile and from the stored tuning runs; nothing on it is typed in beside them but the reasons
# and the history of the rule.

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %%
from IPython.display import Markdown, display

from reproduction.chapters.assumptions import register_table
from reproduction.chapters.provenance_table import provenance
from reproduction.chapters.search_tables import choice_tables, grid_table
from reproduction.chapters.tables import simple_table
from reproduction.study import tuning
from reproduction.study.experiments import TABLES
from reproduction.study.profiles import load_profile

settings = load_profile(profile)
searches = [search for number in TABLES for search in tuning.searches(profile, number)]

# %% [markdown]
# ## Everything that is open
#
# *Not tried* means that no run of this book tells. Where a run does, the entry says where to look.

# %%
register_table(profile)

# %% [markdown]
# ## What was chosen by trying
#
# ### The rule
#
# > Of the settings that forget, take the one with the highest $\mathcal{D}_r$ on held-out images. If none forgets, take the one with
# > the lowest $\mathcal{D}_t$ on them. A setting forgets when the model still recognises at most one in a thousand of the target images
# > that it was given to forget, and at most 1 % of the target class's held-out images.
#
# $\mathcal{D}_t$ is accuracy on the forget set, $\mathcal{D}_r$ accuracy on the retain set (everywhere else of test images, here of held-out ones).
#
# It is the same for every method. In Tables 3 to 6 both sides of a comparison may choose from equally many settings. In Tables 1 and 2
# they may not: conventional amnesiac unlearning has nothing to choose, the experiment (the batch protocol) is calibrated on it, and the
# proposed method chooses its pruning from a grid. No test image chooses a setting: tuning trains without the held-out images
# ([the data](data.ipynb) says which), under a seed that no published run has. The rule itself was changed after looking at results; see below.
#
# The batch protocol is settled before that and otherwise, since it is not a part of either method but of the
# experiment. Of the protocols that train on all images, as Section 5.2 says, and under which **conventional** amnesiac unlearning forgets, as
# it does in every baseline cell of the paper, it is the one whose $\mathcal{D}_r$ comes nearest to the paper's. Protocols that drop target
# images, as the public notebook of the method's authors does, are tried beside them and listed last. The proposed method is not run for it.
#
# To see what a free choice alone is worth, two simpler ways of taking less back may choose from as many settings as the pruning,
# by the same rule: all updates scaled by one factor, and whole updates of fewer epochs in either order. They are not in the paper;
# [the chapter on partial amnesiac unlearning](partial_amnesiac.ipynb) sets them beside the proposed method.

# %%
naive = tuning.naive_grid(settings.tuning)
partial = {f: tuning.partial_grid(settings.tuning, f) for f in settings.tuning.fractions}
assert tuning.MAX_D_T == 1 and tuning.SEED not in settings.seeds
assert all(len(grid) == len(naive) for grid in partial.values())

# %% [markdown]
# ### The grids
#
# Gradient unlearning ends by itself, when at most one in a thousand of the target images it was given is still recognised. How many steps
# that takes is an outcome, not a setting; a setting that has not got there after the number below is judged by where it is then.

# %% tags=["nbval-check-output"]
grid_table(profile)

# %% [markdown]
# ### Where the choice stands
#
# A search counts when every run of its grid is stored. Where it does, the profile must have what the rule prefers, or this page
# is not built:

# %%
assert all(search.obeys_the_rule for search in searches)
done = [search for search in searches if search.trials]
left = [search for search in searches if not search.trials]
display(
    Markdown(
        f"Profile `{profile}`: {len(done)} of {len(searches)} searches are stored, with "
        f"{sum(len(search.trials) for search in done)} trials."
    )
)
if left:
    display(
        simple_table(
            [[f"Table {s.number}", s.model, s.sought] for s in left],
            headings=("For", "Model", "Search"),
            caption="Not tried under this profile: these settings are provisional",
            labels=2,
        )
    )

# %% [markdown]
# ### The chosen settings and their neighbours
#
# Accuracies on held-out images. Neighbours that are as good say that the choice hardly matters; a chosen setting far
# above the second says that it does.

# %%
for number in TABLES:
    display(*choice_tables(profile, number, top=4))

# %% [markdown]
# ## What was changed after looking
#
# The rule for the batch protocol was not right the first time, and its present form was written with some results in view:
#
# 1. At first it was only "nearest to the $\mathcal{D}_r$ of the paper's baseline".
# 2. "Among the protocols under which the baseline forgets" was added after the MLP of the profile quick had gone to 50 target images,
#    where the baseline still recognised 24.5 % of the class on held-out images.
# 3. "That train on all images" was added after LeNet on the complete MNIST had gone to 100 target images.
# 4. In the grid of quick, 300 target images were replaced by 50, as OrganAMNIST's sample has only 157 to train on while tuning.
# 5. The running statistics of batch normalisation were first subtracted like weights, and then left as trained, after the baseline of
#    ResNet9 had collapsed on held-out images.
#
# 6. In Tables 3 to 6 the number of steps was first a setting like the others. What was just enough on the tuning run's model was too little
#    on the published run's: some models of the profile quick still recognised up to half of the class, on test images. Now a method ends when
#    the target data it was given is forgotten. The grids of learning rates were made finer at the same time, for both sides alike.
#
# 7. At first a setting forgot when its held-out $\mathcal{D}_t$ was at most 1 %. That the images it was given count too was added after
#    AlexNet's pruning for the profile quick, which missed all of 39 held-out images, had still recognised 2 of 45 test images (4.44 %).
# 8. The partial methods of Tables 3 to 6 first had half as many rates as the naive ones, of a narrower range, and 40 steps at most. Now
#    both sides choose between the same smallest and largest rate, and have 60.
#
# The results named in 1 to 5 are the baseline's on held-out images, those in 6 and 7 are of test images, and when 6 to 8 were changed,
# results of one seed on the complete data were known. Still, Tables 1 and 2 show a baseline under conditions that were chosen so
# that it looks as in the paper, and in more than one attempt.
#
# ## Choose again
#
# One command repeats the choice and writes `profiles/tuned/`; it can be limited to one family, data set or model. Grids are in
# `profiles/*.yaml`:
#
# ```bash
# .venv/bin/python -m reproduction tune --profile quick
# .venv/bin/python -m reproduction tune --profile quick --family amnesiac --dataset mnist --model LeNet
# ```
#
# ## What this does not show
#
# - That the paper's authors chose alike. A method can look better or worse than in the paper merely because its settings are.
# - The uncertainty of the choice. It rests on one training run each; with another seed a neighbour may win.
# - Anything between the points of the grids.
#
# ## Provenance

# %%
stored = tuning.tuning_runs(profile)
command = f".venv/bin/python -m reproduction tune --profile {profile}"
provenance(stored, command) if stored else "no tuning runs are stored"
