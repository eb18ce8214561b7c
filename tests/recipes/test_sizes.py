"""Sides of images over a training against FFCV's published function."""

import numpy as np
import pytest

from sasa_nas.recipes import ImageSizes, load_recipe
from sasa_nas.recipes.sizes import Progression


@pytest.mark.parametrize(("name", "start", "end"), [("ffcv_16", 11, 13), ("ffcv_88", 65, 76)])
def test_ffcv(name: str, start: int, end: int) -> None:
    def published(epoch: int) -> int:
        if epoch <= start:
            return 160
        if epoch >= end:
            return 192
        return int(np.round(np.interp([epoch], [start, end], [160, 192])[0] / 32)) * 32

    recipe = load_recipe(name)
    epochs = range(recipe.epochs)
    assert [recipe.sizes.train_side(epoch, own=500) for epoch in epochs] == [published(epoch) for epoch in epochs]
    assert recipe.sizes.test_side(own=500) == 256


def test_sides_grow_by_multiples() -> None:
    sizes = ImageSizes(train=64, progression=Progression(start=32, from_epoch=2, to_epoch=6, multiple=8))
    assert [sizes.train_side(epoch, own=100) for epoch in range(8)] == [32, 32, 32, 40, 48, 56, 64, 64]


def test_the_data_sets_side_is_the_default() -> None:
    assert ImageSizes().train_side(3, own=28) == ImageSizes().test_side(own=28) == 28
    assert ImageSizes(train=24).train_side(3, own=28) == ImageSizes(train=24).test_side(own=28) == 24
