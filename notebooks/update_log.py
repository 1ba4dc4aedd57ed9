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
# # Using it on a model of your own
#
# Torchvision's ResNet-18, pictures in IDX files, a plain loop; three lines that record every update; and the request of one person whose pictures were trained on.
#
# Before you rely on this:
#
# - Amnesiac unlearning takes back *steps*, with all that they learnt from others. It works where few steps are affected; the commands warn of the rest.
# - It is approximate: see [what it costs](cost.ipynb) and [what it removes](amnesiac.ipynb). Here, updates are kept safely and subtracted exactly once.
# - Only recorded steps can be taken back. If you train on, record that too.
#
# `pip install .` in a checkout installs the library alone, with PyTorch and a few small packages.

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %%
import csv
import struct
import tempfile
from pathlib import Path

import torch
from IPython.display import display
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets.mnist import read_image_file, read_label_file
from torchvision.models import resnet18

from partial_unlearning import InputError, forget, open_log, preview, purge, record, undo
from partial_unlearning.batching import shuffled_plan
from partial_unlearning.update_log.commands import forget_command, log_group
from reproduction.chapters.messages import message_table
from reproduction.chapters.tables import simple_table
from reproduction.datasets.sets import load

torch.set_num_threads(1)
images_used, epochs = {"smoke": (256, 1), "quick": (256, 2), "full": (4000, 3)}[profile]
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)

# %% [markdown]
# ## Your data: a number for each sample
#
# Any data will do if **each sample has a number** that stays the same. This page writes some embedded digits into IDX files and pretends that each person drew eight. Replace these cells with files of your own.


# %%
def write_idx(path, values):
    """The format of MNIST's files, for bytes: two zeros, the type, dimensions, sizes, values."""
    head = struct.pack(f">HBB{values.dim()}I", 0, 8, values.dim(), *values.shape)
    path.write_bytes(head + values.numpy().tobytes())


sample = load("mnist", source="sample")
chosen = torch.randperm(len(sample.train), generator=torch.Generator().manual_seed(0))[:images_used]
write_idx(folder / "images-idx3-ubyte", (255 * sample.train.images[chosen, 0]).byte())
write_idx(folder / "labels-idx1-ubyte", sample.train.labels[chosen].byte())

# %%
images = read_image_file(str(folder / "images-idx3-ubyte"))[:, None].float() / 255
labels = read_label_file(str(folder / "labels-idx1-ubyte"))
ids = torch.arange(len(images))
person_of = ids // 8  # eight drawings a person
print(f"{len(images)} pictures of {len(person_of.unique())} people")

# %% [markdown]
# A request takes back every batch that holds one of a person's samples, so keep a person's samples together. Here a person's eight pictures go into one batch, four people to a batch,
# drawn anew each epoch.


# %% tags=["show-input"]
def batches(generator):
    people = torch.randperm(len(person_of.unique()), generator=generator)
    return [ids[torch.isin(person_of, four)] for four in people.split(4)]


# %% [markdown]
# ## Three lines in your training script
#
# The loop is a plain one. New are the lines marked 1, 2 and 3:
#
# - {py:func}`~partial_unlearning.record` makes the log. `sparsity_first` and `sparsity_last` are the fractions pruned in the first and the last layer, the others on a line between. A seed draws which entries are kept, so
#   the log holds only their values. Layers are the modules with weights of their own, in the order in which the model *defines* them; a normalisation belongs to the one before. `Layout.of(model).layers` names them: define the body before the head.
# - `recording.step`, right after `optimizer.step()`, says which samples the step saw.
# - `recording.close` notes which weights the training led to. Save them at once: a later pass in training mode moves running statistics, and requests would refuse the weights as others. Where weights are tied, take safetensors'
#   `save_model` in place of `save_file`.

# %% tags=["show-input"]
torch.manual_seed(0)
model = resnet18(num_classes=10)
model.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
generator = torch.Generator().manual_seed(1)

recording = record(
    model, folder / "log", ids=ids, batch_size=32, sparsity_first=0.9, sparsity_last=0.5
)  # 1
for epoch in range(epochs):
    for batch in batches(generator):
        optimizer.zero_grad()
        cross_entropy(model(images[batch]), labels[batch]).backward()
        optimizer.step()
        recording.step(batch, epoch)  # 2
recording.close()  # 3
save_file(model.state_dict(), folder / "model.safetensors")

# %% [markdown]
# ### With a DataLoader
#
# The data set must give each sample's own number, not its place in a shuffled order or a subset; `step` refuses numbers that `record` was not given. A `batch_sampler` keeps a person together:


# %% tags=["show-input"]
def loader_training(model, optimizer, recording, epochs, generator):
    data = TensorDataset(images, labels, ids)
    for epoch in range(epochs):
        together = [batch.tolist() for batch in batches(generator)]
        own = torch.Generator().manual_seed(epoch)  # not torch's, see below
        for x, y, batch in DataLoader(data, batch_sampler=together, generator=own):
            optimizer.zero_grad()
            cross_entropy(model(x), y).backward()
            optimizer.step()
            recording.step(batch, epoch)


flat = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
recorded = record(flat, folder / "loader", ids=ids, batch_size=32)
steps = torch.optim.SGD(flat.parameters(), lr=0.1)
loader_training(flat, steps, recorded, 1, torch.Generator().manual_seed(1))
recorded.close()
assert len(open_log(folder / "loader").affected_steps(ids[person_of == 5])) == 1

# %% [markdown]
# ### If the machine stops
#
# Steps that `recording.log.written` counts survive any end; `checkpoint` and `close` write the rest. To go on after an interruption, say what else a step depends on, ask for `resume`, and save now and then:
#
# ```python
# recording = record(model, "log", ids=ids, batch_size=32, sparsity_first=0.9, sparsity_last=0.5,
#                    keep=[optimizer], generators=[generator], resume=True)
# recording.checkpoint(recording.epoch)  # the start as well: without any checkpoint, steps are never cut off to begin again
# for epoch in range(recording.epoch, epochs):
#     ...
#     recording.checkpoint(epoch + 1)
# ```
#
# Started again, this ends with the same weights, bit by bit, and a log of the same updates. `generators` are those that draw your batches; torch's own is always kept. With this library's `fit`, a callback calls `recording.step(ids, epoch)` in `on_step_end`, with the ids of the plan's batch; an `UpdateRecorder` alone does not look whether anything else changes the model.
#
# `keep` takes whatever has `state_dict` and `load_state_dict`. For a checkpoint *within* an epoch that is also an object of your own, which holds the epoch's batches and how many are done:
#
# ```python
# class Place:
#     batches, done = [], 0  # lists of numbers, and how many were seen
#     def state_dict(self):
#         return {"batches": self.batches, "done": self.done}
#     def load_state_dict(self, state):
#         self.batches, self.done = state["batches"], state["done"]
# ```
#
# A `DataLoader` without a generator of its own draws from torch's whenever it is begun, and going on within an epoch begins it once more: give it one, as above.
#
# After a kill, a notebook keeps what raised alive, and the log with it: restart the kernel.
#
# ### If your loop is not as plain
#
# **One `step` for each `optimizer.step()`, right after it, with the ids of all samples whose gradients went into it.** The loop below accumulates gradients, scales them, has a scheduler, averages weights and stops
# at the best epoch:
#
# - *Accumulation*: join the ids of the micro-batches; `batch_size` is that of all.
# - *Mixed precision*: a step that the scaler skipped changed nothing and is recorded as that; `close` and a request say how many.
# - *Schedulers*: nothing to do. A learning rate of zero is recorded like a skipped step.
# - *Averaged weights* (EMA, SWA) belong into a copy: no step can be subtracted from an average.
# - *What else changes weights*: load and initialise before `record`, or call `restart` after it; decay weights between `optimizer.step()` and `step`. Two optimizers may share no weights
#   within one step. With `buffers="subtract"` validate in evaluation mode: what a pass in training mode does to running statistics would count as a part of the next step, and `update_bn` may not follow before the end.
# - *Validation* that moves weights and gives them back only to rounding (merged adapters, schedule-free optimizers, embeddings with `max_norm`): `checkpoint` or `close` before it.
# - *What cannot be seen*: weights are looked at whenever a `torch.optim.Optimizer` is about to step. What something else does in between counts as a part of the next step if no such optimizer is used, if it writes
#   single entries through `.data`, or on a GPU if it writes through `.data` at all: call `restart` after it.
# - *Early stopping*: after loading the best weights tell `restart` how many steps they hold; without that, the next `step`, or `close`, refuses.


# %% tags=["show-input"]
def varied_training(model, batches, epochs, path):
    """Trains on noise: what counts here is the order of the calls."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    scaler, average = torch.amp.GradScaler("cpu"), torch.optim.swa_utils.AveragedModel(model)
    everybody = torch.cat(batches)
    recording = record(model, path, ids=everybody, batch_size=2 * len(batches[0]))
    best, weights, steps = torch.inf, {}, 0
    for epoch in range(epochs):
        for together in zip(batches[::2], batches[1::2], strict=True):
            optimizer.zero_grad()
            for batch in together:
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    loss = model(torch.randn(len(batch), 6)).float().square().mean()
                scaler.scale(loss / len(together)).backward()
            scaler.step(optimizer)
            recording.step(torch.cat(together), epoch)  # before anything else touches the model
            scaler.update()
            scheduler.step()
            average.update_parameters(model)
        if loss.item() < best:
            best, steps = loss.item(), recording.steps
            weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(weights)
    recording.restart(steps)
    recording.close()
    return steps, average


small = nn.Linear(6, 3)
steps, average = varied_training(small, torch.arange(16).split(4), 3, folder / "varied")
varied = open_log(folder / "varied", small)
assert len(varied) == steps
assert len(varied.affected_steps([0])) == steps // 2  # one of two steps an epoch

# %% [markdown]
# *Adapters* (PEFT, LoRA): put them in, and keep them apart until the end. A log holds all weights of the module that is recorded, frozen ones too (as zeros, at the same price); so record what is trained alone:
#
# ```python
# adapters = nn.ParameterList(weight for weight in model.parameters() if weight.requires_grad)  # one layer
# recording = record(adapters, "log", ids=ids, batch_size=32, sparsity_first=0.9)
# ...
# save_file(adapters.state_dict(), "adapters.safetensors")  # this is what the command is given
# adapters.load_state_dict(load_file("new.safetensors"))  # and what the model takes back
# ```
#
# *Compiled models*: record and save the same one; where names differ by `_orig_mod.` or `module.`, the commands take `--wrapped`. *Several processes*: one records the ids of all:
#
# ```python
# if rank == 0:
#     recording = record(model.module, "log", ids=ids, batch_size=32 * world_size, gathered=True)
# ...
# together = gather_ids(batch)  # in every process
# if rank == 0:
#     recording.step(together, epoch)
# ```
#
# With `resume=True` only that process is restored: let it record before the model is wrapped, which hands its weights to the others, and broadcast the optimizer's state and `recording.epoch`.
#
# ## What is in the log
#
# `partial-unlearning log info PATH` (a folder, or a URL that fsspec knows) tells what a log holds; `log verify` reads and checks every byte.


# %%
def run(command, *arguments):
    command.main([str(argument) for argument in arguments], standalone_mode=False)


run(log_group, "info", folder / "log")
run(log_group, "verify", folder / "log")

# %% [markdown]
# ## A person asks
#
# Person 5 wants their pictures forgotten. Look first: at one person, at many, and at the same without batches by person:

# %%
log = open_log(folder / "log", model)
shuffled = shuffled_plan(ids, batch_size=32, epochs=epochs, seed=0)
rows = []
for people in (1, 2, 4, 16):
    asked = ids[(person_of >= 5) & (person_of < 5 + people)]
    seen = preview(log, model, asked)
    plain = f"{shuffled.affected_fraction(asked):.0%}"
    rows.append(
        [people, f"{len(seen.asked)} of {seen.steps}", f"{seen.affected_fraction:.0%}", plain]
    )
simple_table(
    rows,
    headings=("People", "Steps affected", "Share of training", "The same, had we shuffled"),
    caption="What requests of more and more people would take back",
)

# %% [markdown]
# The command line does the same, with ids in a CSV file. `--dry-run` only looks, and warns when nearly every step is affected:
#
# ```
# partial-unlearning forget --log log --weights model.safetensors --ids forget.csv --dry-run
# partial-unlearning forget --log log --weights model.safetensors --ids forget.csv --out new.safetensors
# ```

# %%
mine = ids[person_of == 5]
with (folder / "forget.csv").open("w", newline="") as file:
    csv.writer(file).writerows([["id"], *([i] for i in mine.tolist())])
request = ["--log", folder / "log", "--weights", folder / "model.safetensors"]
request += ["--ids", folder / "forget.csv"]
run(forget_command, *request, "--dry-run")
assert [entry.kind for entry in log.history.entries] == ["trained"]  # nothing was done yet

# %%
forgotten = {name: tensor.clone() for name, tensor in model.state_dict().items()}
forget(log, forgotten, mine)
save_file(forgotten, folder / "new.safetensors")

# %% [markdown]
# What was pruned stays in the model, and so do running statistics; `sparsity_first=0, sparsity_last=0` records everything.

# %%
layout = log.description.layout
steps = log.affected_steps(mine)
expected = layout.vector(model) - log.sum(steps) * layout.is_weight
gap = (layout.vector(load_file(folder / "new.safetensors")) - expected).abs().max().item()
print(f"{len(steps)} steps subtracted, largest gap {gap:.0e}")
print(f"{log.description.kept / log.description.size:.0%} of each step's entries were recorded")
assert gap < 1e-6

# %% [markdown]
# What it did to the person's own pictures, everybody else's, and test pictures:


# %%
@torch.no_grad()
def correct(weights, x, y):
    model.load_state_dict(weights)
    return f"{100 * (model.eval()(x).argmax(1) == y).float().mean().item():.1f} %"


trained = load_file(folder / "model.safetensors")
others, test = ids[person_of != 5][:1000], sample.evaluation
groups = {
    "person 5": (images[mine], labels[mine]),
    "everybody else": (images[others], labels[others]),
    "test pictures": (test.images, test.labels),
}
rows = [[n, correct(trained, x, y), correct(forgotten, x, y)] for n, (x, y) in groups.items()]
simple_table(
    rows,
    headings=("Pictures", "Trained", "After the request"),
    caption="Recognised pictures before and after the request",
)

# %% [markdown]
# **Forgetting a person is not failing on them.** Other people draw the same digits, so a model that never saw this person recognises most of their pictures too.
# Where nobody else shows the model the same, forgetting is plain to see: [ten people with signs of their own](should_i_use_it.ipynb).
#
# ## More requests, and taking one back
#
# The log remembers what is subtracted from which weights. A second request subtracts only steps that no request has subtracted yet; the same request again subtracts nothing. Unknown weights are refused. The ids of who asked are not written down, but the affected steps usually tell.

# %%
rows = []
for name, who in (("person 6", 6), ("person 5 again", 5)):
    seen = preview(log, forgotten, ids[person_of == who])
    forget(log, forgotten, ids[person_of == who])
    steps, before = len(seen.asked), len(seen.subtracted)
    rows.append([name, steps, before, steps - before])
display(
    simple_table(
        rows,
        headings=("Request", "Steps affected", "Subtracted before", "Subtracted now"),
        caption="Requests that follow one another",
    )
)
assert rows[-1][-1] == 0

# %% [markdown]
# Taking back a request adds again what no other asks for. By command that is `--undo`, with the request's number in `log info`:
#
# ```
# partial-unlearning forget --log log --weights new.safetensors --undo 1 --out again.safetensors
# ```
#
# With all three taken back the trained weights return, up to rounding:

# %%
for number in (1, 2, 3):
    undo(log, forgotten, number)
gap = (layout.vector(forgotten) - layout.vector(trained)).abs().max().item()
print(f"largest gap to the trained weights {gap:.0e}")
assert gap < 1e-5

# %% [markdown]
# ## Deleting for good
#
# So anyone with the log can take a request back. `--final` ends that: it overwrites the updates and ids of these steps; older weights are then refused. For a request that stands, there is {py:func}`~partial_unlearning.purge`, with its number in `log info` (4 here, after the three above):
#
# ```
# partial-unlearning forget --log log --weights model.safetensors --ids forget.csv --out new.safetensors --final
# partial-unlearning purge --log log 4
# ```

# %%
request = forget(log, forgotten, mine)
purge(log, request.request)
try:
    undo(log, forgotten, request.request)
except InputError as error:
    print(error)
run(log_group, "verify", folder / "log")
run(log_group, "info", folder / "log")
temporary.cleanup()

# %% [markdown]
# ## All options of the command
#
# `log info PATH`, `log verify PATH` and `purge --log PATH REQUEST` take no others.

# %% tags=["remove-input"]
_ = forget_command.main(["--help"], prog_name="partial-unlearning forget", standalone_mode=False)

# %% [markdown]
# ## What can go wrong, and what it says then
#
# A log that cannot do what is asked refuses, changes nothing, and says what to do. The tests compare what it says with this table.

# %%
message_table()

# %% [markdown]
# ## What to keep in mind
#
# - **Batch normalisation**: a request leaves running statistics as they are. `buffers="subtract"` in `record` takes them back like weights; averages over past batches do not add up, though, and where [both were tried](partial_amnesiac.ipynb) variances fell below 0, which is refused.
# - **The log is personal data too**, until a request is final: whoever has it can add back what was taken. So are copies of the log and of older weights, and what snapshots keep: those are yours to delete.
# - **Keep and restore the folder as a whole.** A file of another log, or of another place in this one, is refused; an older copy of one, from before steps were trained anew, would be believed.
# - **How much to prune** decides whether anything is forgotten: see [what it costs](cost.ipynb).
