"""The two sources of a data set, as numpy arrays: the embedded sample and the complete files.

Nothing here needs torch, so that pages that only name classes or count images start fast.
"""

import logging
from collections.abc import Iterable
from functools import cache

from partial_unlearning.errors import InputError
from reproduction.datasets.embedded import FINGERPRINTS, SIZES, read_sample
from reproduction.datasets.official import (
    OFFICIAL,
    Arrays,
    combined_digest,
    data_root,
    read_official,
)

log = logging.getLogger(__name__)


def read(name: str, source: str) -> tuple[Arrays, str]:
    """Read a data set.

    Args:
        name: ``mnist`` or ``organamnist``.
        source: ``sample`` or ``complete``.

    Returns:
        ``classes`` and, per split, ``{split}_images`` (n, 28, 28) uint8, ``{split}_labels`` (n,)
        and ``{split}_ids`` (n,), ascending indices into the official split; and the SHA-256 over
        the digests of the files that they came from.

    Raises:
        InputError: unknown name or source, or the files are absent, truncated or altered.
    """
    _check_known("data set", name, OFFICIAL)
    _check_known("data source", source, ("sample", "complete"))
    official = OFFICIAL[name]
    if source == "complete":
        arrays = read_official(name)
        log.info("%s: the complete data in %s", official.title, data_root())
        return arrays, combined_digest(official.files.values())
    log.info(
        f"{official.title}: the embedded sample of {SIZES['train']:,} training and "
        f"{SIZES['test']:,} test images, not the complete data"
    )
    return read_sample(name), combined_digest([FINGERPRINTS[name]])


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
