"""The official files of the two data sets: where they lie, how they are checked, read and fetched.

Reading and fetching go through torchvision (MNIST) and medmnist (OrganAMNIST). Both are imported
only when complete data is asked for: the embedded sample needs neither, and they start slowly.
"""

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partial_unlearning.errors import InputError
from reproduction import places

log = logging.getLogger(__name__)

Arrays = dict[str, np.ndarray]
FOLDER = Path(__file__).parent
# As sha256sum writes it: files below the data root, and the embedded samples below this folder.
_LINES = (FOLDER / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
SHA256 = {file: digest for digest, file in map(str.split, _LINES)}


@dataclass(frozen=True)
class Official:
    """One data set as its authors publish it.

    Attributes:
        title: the name for people.
        files: paths below the data root.
        read: data root -> ``classes`` and, per split, ``{split}_images`` (n, 28, 28) uint8 and
            ``{split}_labels`` (n,) uint8. Index i is the image's id in that split, for good. With
            ``download=True`` it gets the files first.
        source: where a person finds the files.
    """

    title: str
    files: tuple[str, ...]
    read: Callable[..., Arrays]
    source: str


def data_root() -> Path:
    """The folder of the official files: ``UNLEARN_DATA``, else ``data/``."""
    return Path(os.environ.get("UNLEARN_DATA") or places.root() / "data").expanduser()


def data_named() -> bool:
    """Whether somebody says where the official files are, or are to be put."""
    return bool(os.environ.get("UNLEARN_DATA")) or data_root().exists()


def check_file(folder: Path, file: str, remedy: str) -> None:
    """Compare a file below a folder with its digest.

    Raises:
        InputError: unreadable, or of other content; the message ends with ``remedy``.
    """
    try:
        content = (folder / file).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {folder / file}: {error.strerror}; {remedy}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[file]:
        raise InputError(
            f"{folder / file} is truncated, damaged or another version: {len(content):,} bytes "
            f"with SHA-256 {found}, expected {SHA256[file]}; {remedy}"
        )


def combined_digest(files: Iterable[str]) -> str:
    """Return one SHA-256 for a set of files: that of their SHA-256 digests, sorted, one a line."""
    lines = "".join(f"{digest}\n" for digest in sorted(SHA256[file] for file in files))
    return hashlib.sha256(lines.encode()).hexdigest()


def read_official(name: str) -> Arrays:
    """Read a complete data set from the data root, made and filled by a download where absent.

    Returns:
        What ``Official.read`` gives, and ``{split}_ids`` (n,), the numbers from 0 on.

    Raises:
        InputError: files absent and not to be had, truncated, or not the official ones.
    """
    official, root = OFFICIAL[name], data_root()
    if missing := [file for file in official.files if not (root / file).exists()]:
        _download(official, root, missing)
    remedy = "delete it and run again to download it, or copy the official file there"
    for file in official.files:
        check_file(root, file, remedy)
    arrays = official.read(root)
    labels = {key: array for key, array in arrays.items() if key.endswith("_labels")}
    ids = {key.replace("_labels", "_ids"): np.arange(len(array)) for key, array in labels.items()}
    return arrays | ids


def _download(official: Official, root: Path, missing: list[str]) -> None:
    log.info("downloading %s to %s", official.title, root)
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    try:
        # Beside the destination, so that each file arrives whole, by one rename, or not at all.
        with tempfile.TemporaryDirectory(dir=existing, prefix=".download-") as temporary:
            official.read(Path(temporary), download=True)
            for file in missing:
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(temporary) / file, root / file)
    except (OSError, RuntimeError) as error:
        # medmnist wraps the network's error in a page of advice; its context is the error itself.
        reason = str(error.__context__ or error).strip().splitlines()[-1]
        raise InputError(
            f"{official.title} is not complete in {root}: looked for {', '.join(missing)} there, "
            f"and the download failed ({reason}). Put these files there under these names, from "
            f"{official.source}; or name the folder that holds them with --data or UNLEARN_DATA. "
            "The profiles smoke and quick need no download: their images are embedded."
        ) from error


def _mnist(root: Path, *, download: bool = False) -> Arrays:
    from torchvision.datasets import MNIST
    from torchvision.datasets.mnist import read_image_file, read_label_file

    if download:
        MNIST(root, download=True)
    # The readers, not MNIST(root): that prefers an old `processed/` folder, which nobody checked.
    raw = root / "MNIST" / "raw"
    arrays = {"classes": np.array([name.partition(" ")[0] for name in MNIST.classes])}
    for split, prefix in {"train": "train", "test": "t10k"}.items():
        images = read_image_file(str(raw / f"{prefix}-images-idx3-ubyte"))
        labels = read_label_file(str(raw / f"{prefix}-labels-idx1-ubyte"))
        arrays[f"{split}_images"] = images.numpy()
        arrays[f"{split}_labels"] = labels.numpy().astype(np.uint8)
    return arrays


def _organamnist(root: Path, *, download: bool = False) -> Arrays:
    from medmnist import INFO, OrganAMNIST

    names = INFO["organamnist"]["label"]
    arrays = {"classes": np.array([names[str(label)] for label in range(len(names))])}
    for split in ("train", "val", "test"):
        data = OrganAMNIST(split, root=root, download=download)
        arrays[f"{split}_images"] = data.imgs
        arrays[f"{split}_labels"] = data.labels.reshape(-1)
    return arrays


OFFICIAL = {
    "mnist": Official(
        title="MNIST",
        files=tuple(file for file in SHA256 if file.startswith("MNIST/")),
        read=_mnist,
        source="https://ossci-datasets.s3.amazonaws.com/mnist/, unpacked",
    ),
    "organamnist": Official(
        title="OrganAMNIST",
        files=("organamnist.npz",),
        read=_organamnist,
        source="https://zenodo.org/records/10519652",
    ),
}
