"""Random erasing: how often, how much, with what, and only within the image."""

import random

import pytest
import torch
from assertions import every

from sasa_nas.recipes import Erasing
from sasa_nas.training.full.erasing import draw_box, erase


def test_rectangles_have_the_areas_and_aspects_told() -> None:
    draws = random.Random(0)
    erasing = Erasing(probability=1.0, area=(0.1, 0.3))
    boxes = [draw_box(erasing, (40, 60), draws) for _ in range(2000)]
    sides = [(box[1] - box[0], box[3] - box[2]) for box in boxes if box is not None]
    assert len(sides) > 1990
    areas = [height * width / 2400 for height, width in sides]
    assert min(areas) > 0.08
    assert max(areas) < 0.32
    assert sum(areas) / len(areas) == pytest.approx(0.2, abs=0.02)
    assert every(0.25 < height / width < 4 for height, width in sides)
    assert every(box[0] >= 0 and box[1] <= 40 and box[2] >= 0 and box[3] <= 60 for box in boxes if box is not None)


def test_an_image_is_erased_as_often_as_told_and_by_noise() -> None:
    images = torch.full((400, 3, 16, 16), 7.0)
    erased = erase(images, Erasing(probability=0.25), torch.Generator().manual_seed(0))
    assert torch.equal(images, torch.full_like(images, 7.0))
    changed = erased != 7.0
    assert changed.flatten(1).any(1).double().mean() == pytest.approx(0.25, abs=0.06)
    # one rectangle for all channels
    for image in changed:
        rows, columns = image[0].any(1), image[0].any(0)
        assert torch.equal(image, (rows[:, None] & columns[None]).expand(3, -1, -1))
    noise = erased[changed]
    assert noise.mean() == pytest.approx(0.0, abs=0.05)
    assert noise.std() == pytest.approx(1.0, abs=0.05)


def test_the_same_generator_erases_the_same() -> None:
    images = torch.zeros(8, 3, 16, 16)
    state = torch.random.get_rng_state()
    first, second, other = (
        erase(images, Erasing(probability=0.9), torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_rectangle_that_never_fits_is_left_out() -> None:
    assert draw_box(Erasing(area=(1.0, 1.0)), (8, 8), random.Random(0)) is None
