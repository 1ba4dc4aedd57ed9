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
# # Claim ledger: every claim, its rule, its finding
#
# *Abstract and Sections 1.1, 2, 4 and 5.* The paper's claims, what was measured on the complete data, the rule, and the finding, computed from the stored results and nothing else. Left out:
# motivation, novelty, and the limits of [SISA](sisa.ipynb).

# %% tags=["parameters", "remove-cell"]
profile = "quick"

# %% tags=["remove-input"]
from IPython.display import Markdown, display

from reproduction.chapters.claim_pages import PUBLISHED, claim_table, totals
from reproduction.checking import claims, judging

judged = judging.findings(PUBLISHED)
display(Markdown(f"Complete data, profile `{PUBLISHED}`: {totals(judged)}"))

# %% [markdown]
# ## How a finding is reached
#
# - **Two readings.** *At equal forgetting*: each method where it first recognises no more than a set part of the target images. *As published*: at the paper's own end, with all taken back,
#   or where a gradient method has the printed $\mathcal{D}_t$.
# - **Findings.** *Confirmed* and *contradicted* come from an exact paired test over trainings, *no difference* from two shifted ones. *Inconclusive* says how many trainings it would take, *not comparable*
#   who never gets there; *mixed* names each case. What follows from the method itself is true *by construction*.
# - **Bounds.** The paper rarely says how small "minimal" is. The bounds are this book's and stand in the rules, which were committed before the runs that they judge; earlier runs, since
#   replaced, had shown what to expect.
# - **The paper's own numbers**, in the fold of a claim, under the same rule: they *pass* it, or that *cannot be said*, as the rule asks for several trainings, or for what the paper does not print.
# - A number in brackets points to a **caveat** below the table.

# %% tags=["remove-input"]
limits = claims.limits()
mnist, organamnist = (limits.margins[name] for name in ("mnist", "organamnist"))
display(
    Markdown(
        f"Equal forgetting is at {limits.level:g} % of the target images; tests are at "
        f"{limits.alpha:g}; the margin of no difference is {mnist:g} point on MNIST and "
        f"{organamnist:g} points on OrganAMNIST; intervals are of {limits.confidence:.0%}."
    )
)

# %% [markdown]
# ## The claims

# %% tags=["remove-input"]
claim_table(judged, "The paper's claims, what was measured, and how it is judged")

# %% [markdown]
# ## What this does not show
#
# - How near our numbers are to the paper's: that stands in each table's chapter.
# - The paper's own runs. A claim that fails here may hold under settings that nobody else knows.
#
# ## Where the numbers come from
#
# `results/full`: runs each with its configuration, commit and versions. Runs with changed settings do not count.
