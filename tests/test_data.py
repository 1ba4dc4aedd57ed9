"""Data: the embedded sample, the complete sets where they are at hand, and bad input."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from partial_unlearning.errors import InputError
from partial_unlearning.samples import Split
from reproduction import places
from reproduction.datasets import embedded
from reproduction.datasets.embedded import (
    SIZES,
    make_sample,
    read_first,
    read_sample,
    stratified_ids,
)
from reproduction.datasets.official import FOLDER, OFFICIAL, data_root
from reproduction.datasets.sets import load
from reproduction.datasets.sources import class_names, official_counts

NAMES = tuple(OFFICIAL)
SAMPLES = FOLDER / "samples"
ROOT = data_root()
COMPLETE = all((ROOT / file).exists() for item in OFFICIAL.values() for file in item.files)
needs_complete_data = pytest.mark.skipif(
    not COMPLETE, reason="UNLEARN_DATA (or data/) does not hold both complete data sets"
)


def counts(split: Split, classes: int) -> torch.Tensor:
    """Images of each class."""
    return torch.bincount(split.labels, minlength=classes)


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data root of its own."""
    monkeypatch.setenv("UNLEARN_DATA", str(tmp_path / "root"))
    return tmp_path / "root"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send every download to a proxy that is not there."""
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")


def three_images() -> Split:
    return Split(torch.rand(3, 1, 28, 28), torch.tensor([0, 1, 1]), torch.tensor([4, 7, 9]))


# --- the embedded sample


def test_samples_fit_in_six_megabytes() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.glob("*.npz")) <= 6_000_000


@pytest.mark.parametrize("name", NAMES)
def test_sample_has_the_promised_sizes_and_types(name: str) -> None:
    dataset = load(name, source="sample")
    assert dataset.source == "sample"
    for split, size in ((dataset.train, 5000), (dataset.evaluation, 1000)):
        assert split.images.shape == (size, 1, 28, 28)
        assert split.images.dtype == torch.float32
        assert split.images.min() == 0
        assert split.images.max() == 1
        assert split.labels.dtype == split.ids.dtype == torch.int64
        assert (split.ids.diff() > 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_sample_keeps_each_class_share(name: str) -> None:
    dataset = load(name, source="sample")
    official = official_counts(name)
    for split, key in ((dataset.train, "train"), (dataset.evaluation, "test")):
        exact = np.array(official[key]) * len(split) / sum(official[key])
        assert np.abs(counts(split, len(dataset.classes)).numpy() - exact).max() < 1


def test_official_sizes_are_those_of_the_publishers() -> None:
    sizes = {name: {k: sum(v) for k, v in official_counts(name).items()} for name in NAMES}
    assert sizes["mnist"] == {"train": 60000, "test": 10000}
    assert sizes["organamnist"] == {"train": 34561, "val": 6491, "test": 17778}


def test_the_paper_targets_have_their_names() -> None:
    assert class_names("mnist")[3] == "3"
    assert class_names("organamnist")[2] == "femur-right"
    assert load("mnist", source="sample").classes == class_names("mnist")


@pytest.mark.parametrize("name", NAMES)
def test_loading_twice_gives_the_same(name: str) -> None:
    first, second = (load(name, source="sample") for _ in range(2))
    assert first.digest == second.digest
    assert torch.equal(first.train.ids, second.train.ids)
    assert torch.equal(first.train.images, second.train.images)


@pytest.mark.parametrize("name", NAMES)
def test_sample_tuning_holds_out_the_last_fifth_of_each_class(name: str) -> None:
    whole, tuning = load(name, source="sample"), load(name, source="sample", tuning=True)
    classes = len(whole.classes)
    both = torch.cat([tuning.train.ids, tuning.evaluation.ids])
    assert torch.equal(both.sort().values, whole.train.ids)
    assert torch.equal(counts(tuning.evaluation, classes), counts(whole.train, classes) // 5)
    for label in range(classes):
        assert tuning.train.of_class(label).max() < tuning.evaluation.of_class(label).min()


def test_loading_the_sample_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="reproduction"):
        load("mnist", source="sample")
    assert "MNIST: the embedded sample of 5,000 training and 1,000 test images" in caplog.text


def test_stratified_ids_by_hand() -> None:
    labels = np.array([0, 0, 1, 0, 0, 1, 0, 0, 1, 1])
    # Six zeros and four ones: of five, three zeros (2nd, 4th and 6th) and two ones (2nd and 4th).
    assert stratified_ids(labels, 5).tolist() == [1, 4, 5, 7, 9]
    assert stratified_ids(labels, 10).tolist() == list(range(10))
    with pytest.raises(InputError, match="cannot choose 11 images from 10"):
        stratified_ids(labels, 11)


# --- a split


def test_positions_and_selections() -> None:
    split = three_images()
    assert split.positions([9, 4]).tolist() == [2, 0]
    assert split.positions([]).tolist() == []
    assert split.subset([9, 4, 9]).ids.tolist() == [4, 9]
    assert torch.equal(split.subset([9]).images[0], split.images[2])
    assert split.without([7]).ids.tolist() == [4, 9]
    assert split.without([7]).labels.tolist() == [0, 1]
    assert split.of_class(1).tolist() == [7, 9]
    assert counts(split, 3).tolist() == [1, 2, 0]


@pytest.mark.parametrize("method", ["positions", "subset", "without"])
def test_unknown_ids_are_refused(method: str) -> None:
    with pytest.raises(InputError, match=r"2 of 3 sample ids, 5, 99, are not among the 3 here"):
        getattr(three_images(), method)([5, 7, 99])


def test_a_class_without_images_is_refused() -> None:
    with pytest.raises(InputError, match=r"class 2 has no images here; .* present: 0, 1"):
        three_images().of_class(2)


# --- bad input


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="'cifar'; choose one of mnist, organamnist"):
        load("cifar", source="sample")
    with pytest.raises(InputError, match="'partial'; choose one of sample, complete"):
        load("mnist", source="partial")
    for ask in (official_counts, class_names):
        with pytest.raises(InputError, match="'cifar'; choose one of mnist, organamnist"):
            ask("cifar")
    with pytest.raises(InputError, match="cannot use the device 'abacus'"):
        load("mnist", source="sample", device="abacus")


@pytest.mark.parametrize("name", NAMES)
def test_altered_sample_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray((SAMPLES / f"{name}.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / f"{name}.npz").write_bytes(content)
    monkeypatch.setattr(embedded, "FOLDER", tmp_path)
    with pytest.raises(InputError, match=rf"{name}\.npz is truncated, damaged .*git checkout"):
        read_sample(name)


def test_truncated_organamnist_is_refused(root: Path) -> None:
    root.mkdir()
    (root / "organamnist.npz").write_bytes((SAMPLES / "organamnist.npz").read_bytes()[:1000])
    with pytest.raises(InputError, match=r"organamnist\.npz is truncated, .*: 1,000 bytes"):
        load("organamnist", source="complete")


def test_truncated_idx_file_is_refused(root: Path) -> None:
    for file in OFFICIAL["mnist"].files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(bytes(1000))
    with pytest.raises(InputError, match="train-images-idx3-ubyte is truncated, .*: 1,000 bytes"):
        load("mnist", source="complete")


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", NAMES)
def test_absent_data_without_network_says_what_to_do(name: str, root: Path) -> None:
    with pytest.raises(InputError) as raised:
        load(name, source="complete")
    for said in (*OFFICIAL[name].files, str(root), "UNLEARN_DATA", "--data", "smoke and quick"):
        assert said in str(raised.value)
    assert list(root.parent.iterdir()) == []


def test_data_root_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("UNLEARN_DATA", raising=False)
    assert data_root() == places.ROOT / "data"
    monkeypatch.setenv("UNLEARN_DATA", str(tmp_path))
    assert data_root() == tmp_path


# --- the complete sets


@needs_complete_data
@pytest.mark.parametrize("name", NAMES)
def test_sample_images_are_the_official_ones(name: str) -> None:
    complete, sample = load(name, source="complete"), load(name, source="sample")
    for kept, all_images in (
        (sample.train, complete.train),
        (sample.evaluation, complete.evaluation),
    ):
        assert torch.equal(all_images.images[kept.ids], kept.images)
        assert torch.equal(all_images.labels[kept.ids], kept.labels)
    assert sample.classes == complete.classes
    assert len(sample.train) == SIZES["train"]


@needs_complete_data
def test_complete_tuning_splits() -> None:
    mnist = load("mnist", source="complete", tuning=True)
    assert mnist.train.ids.tolist() == list(range(55000))
    assert mnist.evaluation.ids.tolist() == list(range(55000, 60000))
    organ = load("organamnist", source="complete", tuning=True)
    assert len(organ.train) == 34561
    assert tuple(counts(organ.evaluation, 11).tolist()) == official_counts("organamnist")["val"]


@needs_complete_data
def test_remaking_the_sample_gives_the_same_bytes(tmp_path: Path) -> None:
    written = make_sample(tmp_path / "new")
    names = [f"{name}{kind}.npz" for name in NAMES for kind in ("", "_first")]
    assert [path.name for path in written] == names
    for path in written:
        assert path.read_bytes() == (SAMPLES / path.name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_first_images_of_each_class_are_there_without_the_complete_data(name: str) -> None:
    first = read_first(name)
    assert len(first) == len(official_counts(name)["test"])
    assert all(image.shape == (28, 28) and image.dtype == np.uint8 for image in first.values())


@needs_complete_data
def test_a_bad_file_leaves_no_sample_behind(root: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "MNIST", root / "MNIST")
    (root / "organamnist.npz").write_bytes(b"cut short")
    with pytest.raises(InputError, match="organamnist"):
        make_sample(tmp_path / "new")
    assert not (tmp_path / "new").exists()
