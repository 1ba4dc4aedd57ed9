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
# # The networks, and what was left open
#
# *Section 5.3 of the paper.* Five networks: three on each data set, ResNet9 on both.
#
# > The paper, Section 5.3: "LeNet typically consists of seven layers, including three convolutional layers followed by two
# > pooling layers and two fully connected layers."
#
# - Images have 28 x 28 pixels and one channel; AlexNet and ResNet9 were made for larger ones in colour and are fitted to that.
# - **ConvNet** has two convolutional layers in Section 1.1 and three in Section 5.3, which describes the experiments. It has three here.
# - No width is given but the MLP's. *Width* is the number of channels of the first layer; the others keep their proportion. Profiles may choose smaller ones; every results page names its width.
# - In LeNet-5 {cite:p}`lecun1998` the poolings stand between the convolutions.

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %%
from partial_unlearning.models import MODELS, build
from partial_unlearning.state import Layout
from reproduction.chapters.layers import layer_table, parameter_count
from reproduction.chapters.tables import simple_table
from reproduction.study.profiles import load_profile

settings = load_profile(profile)
classes = {"mnist": 10, "organamnist": 11}

# %% [markdown]
# ## Sizes
#
# As {py:func}`~partial_unlearning.build` makes them: own size, and the one trained under this profile. *State* is the length of the vector $\mathbf{w}$ in the code: parameters, and for ResNet9 the running statistics of batch
# normalisation.

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
# LeNet-5 is known to have 61,706 parameters with 10 classes; the MLP's can be counted by hand. Both have to come out, and each parameter lies in one layer:

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
# A *layer* is the paper's $l$; its [masks](../book/glossary.md) choose weights within each. A batch normalisation counts with its convolution. Widths are the
# networks' own.
#
# **MLP**: two fully connected layers, ReLU between.

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
# **AlexNet** {cite:p}`krizhevsky2012`: kernels of 3 x 3 instead of 11 x 11 and 5 x 5, three poolings, no dropout, so that only the order of images is random.

# %%
layer_table("AlexNet", classes=11)

# %% [markdown]
# **ResNet9**: eight convolutions with batch normalisation, two shortcuts {cite:p}`he2016`, one fully connected layer.

# %%
layer_table("ResNet9", classes=10)

# %% [markdown]
# ## What this does not show
#
# - The paper's own networks: only the MLP and LeNet are described closely enough.
# - What width does to unlearning: the tables of a profile hold one each.
#
# ## Where the numbers come from
#
# Nothing is trained here. The same seed gives the same initial weights:

# %%
twice = [build("LeNet", classes=10, seed=0) for _ in range(2)]
vectors = [Layout.of(model).vector(model) for model in twice]
assert vectors[0].equal(vectors[1])
