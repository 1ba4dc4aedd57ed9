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
# - Methods are compared where they have forgotten equally much: a method's update is subtracted in part, $\mathbf{w} - \lambda \mathbf{U}$, and $\lambda$ is
#   raised until at most 1 % of the target images that were trained on are still recognised.
# - Controls that the paper does not have stand beside the proposed masks, to tell what it is that helps.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
models = None
seeds = None
affected_fraction = None
sparsity_first = None
sparsity_last = None

# %%
import torch
from IPython.display import Markdown, display

from partial_unlearning.masks import build_mask, depth_schedule, keep_all, kept_count
from partial_unlearning.models import build
from partial_unlearning.recorders.recorders import MemoryLog, UpdateRecorder
from partial_unlearning.state import Layout
from partial_unlearning.training import fit, make_optimizer
from partial_unlearning.unlearners.amnesiac import prune
from reproduction.chapters.claim_pages import chapter_claims
from reproduction.chapters.comparison import points_of
from reproduction.chapters.controls import answer, contrasts, control_figure, control_table
from reproduction.chapters.curves import runs_with
from reproduction.chapters.equation import with_code
from reproduction.chapters.figures import apply_style, layer_bars, mask_pictures
from reproduction.chapters.fine_tuning import tuned, tuning_figure, tuning_table
from reproduction.chapters.layers import layer_masks
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.settings_tables import settings_table
from reproduction.chapters.tables import simple_table
from reproduction.datasets.sets import load
from reproduction.study import results as access
from reproduction.study.profiles import Pruning
from reproduction.study.runs.target_placement import plan_batches

apply_style()
torch.set_num_threads(1)
pruning = {"sparsity_first": sparsity_first, "sparsity_last": sparsity_last}
changes = {"models": models, "seeds": seeds, "affected_fraction": affected_fraction, **pruning}
runs = {number: access.results(f"figure_{number}", profile, **changes) for number in (1, 2)}
placed = access.results("kept_images", profile, models=models, seeds=seeds)
every = [*runs[1], *runs[2]]
with_code(
    r"\widetilde{\Delta\mathbf{w}}_{l,e,b} = \mathbf{P}_l \odot \Delta\mathbf{w}_{l,e,b}",
    prune,
    depth_schedule,
    number="6",
)

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
    ends = (config.pruning.sparsity_first, config.pruning.sparsity_last)
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
example = Pruning(sparsity_first=0.9, sparsity_last=0.3)
used = shown[0].config.pruning if shown else example
ends = {**used.model_dump(exclude={"strategy"}), "seed": 0}
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
plan = plan_batches(
    data.train.ids, threes, {"affected_fraction": 1.0}, batch_size=128, epochs=1, seed=0
)
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
schedule = depth_schedule(used.sparsity_first, used.sparsity_last, len(layout.layers))
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
    [run.config.dataset, run.config.model, f"{100 * run.facts['density']:.1f} %"] for run in every
]
simple_table(
    list(dict.fromkeys(map(tuple, rows))),
    headings=("Data", "Model", "Entries stored"),
    caption=f"Fraction of each update that is stored under profile {profile}",
    labels=2,
)

# %% [markdown]
# ## What is it that helps?

# %%
points = {
    number: points_of(number, [*found, *runs_with(placed, dataset=dataset)])
    for (number, found), dataset in zip(runs.items(), ("mnist", "organamnist"), strict=True)
}
display(Markdown(answer(points)))

# %% [markdown]
# All arms subtract a part of the same sum of affected updates, and each is read where it first recognises at most 1 % of the target
# images. So none keeps more merely because it forgets less. Beside the proposed masks stand:
#
# - *no mask, layers scaled*: layer by layer the whole update times the fraction that the mask would keep;
# - *schedule turned round*: most is pruned in the last layer;
# - *one fraction everywhere*: a random mask that keeps as many entries of the whole model;
# - *last layer only*: all of the last layer's update, nothing of the others;
# - *random mask 1* to *4*: the same schedule, drawn again;
# - the *largest* entries of the sum of updates, of each layer or of the whole model, and the *smallest of each layer*. These, too,
#   keep as many as the proposed mask.
#
# The vertical line is the proposed method. A control to the right of it keeps more retained data, one to the left less.

# %% mystnb={"image": {"alt": "A panel a model on MNIST: by how many points of accuracy on retained data the baseline and each control differ from the proposed method."}, "figure": {"caption": "MNIST: accuracy on retained data at equal forgetting, each arm minus the proposed method; bars are 95 % intervals over seeds.", "name": "fig-controls-mnist"}}
found = {number: contrasts(number, points[number]) for number in runs}
control_figure(1, found[1])

# %% mystnb={"image": {"alt": "A panel a model on OrganAMNIST: by how many points of accuracy on retained data the baseline and each control differ from the proposed method."}, "figure": {"caption": "OrganAMNIST: the same.", "name": "fig-controls-organamnist"}}
control_figure(2, found[2])

# %% tags=["nbval-check-output"]
for number in runs:
    caption = f"Arms of Table {number} at equal forgetting, profile {profile}"
    display(control_table(number, found[number], caption))

# %% [markdown]
# *Seeds there* counts the trainings in which an arm comes down to 1 % at all; means and differences are over those in which both sides do.
#
# ## The second placement: 100 target images, plainly shuffled
#
# The public notebook of the conventional method's authors drops target images until 100 are left, and shuffles plainly. The tables'
# placement keeps all target images and confines them to a part of the batches; here is the other one, with a pruning of its own:

# %%
display(Markdown(answer(points, "kept_images")))

# %% mystnb={"image": {"alt": "A panel a model on MNIST under the second placement: by how many points of accuracy on retained data the baseline and each control differ from the proposed method."}, "figure": {"caption": "MNIST, few target images kept: each arm minus the proposed method.", "name": "fig-controls-kept-mnist"}}
second = {number: contrasts(number, points[number], "kept_images") for number in runs}
control_figure(1, second[1])

# %% mystnb={"image": {"alt": "A panel a model on OrganAMNIST under the second placement: by how many points of accuracy on retained data the baseline and each control differ from the proposed method."}, "figure": {"caption": "OrganAMNIST, few target images kept: the same.", "name": "fig-controls-kept-organamnist"}}
control_figure(2, second[2])

# %% tags=["nbval-check-output"]
for number in runs:
    caption = f"Models of Table {number} with few target images kept, profile {profile}"
    display(control_table(number, second[number], caption))

# %% [markdown]
# With plain shuffling of *all* target images every batch is affected, and subtracting everything undoes all training:
# [the chapter on amnesiac unlearning](amnesiac.ipynb) shows it, and the right end of [Figure 4](figure_4.ipynb).
#
# ## Is brief fine-tuning needed?
#
# > The paper, Section 4.1: conventional amnesiac unlearning is left "necessitating a brief fine-tuning to restore model performance".
#
# Both methods, trained on for some steps on retained data alone, as the model was trained before. $\mathcal{D}_r$ (solid) is what fine-tuning
# restores; $\mathcal{D}_t$ (dashed) shows whether the class comes back, although none of its images is among those trained on.

# %% mystnb={"image": {"alt": "A panel a model on MNIST: accuracy on retained and target data over steps of fine-tuning after either method, from where both have forgotten equally much."}, "figure": {"caption": "MNIST, fine-tuning from equal forgetting; solid: retained data, dashed: target data; mean over seeds.", "name": "fig-fine-tuning-equal-mnist"}}
restored = tuned(every)
tuning_figure(restored[restored.dataset == "mnist"], "equal")

# %% mystnb={"image": {"alt": "A panel a model on OrganAMNIST: accuracy on retained and target data over steps of fine-tuning after either method, from where both have forgotten equally much."}, "figure": {"caption": "OrganAMNIST, fine-tuning from equal forgetting; solid: retained data, dashed: target data; mean over seeds.", "name": "fig-fine-tuning-equal-organamnist"}}
tuning_figure(restored[restored.dataset == "organamnist"], "equal")

# %% mystnb={"image": {"alt": "A panel a model on MNIST: accuracy on retained and target data over steps of fine-tuning after either method, from where everything was subtracted."}, "figure": {"caption": "MNIST, fine-tuning after everything was subtracted, as published; solid: retained data, dashed: target data; mean over seeds.", "name": "fig-fine-tuning-published-mnist"}}
tuning_figure(restored[restored.dataset == "mnist"], "published")

# %% mystnb={"image": {"alt": "A panel a model on OrganAMNIST: accuracy on retained and target data over steps of fine-tuning after either method, from where everything was subtracted."}, "figure": {"caption": "OrganAMNIST, fine-tuning after everything was subtracted, as published; solid: retained data, dashed: target data; mean over seeds.", "name": "fig-fine-tuning-published-organamnist"}}
tuning_figure(restored[restored.dataset == "organamnist"], "published")

# %% tags=["nbval-check-output"]
tuning_table(restored, caption=f"Accuracy in percent while fine-tuning, profile {profile}")

# %% [markdown]
# ## The other reading of batch normalisation
#
# Equations 4 and 7 subtract from weights. Running statistics are none, but change with every step too. ResNet9 with everything subtracted,
# when they are left as trained (*keep*) or subtracted as well (*subtract*); only the reading of the profile had its pruning chosen for it:

# %% tags=["nbval-check-output"]
rows = []
for run in every:
    both = {row["method"]: row for row in run.rows if "_buffers_" in row["method"]}
    for name, other in both.items():
        method, reading = name.split("_buffers_")
        mine = next(row for row in run.rows if row["method"] == method)
        for word, row in ((run.config.buffers, mine), (reading, other)):
            labels = [run.config.dataset, run.config.model, run.config.seed, method, word]
            rows.append([*labels, f"{row['d_t']:.2f}", f"{row['d_r']:.2f}"])
simple_table(
    rows,
    headings=("Data", "Model", "Seed", "Method", "Statistics", "d_t", "d_r"),
    caption="Both readings of batch normalisation, everything subtracted",
    labels=4,
)

# %% [markdown]
# ## What the claims come to

# %%
chapter_claims("full", "partial_amnesiac")

# %% [markdown]
# ## Settings

# %%
settings_table([*every, *placed], caption=f"Settings of the runs on this page, profile {profile}")

# %% [markdown]
# ## What this does not show
#
# - What the paper's pruning percentages were.
# - Whether a mask drawn anew for each update would do better than one fixed for the run.
# - That the target images left no trace in the entries which are *not* taken back. They are still in the model.
# - The best that each control can do. The pruning was chosen for the proposed method; the controls take its fractions over.
#
# ## Provenance

# %%
provenance(
    [*every, *placed],
    *(command(f"figure_{number}", profile, **changes) for number in runs),
    command("kept_images", profile, models=models, seeds=seeds),
)
