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
# # The models
#
# *Section 5.3 of the paper.* Five networks take part: three on each data set, ResNet9 on both. This chapter builds them,
# counts their parameters, and says where the paper's description had to be completed.
#
# > The paper, Section 5.3: "LeNet typically consists of seven layers, including three convolutional layers followed by two
# > pooling layers and two fully connected layers."
#
# What is different here, or was open:
#
# - Images have 28 x 28 pixels and one channel. AlexNet and ResNet9 were made for larger ones in colour and are fitted to that.
# - **ConvNet** has "2 convolutional layers and 3 fully connected layers" in Section 1.1 and three convolutional ones in Section 5.3. It
#   has three here, since Section 5.3 describes the experiments.
# - The paper gives a width for the MLP (500 hidden neurons) and none for ConvNet, AlexNet and ResNet9. Here the `width` of a network
#   is the number of channels of its first layer, and all other layers keep their proportion to it. A profile may choose a
#   smaller one to save computing time, and every results page names the width that it shows.
# - Section 5.3's order of LeNet's layers, three convolutions and then two poolings, is taken loosely: in
#   LeNet-5 {cite:p}`lecun1998` the two poolings stand between the convolutions.

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %%
from partial_unlearning.models import MODELS, build, parameter_count
from partial_unlearning.state import Layout
from reproduction.chapters.layers import layer_table
from reproduction.chapters.tables import simple_table
from reproduction.study.profiles import load_profile

settings = load_profile(profile)
classes = {"mnist": 10, "organamnist": 11}

# %% [markdown]
# ## Sizes
#
# Two sizes of each network: its own, and the one that this profile trains. *State* is the length of the vector
# $\mathbf{w}$ in the code: the parameters, and for ResNet9 also the running statistics of batch normalisation, which every training
# step changes as well.

# %% tags=["nbval-check-output"]
rows = []
for dataset, data in settings.datasets.items():
    for name, chosen in data.models.items():
        own = build(name, classes=classes[dataset], seed=0)
        trained = build(name, classes=classes[dataset], seed=0, width=chosen.width)
        state = f"{Layout.of(trained).size:,}"
        widths = (MODELS[name][1], f"{parameter_count(own):,}", chosen.width or MODELS[name][1])
        rows.append([dataset, name, *widths, f"{parameter_count(trained):,}", state])
simple_table(
    rows,
    headings=("Data", "Model", "Own width", "Parameters", "Width here", "Parameters here", "State"),
    caption=f"The networks of profile {profile}",
    labels=2,
)

# %% [markdown]
# LeNet-5 has a number that is known from elsewhere: 61,706 parameters with 10 classes. The MLP's can be
# counted by hand, $784 \cdot 500 + 500 + 500 \cdot 10 + 10$. Both have to come out, and every
# parameter has to lie in exactly one layer of the flat vector:

# %%
assert parameter_count(build("LeNet", classes=10, seed=0)) == 61_706
assert parameter_count(build("MLP", classes=10, seed=0)) == 784 * 500 + 500 + 500 * 10 + 10
for name in MODELS:
    model = build(name, classes=10, seed=0)
    layout = Layout.of(model)
    assert sum(layout.layer_sizes) == layout.size == len(layout.vector(model))

# %% [markdown]
# ## Layer by layer
#
# *Layer* is what the paper means by $l$: each has one pruning mask $\mathbf{P}_l$ and one selection mask $\mathbf{S}_{l,e}$. A batch
# normalisation counts with the convolution that it follows. The tables show each network at its own width.
#
# **MLP**: two fully connected layers, ReLU between them.

# %%
layer_table("MLP", classes=10)

# %% [markdown]
# **ConvNet**: each convolution is followed by max pooling.

# %%
layer_table("ConvNet", classes=11)

# %% [markdown]
# **LeNet**: ReLU and max pooling in place of the original's scaled tanh and trainable subsampling, as is usual today.

# %%
layer_table("LeNet", classes=10)

# %% [markdown]
# **AlexNet** {cite:p}`krizhevsky2012`: five convolutions and three fully connected layers. Kernels are 3 x 3 instead of 11 x 11 and 5 x 5, and
# pooling halves the image three times. Dropout is left out, so that training has no random draws but the order of images.

# %%
layer_table("AlexNet", classes=11)

# %% [markdown]
# **ResNet9**: eight convolutions, each with batch normalisation, the third and fourth and the seventh and eighth bridged by a
# shortcut {cite:p}`he2016`, and one fully connected layer. The statistics are one mean and one variance a channel, and a counter.

# %%
layer_table("ResNet9", classes=10)

# %% [markdown]
# ## What this does not show
#
# - The paper's own networks. Only the MLP and LeNet are described closely enough to be sure of their size.
# - What width does to unlearning. A wider network spreads what it knows over more weights, and the tables of one profile
#   hold one width each.
#
# ## Provenance
#
# Nothing is trained on this page. The initial weights come from PyTorch's own initialisation under a seed; the same seed
# gives the same weights:

# %%
twice = [build("LeNet", classes=10, seed=0) for _ in range(2)]
vectors = [Layout.of(model).vector(model) for model in twice]
assert vectors[0].equal(vectors[1])
