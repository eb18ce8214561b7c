"""Crops, flips and colours of single images."""

import math
import random

import numpy as np
import pytest
import torch
from assertions import every
from PIL import Image
from torchvision.transforms import v2

from sasa_nas.errors import UserError
from sasa_nas.recipes import Augmentation, ImageSizes, RandAugment, RandomResizedCrop, ShiftCrop
from sasa_nas.streaming.augmentation import TestTransform as Centred
from sasa_nas.streaming.augmentation import TrainTransform, random_box


def smooth(height: int, width: int, seed: int = 0) -> torch.Tensor:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def boxes(size: tuple[int, int], crop: RandomResizedCrop, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes that are drawn here, and by torchvision."""
    oracle = v2.RandomResizedCrop(8, scale=crop.scale, ratio=crop.ratio)
    generator = random.Random(0)
    torch.manual_seed(0)
    image = torch.zeros(3, *size, dtype=torch.uint8)
    ours = [random_box(*size, crop, generator) for _ in range(count)]
    found = [oracle.make_params([image]) for _ in range(count)]
    theirs = [[box[key] for key in ("top", "left", "height", "width")] for box in found]
    return np.array(ours, dtype=float), np.array(theirs, dtype=float)


def test_boxes_are_drawn_as_torchvision_draws_them() -> None:
    count = 2000
    ours, theirs = boxes((300, 400), RandomResizedCrop(scale=(0.2, 0.9), ratio=(0.6, 1.5)), count)
    spread = theirs.std(0)
    assert (np.abs(ours.mean(0) - theirs.mean(0)) < 4.5 * spread * math.sqrt(2 / count)).all()
    assert (np.abs(ours.std(0) - spread) < 0.1 * spread).all()
    assert (ours.min(0) >= [0, 0, 1, 1]).all()
    assert ((ours[:, :2] + ours[:, 2:]).max(0) <= [300, 400]).all()


@pytest.mark.parametrize("size", [(60, 500), (500, 60), (2, 40)])
def test_strips_have_the_largest_box_at_their_centre(size: tuple[int, int]) -> None:
    ours, theirs = boxes(size, RandomResizedCrop(scale=(0.9, 0.95), ratio=(0.6, 1.5)), 3)
    assert (ours == theirs).all()
    assert (ours == ours[0]).all()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_crop_has_the_pixels_that_pillow_gives(interpolation: str) -> None:
    crop = RandomResizedCrop(interpolation=interpolation)
    transform = TrainTransform(Augmentation(crop=crop, flip=0.0), 24, flip_allowed=True)
    image = smooth(90, 120)
    for seed in range(5):
        top, left, height, width = random_box(90, 120, crop, random.Random(seed))
        part = Image.fromarray(image.permute(1, 2, 0).numpy()).crop((left, top, left + width, top + height))
        expected = np.asarray(part.resize((24, 24), Image.Resampling[interpolation.upper()])).astype(int)
        found = transform(image, random.Random(seed)).permute(1, 2, 0).numpy().astype(int)
        assert np.abs(found - expected).max() <= 2
        assert np.abs(found - expected).mean() < 0.5


def test_shifts_reach_all_places_and_pad_with_zeros() -> None:
    image = torch.arange(1, 17, dtype=torch.uint8).view(1, 4, 4)
    transform = TrainTransform(Augmentation(crop=ShiftCrop(padding=1), flip=0.5), 4, flip_allowed=False)
    padded = torch.zeros(1, 6, 6, dtype=torch.uint8)
    padded[:, 1:5, 1:5] = image
    places = {(i, j): padded[:, i : i + 4, j : j + 4] for i in range(3) for j in range(3)}
    found = [transform(image, random.Random(seed)) for seed in range(150)]
    seen = [{place for place, crop in places.items() if torch.equal(crop, each)} for each in found]
    assert every(len(each) == 1 for each in seen)
    assert set().union(*seen) == set(places)


def test_a_shift_may_be_a_share_of_the_side() -> None:
    image = torch.randint(256, (3, 20, 30), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for side, pixels in (16, 2), (20, 2), (12, 2), (4, 0):
        share, fixed = (
            TrainTransform(Augmentation(crop=ShiftCrop(padding=padding)), side, flip_allowed=True)
            for padding in (0.125, pixels)
        )
        assert ShiftCrop(padding=0.125).pixels(side) == pixels
        assert every(torch.equal(share(image, random.Random(i)), fixed(image, random.Random(i))) for i in range(20))


def test_half_of_the_images_are_flipped_unless_it_is_forbidden() -> None:
    image = torch.arange(3, dtype=torch.uint8).expand(1, 3, 3)
    crop = ShiftCrop(padding=0)
    allowed = TrainTransform(Augmentation(crop=crop), 3, flip_allowed=True)
    flipped = sum(int(allowed(image, random.Random(seed))[0, 0, 0]) == 2 for seed in range(1000))
    assert 436 < flipped < 564
    forbidden = TrainTransform(Augmentation(crop=crop, flip=1.0), 3, flip_allowed=False)
    assert torch.equal(forbidden(image, random.Random(0)), image)


def test_jitter_stays_within_its_range() -> None:
    grey = torch.full((3, 4, 4), 100, dtype=torch.uint8)
    transform = TrainTransform(Augmentation(crop=ShiftCrop(padding=0), color_jitter=0.4), 4, flip_allowed=False)
    # contrast and saturation leave an image of one grey as it is, so brightness alone is seen
    found = [int(transform(grey, random.Random(seed))[0, 0, 0]) for seed in range(400)]
    assert 59 <= min(found) < 64
    assert 136 < max(found) <= 141


@pytest.mark.parametrize(("size", "sizes"), [((60, 90), (32, 0.875)), ((50, 40), (40, 1.0)), ((500, 20), (24, 0.8))])
def test_test_images_are_those_of_torchvisions_reference(size: tuple[int, int], sizes: tuple[int, float]) -> None:
    side, share = sizes
    image = smooth(*size)
    oracle = v2.Compose([v2.Resize(math.floor(side / share)), v2.CenterCrop(side)])
    # a strip is cropped before it is resized
    expected = oracle(image[:, 90:410] if size[0] == 500 else image)
    found = Centred(ImageSizes(test=side, crop=share), 0)(image)
    assert found.shape == (3, side, side)
    assert (found.int() - expected.int()).abs().max() <= 1


def test_an_image_of_the_right_size_is_left_as_it_is() -> None:
    image = smooth(32, 32)
    assert torch.equal(Centred(ImageSizes(), 32)(image), image)


def test_colours_need_bytes_of_one_or_three_channels() -> None:
    augmentation = Augmentation(crop=ShiftCrop(), rand_augment=RandAugment())
    with pytest.raises(UserError, match="from 0 to 16"):
        TrainTransform(augmentation, 4, flip_allowed=True, pixel_max=16.0)
    with pytest.raises(UserError, match="not 2"):
        TrainTransform(augmentation, 4, flip_allowed=True)(torch.zeros(2, 4, 4, dtype=torch.uint8), random.Random(0))


def test_least_sides_keep_every_crop_from_being_enlarged() -> None:
    transform = TrainTransform(Augmentation(), 224, flip_allowed=True)
    least = transform.least_side
    assert least is not None
    # the smallest crop of a square, at the extreme ratio
    assert math.sqrt(0.08 * least**2 * 0.75) >= 224
    assert TrainTransform(Augmentation(crop=ShiftCrop()), 32, flip_allowed=True).least_side == 64
    assert Centred(ImageSizes(test=224, crop=0.875), 0).least_side == 512
