"""Data sets as tensors in memory: the complete ones, or the sample embedded in the repository.

An image's id is its index in the official split, in the sample as in the complete data, so a
deletion request names the same image everywhere.
"""

from dataclasses import dataclass

import torch

from partial_unlearning.errors import InputError
from partial_unlearning.samples import Split
from reproduction.datasets import sources
from reproduction.datasets.official import Arrays

MNIST_HELD_OUT = 5000
SAMPLE_HELD_OUT_PART = 5  # one image in five


@dataclass(frozen=True, eq=False)
class Dataset:
    """What one experiment trains and is measured on.

    Attributes:
        name: ``mnist`` or ``organamnist``.
        source: ``sample`` (the embedded images) or ``complete``.
        train: the training images; without the held-out ones when tuning.
        evaluation: the official test split; when tuning, the held-out images.
        classes: the name of each label.
        digest: SHA-256 over the digests of the files the data came from.
    """

    name: str
    source: str
    train: Split
    evaluation: Split
    classes: tuple[str, ...]
    digest: str


def load(
    name: str,
    *,
    source: str,
    tuning: bool = False,
    device: str | torch.device = "cpu",
) -> Dataset:
    """Load a data set into the memory of a device, with test or held-out images to evaluate on.

    Held out for tuning, so that no setting is ever chosen on test images: of complete MNIST the
    last 5,000 training images; of complete OrganAMNIST its validation split, which is in no
    published run; of a sample the last fifth of each class's training images.

    Raises:
        InputError: unknown name, source or device, or the files are absent, truncated or altered.
    """
    arrays, digest = sources.read(name, source)
    train, evaluation = _split(arrays, "train"), _split(arrays, "test")
    if tuning:
        train, evaluation = _held_out(source, arrays, train)
    try:
        train, evaluation = train.to(device), evaluation.to(device)
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        reason = str(error).splitlines()[0]
        raise InputError(f"cannot use the device {str(device)!r}: {reason}; try cpu") from error
    return Dataset(name, source, train, evaluation, tuple(arrays["classes"].tolist()), digest)


def _split(arrays: Arrays, split: str) -> Split:
    images = torch.from_numpy(arrays[f"{split}_images"]).to(torch.float32).div_(255)
    labels = torch.from_numpy(arrays[f"{split}_labels"]).to(torch.int64)
    return Split(images.unsqueeze(1), labels, torch.from_numpy(arrays[f"{split}_ids"]))


def _held_out(source: str, arrays: Arrays, train: Split) -> tuple[Split, Split]:
    """The training images that are left, and those held out."""
    if source == "sample":
        by_class = [train.of_class(label) for label in range(len(arrays["classes"]))]
        last = torch.cat([ids[len(ids) - len(ids) // SAMPLE_HELD_OUT_PART :] for ids in by_class])
        return train.without(last), train.subset(last)
    if "val_images" in arrays:
        return train, _split(arrays, "val")
    first = len(train) - MNIST_HELD_OUT
    return train._at(slice(first)), train._at(slice(first, None))  # views: nothing is copied
