"""Files that are either whole or absent."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from partial_unlearning.errors import InputError

UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}\.new")
"""Names of files that a killed process has left half written."""


@contextmanager
def reported() -> Iterator[None]:
    """Report what the system refuses as InputError; of a missing file the caller knows better."""
    try:
        yield
    except (FileNotFoundError, InputError):
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{error}; change its permissions, make room, or move it") from error


def _beside(path: Path) -> tuple[Path, Path]:
    """The file that a path stands for, a link or not, and a new name beside it."""
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:
        raise InputError(f"{error}: no folder can be made there; name another file") from error
    if target.exists() and not target.is_file():
        raise InputError(f"{path} is a folder or a device; name a file")
    return target, target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")


@reported()
def refuse_unwritable(path: Path) -> None:
    """Raise InputError where no file can be written, as :func:`write_atomic` would."""
    parents = Path(os.path.realpath(path)).parents
    missing = [folder for folder in parents if not folder.exists()]
    try:
        trial = _beside(path)[1]
        trial.touch()
        trial.unlink()
    finally:
        for folder in missing:  # those that were made for the trial, the inner ones first
            with suppress(OSError):
                folder.rmdir()


@reported()
def remove_unfinished(path: Path) -> None:
    """Delete what killed processes began to write to ``path``."""
    target = Path(os.path.realpath(path))
    own = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.new")
    for name in filter(own.fullmatch, os.listdir(target.parent) if target.parent.is_dir() else ()):
        (target.parent / name).unlink(missing_ok=True)


@reported()
def write_atomic(path: Path, content: str | bytes | memoryview, mode: int | None = None) -> Path:
    """Write ``content`` to ``path`` so that a reader sees the old file or the new one, never half.

    A process that is killed meanwhile may leave a file of a name as :data:`UNFINISHED` has it. The
    ``mode``, by default that of the old file, is less what the umask takes. InputError if it cannot
    be written.
    """
    target, temporary = _beside(path)
    old = target.stat() if target.exists() else None
    if mode is None:
        mode = old.st_mode & 0o777 if old else 0o666
    try:
        with open(temporary, "xb", opener=partial(os.open, mode=mode)) as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            if old and (old.st_uid, old.st_gid) != (os.getuid(), os.getgid()):
                with suppress(OSError):  # root leaves a person's files theirs
                    os.fchown(file.fileno(), old.st_uid, old.st_gid)
            os.fsync(file.fileno())
            with suppress(OSError, AttributeError):  # else a long log pushes all else out of memory
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # what was written when the disk was full
        raise
    _keep_name(target.parent)
    return path


def _keep_name(folder: Path) -> None:
    """Let the name of a file that was just put into a folder survive a power cut as well."""
    with suppress(OSError):  # of a file system that cannot
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
