import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sasa_nas.data.splits import ImageSet, Standardisation, stratified_split, three_way_split


@settings(deadline=None, max_examples=20)
@given(
    counts=st.lists(st.integers(min_value=10, max_value=60), min_size=2, max_size=5),
    held_out=st.sampled_from([0.1, 0.2, 0.5]),
    order=st.randoms(use_true_random=False),
)
def test_split_keeps_every_example_once_and_the_classes_in_proportion(counts, held_out, order):
    listed = [label for label, count in enumerate(counts) for _ in range(count)]
    order.shuffle(listed)
    kept, taken = stratified_split(np.array(listed), held_out=held_out)
    assert sorted([*kept, *taken]) == list(range(len(listed)))
    size = max(round(held_out * len(listed)), len(counts))
    assert len(taken) == size
    for label, count in enumerate(counts):
        expected = count * size / len(listed)
        assert abs(sum(listed[i] == label for i in taken) - expected) <= 1


def test_split_is_fixed_by_the_data_seed_and_not_by_global_state():
    labels = np.arange(200) % 4
    np.random.seed(0)
    first = stratified_split(labels, held_out=0.25)
    np.random.seed(1)
    second = stratified_split(labels, held_out=0.25)
    other = stratified_split(labels, held_out=0.25, seed=1)
    assert np.array_equal(first[1], second[1])
    assert not np.array_equal(first[1], other[1])


def test_test_part_does_not_depend_on_the_share_of_validation():
    labels = np.arange(300) % 3
    tests = [three_way_split(labels, validation=share)[2] for share in (0.1, 0.3)]
    assert np.array_equal(tests[0], tests[1])


def test_three_parts_are_disjoint_and_have_their_shares():
    labels = np.arange(500) % 5
    train, validation, test = three_way_split(labels)
    assert (len(train), len(validation), len(test)) == (300, 100, 100)
    assert len({*train, *validation, *test}) == 500
    assert np.bincount(labels[validation]).tolist() == [20] * 5


def test_class_with_one_example_cannot_be_divided():
    with pytest.raises(ValueError, match="class"):
        stratified_split(np.array([0, 0, 0, 1]), held_out=0.5)


def test_bytes_are_standardised_batch_by_batch():
    images = torch.tensor([0, 10, 20, 30], dtype=torch.uint8).view(2, 2, 1, 1)
    scale = Standardisation(torch.tensor([10.0, 20.0]).view(2, 1, 1), torch.tensor([2.0, 5.0]).view(2, 1, 1))
    data = ImageSet(images, torch.tensor([0, 1]), scale)
    assert data.inputs(slice(None)).flatten().tolist() == [-5.0, -2.0, 5.0, 2.0]
    assert data.inputs(torch.tensor([1])).flatten().tolist() == [5.0, 2.0]
    assert data.inputs(slice(None)).dtype == torch.float32


@pytest.mark.parametrize(
    ("images", "labels", "named"),
    [
        (torch.zeros(2, 3, 4), torch.zeros(2, dtype=torch.int64), "images"),
        (torch.zeros(2, 1, 4, 4), torch.zeros(3, dtype=torch.int64), "labels"),
        (torch.zeros(2, 1, 4, 4), torch.zeros(2), "labels"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), "images"),
    ],
)
def test_wrong_shapes_and_types_are_refused_by_name(images, labels, named):
    with pytest.raises(ValueError, match=f"^{named}:"):
        ImageSet(images, labels)
