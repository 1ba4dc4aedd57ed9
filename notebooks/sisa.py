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
# # SISA: sharded, isolated, sliced and aggregated training

# %% tags=["parameters", "remove-cell"]
profile = "quick"
seeds = None

# %% tags=["remove-input"]
import torch
from IPython.display import Markdown

from partial_unlearning.unlearners.partition import make_partition
from partial_unlearning.unlearners.sisa import forget, train
from reproduction.chapters import sisa as chapter
from reproduction.chapters.complete import complete_runs
from reproduction.chapters.figures import apply_style
from reproduction.chapters.pictures.sisa import sisa_picture
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.tables import simple_table
from reproduction.datasets.sets import load
from reproduction.study.results import of_page
from reproduction.study.runs.sisa import recipe_of

apply_style()
runs, full = of_page("sisa", profile, seeds=seeds), chapter.whole(complete_runs("sisa"))
shown = full or runs
config = shown[0].config

# %% tags=["remove-input"]
chapter.opening(full)

# %%
sisa_picture(shown)

# %% [markdown]
# *Section 3.2.1 of the paper, after {cite:t}`bourtoule2021`.* The exact way to forget is to train again without the data. SISA arranges training so that
# little has to be repeated.
#
# > The paper, Section 3.2.1: "retraining becomes necessary only for the shard model whose shard contains the target
# > data samples."
#
# The paper describes SISA, names three limitations and runs nothing. Chosen here:
#
# - **Slices**: each step trains on the next slice alone, as the section says; in the original it sees all earlier ones too.
# - **Aggregation**: class probabilities are averaged.
# - **Between slices** the weights are kept, with a fresh optimizer for each.
# - **By class**: each shard gets whole classes, the hardest way to share out.
#
# ## How it works
#
# The data is cut into $S$ shards, each into $R$ slices ({py:mod}`partial_unlearning.unlearners.sisa`). Each shard trains a model of its own, slice after slice, and keeps the weights before each. A request sends the shards that hold its samples back to before the first slice concerned; the weights come out as if the samples had never been there. On 500 images, 3 shards of 4 slices, forgetting a sample of the second shard's third slice:

# %%
everything = load(config.dataset, source="sample")
few = everything.train.subset(everything.train.ids[::10].contiguous())
recipe = recipe_of(config.model_copy(update={"width": 32}), everything)
partition = make_partition(few.ids, shards=3, slices=4, seed=0)
request = partition.slices[1][2][:1]
before = train(recipe, few, partition)
after = forget(recipe, few, before, request)
anew = train(recipe, few, partition.without(request))
same = [torch.equal(a[-1], b[-1]) for a, b in zip(after.states, anew.states, strict=True)]
touched = [not torch.equal(a[-1], b[-1]) for a, b in zip(after.states, before.states, strict=True)]
assert all(same) and touched == [False, True, False]
Markdown(
    f"Only shard 2 was trained again, and equals training anew without the sample, bit by bit. "
    f"It saw {after.visits:,} samples, where training anew sees {anew.visits:,}."
)

# %% [markdown]
# ## Accuracy before any request
#
# Each sample is seen equally often in both columns.

# %%
chapter.accuracy_table(shown)

# %% [markdown]
# ## What a request costs
#
# In *sample visits*, one sample in one step, which follow from the partition alone. For one sample every request was tried, else random ones.

# %%
chapter.cost_table([run for run in shown if run.config.partition == "iid"])

# %% [markdown]
# One random sample costs about $(R + 1) / (2 R S)$ of training again; ten already fall into most shards. A whole class is in the first slice of every random shard: nothing is saved.
# By class it sits in one shard, or fills one, which is dropped.
#
# ## Requests carried out
#
# One image of the target class, and the whole class. The visits counted are those foretold.

# %%
assert all(f["visits"] == f["foretold_visits"] for run in shown for f in run.facts["executed"])
chapter.executed_table(shown)

# %% [markdown]
# Exact does not mean good: a shard left with one class names it for every image. Stored are one set of weights a slice and one more a shard:

# %%
random = {(r.config.shards, r.config.slices): r.facts for r in shown if r.config.partition == "iid"}
simple_table(
    [
        [shards, slices, facts["stored_states"], f"{facts['state_size']:,}"]
        for (shards, slices), facts in sorted(random.items())
    ],
    headings=("Shards", "Slices", "Sets of weights", "Numbers in each"),
    caption="What SISA keeps",
    labels=2,
)

# %% [markdown]
# ## The three limitations
#
# The section gives no numbers, so the bounds are this book's.

# %%
chapter.limitation_table(shown)

# %% [markdown]
# ## The same on this machine
#
# It shows that all runs, and judges nothing.

# %% tags=["this-machine"]
chapter.accuracy_table(runs)

# %% [markdown]
# ## What this does not show
#
# - Harder tasks, where a model trained on a fraction of the data loses more; other ways to share out.
# - The original's cumulative slices, and its placing of samples by how likely they are to be deleted.
# - Time. Sample visits leave out loading weights and idle processors.
# - Whether an observer of both ensembles could tell who was deleted, a known weakness of exact deletion.
#
# ## Where the numbers come from

# %%
provenance(full)

# %% tags=["this-machine"]
provenance(runs, command("sisa", profile, seeds=seeds))
