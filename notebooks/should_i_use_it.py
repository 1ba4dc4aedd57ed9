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
# # Try it: ten requests, and what a log costs
#
# [Yes if, no if](../book/path/use.md) says when. Here is a request that visibly works, in fifteen lines to copy, and what it would cost you.

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %% tags=["remove-input"]
import tempfile
from pathlib import Path
from time import perf_counter

import torch

from partial_unlearning import accuracy, build, undo
from reproduction.chapters.figures import apply_style
from reproduction.chapters.log_size import in_words, log_bytes
from reproduction.chapters.people import outcome, request_map
from reproduction.chapters.tables import signed
from reproduction.costs.cost_figures import size_lines
from reproduction.costs.estimate import estimate_table, lasting, measured_rates
from reproduction.datasets.sets import load

apply_style()
torch.set_num_threads(1)
epochs, every, rate_weights = {"smoke": (1, 8, 10**6)}.get(profile, (5, 1, 10**7))
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)

# %% [markdown]
# ## Something is forgotten: ten people, ten requests
#
# Ten people sign, each with a sign of their own, and a model learns to say who signed. Digits of the repository stand for the signs: about 500
# pictures of each person to train on, and 100 others to test with. Anyone may ask to be forgotten, and nobody knows who will. So each batch
# holds pictures of **two** people, drawn anew each epoch.


# %% tags=["hide-input"]
digits = load("mnist", source="sample")
images, person = digits.train.images[::every], digits.train.labels[::every]
ids = torch.arange(len(person))
generator = torch.Generator().manual_seed(0)


def shuffled(values):
    return [values[at] for at in torch.randperm(len(values), generator=generator)]


def batches():
    """Sixteen pictures of one person and sixteen of another, until all were seen."""
    halves = [
        half for one in range(10) for half in torch.stack(shuffled(ids[person == one])).split(16)
    ]
    halves = shuffled(halves)
    return [torch.cat(halves[at : at + 2]) for at in range(0, len(halves), 2)]


torch.manual_seed(0)
model = build("LeNet", classes=10, seed=0)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

# %% [markdown]
# Fifteen lines to copy, which made the picture below. The loop and what it loops over are your own; {py:func}`~partial_unlearning.record`,
# `step` and `close` are the three new lines, and {py:func}`~partial_unlearning.forget` answers.

# %% tags=["script", "show-input"]
from torch.nn.functional import cross_entropy

from partial_unlearning import forget, open_log, preview, record

pruning = {"sparsity_first": 0.9, "sparsity_last": 0.3}
recording = record(model, folder / "log", ids=ids, batch_size=32, **pruning)
for epoch in range(epochs):
    for batch in batches():
        optimizer.zero_grad()
        cross_entropy(model(images[batch]), person[batch]).backward()
        optimizer.step()
        recording.step(batch, epoch)  # the samples that this step saw
recording.close()

log = open_log(folder / "log", model)  # when person 3 asks
seen = preview(log, model, ids[person == 3])
print(f"{seen.affected_fraction:.0%} of all steps saw pictures of person 3")
request = forget(log, model, ids[person == 3])

# %% [markdown]
# Now each of the ten asks; a request is taken back ({py:func}`~partial_unlearning.undo`) before the next one. All pictures that are counted are new to
# the model.


# %% tags=["hide-input"]
def recognised():
    found = accuracy(model, digits.evaluation, target=0, classes=10)
    return [found.of(one) for one in range(10)]


def answered(one):
    began = perf_counter()
    request = forget(log, model, ids[person == one])
    taken = perf_counter() - began
    found = recognised()
    undo(log, model, request.request)
    return found, taken


undo(log, model, request.request)
found, taken = {"nobody asked": recognised()}, []
for one in range(10):
    found[f"{one} asked"], seconds = answered(one)
    taken.append(seconds)

# %% tags=["remove-input"] mystnb={"image": {"alt": "Eleven rows of ten numbers: the percentage of each person's new pictures that the model recognises, before any request and after the request of each person. Numbers are high but on the diagonal, where the person who asked is."}, "figure": {"caption": "Percent of each person's new pictures that are recognised: before any request, and after the request of one person. Who asked is recognised far less, some hardly at all; the others still are.", "name": "fig-ten-requests"}}
request_map(found)

# %% tags=["remove-input"]
own_before, own_after, others = outcome(list(found.values()))
print(
    f"Who asked: {own_before:.1f} % recognised before, {own_after:.1f} % after. "
    f"Everybody else: {signed(others)} points on average. "
    f"A request took {lasting(sorted(taken)[5])}; the log takes {in_words(log.folder.total())}."
)
assert profile == "smoke" or (own_after < 10 and others > -10)

# %% [markdown]
# What to know before you copy it:
#
# - **A sign belongs to one person.** Had others drawn the same sign, the model would still know it: forgetting a person is not failing on what
#   others taught as well.
# - **Pruning decides what is forgotten.** Here 0.9 was fixed for the first layer and 0.3 for the last, for all ten requests alike: where the diagonal is
#   not near 0, more had to be recorded; with everything recorded, more of the others goes. Look at held-out pictures before you publish.
#   [What does it cost?](cost.ipynb) draws the curve.
# - **A model that no longer answers may still hold a trace.** These are accuracies, no attack.
# - Everything else about logs, interruptions, several processes, and deleting for good: [using it on a model of your own](update_log.ipynb).
#
# ## What would it cost?
#
# **bytes of the log ≈ steps × (2 × (1 − pruned) × weights recorded + 4 × batch size + 48)**
#
# That is the storage a log takes. Two bytes are a value in bfloat16, four a sample id. Positions cost nothing, as the mask is rebuilt from its seed. All weights of the
# module that is *recorded* count, frozen ones too: of a large model with adapters, [record the adapters alone](update_log.ipynb). *Pruned* is the fraction of all these weights: `sparsity_first=0.9, sparsity_last=0.9` prune
# 90 %; the lines above, with 0.3 in the last layer, prune less, as the picture says. Your own numbers:

# %% tags=["show-input"]
weights, steps, pruned, batch_size = 1e9, 10_000, 0.9, 128
size = steps * (2 * (1 - pruned) * weights + 4 * batch_size + 48)
print(f"{size / 1e12:.1f} TB")
assert abs(size / log_bytes(weights, steps, pruned=pruned, batch_size=batch_size) - 1) < 1e-9

# %% tags=["remove-input"] mystnb={"image": {"alt": "Bytes a step against the number of weights recorded, both logarithmic: four parallel lines, from every weight in 32 bits at the top to 99 percent pruned at the bottom. Two measured logs lie on the lines of their prunings."}, "figure": {"caption": "Bytes that one training step adds to the log, by the formula, for batches of 128; dots are logs that this page wrote.", "name": "fig-log-size"}}
rates = measured_rates(folder, weights=rate_weights, steps=40)
pruned = 1 - log.description.kept / log.description.size
logs = {
    f"written here: the ten people's, {pruned:.0%} pruned": log,
    "a layer of ten million weights, 90% pruned": open_log(folder / "rates"),
}
real = {name: (one.description.size, one.folder.total() / len(one)) for name, one in logs.items()}
size_lines(real)

# %% tags=["remove-input"]
foretold = log_bytes(log.description.size, len(log), pruned=pruned, batch_size=32, id_bytes=2)
assert abs(log.folder.total() / foretold - 1) < 0.02
models = {
    "LeNet, this book's Table 1": (61_706, 8 * 469),
    "ResNet-18, CIFAR-10": (11.2e6, 200 * 391),
    "ResNet-50, ImageNet": (25.6e6, 90 * 5005),
    "BERT base (110 million weights), fine-tuned": (110e6, 10_000),
    "adapters of a 7 B model": (20e6, 10_000),
    "1 B, fine-tuned": (1e9, 10_000),
    "7 B, fine-tuned": (7e9, 10_000),
    "7 B, trained from scratch": (7e9, 500_000),
    "70 B, trained from scratch": (70e9, 500_000),
}
estimate_table(models, rates, affected=0.2)

# %% [markdown]
# Times are of one core of the machine that made this page, measured on a layer of ten million weights that is 90 % pruned, and multiplied. A disk or
# a network that is slower than the core decides instead. *To answer a request* reads a fifth of the log's steps at 90 %.
# Training again without the data would repeat all steps.
#
# Three ways to make it cheaper: record only the steps that a request can touch (all data of those who may ask in few batches); train adapters, and record them alone; or record the
# last layers alone (`strategy="last_layers"`): taking back the whole last one [does as well in most networks here](../book/path/helps.md).
#
# ## What this does not show
#
# - Any model above LeNet forgetting: large ones stand here with their bytes, not with their accuracy.
# - Many requests after one another: each takes back more steps, and more of the others' accuracy.

# %% tags=["remove-cell"]
temporary.cleanup()
