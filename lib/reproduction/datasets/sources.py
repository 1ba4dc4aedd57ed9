"""The two sources of a data set, as numpy arrays: the embedded sample and the complete files.

Nothing here needs torch, so that pages that only name classes or count images start fast.
"""

import logging
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from partial_unlearning.errors import InputError
from reproduction import places
from reproduction.datasets.embedded import FINGERPRINTS, SIZES, read_sample
from reproduction.datasets.official import OFFICIAL, Arrays, combined_digest, read_official

log = logging.getLogger(__name__)

SOURCES = ("sample", "complete")


def data_root(given: str | Path | None) -> Path:
    """Return the folder of the official files: ``given``, else ``UNLEARN_DATA``, else ``data/``."""
    return Path(given or os.environ.get("UNLEARN_DATA") or places.root() / "data").expanduser()


def read(name: str, source: str, root: Path | None = None) -> tuple[Arrays, str]:
    """Read a data set.

    Args:
        name: ``mnist`` or ``organamnist``.
        source: ``sample`` or ``complete``.
        root: data root of the complete files, see :func:`data_root`; the sample ignores it.

    Returns:
        ``classes`` and, per split, ``{split}_images`` (n, 28, 28) uint8, ``{split}_labels`` (n,)
        and ``{split}_ids`` (n,), ascending indices into the official split; and the SHA-256 over
        the digests of the files that they came from.

    Raises:
        InputError: unknown name or source, or the files are absent, truncated or altered.
    """
    _check_known("data set", name, OFFICIAL)
    _check_known("data source", source, SOURCES)
    return _sample(name) if source == "sample" else _complete(name, data_root(root))


@cache
def official_counts(name: str) -> dict[str, tuple[int, ...]]:
    """Return the images per class of every official split, as the sample file records them.

    Returns:
        Split (``train``, ``test`` and, for OrganAMNIST, ``val``) -> a number for each label.

    Raises:
        InputError: unknown name, or the sample file is absent or altered.
    """
    _check_known("data set", name, OFFICIAL)
    arrays = read_sample(name)
    keys = [key for key in arrays if key.endswith("_counts")]
    return {key.removesuffix("_counts"): tuple(arrays[key].tolist()) for key in keys}


@cache
def class_names(name: str) -> tuple[str, ...]:
    """The name of each label of a data set.

    Raises:
        InputError: unknown name, or the sample file is absent or altered.
    """
    _check_known("data set", name, OFFICIAL)
    return tuple(read_sample(name)["classes"].tolist())


def _check_known(what: str, given: str, known: Iterable[str]) -> None:
    if given not in known:
        raise InputError(f"unknown {what} {given!r}; choose one of {', '.join(known)}")


def _sample(name: str) -> tuple[Arrays, str]:
    arrays = read_sample(name)
    log.info(
        "%s: the embedded sample of %s training and %s test images, not the complete data",
        OFFICIAL[name].title,
        *(f"{size:,}" for size in SIZES.values()),
    )
    return arrays, combined_digest([FINGERPRINTS[name]])


def _complete(name: str, root: Path) -> tuple[Arrays, str]:
    arrays = read_official(name, root)
    log.info("%s: the complete data in %s", OFFICIAL[name].title, root)
    splits = [key.removesuffix("_labels") for key in arrays if key.endswith("_labels")]
    ids = {f"{split}_ids": np.arange(len(arrays[f"{split}_labels"])) for split in splits}
    return arrays | ids, combined_digest(OFFICIAL[name].files.values())
