"""Preprocessing of images, done once when they are loaded: resizing, and the statistics that standardise them."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sasa_nas.data.splits import DatasetInfo, Standardisation
from sasa_nas.errors import UserError

_CHUNK = 2048
"""Number of images converted to floats at a time, which bounds the temporary memory."""
_CHUNK_BYTES = 1 << 24

MAX_BYTES = 8 * 2**30
"""Most memory that a data set's decoded images may take."""


def require_memory(count: int, info: DatasetInfo) -> None:
    """Check that images fit into `MAX_BYTES` as uint8.

    Args:
        count: Number of images in memory.
        info: Facts with their size.

    Raises:
        UserError: If they do not; the message names the largest size that would.
    """
    needed = count * info.channels * info.height * info.width
    if needed > MAX_BYTES:
        fitting = math.isqrt(MAX_BYTES // (count * info.channels))
        raise UserError(
            f"{count} images of {info.height}x{info.width} of '{info.name}' take {needed / 2**30:.1f} GiB, over "
            f"the limit of {MAX_BYTES / 2**30:g} GiB; use an image size of at most {fitting} or fewer images"
        )


def resize(images: Tensor, *, height: int, width: int) -> Tensor:
    """Resize images by antialiased bilinear interpolation; return the same tensor if the size is right already.

    Args:
        images: (N, C, H, W), float32 or uint8.
        height: Height in pixels.
        width: Width in pixels.

    Returns:
        (N, C, height, width) of the same dtype; uint8 is rounded to nearest.
    """
    if images.shape[-2:] == (height, width):
        return images
    resized = images.new_empty(*images.shape[:2], height, width)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK].to(torch.float32)
        chunk = F.interpolate(chunk, size=(height, width), mode="bilinear", antialias=True, align_corners=False)
        resized[start : start + _CHUNK] = chunk if images.is_floating_point() else chunk.round().clamp(0, 255)
    return resized


def standardisation_of(images: Tensor) -> Standardisation:
    """Return mean and (population) standard deviation of each channel over a train part.

    Args:
        images: (N, C, H, W), N >= 1, of any real dtype.

    Returns:
        The statistics, summed in float64; the deviation of a constant channel is given as 1.
    """
    channels = images.shape[1]
    count = images.numel() // channels
    total = torch.zeros(channels, dtype=torch.float64)
    squares = torch.zeros(channels, dtype=torch.float64)
    for start in range(0, len(images), _CHUNK):
        total += images[start : start + _CHUNK].to(torch.float64).sum((0, 2, 3))
    mean = total / count
    # A second pass, because the mean of squares less the squared mean cancels on nearly constant channels.
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK].to(torch.float64)
        squares += (chunk - mean.view(-1, 1, 1)).square().sum((0, 2, 3))
    std = (squares / count).sqrt()
    std = torch.where(std > 0, std, torch.ones_like(std))
    return Standardisation(mean.float().view(-1, 1, 1), std.float().view(-1, 1, 1))


def standardisation_of_bytes(images: Tensor) -> Standardisation:
    """Return mean and (population) standard deviation of each channel, from counts of each of the 256 values.

    Sums of integers are exact, and one pass over the images is enough.

    Args:
        images: (N, C, H, W), uint8, N >= 1.

    Returns:
        The statistics; the deviation of a constant channel is given as 1.
    """
    channels = images.shape[1]
    counts = torch.zeros(channels, 256, dtype=torch.int64)
    step = max(1, _CHUNK_BYTES // (images[0].numel()))
    for start in range(0, len(images), step):
        for channel in range(channels):
            pixels = images[start : start + step, channel].reshape(-1)
            counts[channel] += torch.bincount(pixels, minlength=256)
    values = torch.arange(256, dtype=torch.float64)
    share = counts.to(torch.float64) / (images.numel() // channels)
    mean = share @ values
    std = (share * (values - mean[:, None]).square()).sum(1).sqrt()
    std = torch.where(std > 0, std, torch.ones_like(std))
    return Standardisation(mean.float().view(-1, 1, 1), std.float().view(-1, 1, 1))
