"""The claims of the paper as ``book/claims.yaml`` has them, and the limits they are judged by."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

from partial_unlearning.errors import InputError
from reproduction import paper, places
from reproduction.checking.verdicts import Limits
from reproduction.yaml_files import read_yaml

Claim = dict[str, Any]
Case = dict[str, Any]

READINGS = ("equal", "published")
"""Where methods are compared: at equal forgetting, and at the paper's own ends."""

_OF_THE_FILE = ("committed", "limits", "rules", "claims")
_OF_A_CASE = ("dataset", "target", "method", "minus")
# What book/claims.yaml may say of a claim.
_OF_A_CLAIM = (
    *("id", "source", "quote", "chapter", "caveat", "measure", "rule", "paper", "committed", "at"),
    *("tables", "models", "placement", "frame", "per_model", "orders", "cases", "claims"),
    *("method", "minus", "columns", "pick", "fall", "contrast", "at_most", "at_least"),
    *("finding", "because"),
)


def checked(document: dict[str, Any]) -> dict[str, Any]:
    """The content of ``book/claims.yaml`` as it is.

    Raises:
        InputError: it has a key that nothing reads, such as a misspelt one.
    """
    _check_keys("book/claims.yaml", document, _OF_THE_FILE)
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
    return checked(read_yaml(places.book() / "claims.yaml"))


def limits() -> Limits:
    """The limits that every finding rests on."""
    return Limits(**_document()["limits"])


def rules() -> dict[str, str]:
    """How each measure turns into a finding, measure -> prose."""
    return _document()["rules"]


def claims() -> list[Claim]:
    """The committed claims in the paper's order, as :func:`expanded` makes them."""
    return [claim for entry in _document()["claims"] for claim in expanded(entry)]


def expanded(entry: Claim) -> list[Claim]:
    """The claims that an entry of ``book/claims.yaml`` stands for, with what it leaves unsaid.

    Its cases are completed by its ``method`` and ``minus``, and stand once for each model of its
    ``tables``. ``per_model`` makes a claim of each case, ``orders`` one for each order of epochs.
    """
    whole = {
        "rule": rules()[entry["measure"]],
        "committed": _document()["committed"],
        "at": list(READINGS),
        "columns": ["d_r"],
        "caveat": "",
        **entry,
        "cases": _cases(entry),
    }
    if entry.get("per_model"):
        return [
            _part(whole, case["model"], cases=[case], paper=_of_model(entry["paper"], case))
            for case in whole["cases"]
        ]
    orders = entry.get("orders", ())
    return [_part(whole, order, end=order) for order in orders] or [whole]


def _part(claim: Claim, name: str, **own: object) -> Claim:
    named = {"id": f"{claim['id']}-{name}", "source": f"{claim['source']}, {name}"}
    return claim | named | own


def _of_model(said: str | dict[str, str], case: Case) -> str:
    return said if isinstance(said, str) else said[case["model"]]


@cache
def models_of(table: int) -> tuple[str, ...]:
    """The models that one of the paper's tables compares, in its order."""
    return tuple(model for number, model in paper.comparisons() if number == table)


def _cases(entry: Claim) -> list[Case]:
    """Each case once for each of the paper's models of the entry's tables, where it has tables."""
    compared = entry["measure"] in ("comparison", "family")
    sides = {"method": "proposed", "minus": "baseline"} if compared else {}
    sides |= {name: entry[name] for name in ("method", "minus") if name in entry}
    templates = [sides | case for case in entry.get("cases", [{}])]
    models = [
        {"table": table, "model": model}
        for table in entry.get("tables", ())
        for model in entry.get("models", models_of(table))
    ]
    return [case | model for case in templates for model in models or [{}]]
