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
# # Partial amnesiac unlearning: taking back a part of each step

# %% tags=["parameters", "remove-cell"]
profile = "quick"
models = None
seeds = None
affected_fraction = None
sparsity_first = None
sparsity_last = None

# %% tags=["remove-input"]
import torch
from IPython.display import Markdown, display

from partial_unlearning.masks import build_mask, depth_schedule, keep_all, kept_count
from partial_unlearning.models import build
from partial_unlearning.recorders.recorders import MemoryLog, UpdateRecorder
from partial_unlearning.state import Layout
from partial_unlearning.training import fit
from partial_unlearning.unlearners.amnesiac import prune
from reproduction import paper
from reproduction.chapters.claim_pages import chapter_claims
from reproduction.chapters.comparison import points_of
from reproduction.chapters.complete import COMPLETE, complete, complete_runs
from reproduction.chapters.controls import answer, contrasts, control_table, mean_table
from reproduction.chapters.curves import runs_with
from reproduction.chapters.equation import with_code
from reproduction.chapters.figures import apply_style, layer_bars, mask_pictures
from reproduction.chapters.fine_tuning import tuned, tuning_table
from reproduction.chapters.layers import layer_masks
from reproduction.chapters.leads import opening
from reproduction.chapters.pictures.controls import controls_picture
from reproduction.chapters.pictures.restored import restored_picture
from reproduction.chapters.provenance_table import command, provenance
from reproduction.chapters.questions import parts
from reproduction.chapters.settings_tables import settings_table
from reproduction.chapters.tables import simple_table
from reproduction.datasets.sets import load
from reproduction.study import results as access
from reproduction.study.kinds import KINDS
from reproduction.study.profiles import Pruning
from reproduction.study.runs.target_placement import plan_batches
from reproduction.study.stored_runs import run_name

apply_style()
torch.set_num_threads(1)
numbers = (1, 2)
pruning = {"sparsity_first": sparsity_first, "sparsity_last": sparsity_last}
changes = {"models": models, "seeds": seeds, "affected_fraction": affected_fraction, **pruning}
runs = {number: access.of_page(f"figure_{number}", profile, **changes) for number in numbers}
placed = access.of_page("kept_images", profile, models=models, seeds=seeds)
every = [*runs[1], *runs[2]]
full = [run for number in numbers for run in complete_runs(f"figure_{number}")]
full_placed = complete_runs("kept_images")
points = {number: complete().points(number) for number in numbers}

# %% tags=["remove-input"]
opening("partial_amnesiac")

# %%
controls_picture(complete().data["points"], numbers)

# %% [markdown]
# *Section 4.1 of the paper*, its first proposal. An affected batch holds retained images too, so only a part of its update is stored and taken back. Layer by layer, a pruning mask $\mathbf{P}_l$ of zeros and ones says which:
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
# - No percentages are given. Ours are chosen on held-out images ([register](assumptions.ipynb)): the first and the last layer's, the others on a line between.
# - Eq. (6) writes one mask for the run, which fits random pruning. A magnitude belongs to one update, so those masks differ from step to step.
# - Methods are compared at equal forgetting: $\mathbf{w} - \lambda \mathbf{U}$, with $\lambda$ raised until at most 1 % of the target images trained on are recognised.

# %% tags=["remove-input"]
display(Markdown(parts(complete())))

# %%
with_code(
    r"\widetilde{\Delta\mathbf{w}}_{l,e,b} = \mathbf{P}_l \odot \Delta\mathbf{w}_{l,e,b}",
    prune,
    depth_schedule,
    number="6",
)

# %% [markdown]
# ## What is it that helps?

# %%
display(Markdown(answer(points)), mean_table(points))

# %% [markdown]
# In the picture, the line is the proposed method; a control to the right keeps more. All take back a part of the same sum of updates:
#
# - *no mask, layers scaled*: each layer's whole update, times the fraction its mask would keep;
# - *schedule turned round*: most is pruned in the last layer;
# - *one fraction everywhere*: a random mask that keeps as many entries in all;
# - *last layer only*: nothing of the others;
# - *random masks*: the same schedule, drawn again;
# - *largest* or *smallest* entries of the sum, as many as the mask keeps.

# %%
for number in numbers:
    caption = f"Arms of Table {number} at equal forgetting, complete data"
    display(control_table(number, contrasts(number, points[number]), caption))

# %% [markdown]
# *Trainings there*: those in which an arm comes down to 1 %. A number of trainings behind a difference: it rests on those alone in which both come down, and whose network knew at least half of the class; $\mathcal{D}_t$ and $\mathcal{D}_r$ are of all that come down.
#
# ## With 100 target images, plainly shuffled
#
# As the known method's authors batch; the pruning is chosen anew:

# %%
display(Markdown(answer(points, "kept_images")), mean_table(points, "kept_images"))
controls_picture(complete().data["points"], numbers, "kept_images")

# %%
for number in numbers:
    caption = f"Table {number}, few target images kept, complete data"
    display(control_table(number, contrasts(number, points[number], "kept_images"), caption))

# %% [markdown]
# With *all* target images plainly shuffled every batch is affected, and everything would go: see [amnesiac unlearning](amnesiac.ipynb) and the right end
# of [Figure 4](figure_4.ipynb).
#
# ## Brief fine-tuning: what it restores, what it brings back
#
# > The paper, Section 4.1: conventional amnesiac unlearning is left "necessitating a brief fine-tuning to restore model performance".
#
# Both methods, trained on for some steps on retained data alone: from where both have forgotten equally much, and from where everything was taken back.

# %%
restored_picture(full, "equal")

# %%
restored_picture(full, "published")

# %%
tuning_table(tuned(full), caption="Complete data: accuracy in percent while fine-tuning")

# %% [markdown]
# ## The masks, drawn
#
# How much of each layer's update is pruned:

# %% mystnb={"image": {"alt": "Bars of pruning percentages over the layers of each model, from the first layer to the last."}, "figure": {"caption": "Depth schedules: the percentage of each layer's update that is pruned, for each model.", "name": "fig-schedules"}}
schedules = {}
configs = [run.config for run in full or every]
networks = {(KINDS["amnesiac"].tables[c.dataset], c.model): c for c in configs}
called = paper.names(networks)
for network, config in networks.items():
    layers = Layout.of(build(config.model, classes=10, seed=0)).layers
    ends = (config.pruning.sparsity_first, config.pruning.sparsity_last)
    schedules[called[network]] = depth_schedule(*ends, len(layers))
layer_bars(schedules, "pruned")

# %% [markdown]
# LeNet: a corner of each layer's weight matrix, outputs down and inputs across, dark where stored.

# %% mystnb={"image": {"alt": "A square for each layer of LeNet, dark where an entry is kept; the share kept stands below each."}, "figure": {"caption": "A random pruning mask of LeNet, layer by layer.", "name": "fig-random-mask"}}
lenet = build("LeNet", classes=10, seed=0)
layout = Layout.of(lenet)
shown = [*runs_with(full, model="LeNet"), *every]
example = Pruning(sparsity_first=0.9, sparsity_last=0.3)
used = shown[0].config.pruning if shown else example
ends = {**used.model_dump(exclude={"strategy"}), "seed": 0}
random_mask = build_mask("random", layout, **ends)
mask_pictures(layer_masks(layout, random_mask.kept()), side=24)

# %% [markdown]
# Magnitude masks keep the entries that changed most, of each layer or of the whole model. What three strategies keep of two consecutive updates of LeNet:

# %%
data = load("mnist", source="sample")
threes = data.train.of_class(3)
plan = plan_batches(
    data.train.ids, threes, {"affected_fraction": 1.0}, batch_size=128, epochs=1, seed=0
)
log = MemoryLog(layout.size)
optimizer = torch.optim.Adam(lenet.parameters(), lr=0.001, fused=True)
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
# *Length kept* is that of the pruned update as a vector: the larger, the more is taken back.

# %% mystnb={"image": {"alt": "The mask of global magnitude pruning on an update of LeNet, layer by layer."}, "figure": {"caption": "Global magnitude pruning of one update of LeNet: what it keeps is spread over the layers as the update is.", "name": "fig-global-mask"}}
mask_pictures(layer_masks(layout, masks["global_magnitude"]), side=24)

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
# ## The same on this machine
#
# It shows that all runs, and judges nothing.

# %% tags=["this-machine", "nbval-check-output"]
for number, dataset in zip(numbers, ("mnist", "organamnist"), strict=True):
    own = points_of(number, [*runs[number], *runs_with(placed, dataset=dataset)])
    caption = f"Arms of Table {number} at equal forgetting, this machine, profile {profile}"
    display(control_table(number, contrasts(number, own), caption))

# %% tags=["this-machine", "nbval-check-output"]
tuning_table(tuned(every), caption=f"Accuracy in percent while fine-tuning, profile {profile}")

# %% [markdown]
# ## Running statistics: kept or taken back
#
# Equations 4 and 7 subtract from weights. Batch normalisation's running statistics are none, but change with every step. ResNet9, everything taken back, with
# its statistics as trained (*keep*) or subtracted too. A dash is no model: a variance would be below 0, and the answers no numbers.

# %% tags=["nbval-check-output"]
rows = []
both = {run_name(run.config): run for run in [*full, *every]}  # the same under the profile full
for run in [run for run in both.values() if run.config.model == "ResNet9"]:
    own, found = run.config.buffers, {row["method"]: row for row in run.rows}
    other = "keep" if own == "subtract" else "subtract"
    for method in ("baseline", "proposed"):
        for reading, name in ((own, method), (other, f"{method}_buffers_{other}")):
            about = run.config.source, run.config.dataset, run.config.seed, method, reading
            row = found.get(name)
            rows.append([*about, *(f"{row[end]:.2f}" if row else "–" for end in ("d_t", "d_r"))])
tried = [row for row in rows if row[4] == "subtract"]
none = sum(row[-1] == "–" for row in tried)
display(Markdown(f"Of {len(tried)} results with statistics subtracted, {none} are no model."))
simple_table(
    rows,
    headings=("Images", "Data", "Seed", "Method", "Statistics", "d_t", "d_r"),
    caption="Both readings of batch normalisation, everything subtracted from ResNet9",
    labels=4,
)

# %% [markdown]
# ## All claims and settings

# %%
chapter_claims(COMPLETE, "partial_amnesiac")

# %%
settings_table([*full, *full_placed], caption="Settings on the complete data")

# %% [markdown]
# ## What this does not show
#
# - The paper's pruning percentages.
# - Masks drawn anew for each update.
# - That what is *not* taken back left no trace. It is still in the model.
# - The best of each control: the pruning was chosen for the proposed method.
#
# ## Where the numbers come from

# %%
provenance([*full, *full_placed])

# %% tags=["this-machine"]
provenance(
    [*every, *placed],
    *(command(f"figure_{number}", profile, **changes) for number in runs),
    command("kept_images", profile, models=models, seeds=seeds),
)
