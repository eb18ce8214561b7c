"""Images of any size, fitted into one size with their shape kept."""

from torch import Tensor
from torch.nn import functional as F


def fitted_size(size: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width that an image of `size` has in `room`: one side fills it, the other keeps the shape.

    Args:
        size: Height and width of the image in pixels.
        room: Largest height and width.
    """
    (height, width), (most_height, most_width) = size, room
    scale = min(most_height / height, most_width / width)
    return min(most_height, max(1, round(scale * height))), min(most_width, max(1, round(scale * width)))


def resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return an image `(3, h, w)` at another height and width, by bilinear interpolation without aliases."""
    if tuple(image.shape[-2:]) == size:
        return image
    return F.interpolate(image[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]


def padded(image: Tensor, room: tuple[int, int]) -> Tensor:
    """Return an image `(3, h, w)` at the upper left of a larger one, with zeros elsewhere."""
    return F.pad(image, (0, room[1] - image.shape[2], 0, room[0] - image.shape[1]))
