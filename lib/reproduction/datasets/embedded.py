"""The embedded sample: a class-stratified part of each official data set, kept in the repository.

The choice uses no random numbers. Each class keeps its share of the split (largest remainders
make the total exact), and within a class the images are taken at even distances over the official
order, so that every part of a split is drawn on. Pixels are unchanged.
"""

import io
from pathlib import Path

import numpy as np

from partial_unlearning.errors import InputError
from partial_unlearning.system.files import write_atomic
from reproduction.datasets.official import FOLDER, OFFICIAL, Arrays, check_file, read_official

SIZES = {"train": 5000, "test": 1000}


def read_sample(name: str) -> Arrays:
    """Read an embedded sample after checking its digest.

    Returns:
        ``classes`` (names); for each split of ``SIZES``, ``{split}_images`` (n, 28, 28) uint8,
        ``{split}_labels`` (n,) uint8 and ``{split}_ids`` (n,) int64, ascending indices into the
        official split; and ``{split}_counts``, the images per class of every *official* split.

    Raises:
        InputError: the file is absent, truncated or altered.
    """
    remedy = "restore it with `git checkout`, or remake it with `python -m reproduction sample`"
    check_file(FOLDER, f"samples/{name}.npz", remedy)
    with np.load(FOLDER / "samples" / f"{name}.npz") as stored:
        return dict(stored)


def read_first(name: str) -> dict[int, np.ndarray]:
    """The first test image of each class of a complete data set, ``(28, 28)`` uint8, by its id.

    Raises:
        InputError: the file is absent, truncated or altered.
    """
    file = f"samples/{name}_first.npz"
    check_file(FOLDER, file, "restore it with `git checkout`")
    with np.load(FOLDER / file) as stored:
        return dict(zip(stored["ids"].tolist(), stored["images"], strict=True))


def make_sample(out: Path = FOLDER / "samples") -> list[Path]:
    """Write a sample of each data set, and its first test images; return the files' paths.

    Equal inputs give equal bytes (with the same zlib, which does the compression).

    Raises:
        InputError: official files absent or damaged, or ``out`` not writable.
    """
    # Everything is read before anything is written: a bad file leaves no half-new pair behind.
    packed = {}
    for name in OFFICIAL:
        arrays = read_official(name)
        packed |= {name: _packed_sample(arrays), f"{name}_first": _packed_first(arrays)}
    return [write_atomic(out / f"{name}.npz", content) for name, content in packed.items()]


def stratified_ids(labels: np.ndarray, size: int) -> np.ndarray:
    """Choose ``size`` indices, each class in its proportion and evenly spread over its images.

    Args:
        labels: (n,) class of each image, in the official order.
        size: how many to choose, at most n.

    Returns:
        (size,) int64 indices, ascending.

    Raises:
        InputError: ``size`` exceeds the number of images.
    """
    if size > len(labels):
        raise InputError(f"cannot choose {size:,} images from {len(labels):,}; choose fewer")
    counts = np.bincount(labels)
    shares, remainders = np.divmod(counts * size, len(labels))
    shares[np.argsort(-remainders, kind="stable")[: size - shares.sum()]] += 1
    chosen = []
    for label, share in enumerate(shares):
        middles = (2 * np.arange(share) + 1) * counts[label] // (2 * max(share, 1))
        chosen.append(np.flatnonzero(labels == label)[middles])
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _packed_sample(arrays: Arrays) -> bytes:
    chosen = {"classes": arrays["classes"]}
    for key in (key for key in arrays if key.endswith("_labels")):
        chosen[key.replace("_labels", "_counts")] = np.bincount(arrays[key])
    for split, size in SIZES.items():
        ids = stratified_ids(arrays[f"{split}_labels"], size)
        chosen[f"{split}_ids"] = ids
        chosen[f"{split}_images"] = arrays[f"{split}_images"][ids]
        chosen[f"{split}_labels"] = arrays[f"{split}_labels"][ids]
    return _packed(chosen)


def _packed_first(arrays: Arrays) -> bytes:
    ids = np.unique(arrays["test_labels"], return_index=True)[1]
    return _packed({"ids": ids, "images": arrays["test_images"][ids]})


def _packed(chosen: Arrays) -> bytes:
    # numpy dates every member 1980-01-01, so the archive depends on the arrays alone.
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **chosen)
    return buffer.getvalue()
