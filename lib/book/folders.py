"""Where things lie. Read at call time, so that a test can point ``lib.files.PROJECT`` elsewhere."""

from pathlib import Path

from lib import files


def project() -> Path:
    """The root of the repository."""
    return files.PROJECT


def notebooks() -> Path:
    """Sources of the notebooks, and the committed executed ones beside them."""
    return project() / "notebooks"


def output(profile: str) -> Path:
    """Everything that is made under ``profile``; may be deleted at any time."""
    return project() / "_build" / profile


def executed(profile: str) -> Path:
    """Notebooks executed under ``profile``, each of them whole."""
    return output(profile) / "notebooks"
