"""Mixup and CutMix of a batch with itself in reverse order, on its device."""

import math
import random
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sasa_nas.recipes.augmentation import Mixing


@dataclass(frozen=True)
class Mixture:
    """Mixture of a batch, the same for all its images.

    Attributes:
        share: Share of an image in the mixture; the rest is the other image's.
        box: First row, row behind the last, first column and column behind the last of the rectangle of the other
            image (CutMix); None if all pixels are mixed (mixup).
    """

    share: float
    box: tuple[int, int, int, int] | None = None


def mix(
    images: Tensor, labels: Tensor, mixing: Mixing, num_classes: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return a batch mixed with itself in reverse order, and the shares of classes.

    Args:
        images: Standardised images, (B, C, H, W); left unchanged.
        labels: Labels, (B,).
        mixing: The recipe's mixing.
        num_classes: Number of classes, K.
        generator: Generator of random numbers, on the CPU, so that nothing waits for the device.

    Returns:
        Images (B, C, H, W) and targets (B, K) of float32.
    """
    drawn = draw_mixture(mixing, (images.shape[-2], images.shape[-1]), generator)
    return mixed_images(images, drawn), mixed_targets(labels, drawn, num_classes)


def draw_mixture(mixing: Mixing, size: tuple[int, int], generator: torch.Generator) -> Mixture:
    """Draw the mixture of a batch.

    Args:
        mixing: The recipe's mixing.
        size: Height and width of the images.
        generator: Generator of random numbers, on the CPU.
    """
    draws = random.Random(int(torch.randint(2**62, (), generator=generator)))
    chance, choice = draws.random(), draws.random()
    if chance >= mixing.probability:
        return Mixture(1.0)
    mixup, cutmix = mixing.mixup, mixing.cutmix
    if cutmix is not None and (mixup is None or choice < mixing.cutmix_share):
        kept = draws.betavariate(cutmix.alpha, cutmix.alpha)
        return cut_mixture(kept, size, (draws.randrange(size[0]), draws.randrange(size[1])))
    if mixup is not None:
        return Mixture(draws.betavariate(mixup.alpha, mixup.alpha))
    return Mixture(1.0)


def cut_mixture(kept: float, size: tuple[int, int], centre: tuple[int, int]) -> Mixture:
    """Return the mixture by a rectangle, as far as it lies in the image.

    Args:
        kept: Share of an image's area that is kept if no part of the rectangle lies outside.
        size: Height and width of the images.
        centre: Row and column of the rectangle's centre.
    """
    side = math.sqrt(1.0 - kept)
    box: list[int] = []
    for length, middle in zip(size, centre, strict=True):
        cut = int(length * side)
        box += [max(0, middle - cut // 2), min(length, middle + (cut + 1) // 2)]
    top, bottom, left, right = box
    return Mixture(1.0 - (bottom - top) * (right - left) / (size[0] * size[1]), (top, bottom, left, right))


def mixed_images(images: Tensor, mixture: Mixture) -> Tensor:
    """Return images (B, C, H, W) mixed with themselves in reverse order."""
    if mixture.share == 1.0:
        return images
    if mixture.box is None:
        return images * mixture.share + images.flip(0) * (1.0 - mixture.share)
    top, bottom, left, right = mixture.box
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = images[:, :, top:bottom, left:right].flip(0)
    return mixed


def mixed_targets(labels: Tensor, mixture: Mixture, num_classes: int) -> Tensor:
    """Return the shares of classes (B, K), float32, of a mixture of images with these labels (B,)."""
    shares = F.one_hot(labels, num_classes).float()
    if mixture.share == 1.0:
        return shares
    return shares * mixture.share + shares.flip(0) * (1.0 - mixture.share)
