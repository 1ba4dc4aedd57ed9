"""Where things lie.

Functions, not constants: what they return is looked up when it is needed, so that a test can point
:data:`ROOT` at another folder.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def root() -> Path:
    """The root of the repository."""
    return ROOT


def readme() -> Path:
    """The first page of the repository, which carries the result."""
    return root() / "README.md"


def citation() -> Path:
    """How to cite this work, and the paper that it checks."""
    return root() / "CITATION.cff"


def readme_picture() -> Path:
    """The picture of all comparisons that the README shows."""
    return book() / "_assets" / "result.svg"


def profiles() -> Path:
    """Settings written by people, and in ``tuned/`` those chosen by tuning."""
    return root() / "profiles"


def results() -> Path:
    """Stored runs, a folder a profile."""
    return root() / "results"


def book() -> Path:
    """Prose pages, claims, the register of assumptions and the paper's numbers."""
    return root() / "book"


def notebooks() -> Path:
    """Sources of the notebooks, and the committed executed ones beside them."""
    return root() / "notebooks"


def output(profile: str) -> Path:
    """Everything that is made under ``profile``; may be deleted at any time."""
    return root() / "_build" / profile


def executed(profile: str) -> Path:
    """Notebooks executed under ``profile``, each of them whole."""
    return output(profile) / "notebooks"
