"""The two sources of a data set, as numpy arrays: the embedded sample and the complete files.

Nothing here needs torch, so that pages that only name classes or count images start fast.
"""

import logging
from functools import cache

from partial_unlearning.errors import InputError
from reproduction.datasets.embedded import SIZES, read_sample
from reproduction.datasets.official import (
    OFFICIAL,
    Arrays,
    combined_digest,
    data_root,
    read_official,
)

log = logging.getLogger(__name__)


def read(name: str, source: str) -> tuple[Arrays, str]:
    """Read ``mnist`` or ``organamnist`` from the source ``sample`` or ``complete``.

    Returns:
        ``classes`` and, per split, ``{split}_images`` (n, 28, 28) uint8, ``{split}_labels`` (n,)
        and ``{split}_ids`` (n,), ascending indices into the official split; and the SHA-256 over
        the digests of the files that they came from.

    Raises:
        InputError: unknown name or source, or the files are absent, truncated or altered.
    """
    _check_name(name)
    official = OFFICIAL[name]
    if source not in ("sample", "complete"):
        raise InputError(f"unknown data source {source!r}; choose one of sample, complete")
    if source == "complete":
        arrays = read_official(name)
        log.info(f"{official.title}: the complete data in {data_root()}")
        return arrays, combined_digest(official.files)
    log.info(
        f"{official.title}: the embedded sample of {SIZES['train']:,} training and "
        f"{SIZES['test']:,} test images, not the complete data"
    )
    return read_sample(name), combined_digest([f"samples/{name}.npz"])


def _check_name(name: str) -> None:
    if name not in OFFICIAL:
        raise InputError(f"unknown data set {name!r}; choose one of {', '.join(OFFICIAL)}")


@cache
def official_counts(name: str) -> dict[str, tuple[int, ...]]:
    """Images per class of each official split: ``train``, ``test`` and, for OrganAMNIST, ``val``.

    Raises:
        InputError: unknown name, or the sample file is absent or altered.
    """
    _check_name(name)
    arrays = read_sample(name)
    keys = [key for key in arrays if key.endswith("_counts")]
    return {key.removesuffix("_counts"): tuple(arrays[key].tolist()) for key in keys}


@cache
def class_names(name: str) -> tuple[str, ...]:
    """The name of each label of a data set.

    Raises:
        InputError: unknown name, or the sample file is absent or altered.
    """
    _check_name(name)
    return tuple(read_sample(name)["classes"].tolist())
