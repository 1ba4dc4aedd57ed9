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
# # How the code is laid out
#
# `lib` has two rooms. `partial_unlearning` is a small library for a model of one's own ([name by name](../book/api.md)); it knows nothing of this book. `reproduction` makes the book with it. Each room is a stair: a floor imports only from floors
# below, and `tests/test_stair.py` refuses what goes up.

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %%
import matplotlib.pyplot as plt

from reproduction.chapters.figures import apply_style
from reproduction.chapters.stair import stair_figure

apply_style()

# %% mystnb={"image": {"alt": "Two stairs, one above the other. The upper one is lib/reproduction: from the top __main__; costs and publishing; chapters; checking; study; datasets, machine and paper; places. An arrow leads down to lib/partial_unlearning: from the top __init__ and __main__; unlearners and update_log; metrics and recorders; masks and training; batching, models, samples, state and system; errors. Each step says what it is for and how many lines it has."}, "figure": {"caption": "The floors of both rooms, with what they are for and their lines of Python. Imports go down.", "name": "fig-stair"}}
stair_figure()
plt.show()

# %% [markdown]
# ## Where to start reading
#
# - **The methods**: `unlearners/amnesiac.py` and `masks.py`; `unlearners/gradient.py`. Each names its equations.
# - **A run**: `study/experiments.py` lists what each table and figure is made of; `study/runs/` has a file for each kind.
# - **A verdict**: `checking/judging.py` judges each claim of `book/claims.yaml`.
# - **A page**: `notebooks/NAME.py`; its tables and pictures are made in `chapters/`.
#
# `CONTRIBUTING.md` says which one or two places to touch for a new model, method, mask, experiment, claim or chapter.
