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
# # Partial amnesiac unlearning
#
# *Section 4.1 of the paper*, its first proposal. An affected batch holds retained images too, and taking its whole update back
# destroys what was learnt from them. So only a part of each update is stored, and only that part is taken back. Layer by layer, a
# pruning mask $\mathbf{P}_l$ of zeros and ones says which part:
#
# (eq-6)=
# $$
# \widetilde{\Delta\mathbf{w}}_{l,e,b} = \mathbf{P}_l \odot \Delta\mathbf{w}_{l,e,b}
# \tag{6}
# $$
#
# (eq-7)=
# $$
# \mathbf{w}' = \mathbf{w} - \sum_{e=1}^{E} \sum_{b \in \mathcal{B}_t} \widetilde{\Delta\mathbf{w}}_{e,b}
# \tag{7}
# $$
#
# > The paper, Section 4.1: "a prudent approach is to employ more aggressive pruning in these initial layers of the update. As we
# > traverse deeper into the network, the pruning percentage can be gradually decreased."
#
# What is different here, or was open:
#
# - The paper gives no pruning percentages. Here the first and the last layer's are chosen by a rule on held-out images, and the
#   layers between lie on a straight line; see [the register of assumptions](assumptions.ipynb).
# - Eq. (6) writes one mask for the whole run. That fits random pruning. The paper's magnitude-based strategies need a mask for
#   each update, since a magnitude belongs to an update.
# - Two controls that the paper does not have: simpler ways of taking less back, tuned with the same effort.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
models = None
seeds = None
share = None
prune_first = None
prune_last = None

# %%
import torch
from IPython.display import display

from partial_unlearning.masks import build_mask, depth_schedule, keep_all, kept_count
from partial_unlearning.models import build
from partial_unlearning.recorders.recorders import MemoryLog, UpdateRecorder
from partial_unlearning.state import Layout
from partial_unlearning.training import fit, make_optimizer
from reproduction.chapters.claim_pages import verdict_table
from reproduction.chapters.comparison import controls_table, every_method
from reproduction.chapters.curves import runs_with
from reproduction.chapters.figures import apply_style, layer_bars, mask_pictures
from reproduction.chapters.layers import layer_masks
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.settings_tables import settings_table
from reproduction.chapters.tables import simple_table
from reproduction.checking.claims import limits
from reproduction.datasets.sets import load
from reproduction.study import results as access
from reproduction.study.profiles import Pruning
from reproduction.study.runs.target_placement import plan_batches

apply_style()
torch.set_num_threads(1)
pruning = {"models": models, "prune_first": prune_first, "prune_last": prune_last}
changes = {**pruning, "seeds": seeds, "share": share}
runs = {number: access.results(f"figure_{number}", profile, **changes) for number in (1, 2)}
every = [*runs[1], *runs[2]]

# %% [markdown]
# ## Masks
#
# ### The depth schedule
#
# How much of each layer's update is pruned away (the models on MNIST; the others are listed under *Settings*):

# %% mystnb={"image": {"alt": "Bars of pruning percentages over the layers of each model, from the first layer to the last."}, "figure": {"caption": "Depth schedules: the percentage of each layer's update that is pruned, for each model.", "name": "fig-schedules"}}
schedules = {}
for config in [run.config for run in runs[1] or runs[2]]:
    layers = Layout.of(build(config.model, classes=10, seed=0)).layers
    ends = (config.pruning.first, config.pruning.last)
    schedules[config.model] = depth_schedule(*ends, len(layers))
layer_bars(schedules, "pruned")

# %% [markdown]
# ### Which entries are kept
#
# LeNet, random pruning with its own schedule. One square is a corner of a layer's weight matrix, with outputs down and inputs
# across; dark entries are stored and taken back.

# %% mystnb={"image": {"alt": "A square for each layer of LeNet, dark where an entry is kept; the share kept stands below each."}, "figure": {"caption": "A random pruning mask of LeNet, layer by layer.", "name": "fig-random-mask"}}
lenet = build("LeNet", classes=10, seed=0)
layout = Layout.of(lenet)
shown = [*runs_with(every, model="LeNet"), *every]
used = shown[0].config.pruning if shown else Pruning(first=0.9, last=0.3)
ends = {"sparsity_first": used.first, "sparsity_last": used.last, "seed": 0}
random_mask = build_mask("random", layout, **ends)
mask_pictures(layer_masks(layout, random_mask.kept()), side=24)

# %% [markdown]
# ### Three strategies, fixed or made for each update
#
# *Layer-wise random* keeps random entries of each layer. *Layer-wise magnitude* keeps the entries of each layer that changed most.
# *Global magnitude* keeps those that changed most in the whole model, wherever they are. All keep equally many entries here. To see how
# they differ, LeNet is trained for some steps on the embedded digits, and each strategy is asked which
# entries of two consecutive updates it keeps:

# %%
data = load("mnist", source="sample")
threes = data.train.of_class(3)
plan = plan_batches(data.train.ids, threes, {"share": 1.0}, batch_size=128, epochs=1, seed=0)
log = MemoryLog(layout.size)
optimizer = make_optimizer("adam", lenet, learning_rate=0.001)
fit(lenet, data.train, plan, optimizer, [UpdateRecorder(keep_all(layout), log)])
first, second = (values for _, values in log.updates([10, 11]))

# %% tags=["nbval-check-output"]
rows, masks = [], {}
for strategy in ("random", "layer_magnitude", "global_magnitude"):
    mask = build_mask(strategy, layout, **ends)
    kept, later = mask.kept(first), mask.kept(second)
    masks[strategy] = kept
    same = torch.isin(kept, later).double().mean().item()
    size = first[kept].norm().item() / first.norm().item()
    made = "once, for the run" if mask.fixed else "anew for each update"
    rows.append([strategy.replace("_", " "), made, f"{len(kept):,}"])
    rows[-1] += [f"{100 * size:.0f} %", f"{100 * same:.0f} %"]
simple_table(
    rows,
    headings=(
        "Strategy",
        "Mask is made",
        "Entries kept",
        "Length kept",
        "Kept in the next update too",
    ),
    caption="What each strategy keeps of an update of LeNet",
)

# %% [markdown]
# *Length kept* is the length of the pruned update against that of the whole one, as vectors. The larger it is, the more of
# the training is taken back, retained knowledge included. How the strategies compare in the end is the subject of [Figure 4](figure_4.ipynb).

# %% mystnb={"image": {"alt": "The mask of global magnitude pruning on an update of LeNet, layer by layer."}, "figure": {"caption": "Global magnitude pruning of one update of LeNet: what it keeps is spread over the layers as the update is.", "name": "fig-global-mask"}}
mask_pictures(layer_masks(layout, masks["global_magnitude"]), side=24)

# %% [markdown]
# ### Two ends that have to hold
#
# Without pruning, Eq. (7) is Eq. (4); with everything pruned, nothing is taken back. In between, each layer keeps exactly
# as many entries as its schedule says, and what is kept is unchanged:

# %%
nothing, everything = (
    build_mask("random", layout, sparsity_first=p, sparsity_last=p, seed=0).kept(first)
    for p in (0.0, 1.0)
)
assert nothing.equal(torch.arange(layout.size))
assert len(everything) == 0
schedule = depth_schedule(used.first, used.last, len(layout.layers))
for part, pruned, size in zip(layout.slices, schedule, layout.layer_sizes, strict=True):
    inside = (random_mask.kept() >= part.start) & (random_mask.kept() < part.stop)
    assert int(inside.sum()) == kept_count(pruned, size)

# %% [markdown]
# ## What is stored
#
# The paper counts on less storage. A random mask need not be stored at all, since its seed makes it again; what remains is one
# number for each entry kept:

# %% tags=["nbval-check-output"]
rows = [
    [run.config.dataset, run.config.model, f"{100 * run.facts['kept_share']:.1f} %"]
    for run in every
]
simple_table(
    list(dict.fromkeys(map(tuple, rows))),
    headings=("Data", "Model", "Entries stored"),
    caption=f"Share of each update that is stored under profile {profile}",
    labels=2,
)

# %% [markdown]
# ## Is pruning more than subtracting less?
#
# Whoever takes less back keeps more. So a fair question is whether *pruning* is what helps, or whether any smaller subtraction
# would do as well. Two controls for the proposed method, each with as many settings to choose from on held-out images and the same rule:
#
# - `scaled`: all entries of all updates, multiplied by a factor;
# - `stopped`: whole updates, but of some epochs only, counted from the last one back or from the first one on.
#
# The rows `last_1_epochs` to `last_3_epochs` are not tuned: they show what undoing the end of training alone would do.
# For models with batch normalisation the tables also have the reading that was not followed, running statistics subtracted with the
# weights or kept as trained; nothing was tuned for it.
#
# A method is to be judged by both columns: it must bring $\mathcal{D}_t$, test accuracy on the forget set, down before its $\mathcal{D}_r$,
# test accuracy on the retain set, counts.

# %% tags=["nbval-check-output"]
display(
    *(
        every_method(
            number, found, caption=f"The runs of Table {number} with controls, profile {profile}"
        )
        for number, found in runs.items()
        if found
    )
)

# %% [markdown]
# Runs in which both sides forget ($\mathcal{D}_t \le 3$), and how often the proposed method then keeps more than its control:

# %% tags=["nbval-check-output"]
controls_table(every, caption="The proposed method against simpler ways of taking less back")

# %% [markdown]
# ## With plain shuffling
#
# All this was under a batch protocol in which only a part of the batches hold target data. What if training shuffles
# plainly, as usual, so that **every** batch is affected (a share of 1; a short last batch may by chance hold none)? Then conventional amnesiac unlearning takes back all updates
# and ends at the untrained model, as [the chapter on it](amnesiac.ipynb) shows. And the pruned variant takes the same part of everything
# back, with no way to tell the target class from the others.
#
# The public notebook of the conventional method's authors shuffles plainly as well, but first drops target images until 100 are left.
# Both, with the pruning that was chosen for Table 1:

# %%
plain = access.results("plain_shuffle", profile, seeds=seeds, **pruning)
kept = access.results("kept_images", profile, seeds=seeds, **pruning)
rows = []
for run in [*plain, *kept]:
    untrained = {"method": "untrained", **run.curves["training"][0]}
    accuracies = {row["method"]: row for row in [untrained, *run.rows]}
    for method in ("untrained", "trained", "baseline", "proposed"):
        d_t, d_r = accuracies[method]["d_t"], accuracies[method]["d_r"]
        useful = d_t <= limits().forgotten and d_r >= accuracies["trained"]["d_r"] - 15
        answer = {"baseline": useful, "proposed": useful}.get(method)
        word = "" if answer is None else "yes" if answer else "no"
        images = f"{run.facts['request']:,}"
        numbers = (f"{d_t:.2f}", f"{d_r:.2f}", word)
        rows.append([images, run.config.model, run.config.seed, method, *numbers])
    gap = abs(accuracies["baseline"]["d_r"] - untrained["d_r"])
    all_undone = run.facts["affected_share"] == 1
    assert gap < 1 or not all_undone, "not back at the untrained model"

# %% [markdown]
# *Separates* says whether a method forgets the target class ($\mathcal{D}_t \le 3$) and keeps the rest (a $\mathcal{D}_r$ within 15 points
# of the trained model's), which are the limits of the book's verdicts.

# %% tags=["nbval-check-output"]
simple_table(
    rows,
    headings=("Target images", "Model", "Seed", "Method", "d_t", "d_r", "Separates the classes"),
    caption=f"Plain shuffling on MNIST with all target images, and with 100, profile {profile}",
    labels=3,
)

# %% tags=["nbval-check-output"]
for name, count in (("all target images", len(plain)), ("100 target images", len(kept))):
    part = rows[: 4 * count] if name.startswith("all") else rows[-4 * count :]
    answers = [row[-1] for row in part if row[-1]]
    separated = answers.count("yes")
    print(f"{name}: a method separates the classes in {separated} of {len(answers)} cases")

# %% [markdown]
# Where the first count is 0, that is a limit of the approach and not of the pruning: taking updates back forgets what the *affected
# batches* had taught, and a class can only be singled out when its images were kept apart from the others.
#
# ## What the claims come to

# %%
verdict_table(profile, "partial_amnesiac")

# %% [markdown]
# ## Settings

# %%
settings_table(every, caption=f"Settings of the runs on this page, profile {profile}")

# %% [markdown]
# ## What this does not show
#
# - What the paper's pruning percentages were.
# - Whether a mask drawn anew for each update would do better than one fixed for the run.
# - That the target images left no trace in the entries which are *not* taken back. They are still in the model.
#
# ## Provenance

# %%
provenance(
    [*every, *plain, *kept],
    *(command(f"figure_{number}", profile, **changes) for number in runs),
    command("plain_shuffle", profile, seeds=seeds, **pruning),
    command("kept_images", profile, seeds=seeds, **pruning),
)
