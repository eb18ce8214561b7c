"""Subsets of a train part: stratified, nested, the same everywhere."""

import numpy as np
import pytest
import torch

from sasa_nas.data.registry import load, load_for_search
from sasa_nas.data.subset import subset_order
from sasa_nas.errors import UserError


@pytest.mark.parametrize("counts", [[100, 100, 100], [300, 90, 10], [5, 4, 1]])
def test_every_beginning_has_each_class_and_the_proportions_of_the_whole(counts: list[int]) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(3), counts))
    order = subset_order(labels)
    assert sorted(order) == list(range(len(labels)))
    for count in range(3, len(labels) + 1):
        found = np.bincount(labels[order[:count]], minlength=3)
        assert found.min() >= 1
        assert np.abs(found - count * np.asarray(counts) / sum(counts)).max() <= 2


def test_the_order_is_the_seed_s_and_no_sorting() -> None:
    labels = np.arange(200) % 4
    assert np.array_equal(subset_order(labels), subset_order(labels))
    assert not np.array_equal(subset_order(labels), subset_order(labels, seed=1))
    first = subset_order(labels)[:40]
    assert not np.array_equal(np.sort(first), np.arange(40))


def test_a_data_set_is_trained_on_in_part_and_validated_by_as_a_whole() -> None:
    whole, part, less = load("digits"), load("digits", train_images=200), load_for_search("digits", train_images=50)
    assert (len(part.train), len(less.train)) == (200, 50)
    assert torch.bincount(part.train.labels).tolist() == [20] * 10
    assert torch.equal(part.validation.images, whole.validation.images)
    assert part.standardisation.per_channel() == whole.standardisation.per_channel()
    images = {image.numpy().tobytes() for image in part.train.images}
    assert {image.numpy().tobytes() for image in less.train.images} <= images
    assert images <= {image.numpy().tobytes() for image in whole.train.images}
    assert len(load("digits", train_images=len(whole.train)).train) == len(whole.train)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match=r"train_images=1,079 is more than 'digits' has to train on: 1,078"):
        load("digits", train_images=1079)
    with pytest.raises(UserError, match="train_images=9 is fewer than one for each of the 10 classes"):
        load("digits", train_images=9)
