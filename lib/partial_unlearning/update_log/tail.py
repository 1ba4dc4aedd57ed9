"""A file that grows at its end."""

import os
from typing import Protocol

from partial_unlearning.update_log.codecs import Row
from partial_unlearning.update_log.folder import Folder


class Tail(Protocol):
    """What is appended is kept, even if the process is killed, once ``saved`` says so."""

    saved: int

    def append(self, *parts: Row) -> None:
        """Add parts to the end."""
        ...

    def flush(self) -> None:
        """Save everything appended so far."""
        ...

    def close(self) -> None:
        """Let the file go."""
        ...


class LocalTail:
    """On this disk: every append goes to the operating system at once.

    A log is not read while training. So what is on the disk leaves the system's memory, where it
    would take the place of the training data, and ever new memory: in a virtual machine, getting
    that can cost more than all else about recording.

    Attributes:
        saved: bytes that survive the end of this process.
    """

    def __init__(self, folder: Folder, name: str, content: bytes) -> None:
        if content or folder.size(name) is not None:
            folder.put(name, content)
        self._file = open(folder.path(name), "ab", buffering=0)  # noqa: SIM115 (held)
        self.saved = len(content)

    def append(self, *parts: Row) -> None:
        """See :class:`Tail`."""
        written, size = os.writev(self._file.fileno(), parts), sum(map(len, parts))
        if written != size:  # a full disk takes a part
            raise OSError(f"only {written} of {size} bytes could be written")
        self.saved += written

    def flush(self) -> None:
        """Ask the disk as well, so that the content survives a power cut."""
        os.fsync(self._file.fileno())
        if hasattr(os, "posix_fadvise"):  # Linux has it
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def close(self) -> None:
        """See :class:`Tail`."""
        self.flush()
        self._file.close()


class RemoteTail:
    """Where files cannot grow: kept in memory and written whole at each flush.

    Attributes:
        saved: bytes that survive the end of this process.
    """

    def __init__(self, folder: Folder, name: str, content: bytes) -> None:
        self._folder, self._name, self._content = folder, name, bytearray(content)
        self.saved = len(content)

    def append(self, *parts: Row) -> None:
        """See :class:`Tail`."""
        self._content += b"".join(parts)

    def flush(self) -> None:
        """See :class:`Tail`."""
        if self._content:
            self._folder.put(self._name, bytes(self._content))
        self.saved = len(self._content)

    def close(self) -> None:
        """See :class:`Tail`."""
        self.flush()


def open_tail(folder: Folder, name: str, content: bytes) -> Tail:
    """A tail that begins with ``content``, whatever the file held before."""
    return (LocalTail if folder.local else RemoteTail)(folder, name, content)
