import hashlib

import numpy as np
import pytest
import scipy.io
import torchvision.datasets

from sasa_nas.data import svhn
from sasa_nas.data.download import DownloadError
from sasa_nas.data.registry import load
from sasa_nas.errors import UserError


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A tiny SVHN on disk, whose checksums torchvision is told; no network."""

    def refuse(urls, target, *, md5, timeout=10.0):
        raise DownloadError(f"{urls[0]}: no network")

    monkeypatch.setattr(svhn, "fetch", refuse)
    random = np.random.default_rng(0)
    listed, made = {}, {}
    for part, count in (("train", 100), ("test", 20)):
        images = random.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        labels = (np.arange(count) % 10 + 1).astype(np.uint8)
        path = tmp_path / f"{part}_32x32.mat"
        scipy.io.savemat(path, {"X": images, "y": labels[:, None]})
        listed[part] = ["http://example.invalid", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
        made[part] = images, labels
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", listed)
    return tmp_path, made


def test_axes_are_moved_and_ten_is_zero(files):
    data_dir, made = files
    splits = load("svhn", data_dir=data_dir)
    assert (len(splits.train), len(splits.validation)) == (90, 10)
    test = splits.load_test()
    images, labels = made["test"]
    assert test.labels.tolist() == [label % 10 for label in labels]
    assert test.images.shape == (20, 3, 32, 32)
    assert test.images[7, 2, 5, 9] == images[5, 9, 2, 7]


def test_damage_in_the_test_file_shows_when_it_is_read(files):
    data_dir, _ = files
    (data_dir / "test_32x32.mat").write_bytes(b"x")
    splits = load("svhn", data_dir=data_dir)
    with pytest.raises(UserError, match=r"test_32x32\.mat' is missing or damaged"):
        splits.load_test()


def test_missing_file_is_one_line_that_says_what_goes_where(files):
    data_dir, _ = files
    (data_dir / "test_32x32.mat").unlink()
    with pytest.raises(UserError, match=r"no network.*train_32x32\.mat and test_32x32\.mat") as caught:
        load("svhn", data_dir=data_dir)
    assert str(data_dir) in str(caught.value)
    assert "\n" not in str(caught.value)
