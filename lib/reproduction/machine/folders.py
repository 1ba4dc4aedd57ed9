"""Folders that one can write to."""

import tempfile
from pathlib import Path

from partial_unlearning.errors import InputError


def make_folder(path: Path) -> Path:
    """Create ``path`` with its parents and return it; InputError if it cannot be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise InputError(
            f"cannot write to the folder {path}: {error.strerror or error}; "
            "choose another folder or change its permissions"
        ) from error
