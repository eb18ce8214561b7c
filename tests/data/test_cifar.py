import hashlib
import pickle
import tarfile

import numpy as np
import pytest
import torchvision.datasets

from sasa_nas.data import cifar
from sasa_nas.data.download import DownloadError
from sasa_nas.data.registry import load
from sasa_nas.errors import UserError


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A tiny CIFAR-10 on disk, whose checksums torchvision is told; no network."""

    def refuse(urls, target, *, md5, timeout=10.0):
        raise DownloadError(f"{urls[0]}: no network")

    monkeypatch.setattr(cifar, "fetch", refuse)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    random = np.random.default_rng(0)

    def write(name, content):
        path = folder / name
        path.write_bytes(pickle.dumps(content))
        return [name, hashlib.md5(path.read_bytes()).hexdigest()]

    def batch(count):
        pixels = random.integers(0, 256, (count, 3072), dtype=np.uint8)
        return {"data": pixels, "labels": [i % 10 for i in range(count)]}

    train, test = batch(100), batch(30)
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "train_list", [write("data_batch_1", train)])
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "test_list", [write("test_batch", test)])
    name, md5 = write("batches.meta", {"label_names": list("abcdefghij")})
    meta = {"filename": name, "key": "label_names", "md5": md5}
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "meta", meta)
    return tmp_path, train, test


def test_planes_rows_and_labels_are_in_place(files):
    data_dir, train, test = files
    splits = load("cifar10", data_dir=data_dir)
    assert (len(splits.train), len(splits.validation)) == (90, 10)
    # The format's rows are 1024 red, 1024 green, 1024 blue values, row by row.
    expected = {row.tobytes(): label for row, label in zip(train["data"], train["labels"], strict=True)}
    for part in (splits.train, splits.validation):
        for image, label in zip(part.images, part.labels, strict=True):
            assert expected.pop(image.numpy().tobytes()) == label
    assert expected == {}
    held = splits.load_test()
    assert held.images.shape == (30, 3, 32, 32)
    assert held.images.numpy().tobytes() == test["data"].tobytes()


def test_archive_is_unpacked_whole(files):
    data_dir, *_ = files
    folder = data_dir / "cifar-10-batches-py"
    archive = data_dir / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, arcname=folder.name)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert len(load("cifar10", data_dir=data_dir).train) == 90
    assert sorted(path.name for path in data_dir.iterdir()) == [folder.name, archive.name]


def test_broken_archive_is_one_line_and_leaves_no_folder(tmp_path):
    archive = tmp_path / "cifar-10-python.tar.gz"
    archive.write_bytes(b"not an archive")
    with pytest.raises(UserError, match="cannot unpack"):
        load("cifar10", data_dir=tmp_path)
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"x")])
def test_damaged_folder_is_not_overwritten_but_named(files, damage):
    data_dir, *_ = files
    damage(data_dir / "cifar-10-batches-py" / "data_batch_1")
    with pytest.raises(UserError, match=r"incomplete or damaged.*cifar-10-python\.tar\.gz"):
        load("cifar10", data_dir=data_dir)


def test_missing_files_are_one_line_that_says_what_goes_where(files):
    data_dir, *_ = files
    with pytest.raises(UserError, match=r"cifar-100-python\.tar\.gz or the folder cifar-100-python") as caught:
        load("cifar100", data_dir=data_dir)
    assert str(data_dir) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_test_part_is_not_unpickled_before_load_test(files, monkeypatch):
    data_dir, *_ = files
    opened = []
    unpickle = pickle.load
    monkeypatch.setattr(pickle, "load", lambda file, **o: opened.append(file.name) or unpickle(file, **o))
    splits = load("cifar10", data_dir=data_dir)
    assert opened
    assert not any("test_batch" in name for name in opened)
    splits.load_test()
    assert any("test_batch" in name for name in opened)
