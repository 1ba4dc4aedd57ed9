"""One folder, on this disk or behind any fsspec URL: files are written whole."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar
from weakref import WeakSet

import fsspec
import numpy as np
from fsspec.implementations.local import LocalFileSystem

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import UNFINISHED, reported, write_atomic

T = TypeVar("T")
Metadata = Callable[[Any], dict[str, Any]]
"""From the content of a ``zarr.json`` to what else stands in it."""

ROOT = "zarr.json"  # written last, so a log exists once it is complete
FORMAT = 8
"""Version of everything in a log. Raise it when older code would misread what is written."""


def _group(_: object) -> dict[str, Any]:
    return {"node_type": "group"}


def _document(content: Any, metadata: Metadata) -> dict[str, Any]:  # noqa: ANN401 (any JSON)
    """The ``zarr.json`` of a content, with its SHA-256 in one fixed spelling."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    attributes = {"format": FORMAT, "content": content, "digest": digest}
    return {"zarr_format": 3, **metadata(content), "attributes": attributes}


class Folder:
    """Files by name, relative to one folder.

    Its ``url`` is a path, or a URL such as ``s3://bucket/log`` (for which fsspec needs that
    protocol's package); else InputError.
    """

    def __init__(self, url: str | os.PathLike[str]) -> None:
        try:
            self.root = os.fspath(url)
            if "://" in self.root:
                self.fs, self.root = fsspec.core.url_to_fs(self.root)
            else:  # a path as it stands, whatever fsspec makes of its letters
                self.fs = LocalFileSystem()
                self.root = str(Path(os.path.expanduser(self.root)).absolute())
        except Exception as error:  # whatever anyone's file system raises
            raise InputError(
                f"cannot open the log folder {url}: {error}; give a path, or a URL of a kind that "
                "fsspec knows, with its package installed"
            ) from error
        self.local = isinstance(self.fs, LocalFileSystem)
        self._lock: IO[bytes] | None = None
        _FOLDERS.add(self)

    def __del__(self) -> None:
        """What is dropped is let go of, without Python's warning of a file left open."""
        if lock := getattr(self, "_lock", None):
            lock.close()

    def path(self, name: str) -> str:
        """The full path of a file."""
        return f"{self.root}/{name}" if self.root else name  # an archive's own root has no name

    @reported()
    def names(self, folder: str) -> list[str]:
        """The names of all files in a subfolder, sorted; none if there is no such folder."""
        try:
            self.fs.invalidate_cache()
            found = self.fs.ls(self.path(folder), detail=False)
        except FileNotFoundError:
            return []
        return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in found)

    @reported()
    def size(self, name: str) -> int | None:
        """Bytes in a file, None when there is no such file."""
        try:
            self.fs.invalidate_cache()
            return int(self.fs.size(self.path(name)))
        except FileNotFoundError:
            return None

    @reported()
    def version(self, name: str) -> str | None:
        """Tells whether a file has changed: another text each time; None when there is none."""
        try:
            self.fs.invalidate_cache()
            return str(self.fs.ukey(self.path(name)))
        except FileNotFoundError:
            return None

    def total(self) -> int:
        """Bytes of all files."""
        try:
            return int(self.fs.du(self.root))
        except FileNotFoundError:  # a recording has just given one its name
            return int(self.fs.du(self.root))

    @reported()
    def read(self, name: str, *ranges: tuple[int, int]) -> np.ndarray:
        """Bytes of a file as uint8: all of it, or ascending ranges, which its end cuts short."""
        path = self.path(name)
        if ranges and self.local:
            return _read_ranges(path, ranges)
        if ranges:
            starts, stops = map(list, zip(*ranges, strict=True))
            parts = self.fs.cat_ranges([path] * len(ranges), starts, stops, on_error="raise")
        else:
            parts = [self.fs.cat_file(path)]
        return np.frombuffer(bytearray().join(parts), dtype=np.uint8)

    @reported()
    def put(self, name: str, content: bytes | memoryview) -> None:
        """Write a file whole: a reader sees the old one or the new one."""
        path = self.path(name)
        self.refuse_moved()
        if self.local:
            write_atomic(Path(path), content)
        else:
            if "/" in path:  # not at the root
                self.fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            self.fs.pipe_file(path, bytes(content))

    def put_json(self, name: str, content: Any, metadata: Metadata = _group) -> None:  # noqa: ANN401
        """Write JSON that notices when it was changed."""
        self.put(name, json.dumps(_document(content, metadata)).encode())

    def read_json(self, name: str, load: Callable[[Any], T], metadata: Metadata = _group) -> T:
        """Load such JSON; InputError if missing, damaged, or of another format."""
        path = self.path(name)
        try:
            text = self.read(name).tobytes()
        except FileNotFoundError as error:
            raise InputError(
                f"{path} is missing: this is no update log, or a part of one; name its folder, or "
                "restore that file from a copy"
            ) from error
        try:
            found = json.loads(text)
            version, content = found["attributes"]["format"], found["attributes"]["content"]
            if found == _document(content, metadata):
                return load(content)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{path} is damaged, or has the content of another file: {error!r}; restore it"
            ) from error
        if isinstance(version, int) and version != FORMAT:
            raise InputError(
                f"{path} has format {version}; this version of the library reads format {FORMAT}: "
                "use the one that wrote it, or record anew"
            )
        if found.get("node_type") != metadata(content)["node_type"]:
            raise InputError(f"{path} is of another part of a log; name the log's own folder")
        raise InputError(f"{path} is damaged: its digest does not match; restore it from a copy")

    @reported()
    def remove(self, name: str) -> None:
        """Delete a file, if there is one."""
        self.refuse_moved()
        if self.size(name) is not None:
            self.fs.rm_file(self.path(name))

    def remove_unfinished(self, folder: str) -> None:
        """Delete what killed processes began to write in a subfolder, and nothing else."""
        for name in self.names(folder):
            if UNFINISHED.fullmatch(name):
                self.remove(f"{folder}/{name}")

    @reported()
    def lock(self) -> None:
        """Be the only writer, until unlocked or the process ends; InputError if there is one.

        A file system without locks (any that is not local) is left to its user's care.
        """
        if not self.local:
            return
        if self._lock:
            raise InputError(
                f"the log {self.root} is still being recorded, or a request runs in another "
                "thread; close it, or wait until that ends"
            )
        mode = "r+b" if os.access(self.path(ROOT), os.W_OK) else "rb"  # NFS locks what is writable
        lock = open(self.path(ROOT), mode)  # noqa: SIM115 (held, not read)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._lock = lock
        except BlockingIOError as error:
            raise InputError(
                f"the log {self.root} is being written by another process or thread, or by a "
                "recording that was not closed; wait until it ends, or close() or del it"
            ) from error
        finally:
            if not self._lock:
                lock.close()

    def refuse_moved(self) -> None:
        """Raise InputError if the log that is locked does not lie here any more."""
        root = self.path(ROOT)
        if self._lock and not (
            os.path.exists(root) and os.path.samestat(os.fstat(self._lock.fileno()), os.stat(root))
        ):
            raise InputError(f"{self.root} was moved, deleted or replaced; put the log back there")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only writer inside a ``with`` block; raises as :meth:`lock`."""
        self.lock()
        try:
            yield
        finally:
            self.unlock()

    def unlock(self) -> None:
        """Let others write."""
        if self._lock:
            fcntl.flock(self._lock, fcntl.LOCK_UN)  # a process forked in C may hold the file too
            self._lock.close()
            self._lock = None


_FOLDERS: WeakSet[Folder] = WeakSet()


def _let_go() -> None:
    """A forked process, as a loader's workers are, would keep its parent's locks when that ends."""
    for folder in list(_FOLDERS):
        if folder._lock:
            folder._lock.close()
            folder._lock = None


os.register_at_fork(after_in_child=_let_go)


def _read_ranges(path: str, ranges: tuple[tuple[int, int], ...]) -> np.ndarray:
    """As :meth:`Folder.read` on this disk, into one buffer."""
    buffer, end = np.empty(sum(stop - start for start, stop in ranges), dtype=np.uint8), 0
    with open(path, "rb") as file:
        for start, stop in ranges:
            file.seek(start)
            end += file.readinto(buffer[end : end + stop - start].data)
    return buffer[:end]
