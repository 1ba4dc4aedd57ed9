"""Files that are either whole or absent."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def reported() -> Iterator[None]:
    """Report what the system refuses as InputError; of a missing file the caller knows better."""
    try:
        yield
    except (FileNotFoundError, InputError):
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{error}; change its permissions, make room, or move it") from error


@reported()
def write_atomic(path: Path, content: str | bytes, mode: int = 0o644) -> Path:
    """Write ``content`` to ``path`` so that a reader sees the old file or the new one, never half.

    Results are for all to read, unless ``mode`` says else. InputError if it cannot be written.
    """
    make_folder(path.parent)
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)  # mkstemp makes private files
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
