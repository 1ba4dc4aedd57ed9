"""The claims of the paper as ``book/claims.yaml`` has them, and the limits they are judged by."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import yaml

from partial_unlearning.errors import InputError
from reproduction import paper, places
from reproduction.checking.verdicts import Limits

Claim = dict[str, Any]
Case = dict[str, Any]

# What book/claims.yaml may say of a claim, and of a case.
_OF_A_CLAIM = (
    *("id", "source", "quote", "chapter", "caveat", "measure", "rule", "claims"),
    *("tables", "per_model", "orders", "cases", "sides", "on", "value"),
    *("at_most", "at_least", "d_t", "forgets"),
)
_OF_A_CASE = (
    *("table", "tables", "model", "columns", "column", "pick", "method", "minus", "sides"),
    *("evidence", "dataset", "family", "target"),
)


def checked(document: dict[str, Any]) -> dict[str, Any]:
    """The content of ``book/claims.yaml`` as it is.

    Raises:
        InputError: it has a key that nothing reads, such as a misspelt one.
    """
    _check_keys("book/claims.yaml", document, ("limits", "rules", "claims"))
    limits = [limit.name for limit in fields(Limits)]
    _check_keys("the part limits of book/claims.yaml", document["limits"], limits)
    for claim in document["claims"]:
        _check_keys(f"claim {claim.get('id')!r}", claim, _OF_A_CLAIM)
        for case in claim.get("cases", ()):
            _check_keys(f"a case of claim {claim['id']!r}", case, _OF_A_CASE)
    return document


def _check_keys(what: str, given: Iterable[str], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            raise InputError(f"{what} has the unknown key {key!r}; choose from {', '.join(known)}")


@cache
def _document() -> dict[str, Any]:
    return checked(yaml.safe_load((places.book() / "claims.yaml").read_text(encoding="utf-8")))


def limits() -> Limits:
    """The limits that every comparison is judged by."""
    return Limits(**_document()["limits"])


def claims() -> list[Claim]:
    """The committed claims in the paper's order, as :func:`expanded` makes them."""
    return [claim for entry in _document()["claims"] for claim in expanded(entry)]


def expanded(entry: Claim) -> list[Claim]:
    """The claims that an entry of ``book/claims.yaml`` stands for.

    A case becomes one for each model of the entry's ``tables``, with the model's own value where
    it says *each*. ``per_model`` makes a claim of each case, ``orders`` one for each order.
    """
    rule = _document()["rules"].get(entry["rule"], entry["rule"])
    entry = entry | {"group": entry["id"], "rule": rule}
    if "tables" in entry:
        entry["cases"] = _cases(entry["cases"], entry["tables"])
    if "per_model" in entry:
        parts = {case["model"]: [case] for case in entry["cases"]}
    else:
        orders = entry.get("orders", ())
        parts = {order: [case | {"order": order} for case in entry["cases"]] for order in orders}
    return [
        entry
        | {"id": f"{entry['id']}-{name}", "source": f"{entry['source']}, {name}", "cases": cases}
        for name, cases in parts.items()
    ] or [entry]


def _cases(templates: list[Case], tables: list[int]) -> list[Case]:
    """Each template once for each model that the paper's tables have."""
    printed = paper.tables().drop_duplicates(["table", "model"])
    models = [row for table in tables for row in printed[printed.table == table].to_dict("records")]
    return [
        {key: model[key] if value == "each" else value for key, value in case.items()}
        for case in templates
        for model in models
    ]
