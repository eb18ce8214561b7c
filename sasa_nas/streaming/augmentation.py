"""Crops, flips and colours of single images, as functions of an image and a generator of random numbers.

Crops and resizing work on tensors whose channels are innermost, on which torch's antialiased resizing of bytes is
several times faster than Pillow's; operations on colours work on what is left, as images of Pillow's, as the recipes'
own implementations do.
"""

import math
import random
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as v2

from sasa_nas.errors import UserError
from sasa_nas.recipes import Augmentation, ImageSizes, RandomResizedCrop, ShiftCrop
from sasa_nas.streaming.rand_augment import RandomOperations

_ATTEMPTS = 10
_LONGEST = 16
"""Largest ratio of sides that is resized; a longer strip is cropped before, as it would take gigabytes."""
_FILTERS = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}
_JITTERS = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)


class TrainTransform:
    """Changes of a train image that are made before it is in a batch: crop, flip and colours, in this order.

    Args:
        augmentation: Description of the changes; erasing and mixing are left to others.
        side: Side of the result in pixels.
        flip_allowed: Whether a flip keeps the label.
        pixel_max: Value of white, which operations on colours need to be 255.

    Raises:
        UserError: If there are operations on colours and white is not 255.
    """

    def __init__(self, augmentation: Augmentation, side: int, *, flip_allowed: bool, pixel_max: float = 255.0) -> None:
        self.side = side
        self._crop = augmentation.crop
        self._flip = augmentation.flip if flip_allowed else 0.0
        self._recolour = _recolouring(augmentation)
        if self._recolour is not None and pixel_max != 255:
            raise UserError(
                f"operations on colours need pixels from 0 to 255, and these are from 0 to {pixel_max:g}; use a recipe "
                "without rand_augment and color_jitter"
            )

    @property
    def least_side(self) -> int | None:
        """Shorter side in pixels of an image whose smallest crop need not be enlarged; None if a crop may be empty."""
        if isinstance(self._crop, ShiftCrop):
            return 2 * self.side
        low, high = self._crop.ratio
        share = math.sqrt(self._crop.scale[0] * min(low, 1 / high))
        return math.ceil(self.side / share) if share > 0 else None

    def __call__(self, image: Tensor, generator: random.Random) -> Tensor:
        """Return the image to train on, (C, side, side); it depends on the image and the generator's state alone.

        Args:
            image: (C, H, W), uint8.
            generator: Source of random numbers.
        """
        if isinstance(self._crop, RandomResizedCrop):
            image = _random_resized_crop(image, self._crop, self.side, generator)
        else:
            image = _shift_crop(image, self._crop, self.side, generator)
        if generator.random() < self._flip:
            image = image.flip(-1)
        return image if self._recolour is None else _from_picture(self._recolour(_to_picture(image), generator))


class TestTransform:
    """Resizing of a test image along its shorter side, and the crop at its centre.

    Args:
        sizes: Side, crop and filter.
        own_side: Side of the data set's images, for recipes that name none.
    """

    def __init__(self, sizes: ImageSizes, own_side: int) -> None:
        self.side = sizes.test_side(own_side)
        # a quotient that is whole but for rounding counts as whole
        self._resized = math.floor(self.side / sizes.crop + 1e-9)
        self._interpolation = _FILTERS[sizes.interpolation]

    @property
    def least_side(self) -> int:
        """Shorter side in pixels from which an image loses nothing visible: twice that to which it is resized."""
        return 2 * self._resized

    def __call__(self, image: Tensor) -> Tensor:
        """Return the image to test on, (C, side, side), of one (C, H, W), uint8."""
        return _centre(_resized(image, self._resized, self._interpolation), self.side, self.side)


def random_box(height: int, width: int, crop: RandomResizedCrop, generator: random.Random) -> tuple[int, int, int, int]:
    """Return top, left, height and width of a random part, as torchvision's `RandomResizedCrop` and timm draw it.

    Area and logarithm of the ratio are uniform; a box that does not fit into the image is drawn again, ten times at
    most, after which it is the largest at the centre whose ratio is allowed.
    """
    low, high = crop.ratio
    for _ in range(_ATTEMPTS):
        area = height * width * generator.uniform(*crop.scale)
        ratio = math.exp(generator.uniform(math.log(low), math.log(high)))
        wide, tall = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < tall <= height:
            return generator.randint(0, height - tall), generator.randint(0, width - wide), tall, wide
    tall, wide = min(height, max(1, round(width / low))), min(width, max(1, round(height * high)))
    return (height - tall) // 2, (width - wide) // 2, tall, wide


def _random_resized_crop(image: Tensor, crop: RandomResizedCrop, side: int, generator: random.Random) -> Tensor:
    height, width = image.shape[-2:]
    box = random_box(height, width, crop, generator)
    name = generator.choice(tuple(_FILTERS)) if crop.interpolation == "random" else crop.interpolation
    cropped: Tensor = v2.resized_crop(image, *box, size=[side, side], interpolation=_FILTERS[name], antialias=True)
    return cropped


def _shift_crop(image: Tensor, crop: ShiftCrop, side: int, generator: random.Random) -> Tensor:
    image = _centre(_resized(image, side, InterpolationMode.BILINEAR), side, side)
    padding = crop.pixels(side)
    padded = F.pad(image, (padding,) * 4)
    top, left = generator.randint(0, 2 * padding), generator.randint(0, 2 * padding)
    return padded[:, top : top + side, left : left + side]


def _resized(image: Tensor, shorter: int, interpolation: InterpolationMode) -> Tensor:
    """Return an image whose shorter side is resized; the longer one is rounded down."""
    height, width = image.shape[-2:]
    longest = _LONGEST * min(height, width)
    image = _centre(image, min(height, longest), min(width, longest))
    resized: Tensor = v2.resize(image, [shorter], interpolation=interpolation, antialias=True)
    return resized


def _centre(image: Tensor, height: int, width: int) -> Tensor:
    top, left = round((image.shape[-2] - height) / 2), round((image.shape[-1] - width) / 2)
    return image[:, top : top + height, left : left + width]


def _recolouring(augmentation: Augmentation) -> Callable[[Image.Image, random.Random], Image.Image] | None:
    """Return the operations of RandAugment and the jitter of colours, in this order; None if there are none."""
    jitter, layers = augmentation.color_jitter, augmentation.rand_augment
    if not jitter and layers is None:
        return None
    interpolation = augmentation.crop.interpolation if isinstance(augmentation.crop, RandomResizedCrop) else "random"
    operate = None if layers is None else RandomOperations(layers, interpolation)

    def recolour(image: Image.Image, generator: random.Random) -> Image.Image:
        if operate is not None:
            image = operate(image, generator)
        if jitter:
            for enhancer in generator.sample(_JITTERS, len(_JITTERS)):
                image = enhancer(image).enhance(generator.uniform(max(0.0, 1 - jitter), 1 + jitter))
        return image

    return recolour


def _to_picture(image: Tensor) -> Image.Image:
    if image.shape[0] not in (1, 3):
        raise UserError(f"operations on colours need images with 1 or 3 channels, not {image.shape[0]}")
    pixels = image.permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(pixels if image.shape[0] == 3 else pixels[..., 0])


def _from_picture(image: Image.Image) -> Tensor:
    pixels = torch.from_numpy(np.array(image))
    return pixels.permute(2, 0, 1) if pixels.ndim == 3 else pixels[None]
