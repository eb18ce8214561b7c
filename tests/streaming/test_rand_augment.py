"""RandAugment against timm's."""

import random
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from timm_files import timm_file

from sasa_nas.recipes import RandAugment
from sasa_nas.streaming import rand_augment
from sasa_nas.streaming.rand_augment import Draw, RandomOperations, operations

MEAN = (124, 116, 104)


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    return Image.fromarray(pixels).resize((48, 40), Image.Resampling.BICUBIC)


def theirs(name: str, *, increasing: bool, magnitude: float, filter_: Image.Resampling, sign: int):
    timm = timm_file("data/auto_augment.py")
    own = {"TranslateX": "TranslateXRel", "TranslateY": "TranslateYRel"}.get(name, name)
    known = timm.rand_augment_choices("", increasing=increasing)
    (full,) = (each for each in known if each in (own, own + "Increasing"))
    operation = timm.AugmentOp(
        full, prob=1.0, magnitude=magnitude, hparams={"img_mean": MEAN, "interpolation": filter_}
    )

    class Fixed(random.Random):
        def random(self) -> float:
            return 0.9 if sign < 0 else 0.1

    return operation, Fixed(), timm


@pytest.mark.parametrize("increasing", [False, True])
@pytest.mark.parametrize("name", operations(increasing=True))
def test_every_operation_gives_timms_pixels(
    name: str, increasing: bool, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    for magnitude in (0.0, 3.3, 6.0, 10.0):
        for sign, filter_ in ((1, Image.Resampling.BILINEAR), (-1, Image.Resampling.BICUBIC)):
            operation, fixed, timm = theirs(
                name, increasing=increasing, magnitude=magnitude, filter_=filter_, sign=sign
            )
            monkeypatch.setattr(timm, "random", fixed)
            ours = operations(increasing=increasing)[name](picture, Draw(magnitude / 10, sign, filter_))
            if name == "Posterize" and magnitude == (10.0 if increasing else 0.0):
                # no bits are left, which timm leaves to Pillow, of which new versions refuse it
                expected = picture.point([0] * 768)
            else:
                expected = operation(picture)
            gap = np.abs(np.asarray(ours).astype(int) - np.asarray(expected).astype(int))
            assert gap.max() <= 1, (magnitude, sign)
            assert gap.mean() < 0.01


def test_timm_has_no_other_operations() -> None:
    timm = timm_file("data/auto_augment.py")
    assert len(operations(increasing=True)) == len(timm.rand_augment_choices("", increasing=True)) == 15


def test_number_strength_and_chance_of_operations(picture: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, Draw]] = []

    def record(name: str):
        return lambda image, draw: seen.append((name, draw)) or image

    names = list(operations(increasing=True))
    monkeypatch.setattr(rand_augment, "operations", lambda increasing: {name: record(name) for name in names})
    changes = RandomOperations(RandAugment(layers=3, magnitude=6.0, magnitude_std=0.5, increasing=True), "random")
    generator, images = random.Random(0), 4000
    for _ in range(images):
        changes(picture, generator)
    # three operations, each done with probability 1/2: standard deviations below
    assert abs(len(seen) / images - 1.5) < 4 * (0.75 / images) ** 0.5
    counts = Counter(name for name, _ in seen)
    assert max(abs(counts[name] / len(seen) - 1 / 15) for name in names) < 4 * (1 / 15 / len(seen)) ** 0.5
    levels = np.array([draw.level for _, draw in seen])
    assert abs(levels.mean() - 0.6) < 4 * 0.05 / len(seen) ** 0.5
    assert abs(levels.std() - 0.05) < 0.003
    assert abs(np.mean([draw.sign for _, draw in seen])) < 4 / len(seen) ** 0.5
    assert {draw.resample for _, draw in seen} == {Image.Resampling.BILINEAR, Image.Resampling.BICUBIC}


def test_grey_images_stay_grey(picture: Image.Image) -> None:
    changes = RandomOperations(RandAugment(layers=4, magnitude=10.0, magnitude_std=3.0), "bilinear")
    grey = picture.convert("L")
    for seed in range(60):
        changed = changes(grey, random.Random(seed))
        assert (changed.mode, changed.size) == ("L", grey.size)
