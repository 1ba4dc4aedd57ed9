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
# # Paper audit: what the printed numbers can and cannot be
#
# *Tables 1 to 6, and the text around them.* An accuracy over $n$ images is $k/n$ for a whole number $k$, so most percentages with two decimals are impossible for a given $n$. This test is
# known as GRIM {cite:p}`brown2017` and needs no training: only the printed tables and the class sizes.
#
#

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %% tags=["remove-input"]
from IPython.display import Markdown, display

from reproduction import paper
from reproduction.chapters.figures import PALETTE, apply_style, side_by_side
from reproduction.chapters.tables import simple_table
from reproduction.checking import audit
from reproduction.datasets.sources import official_counts
from reproduction.study.profiles import load_profile

apply_style()
settings = load_profile(profile)
cells, impossible = audit.cells(), audit.impossible()
gap, readings = audit.differences(), audit.readings()
test = readings.query("split == 'test' and reading == 'as written'").iloc[0]
train = readings.query("split == 'train' and reading == 'as written'").iloc[0]
display(
    Markdown(
        f"**Of the {test.cells} accuracies that the paper prints, {test.truncated} are possible as counts of "
        f"*test* images with decimals cut off, where chance would give {test.expected:.0f}; of training images "
        f"{train.truncated}, where chance would give {train.expected:.0f}.** So the tables are of test images. "
        f"The other {len(impossible)} are one value, printed twice. Accuracy on everything else is higher in "
        f"{(gap.d_r > 0).sum()} of the {len(gap)} comparisons; on the class to forget it is higher, that is worse, "
        f"in {(gap.d_t > 0).sum()}."
    )
)
assert len({*impossible.printed}) == 1
SPLITS = {"test": "test images", "train": "training images", "val": "validation images"}
SHOWN = dict(zip(paper.MEASURES[2:], ("first shown", "second shown", "third shown"), strict=True))

# %% [markdown]
# ## Test images, decimals cut off
#
# Each number is read **at its written precision**: `98.90` is every $k/n$ that begins so when further digits are cut (*truncated*), or that is nearest (*rounded*). *Padded* reads `0` as 0.00. *Expected* is how many cells would pass if the numbers were arbitrary.

# %%
simple_table(
    [[SPLITS[row[0]], *row[1:-1], f"{row[-1]:.1f}"] for row in readings.itertuples(index=False)],
    headings=["Split", "Short numbers", "Cells", "Truncated", "Rounded", "Expected by chance"],
    caption="Cells that are possible, for each split, rule and reading; MNIST has no validation split",
    labels=2,
)

# %%
padded = set(readings.query("split == 'test'").truncated) == {test.truncated}
display(
    Markdown(
        f"Of {test.cells} cells, {test.truncated} are possible on the test split when truncated"
        f"{', padded or not' if padded else ''}, and {test.rounded} when rounded."
    )
)

# %% [markdown]
# Truncated counts of **test** images explain nearly every cell; rounded ones do not (what was cut off passes a test of rounding half of the time, so cutting alone
# gives more of them than chance would), and training or validation images fit as badly as chance. So the paper's $\mathcal{D}_t$ and
# $\mathcal{D}_r$ are test accuracies, although Section 3.2 defines both sets as training data. Where $n$ is above 10,000, as in all of OrganAMNIST's $\mathcal{D}_r$, every number is possible.

# %%
powerless = cells[cells.chance == 1]
zeros = (powerless.printed.astype(float) == 0).sum()
display(
    Markdown(
        f"{len(powerless)} cells pass whatever they say ({zeros} are zero, the others have too many "
        f"images). Of the other {len(cells) - len(powerless)}, "
        f"{cells[cells.chance < 1].truncated.sum()} are possible."
    )
)

# %% [markdown]
# ## Cells that cannot be

# %%
simple_table(
    impossible.replace({"column": SHOWN})[
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
# Both rows of a comparison print the same impossible value, as after a slip in copying.
#
# ## Which classes the columns show
#
# For each column every class is tried, and those are kept that explain the most cells. For $\mathcal{D}_t$ it is the target, for $\mathcal{D}_r$ the class left out.


# %%
def found(by: str) -> list[list[object]]:
    named = audit.solutions(by).replace({"column": SHOWN, "dataset": paper.TITLES})
    rows = named.astype({"next": "string"}).fillna({"next": "–"}).values
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
# - **MNIST**: the digits themselves. The target is 3; the columns are 2, 7 and 9.
# - **Table 5's header is wrong.** It says classes 1, 6 and 11; its columns fit the digits 2, 7 and 9 and no others.
# - **OrganAMNIST** counts from 1. Its columns are labels 0, 5 and 10; the target, "class-3", is label 2.

# %%
table_5 = audit.solutions("table").query("table == 5").set_index("column").labels
shown = [table_5[name] for name in paper.MEASURES[2:]]
table_6 = audit.solutions("table").query("table == 6").set_index("column").labels
display(
    Markdown(
        f"Table 5 shows the digits {', '.join(str(label) for (label,) in shown)}; the target of "
        f"Table 6 is label {table_6['d_t'][0]}."
    )
)
assert {name: entry.target for name, entry in settings.datasets.items()} == paper.TARGET
assert tuple(label for (label,) in shown) == paper.SHOWN["mnist"]

# %% mystnb={"image": {"alt": "Three bar charts, one for each column of Table 5. Over the digits 0 to 9, only one bar in each chart reaches six cells: digit 2, digit 7 and digit 9."}, "figure": {"caption": "How many of the six cells of each column of Table 5 each digit can explain. The header says classes 1, 6 and 11.", "name": "fig-audit-table-5"}}
frame = paper.printed().query("table == 5")
columns = {
    f"“Class {header}”": audit.fitting(frame, column)
    for column, header in zip(paper.MEASURES[2:], (1, 6, 11), strict=True)
}


def bars(axis, counts):
    axis.bar(counts.index, counts, color=PALETTE["proposed"], width=0.65)
    axis.set(xlabel="digit", xticks=counts.index, ylim=(0, 6.4))


side_by_side(columns, bars, height=2.4, label="cells explained", legend=False)

# %% [markdown]
# ## Higher accuracy comes in part at a price
#
# Proposed minus baseline in the paper's own numbers, in points. The text calls every comparison superior.

# %%
simple_table(
    [
        [*index, *(f"{value:+.2f}" for value in row)]
        for index, row in zip(gap.index, gap.values, strict=True)
    ],
    headings=["Table", "Model", *paper.MEASURES[:2], *SHOWN.values()],
    caption="Proposed minus baseline as printed, in points",
    labels=2,
)

# %%
classes = gap[paper.MEASURES[2:]].stack()
repeated = audit.repeated()
places = [f"Table {row.table} {row.model} {row.method}" for row in repeated.itertuples()]
display(
    Markdown(
        f"Accuracy on everything else is higher in {(gap.d_r > 0).sum()} of {len(gap)} comparisons; on "
        f"the class to forget it is higher, that is worse, in {(gap.d_t > 0).sum()} and lower in "
        f"{(gap.d_t < 0).sum()}. A retained class is worse in {(classes < 0).sum()} of {len(classes)} "
        f"cells, by {-classes.min():.2f} at most. {', '.join(repeated.d_r.unique())} is printed twice: "
        f"{', '.join(places)}."
    )
)

# %% [markdown]
# Where $\mathcal{D}_t$ differs, the baseline forgets more, and a method stopped earlier keeps more of everything.
#
# ## Where the text disagrees with itself

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
    cards=True,
)

# %% [markdown]
# The number of training images can be counted:

# %%
current = {split: sum(sizes) for split, sizes in official_counts("organamnist").items()}
counted = ", ".join(f"{count:,} for {split}" for split, count in current.items())
display(Markdown(f"OrganAMNIST today: {counted}, together {sum(current.values()):,}."))

# %% [markdown]
# ### How batches come to be mixed
#
# The paper does not say how a batch comes to hold target data. With plain shuffling hardly any batch misses the class:

# %%
digits = official_counts("mnist")["train"]
share = digits[paper.TARGET["mnist"]] / sum(digits)
missed = (1 - share) ** settings.training.batch_size
batches = sum(digits) / settings.training.batch_size
display(
    Markdown(
        f"The digit {paper.TARGET['mnist']} makes up {share:.1%} of the images. A batch misses it with "
        f"probability {missed:.1e}; of an epoch's {batches:.0f} batches that is {batches * missed:.4f}."
    )
)

# %% [markdown]
# So every step would be taken back. The public notebook of {cite:t}`graves2021` keeps only 100 target images; here the fraction of affected batches is a setting.
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
# - That a possible number is right.
# - Classes of nearly equal size apart: they explain nearly the same numbers, as *next best* shows.
# - The tables were copied from a text version; a digit misread there could look impossible.
#
# ## Where the numbers come from
#
# `book/paper/tables.csv`, `book/paper/contradictions.yaml`, and the class sizes of the official files. No run is needed.
