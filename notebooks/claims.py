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
# # Claim ledger
#
# *Abstract, Section 1.1 and Section 5.* The paper's claims, with what was measured here, the rule it is judged by, and the verdict. Claims,
# rules and tolerances are kept in `book/claims.yaml`; verdicts are computed from the stored results of this book's profile and from
# nothing else. The rules were written first on results of the embedded sample. After a look at one-seed results on the complete data,
# some were made stricter or clearer: Figures 1 and 2 are judged in each order of epochs, the summaries by a sign test, and "slower"
# at one step size for both methods.
#
# What this leaves out: claims about motivation or novelty; the limits of SISA, which have their own chapter; and that Figure 4's
# accuracy stays "comparable" to that before the request, which its own page lets one read off.

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %%
from reproduction.chapters.claim_pages import claim_table
from reproduction.checking import claims, judging

judged = judging.verdicts(profile)
print(f"profile {profile}, {len(judged)} claims: {judging.counts(judged.verdict)}")

# %% [markdown]
# ## How a verdict is reached
#
# $\mathcal{D}_t$ is test accuracy on the forget set (the target class), $\mathcal{D}_r$ on the retain set (all other classes).
#
# - A **comparison** of two methods looks at the difference of $\mathcal{D}_r$ seed by seed. *Reproduced* needs a
#   confidence interval (Student's $t$, paired) that keeps the paper's sign throughout, and a class forgotten on both
#   sides. *Partly* is left when the mean has the sign but the interval reaches zero, or when one side has only nearly
#   forgotten.
# - A **bound** compares a mean over seeds with two limits, one for *reproduced* and a wider one for *partly*. The paper
#   rarely says how small "minimal" is; the limits are this book's reading and stand in the last column.
# - A claim of **several cases** is reproduced when every case is, and partly when at least half of the cases are
#   reproduced or partly so. When some cases were not run, *partly* is the most it can get.
# - With **one seed** there is no interval. The verdict is then *partly* at most, and says so.
# - For a single comparison *partly* is weak: a method that is no better gets it about every second time. The summaries of
#   comparisons therefore ask for more of them than coins would give (a sign test at 5 %).
# - *Not attempted* means that the profile has no result to judge by, or that the trained model hardly knew the target
#   class, so that there was nothing to forget.
# - A number in brackets points to a **caveat** below the table, where the verdict alone would say too much.

# %%
limits = claims.limits()
print(f"forgotten: D_t <= {limits.forgotten} %; nearly: D_t <= {limits.nearly} %")
print(f"known to the trained model: D_t >= {limits.known} %")
print(f"confidence of the intervals: {limits.confidence:.0%}")

# %% [markdown]
# ## The claims

# %%
claim_table(judged, "The paper's claims, what was measured, and how it is judged")

# %% [markdown]
# ## What this does not show
#
# - How near our numbers are to the paper's. That stands in the chapter of each table, and is not judged.
# - What a fixed tolerance hides. A verdict at the edge of a limit is no different in kind from its neighbour; the
#   measured value stands beside it.
# - Anything about the paper's own runs. Its settings are not published, so a claim not reproduced here may
#   hold under settings that nobody else knows.
#
# ## Provenance
#
# Verdicts come from `results/`, in the folder of the profile: `tables.csv` and the runs beside it, each with its
# configuration, commit and versions. Runs with changed settings do not count.
