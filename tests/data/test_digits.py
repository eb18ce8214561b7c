from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import datasets

from sasa_nas.data import digits
from sasa_nas.data.digits import DIGITS, load_digits


@pytest.fixture(scope="module")
def splits():
    return load_digits(DIGITS)


def rows(data):
    return [image.numpy().tobytes() for image in data.images]


def test_parts_are_60_20_20_of_all_1797_images(splits):
    sizes = [len(splits.train), len(splits.validation), len(splits.load_test())]
    assert sum(sizes) == 1797
    assert [round(size / 1797, 2) for size in sizes] == [0.6, 0.2, 0.2]


def test_parts_share_no_image(splits):
    # No two originals are equal and all parts are standardised alike, so equal rows would be one image twice.
    parts = [rows(splits.train), rows(splits.validation), rows(splits.load_test())]
    originals = [image.tobytes() for image in datasets.load_digits().images]
    assert len(set(originals)) == 1797
    assert len(set().union(*parts)) == 1797


def test_every_class_has_its_share_in_every_part(splits):
    whole = np.bincount(datasets.load_digits().target) / 1797
    for part in (splits.train, splits.validation, splits.load_test()):
        share = torch.bincount(part.labels, minlength=10).numpy() / len(part)
        assert np.abs(share - whole).max() < 0.005


def test_images_keep_their_labels(splits):
    bunch = datasets.load_digits()
    known = {
        image.astype(np.float32).tobytes(): int(label) for image, label in zip(bunch.images, bunch.target, strict=True)
    }
    # Grey levels are whole numbers, so an affine map back to 0..16 recovers them exactly once rounded.
    low, high = splits.train.images.min(), splits.train.images.max()
    for part in (splits.train, splits.validation, splits.load_test()):
        grey = ((part.images - low) / (high - low) * 16).round().squeeze(1)
        assert [known[image.numpy().tobytes()] for image in grey] == part.labels.tolist()


def test_statistics_come_from_the_train_part_alone(splits):
    assert splits.train.images.double().mean().item() == pytest.approx(0.0, abs=1e-6)
    assert splits.train.images.double().std(correction=0).item() == pytest.approx(1.0, abs=1e-6)
    assert abs(splits.validation.images.double().mean().item()) > 1e-6


def test_images_are_resized_once_at_load():
    large = load_digits(replace(DIGITS, height=16, width=16))
    assert large.train.images.shape[1:] == (1, 16, 16)
    assert large.load_test().images.shape[1:] == (1, 16, 16)
    assert torch.equal(large.train.labels, load_digits(DIGITS).train.labels)


def test_test_part_is_read_by_load_test_alone(monkeypatch):
    reads = []
    read = digits._read
    monkeypatch.setattr(digits, "_read", lambda: reads.append(1) or read())
    chosen = []
    select = digits._select
    monkeypatch.setattr(
        digits, "_select", lambda pixels, index, info: chosen.extend(index) or select(pixels, index, info)
    )
    splits = load_digits(DIGITS)
    before = set(chosen)
    assert (len(reads), len(before)) == (1, len(splits.train) + len(splits.validation))
    test = splits.load_test()
    assert len(reads) == 2
    assert len(set(chosen) - before) == len(test)
