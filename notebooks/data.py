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
# # The data: digits and organs
#
# *Section 5.2 of the paper.* Every experiment forgets one class of one of two sets of small grey images: handwritten digits (MNIST,
# {cite:t}`lecun1998`) or slices of CT scans, each showing one organ (OrganAMNIST, {cite:t}`yang2023`, from the scans of {cite:t}`bilic2023`).
#
# > The paper, Section 5.2: "Two diverse data sets were considered in our experiments, one from computer vision
# > domain and the other from medical domain."
#
# - OrganAMNIST has 28 x 28 pixels here; the paper says 224 x 224.
# - Its current file has fewer training images than the paper counts.
# - The profiles `smoke` and `quick` use an embedded sample; `full` uses all images.

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %%
from functools import partial

import matplotlib.pyplot as plt
from IPython.display import Markdown, display

from reproduction.chapters.figures import PALETTE, Panels, apply_style, at_both_widths
from reproduction.chapters.tables import simple_table
from reproduction.datasets.sets import load
from reproduction.datasets.sources import official_counts
from reproduction.study.profiles import load_profile
from reproduction.study.results import measured_under

apply_style()
settings = load_profile(measured_under(profile))
targets = {name: entry.target for name, entry in settings.datasets.items()}
datasets = {name: load(name, source=settings.source) for name in targets}
official = {name: official_counts(name) for name in targets}
titles = {"mnist": "MNIST", "organamnist": "OrganAMNIST"}
if settings.source == "sample":
    display(
        Markdown(
            "**What this page counts and draws is the embedded sample**, not the complete data; "
            "*Official files* are counts of the complete ones."
        )
    )

# %% [markdown]
# ## Sizes, the paper's and the files'

# %%
paper = {
    ("mnist", "train"): 60_000,
    ("mnist", "test"): 10_000,
    ("organamnist", "train"): 34_581,
    ("organamnist", "val"): 6_491,
    ("organamnist", "test"): 17_778,
}
loaded = {
    (name, split): len(part)
    for name, data in datasets.items()
    for split, part in {"train": data.train, "test": data.evaluation}.items()
}
rows = []
for (name, split), printed in paper.items():
    files = sum(official[name][split])
    word = {"val": "validation"}.get(split, split)
    rows.append([titles[name], word, printed, files, files - printed, loaded.get((name, split), 0)])
simple_table(
    rows,
    headings=("Data set", "Split", "Paper", "Official files", "Difference", "On this page"),
    caption="Images of each split, in the paper and here",
    labels=2,
)

# %% [markdown]
# One number differs. OrganAMNIST's 34,581 training images are those of early releases of MedMNIST's second version; release 2.2.4 took out blank images, and the
# file since has 34,561. Test splits have the paper's sizes, so test accuracies are fractions of the same numbers. No blank image is left:

# %%
blank = {
    titles[name]: sum(
        int((part.images.amax((1, 2, 3)) == part.images.amin((1, 2, 3))).sum())
        for part in (data.train, data.evaluation)
    )
    for name, data in datasets.items()
}
assert not any(blank.values())
Markdown(f"Images of one single grey value: none in {' or '.join(blank)}.")

# %% [markdown]
# ### 28 x 28, not 224 x 224
#
# Larger images came with MedMNIST 3.0.0, after the blank images had gone: no release has both 34,581 training images and 224 pixels a side. A convolution at 224 x 224 takes about 64 times as long.
#
# ### Validation images
#
# Settings are chosen on images that are neither trained on nor in the test split: MNIST's last 5,000 training images, OrganAMNIST's validation split, and of a sample
# the last fifth of each class's training images. Published runs train on all training images and are measured on the test split.
#
# ## The classes


# %% tags=["hide-input"]
def drawn(name: str, width: float, each: int = 5) -> Panels:
    data, target = datasets[name], targets[name]
    size, long = (width, width * each / len(data.classes) + 0.9), max(map(len, data.classes)) > 2
    fig = plt.figure(figsize=size, layout="constrained", FigureClass=Panels)
    plt.close(fig)
    axes = fig.subplots(each, len(data.classes))
    for label, column in enumerate(axes.T):
        chosen = data.train.subset(data.train.of_class(label)[:each])
        for axis, image in zip(column, chosen.images, strict=True):
            axis.imshow(image[0], cmap="gray", vmin=0, vmax=1)
            axis.set_axis_off()
        mark = {"color": PALETTE["baseline"], "weight": "bold"} if label == target else {}
        column[0].set_title(data.classes[label], fontsize=8, rotation=90 * long, **mark)
    return fig


# %% mystnb={"image": {"classes": "photo", "alt": "Five handwritten examples of each digit from 0 to 9 in columns; the digit 3 is marked as the target."}, "figure": {"caption": "MNIST: the first five training images of each digit. The request is to forget the digit 3.", "name": "fig-mnist-images"}}
at_both_widths(partial(drawn, "mnist"))

# %% mystnb={"image": {"classes": "photo", "alt": "Five CT slices of each of eleven organs in columns, from bladder to spleen; the right femur is marked as the target."}, "figure": {"caption": "OrganAMNIST: the first five training images of each organ, label 0 (bladder) to label 10 (spleen). The request is to forget label 2, the right femur.", "name": "fig-organamnist-images"}}
at_both_widths(partial(drawn, "organamnist"))

# %% [markdown]
# Organs are not equally frequent: there are four and a half times as many images of the liver as of the right femur. Left and right look alike, so watch the left femur when the right one is forgotten.


# %% tags=["hide-input"]
def class_table(name: str):
    data, counts = datasets[name], official[name]
    here = [part.labels.bincount().tolist() for part in (data.train, data.evaluation)]
    splits = [split.replace("val", "validation") for split in counts]
    return simple_table(
        list(zip(range(len(data.classes)), data.classes, *counts.values(), *here, strict=True)),
        headings=["Label", "Class", *splits, "train", "test"],
        above=["", "", *["Official files"] * len(splits), *["This page"] * len(here)],
        caption=f"Images of each class of {titles[name]}",
        labels=2,
    )


class_table("mnist")

# %%
class_table("organamnist")

# %% [markdown]
# ## What is to be forgotten
#
# On MNIST the digit 3. On OrganAMNIST the paper's "class-3" is label 2, the right femur: the paper counts from 1, and only this label's number of test images makes
# all accuracies of its Table 6 possible ([the audit](audit.ipynb)). The retained classes it shows are the digits 2, 7, 9 and the labels 0, 5, 10.

# %%
rows = []
for name, data in datasets.items():
    train, test = (official[name][split] for split in ("train", "test"))
    ours, tested = (counts[targets[name]] for counts in (train, test))
    names = [titles[name], targets[name], data.classes[targets[name]]]
    rows.append([*names, ours, f"{ours / sum(train):.1%}", tested, sum(test) - tested])
simple_table(
    rows,
    headings=(
        "Data set",
        "Label",
        "Class",
        "Target training images",
        "Share of training",
        "Target test images",
        "Retained test images",
    ),
    caption="The class to forget, and what is left, of the official files",
    cards=True,
)

# %% [markdown]
# ## The embedded sample
#
# The repository holds 5,000 training and 1,000 test images of each set, at even distances over each class; `python -m reproduction sample` makes the files again. An image keeps its official index as its id.
#
# The complete sets are looked for in `--data`, else `UNLEARN_DATA`, else `data/`, and downloaded where absent.
#
# ## Licences
#
# | data | licence | attribution |
# |---|---|---|
# | MNIST | [CC BY-SA 3.0](https://creativecommons.org/licenses/by-sa/3.0/) | Yann LeCun, Corinna Cortes, Christopher J. C. Burges |
# | OrganAMNIST | [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/) | MedMNIST: Jiancheng Yang and others {cite:p}`yang2023`; scans from LiTS {cite:p}`bilic2023` |
#
# The pictures above and the sample files stand under these licences. Pixels and labels are unchanged.
#
# ## What this does not show
#
# - Results on the sample are not those on the complete data: models are weaker.
# - Nothing was run at 224 x 224 pixels, or on the 34,581 images.
#
# ## Where the images come from

# %%
simple_table(
    [[titles[name], data.source, data.digest[:16]] for name, data in datasets.items()],
    headings=("Data set", "Source", "Digest"),
    caption="Where these images come from",
)
