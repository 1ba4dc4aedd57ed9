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
# *Abstract and Sections 1.1, 2, 4 and 5.* The paper's claims, what was measured on the complete data, the rule, and the finding.
# Claims and rules are kept in `book/claims.yaml`; findings are computed from the stored results and from nothing else.
#
# What this leaves out: claims about motivation or novelty, and the limits of SISA, which have their own chapter.

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
# $\mathcal{D}_t$ is test accuracy on the forget set (the target class), $\mathcal{D}_r$ on the retain set (all other classes).
#
# - **Two readings.** *At equal forgetting*: each method where it first recognises no more than a set part of the target images
#   that it was to forget. *As published*: at the paper's own end, with all of an update subtracted, or where a gradient method has the
#   $\mathcal{D}_t$ that the paper prints.
# - **Findings.** *Confirmed* and *contradicted* come from an exact paired test over seeds, *no difference* from two shifted ones.
#   *Inconclusive* says how many seeds it would take. *Not comparable* says who never gets there. *Mixed* names each case.
#   A claim that follows from what a method is, is true *by construction*.
# - **Bounds.** The paper rarely says how small "minimal" is. The bounds are this book's reading, and stand in the rules.
# - **The paper's own numbers** under each rule: pass, fail, or cannot be said, since they are single runs.
# - A number in brackets points to a **caveat** below the table, where the finding alone would say too much.

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
# - How near our numbers are to the paper's. That stands in the chapter of each table, and is not judged.
# - Anything about the paper's own runs. Its settings are not published, so a claim that does not hold here may
#   hold under settings that nobody else knows.
#
# ## Provenance
#
# Findings come from `results/full`, from runs each with its configuration, commit and versions. Runs with changed
# settings do not count.
