import pytest
import torch
from assertions import every
from hypothesis import given, settings
from hypothesis import strategies as st

from sasa_nas.data.batches import Batches, epoch_seed, flip_images, shift_images
from sasa_nas.data.splits import ImageSet, Standardisation


def numbered(count, *, size=5):
    """Images whose every pixel tells the image, the row and the column; labels are the images' numbers."""
    image = torch.arange(1.0, count + 1).view(-1, 1, 1, 1) * 1000
    place = torch.arange(size).view(-1, 1) * 10 + torch.arange(size)
    return ImageSet((image + place).expand(count, 2, size, size).contiguous(), torch.arange(count))


def batches_of(data, *, epoch=0, seed=0, batch_size=4, shift=0, flip=False):
    return list(Batches(data, batch_size=batch_size, seed=seed, shift=shift, flip=flip).epoch(epoch))


@settings(deadline=None, max_examples=20)
@given(
    limit=st.integers(1, 3),
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    data=st.data(),
)
def test_shift_matches_a_loop_over_pixels(limit, size, data):
    height, width = size
    offset = st.integers(-limit, limit)
    offsets = data.draw(st.lists(st.tuples(offset, offset), min_size=1, max_size=4))
    images = torch.randn(len(offsets), 2, height, width, generator=torch.Generator().manual_seed(0))
    rows, columns = (torch.tensor(axis) for axis in zip(*offsets, strict=True))
    moved = shift_images(images, rows, columns, limit=limit)
    assert moved.shape == images.shape
    for i, (down, right) in enumerate(offsets):
        for y in range(height):
            for x in range(width):
                inside = 0 <= y - down < height and 0 <= x - right < width
                expected = images[i, :, y - down, x - right] if inside else torch.zeros(2)
                assert torch.equal(moved[i, :, y, x], expected)


def test_flip_mirrors_chosen_images_alone():
    images = torch.arange(12.0).view(2, 1, 2, 3)
    flipped = flip_images(images, torch.tensor([False, True]))
    assert torch.equal(flipped[0], images[0])
    assert flipped[1, 0].tolist() == [[8.0, 7.0, 6.0], [11.0, 10.0, 9.0]]


def test_augmented_images_keep_their_labels_and_use_every_shift_and_both_sides():
    data = numbered(600)
    seen = set()
    for images, labels in batches_of(data, batch_size=50, shift=1, flip=True):
        assert images.shape == (50, 2, 5, 5)
        assert images.dtype == torch.float32
        for image, label in zip(images, labels, strict=True):
            centre = image[0, 2, 2].item()
            assert centre // 1000 == label + 1
            row, column = divmod(centre % 1000, 10)
            mirrored = image[0, 2, 1] > image[0, 2, 2]
            seen.add((row - 2, column - 2, bool(mirrored)))
            assert torch.equal(image[0], image[1])
    # Nine shifts by two sides; none beyond one pixel.
    assert seen == {(y, x, side) for y in (-1, 0, 1) for x in (-1, 0, 1) for side in (False, True)}


def test_padding_is_the_mean_of_standardised_bytes():
    scale = Standardisation(torch.full((1, 1, 1), 100.0), torch.full((1, 1, 1), 50.0))
    data = ImageSet(torch.full((64, 1, 3, 3), 200, dtype=torch.uint8), torch.zeros(64, dtype=torch.int64), scale)
    values = torch.cat([images for images, _ in batches_of(data, shift=1)]).unique()
    assert values.tolist() == [0.0, 2.0]


@settings(deadline=None, max_examples=20)
@given(count=st.integers(1, 30), batch_size=st.integers(1, 12), seed=st.integers(0, 5))
def test_epoch_holds_full_batches_of_distinct_examples(count, batch_size, seed):
    data = numbered(count, size=1)
    batches = Batches(data, batch_size=batch_size, seed=seed)
    labels = [batch.tolist() for _, batch in batches.epoch(3)]
    assert len(labels) == len(batches) == max(1, count // batch_size)
    assert {len(batch) for batch in labels} == {min(batch_size, count)}
    drawn = [label for batch in labels for label in batch]
    assert len(set(drawn)) == len(drawn)


def test_epochs_and_seeds_differ_and_history_does_not_matter():
    data = numbered(40)
    batches = Batches(data, batch_size=8, seed=1, shift=1, flip=True)
    fresh = torch.cat([images for images, _ in batches.epoch(5)])
    list(batches.epoch(0))
    torch.manual_seed(123)
    again = torch.cat([images for images, _ in batches.epoch(5)])
    assert torch.equal(fresh, again)
    for epoch, seed in ((6, 1), (5, 2)):
        other = torch.cat([images for images, _ in batches_of(data, epoch=epoch, seed=seed, batch_size=8)])
        assert not torch.equal(fresh, other)


def test_order_does_not_depend_on_the_augmentation():
    data = numbered(20)
    plain = [labels.tolist() for _, labels in batches_of(data)]
    assert plain == [labels.tolist() for _, labels in batches_of(data, shift=2, flip=True)]


def test_no_augmentation_leaves_images_as_they_are():
    data = numbered(9)
    for images, labels in batches_of(data, batch_size=3):
        assert torch.equal(images, data.images[labels])


def test_epoch_seeds_of_neighbours_differ_and_fit_a_generator():
    seeds = {epoch_seed(s, e, stream=k) for s in range(10) for e in range(10) for k in range(2)}
    assert len(seeds) == 200
    assert every(0 <= seed < 2**63 for seed in seeds)
    with pytest.raises(ValueError, match="negative"):
        epoch_seed(-1, 0)


@pytest.mark.parametrize(("field", "options"), [("batch_size", {"batch_size": 0}), ("shift", {"shift": -1})])
def test_wrong_options_are_named(field, options):
    with pytest.raises(ValueError, match=f"^{field}:"):
        Batches(numbered(3), **{"batch_size": 2, "seed": 0, **options})
