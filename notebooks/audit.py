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
# # Paper audit
#
# *Tables 1 to 6, and the text around them.* Before a paper's numbers are regenerated, they can be asked what they
# are numbers of. An accuracy over $n$ images is $k/n$ for a whole number $k$, so most percentages with two decimals
# are impossible for a given $n$. This test is known as GRIM {cite:p}`brown2017`. It needs no training:
# only the printed tables and the number of images in each class.
#
# This chapter finds out on which images the paper measured, how it cut its decimals, which classes its columns
# show, and which cells no model can have produced. It then lists where the text disagrees with itself.
#
# What this leaves out: cells that pass the test are possible, and need not be right.

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %%
import matplotlib.pyplot as plt
from IPython.display import Markdown

from reproduction import paper
from reproduction.chapters.figures import PALETTE, apply_style
from reproduction.chapters.tables import simple_table
from reproduction.checking import audit
from reproduction.datasets.sources import official_counts
from reproduction.study.profiles import load_profile

apply_style()
settings = load_profile(profile)
cells = audit.cells()
Markdown(f"The tables print {len(cells)} numbers in {len(paper.comparisons())} comparisons.")

# %% [markdown]
# ## The check
#
# Each printed text is read **at its written precision**. `98.90` stands for every $k/n$ that begins with 98.90 when the
# further digits are cut off (*truncated*), or that is nearest to it (*rounded*, halves allowed either way). Some cells have
# fewer decimals: `0`, `0.5`, `1.0`. As written, `0` excludes hardly anything; *padded* is the stricter reading, in which
# `0` was 0.00 and `0.5` was 0.50. Both readings are counted, so that nothing hangs on the choice.
#
# The column *expected* says how many cells would pass under truncation if the printed numbers were arbitrary: the
# sum, over the cells, of the share of all such percentages that $n$ images can give.

# %%
readings = audit.readings()
simple_table(
    [[*row[:-1], f"{row[-1]:.1f}"] for row in readings.itertuples(index=False)],
    headings=["Split", "Short numbers", "Cells", "Truncated", "Rounded", "Expected by chance"],
    caption="Cells that are possible, for each split, rule and reading; MNIST has no validation split",
    labels=2,
)

# %%
test = readings.query("split == 'test' and reading == 'as written'").iloc[0]
assert set(readings.query("split == 'test'").truncated) == {test.truncated}  # padded or not
Markdown(
    f"On the test split {test.truncated} of {test.cells} cells are possible when numbers are cut off, "
    f"{test.rounded} when they are rounded. Padding changes neither."
)

# %% [markdown]
# Truncated counts of **test** images explain nearly every cell. Rounded ones do not, and under the training and
# validation splits the tables fit as badly as arbitrary numbers. So the paper's $\mathcal{D}_t$ and $\mathcal{D}_r$ in the
# tables are test accuracy on the forget set and on the retain set, although Section 3.2 defines both sets as training data.
#
# The test has no power where $n$ is above 10,000: every two-decimal number is then possible. That is so for all of
# OrganAMNIST's $\mathcal{D}_r$.

# %%
powerless = cells[cells.chance == 1]
zeros = (powerless.printed.astype(float) == 0).sum()
Markdown(
    f"{len(powerless)} of {len(cells)} cells pass whatever they say: {zeros} are printed as zero, and "
    f"{len(powerless) - zeros} have too many images. Of the other {len(cells) - len(powerless)} cells, "
    f"{cells[cells.chance < 1].truncated.sum()} are possible."
)

# %% [markdown]
# ## Cells that cannot be

# %%
impossible = audit.impossible()
simple_table(
    impossible[
        ["table", "model", "method", "column", "label", "n", "printed", "below", "above"]
    ].values,
    headings=[
        "Table",
        "Model",
        "Method",
        "Column",
        "Class",
        "Images",
        "Printed",
        "Nearest below",
        "Nearest above",
    ],
    caption="Printed accuracies that no number of correct test images gives",
    labels=4,
)

# %% [markdown]
# Both rows of one comparison print the same impossible value in the same column. A slip in copying one number twice would
# explain it; which number was meant cannot be told.
#
# ## Which classes the columns show
#
# For each column of each table, *every* class of the data set is tried, and those are kept that explain the most cells.
# For $\mathcal{D}_t$ the class is the target; for $\mathcal{D}_r$ it is the class left out. *Next best* is what any
# other class explains.


# %%
def found(by: str) -> list[list[object]]:
    rows = audit.solutions(by).astype({"next": "string"}).fillna({"next": "–"}).values
    return [[*row[:4], ", ".join(map(str, row[4])), row[5]] for row in rows]


heads = ["Column", "Cells", "Explained", "By class", "Next best"]
simple_table(
    found("dataset"),
    headings=["Data set", *heads],
    caption="The classes that explain each column best, the three tables of a data set together",
    labels=2,
)

# %%
simple_table(
    found("table"),
    headings=["Table", *heads],
    caption="The classes that explain each column best, table by table",
    labels=2,
)

# %% [markdown]
# - **MNIST's classes are the digits themselves.** The target is the digit 3: it alone explains all cells of both
#   $\mathcal{D}_t$ and $\mathcal{D}_r$. The columns are the digits 2, 7 and 9.
# - **Table 5's header is wrong.** It says classes 1, 6 and 11, and MNIST has no class 11. Its columns fit the digits 2, 7
#   and 9 and no others, so the header was taken from Table 6.
# - **OrganAMNIST's classes are counted from 1.** "Class 1", "Class 6" and "Class 11" are labels 0, 5 and 10, and the target,
#   "class-3", is label 2: it alone explains every $\mathcal{D}_t$ of Table 6.

# %%
table_5 = audit.solutions("table").query("table == 5").set_index("column").labels
shown = [table_5[name] for name in paper.MEASURES[2:]]
table_6 = audit.solutions("table").query("table == 6").set_index("column").labels
assert {name: entry.target for name, entry in settings.datasets.items()} == paper.TARGET
assert tuple(label for (label,) in shown) == paper.SHOWN["mnist"]
Markdown(
    f"Table 5 shows the digits {', '.join(str(label) for (label,) in shown)}. "
    f"The target of Table 6 is label {', '.join(map(str, table_6['d_t']))}."
)

# %% mystnb={"image": {"alt": "Three bar charts, one for each column of Table 5. Over the digits 0 to 9, only one bar in each chart reaches six cells: digit 2, digit 7 and digit 9."}, "figure": {"caption": "How many of the six cells of each column of Table 5 each digit can explain. The header says classes 1, 6 and 11.", "name": "fig-audit-table-5"}}
frame = paper.printed().query("table == 5")
figure, axes = plt.subplots(1, 3, figsize=(8, 2.4), sharey=True, layout="constrained")
for axis, column, header in zip(axes, paper.MEASURES[2:], (1, 6, 11), strict=True):
    counts = audit.fitting(frame, column)
    axis.bar(counts.index, counts, color=PALETTE["proposed"], width=0.65)
    axis.set(title=f"“Class {header}”", xlabel="digit", xticks=counts.index, ylim=(0, 6.4))
axes[0].set_ylabel("cells explained")
plt.show()

# %% [markdown]
# ## What the tables say about each other
#
# Proposed minus baseline in the paper's own numbers, in points. The text calls every comparison superior.

# %%
gap = audit.differences()
simple_table(
    [
        [*index, *(f"{value:+.2f}" for value in row)]
        for index, row in zip(gap.index, gap.values, strict=True)
    ],
    headings=["Table", "Model", *paper.MEASURES],
    caption="Proposed minus baseline as printed, in points",
    labels=2,
)

# %%
classes = gap[paper.MEASURES[2:]].stack()
repeated = audit.repeated()
places = [f"Table {row.table} {row.model} {row.method}" for row in repeated.itertuples()]
Markdown(
    f"$D_r$ is higher in {(gap.d_r > 0).sum()} of {len(gap)} comparisons. $D_t$ is higher, that is worse, "
    f"in {(gap.d_t > 0).sum()} and lower in {(gap.d_t < 0).sum()}. A retained class is worse in "
    f"{(classes < 0).sum()} of {len(classes)} cells, at most by {-classes.min():.2f} points. "
    f"One $D_r$ is printed twice: {', '.join(repeated.d_r.unique())} in {' and '.join(places)}."
)

# %% [markdown]
# The higher $\mathcal{D}_r$ comes in part at a price: where $\mathcal{D}_t$ differs at all, the baseline forgets more. A method
# that is stopped earlier keeps more of everything, so the chapters on label flipping and optimization show whole
# trajectories. One repeated value proves nothing; chance alone gives such a pair now and then.
#
# ## Where the text disagrees with itself
#
# Found by reading, with what this book does about each.

# %%
simple_table(
    [
        [
            entry["subject"],
            entry["where"],
            " / ".join(f"“{q}”" for q in entry["quotes"]),
            entry["says"],
            entry["reading"],
        ]
        for entry in audit.remarks("contradictions")
    ],
    headings=["Subject", "Where", "The paper's words", "What is at odds", "Read here as"],
    caption="Contradictions, with a few words of each place",
)

# %% [markdown]
# The number of training images, for one, can be counted:

# %%
current = {split: sum(sizes) for split, sizes in official_counts("organamnist").items()}
names = {"train": "training", "val": "validation", "test": "test"}
counted = ", ".join(f"{size:,} {names[split]}" for split, size in current.items())
Markdown(f"OrganAMNIST has {counted} images today, {sum(current.values()):,} together.")

# %% [markdown]
# ### Mixed batches
#
# One silence matters more than the others. The paper does not say how a batch comes to hold target data. With plain
# shuffling, the chance that a batch misses the target class altogether is tiny:

# %%
digits = official_counts("mnist")["train"]
share = digits[paper.TARGET["mnist"]] / sum(digits)
missed = (1 - share) ** settings.training.batch_size
batches = sum(digits) / settings.training.batch_size
Markdown(
    f"The digit {paper.TARGET['mnist']} makes up {share:.1%} of the images. A batch misses it with "
    f"probability {missed:.1e}, so that an epoch of {batches:.0f} batches has {batches * missed:.4f} of those."
)

# %% [markdown]
# So every batch would be affected, and subtracting all affected updates would undo the whole training. The public
# notebook of {cite:t}`graves2021` keeps only 100 target images, so that about one batch of 64 images in nine holds
# one. This book makes the share of affected batches a parameter; the chapters on amnesiac unlearning show what follows.
#
# ### What is not said

# %%
simple_table(
    [[entry["subject"], entry["says"]] for entry in audit.remarks("silences")],
    headings=["Subject", "Not given"],
    caption="What a rerun needs and the paper does not give",
)

# %% [markdown]
# ## What this does not show
#
# - A possible number need not be a right one, and the check says nothing about how it came to be.
# - Classes with nearly equal sizes explain nearly the same numbers. The labels above are what the sizes allow, and the
#   next-best column shows by how far.
# - The tables were copied from a text version of the paper; a digit misread there could look like an impossible one.
#
# ## Provenance
#
# The tables are in `book/paper/tables.csv`, the contradictions in `book/paper/contradictions.yaml`. The class sizes are those
# of the official files; a test counts them again where the complete data sets are present. No run is needed.
