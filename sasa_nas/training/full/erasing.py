"""Random erasing of rectangles of a batch of images, on its device."""

import math
import random

import torch
from torch import Tensor

from sasa_nas.recipes.augmentation import Erasing

_TRIES = 10
"""Most draws of a rectangle for an image; one that would not fit is drawn again."""

_ASPECTS = (0.3, 1 / 0.3)
"""Smallest and largest height over width (Zhong et al., 2020, section 4.1)."""


def erase(images: Tensor, erasing: Erasing, generator: torch.Generator) -> Tensor:
    """Return images of which a random rectangle each is replaced by standard normal noise.

    Args:
        images: Standardised images, (B, C, H, W); left unchanged.
        erasing: The recipe's erasing.
        generator: Generator of random numbers, on the CPU, so that nothing waits for the device.
    """
    draws = random.Random(int(torch.randint(2**62, (), generator=generator)))
    noise = torch.Generator(images.device).manual_seed(draws.getrandbits(62))
    erased = images.clone()
    height, width = images.shape[-2:]
    for image in erased:
        box = draw_box(erasing, (height, width), draws) if draws.random() < erasing.probability else None
        if box is not None:
            top, bottom, left, right = box
            image[:, top:bottom, left:right].normal_(generator=noise)
    return erased


def draw_box(erasing: Erasing, size: tuple[int, int], draws: random.Random) -> tuple[int, int, int, int] | None:
    """Draw a rectangle: first row, row behind the last, first column, column behind the last; None if none fits.

    Args:
        erasing: The recipe's erasing.
        size: Height and width of the images.
        draws: Random numbers.
    """
    height, width = size
    for _ in range(_TRIES):
        area = draws.uniform(*erasing.area) * height * width
        aspect = math.exp(draws.uniform(math.log(_ASPECTS[0]), math.log(_ASPECTS[1])))
        rows, columns = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < rows < height and 0 < columns < width:
            top, left = draws.randint(0, height - rows), draws.randint(0, width - columns)
            return top, top + rows, left, left + columns
    return None
