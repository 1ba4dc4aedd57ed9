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
# The folder `lib` has two rooms. `partial_unlearning` is a small library, to be imported for a model of one's own; it knows
# nothing of this book. `reproduction` makes the book with it.
#
# Each room is a stair. What stands on a floor imports only from floors below it, and neighbours on one floor do not import
# each other. So a floor can be read, tested and changed without knowing what is above it. A test, `tests/test_stair.py`,
# reads every import and refuses one that goes up.

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
# - **The paper's methods**: `unlearners/amnesiac.py` and `masks.py` for partial amnesiac unlearning, `unlearners/gradient.py` for
#   label flipping and optimization. Each has the equations that it follows.
# - **A run of the book**: `study/experiments.py` lists the runs that each table and figure is made of, and `study/runs/` holds
#   one file for each kind of run.
# - **A verdict**: `checking/judging.py` judges each claim of `book/claims.yaml` by its rule.
# - **A page**: `notebooks/NAME.py` is short; its tables and figures are made in `chapters/`.
#
# ## To add something
#
# `CONTRIBUTING.md`, at the root of the repository, says for a model, a method, a mask, an experiment, a claim and a chapter
# which one or two places to touch.
#
# ## Provenance
#
# Nothing is trained here. The sizes were counted in `lib` when this page was made.
