"""Rotations and flips of images, for zero-shot evaluation."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from torch import Tensor

from sasa_nas.data.splits import ImageSet
from sasa_nas.errors import UserError


def rotate(images: Tensor, quarter_turns: int) -> Tensor:
    """Rotate images clockwise by multiples of 90 degrees, without interpolation.

    Args:
        images: (N, C, H, W).
        quarter_turns: Number of turns by 90 degrees.

    Returns:
        (N, C, H, W), or (N, C, W, H) after an odd number of turns.
    """
    return images.rot90(-quarter_turns, dims=(-2, -1))


def flip_upside_down(images: Tensor) -> Tensor:
    """Flip images (N, C, H, W) about their horizontal axis."""
    return images.flip(-2)


def flip_left_right(images: Tensor) -> Tensor:
    """Flip images (N, C, H, W) about their vertical axis."""
    return images.flip(-1)


ROTATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    f"rotate_{90 * turns}": partial(rotate, quarter_turns=turns) for turns in (1, 2, 3)
}
"""Clockwise rotations by name, in degrees: the zero-shot test of Zhao et al. 2020 (arXiv 2004.13621)."""

FLIPS: dict[str, Callable[[Tensor], Tensor]] = {
    "flip_upside_down": flip_upside_down,
    "flip_left_right": flip_left_right,
}
"""Flips by name: the one of the same test, and the one that augmentation may have if it keeps the label."""


def transformed(data: ImageSet, transform: Callable[[Tensor], Tensor]) -> ImageSet:
    """Return the same examples with `transform` applied to their images.

    Args:
        data: Images (N, C, H, W).
        transform: One of `ROTATIONS` or `FLIPS`.

    Raises:
        UserError: If the height and width of the images would change.
    """
    images = transform(data.images)
    if images.shape != data.images.shape:
        height, width = data.images.shape[-2:]
        raise UserError(
            f"images of {height}x{width} pixels cannot be turned by 90 degrees: the network is made for that height "
            "and width; leave out --rotations"
        )
    return replace(data, images=images.contiguous())
