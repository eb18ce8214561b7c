"""RandAugment (Cubuk et al., 2020, arXiv 1909.13719) as timm has it, with which recipes of recent years were found.

It differs from the paper and from torchvision's: an operation is done with probability 1/2, its strength may vary,
there is one that adds to dark pixels, and in the variant of increasing strength (`inc1`) every operation alters the
image the more, the larger the strength is: posterisation keeps fewer bits, solarisation begins at darker pixels, and
colours, contrast, brightness and sharpness are changed in either direction.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image, ImageEnhance, ImageOps

from sasa_nas.recipes import RandAugment
from sasa_nas.recipes.augmentation import Interpolation

PROBABILITY = 0.5
"""Probability that a chosen operation is done."""
FULL = 10.0
"""Strength at which an operation's range ends, and to which strengths are clamped."""
_FILL: dict[str, tuple[float, ...] | float] = {"RGB": (124, 116, 104), "L": 117}
"""Colour of pixels from outside of the image: ImageNet's mean, and its brightness."""
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Draw:
    """One operation's strength and random choices.

    Attributes:
        level: Strength as a share of `FULL`.
        sign: Direction of operations that have two, 1 or -1.
        resample: Filter of operations that move pixels.
    """

    level: float
    sign: int
    resample: Image.Resampling


Operation = Callable[[Image.Image, Draw], Image.Image]


def _affine(image: Image.Image, matrix: tuple[float, ...], draw: Draw) -> Image.Image:
    fill = _FILL[image.mode]
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=draw.resample, fillcolor=fill)


def _rotate(image: Image.Image, draw: Draw) -> Image.Image:
    return image.rotate(draw.sign * 30 * draw.level, resample=draw.resample, fillcolor=_FILL[image.mode])


def _shear_x(image: Image.Image, draw: Draw) -> Image.Image:
    return _affine(image, (1, draw.sign * 0.3 * draw.level, 0, 0, 1, 0), draw)


def _shear_y(image: Image.Image, draw: Draw) -> Image.Image:
    return _affine(image, (1, 0, 0, draw.sign * 0.3 * draw.level, 1, 0), draw)


def _translate_x(image: Image.Image, draw: Draw) -> Image.Image:
    return _affine(image, (1, 0, draw.sign * 0.45 * draw.level * image.width, 0, 1, 0), draw)


def _translate_y(image: Image.Image, draw: Draw) -> Image.Image:
    return _affine(image, (1, 0, 0, 0, 1, draw.sign * 0.45 * draw.level * image.height), draw)


def _posterize(image: Image.Image, bits: int) -> Image.Image:
    # without bits the image is black; Pillow 13 refuses it
    return ImageOps.posterize(image, bits) if bits else image.point([0] * 256 * len(image.getbands()))


def _solarize_add(image: Image.Image, draw: Draw) -> Image.Image:
    more = int(110 * draw.level)
    table = [min(255, value + more) if value < 128 else value for value in range(256)]
    return image.point(table * len(image.getbands()))


class _Enhancer(Protocol):
    def enhance(self, factor: float) -> Image.Image: ...


_ENHANCERS: dict[str, Callable[[Image.Image], _Enhancer]] = {
    "Color": ImageEnhance.Color,
    "Contrast": ImageEnhance.Contrast,
    "Brightness": ImageEnhance.Brightness,
    "Sharpness": ImageEnhance.Sharpness,
}


def _enhancement(enhancer: Callable[[Image.Image], _Enhancer], *, increasing: bool) -> Operation:
    """Return an operation that blends with, or departs from, a degenerate image; a factor of 1 changes nothing."""

    def enhance(image: Image.Image, draw: Draw) -> Image.Image:
        factor = max(0.1, 1 + draw.sign * 0.9 * draw.level) if increasing else 0.1 + 1.8 * draw.level
        return enhancer(image).enhance(factor)

    return enhance


def operations(*, increasing: bool) -> dict[str, Operation]:
    """Return the fifteen operations by name, which are chosen with equal probability.

    Args:
        increasing: Whether every one alters the image the more, the larger its level is.
    """
    return {
        "AutoContrast": lambda image, draw: ImageOps.autocontrast(image),
        "Equalize": lambda image, draw: ImageOps.equalize(image),
        "Invert": lambda image, draw: ImageOps.invert(image),
        "Rotate": _rotate,
        "Posterize": lambda image, draw: _posterize(
            image, 4 - int(4 * draw.level) if increasing else int(4 * draw.level)
        ),
        "Solarize": lambda image, draw: ImageOps.solarize(
            image, 256 - int(256 * draw.level) if increasing else int(256 * draw.level)
        ),
        "SolarizeAdd": _solarize_add,
        **{name: _enhancement(enhancer, increasing=increasing) for name, enhancer in _ENHANCERS.items()},
        "ShearX": _shear_x,
        "ShearY": _shear_y,
        "TranslateX": _translate_x,
        "TranslateY": _translate_y,
    }


class RandomOperations:
    """Operations drawn anew for each image.

    Args:
        description: Number of operations and their strength.
        interpolation: Filter of operations that move pixels; `random` draws it for each.
    """

    def __init__(self, description: RandAugment, interpolation: Interpolation) -> None:
        self.description = description
        self._operations = tuple(operations(increasing=description.increasing).values())
        self._filters = tuple(_FILTERS.values()) if interpolation == "random" else (_FILTERS[interpolation],)

    def __call__(self, image: Image.Image, generator: random.Random) -> Image.Image:
        """Return the changed image, of the same size and mode, L or RGB."""
        for operation in generator.choices(self._operations, k=self.description.layers):
            if generator.random() < PROBABILITY:
                image = operation(image, self._draw(generator))
        return image

    def _draw(self, generator: random.Random) -> Draw:
        strength = self.description.magnitude
        if self.description.magnitude_std > 0:
            strength = generator.gauss(strength, self.description.magnitude_std)
        level = min(max(strength, 0.0), FULL) / FULL
        return Draw(level, generator.choice((1, -1)), generator.choice(self._filters))
