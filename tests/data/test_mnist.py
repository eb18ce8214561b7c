import gzip
import struct

import numpy as np
import pytest
import torch

from sasa_nas.data import mnist
from sasa_nas.data.download import DownloadError
from sasa_nas.data.mnist import mnist_folders
from sasa_nas.data.registry import load
from sasa_nas.errors import UserError


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No network and no files of the machine's own."""

    def refuse(urls, target, *, md5, timeout=10.0):
        raise DownloadError(f"{urls[0]}: no network")

    monkeypatch.setattr(mnist, "fetch", refuse)
    monkeypatch.setattr(mnist, "_DEBIAN_FOLDERS", {})


def make_files(folder, *, suffix=".gz", train=100, test=20, seed=0, labels=10):
    """Small files in the official format; returns the arrays by part."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for part, count in (("train", train), ("t10k", test)):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        classes = (np.arange(count) % labels).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", classes)):
            content = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
            path = folder / f"{part}-{kind}-ubyte{suffix}"
            path.write_bytes(gzip.compress(content) if suffix else content)
        made[part] = images, classes
    return made


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("place", ["FashionMNIST/raw", "fashion_mnist", "."])
def test_files_are_read_from_each_place(tmp_path, place, suffix):
    made = make_files(tmp_path / place, suffix=suffix)
    splits = load("fashion_mnist", data_dir=tmp_path)
    assert (len(splits.train), len(splits.validation)) == (90, 10)
    originals = {image.tobytes(): label for image, label in zip(*made["train"], strict=True)}
    parts = [splits.train, splits.validation]
    found = {
        image.numpy().tobytes(): int(label)
        for part in parts
        for image, label in zip(part.images, part.labels, strict=True)
    }
    # All hundred, none twice, each with its own label.
    assert found == originals
    assert torch.bincount(splits.validation.labels).tolist() == [1] * 10
    test = splits.load_test()
    assert np.array_equal(test.images[:, 0].numpy(), made["t10k"][0])
    assert test.labels.tolist() == made["t10k"][1].tolist()


def test_statistics_are_those_of_the_train_part(tmp_path):
    make_files(tmp_path)
    splits = load("mnist", data_dir=tmp_path)
    inputs = splits.train.inputs(slice(None)).double()
    assert inputs.mean().item() == pytest.approx(0, abs=1e-5)
    assert inputs.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert splits.load_test().standardisation is splits.train.standardisation


def test_debian_package_is_found_for_fashion_mnist_alone(tmp_path, monkeypatch):
    make_files(tmp_path / "debian")
    monkeypatch.setattr(mnist, "_DEBIAN_FOLDERS", {"fashion_mnist": (tmp_path / "debian",)})
    assert len(load("fashion_mnist", data_dir=tmp_path / "none").train) == 90
    with pytest.raises(UserError, match="mnist"):
        load("mnist", data_dir=tmp_path / "none")


def test_own_folder_comes_before_files_of_the_same_name(tmp_path):
    make_files(tmp_path, train=200)
    make_files(tmp_path / "KMNIST" / "raw")
    assert len(load("kmnist", data_dir=tmp_path).train) == 90
    assert len(load("mnist", data_dir=tmp_path).train) == 180
    assert mnist_folders("kmnist", tmp_path)[-1] == tmp_path


def test_missing_files_are_one_line_that_says_what_goes_where(tmp_path):
    with pytest.raises(UserError) as caught:
        load("fashion_mnist", data_dir=tmp_path / "none")
    message = str(caught.value)
    for needed in ("no network", "train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", "--data-dir"):
        assert needed in message
    assert str(tmp_path / "none" / "FashionMNIST" / "raw") in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_missing_test_files_are_noticed_before_training(tmp_path):
    make_files(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UserError, match="t10k-labels"):
        load("mnist", data_dir=tmp_path)


def test_test_files_are_not_read_before_load_test(tmp_path):
    make_files(tmp_path)
    for path in tmp_path.glob("t10k*"):
        path.write_bytes(b"not an idx file")
    splits = load("mnist", data_dir=tmp_path)
    with pytest.raises(UserError, match="t10k-images"):
        splits.load_test()


def test_only_missing_files_are_downloaded(tmp_path, monkeypatch):
    folder = tmp_path / "MNIST" / "raw"
    make_files(tmp_path / "source")
    make_files(folder)
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    asked = []

    def fake(urls, target, *, md5, timeout=10.0):
        asked.append((target.name, len(md5)))
        target.write_bytes((tmp_path / "source" / target.name).read_bytes())

    monkeypatch.setattr(mnist, "fetch", fake)
    assert len(load("mnist", data_dir=tmp_path).train) == 90
    assert asked == [("train-labels-idx1-ubyte.gz", 32)]


def test_another_sets_labels_and_unequal_files_are_refused(tmp_path):
    make_files(tmp_path / "a", labels=11)
    with pytest.raises(UserError, match="labels from 0 to 9"):
        load("mnist", data_dir=tmp_path / "a")
    make_files(tmp_path / "b")
    make_files(tmp_path / "c", train=50)
    name = "train-labels-idx1-ubyte.gz"
    (tmp_path / "b" / name).write_bytes((tmp_path / "c" / name).read_bytes())
    with pytest.raises(UserError, match=r"100 images but .* 50 labels"):
        load("mnist", data_dir=tmp_path / "b")


def test_images_are_resized(tmp_path):
    make_files(tmp_path)
    splits = load("mnist", data_dir=tmp_path, image_size=14)
    assert splits.info.height == 14
    assert splits.train.images.shape[1:] == (1, 14, 14)
    assert splits.load_test().images.shape[1:] == (1, 14, 14)
