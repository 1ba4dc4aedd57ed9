"""JSON that notices when it was changed."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeVar

from partial_unlearning.errors import InputError
from partial_unlearning.update_log.folder import Folder

T = TypeVar("T")
FORMAT = 4
"""Version of everything in a log. Raise it when older code would misread what is written."""


def digest(content: Any) -> str:  # noqa: ANN401 (anything that JSON can hold)
    """SHA-256 of the content in one fixed spelling."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write(folder: Folder, name: str, content: dict[str, Any]) -> None:
    """Write content with its digest, as the ``zarr.json`` of a Zarr group."""
    attributes = {"format": FORMAT, "content": content, "digest": digest(content)}
    document = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    folder.put(name, json.dumps(document).encode())


def read(folder: Folder, name: str, load: Callable[[dict[str, Any]], T]) -> T:
    """Load what :func:`write` wrote; InputError if missing, damaged, or of another format."""
    path = folder.path(name)
    try:
        found = json.loads(folder.read(name).tobytes())
        attributes = found.pop("attributes")
        version, content, recorded = (attributes[key] for key in ("format", "content", "digest"))
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing: this is no update log, or a part of one") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged: {error}; restore it from a copy") from error
    if isinstance(version, int) and version != FORMAT:
        raise InputError(
            f"{path} has format {version}; this version of the library reads format {FORMAT}"
        )
    whole = found == {"zarr_format": 3, "node_type": "group"} and len(attributes) == 3
    if not whole or version != FORMAT or digest(content) != recorded:
        raise InputError(f"{path} is damaged: its digest does not match; restore it from a copy")
    try:
        return load(content)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} has the content of another file; restore it") from error
