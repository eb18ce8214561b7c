"""Work of a loader's workers: chunks of images, read and changed."""

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from sasa_nas.errors import UserError
from sasa_nas.recipes import Augmentation, ImageSizes
from sasa_nas.streaming.augmentation import TestTransform, TrainTransform
from sasa_nas.streaming.sources import ImageSource

_MOST_REPLACED = 20
"""Most images after one that cannot be read which are tried in its place."""


@dataclass(frozen=True)
class TrainRequest:
    """Images of one chunk.

    Attributes:
        side: Side of the result in pixels.
        seed: Number that, with a position, seeds an image's augmentation.
        positions: Positions in the epoch.
        images: Number of the image at each position.
    """

    side: int
    seed: int
    positions: Sequence[int]
    images: Sequence[int]


class Chunk(NamedTuple):
    """Images that one worker has read.

    Attributes:
        pixels: (n, C, side, side), uint8, channels innermost; None if there are none.
        images: Number of each image.
        failures: Number of each image that could not be read, and the message.
        error: Message that ends the training, if any.
    """

    pixels: Tensor | None
    images: Sequence[int]
    failures: Sequence[tuple[int, str]]
    error: str | None = None


class TrainReader(Dataset[Chunk]):
    """Reader of train images.

    Args:
        source: The images.
        augmentation: Their changes.
        flip_allowed: Whether a flip keeps the label.
    """

    def __init__(self, source: ImageSource, augmentation: Augmentation, *, flip_allowed: bool) -> None:
        self._source, self._augmentation, self._flip_allowed = source, augmentation, flip_allowed

    def __getitem__(self, request: TrainRequest) -> Chunk:
        """Read the images of a chunk; one that cannot be read is replaced by the next that can."""
        failures: list[tuple[int, str]] = []
        try:
            transform = TrainTransform(
                self._augmentation,
                request.side,
                flip_allowed=self._flip_allowed,
                pixel_max=self._source.pixel_max,
            )
            pixels: Tensor | None = None
            images: list[int] = []
            # what Pillow warns of on its way (odd EXIF data, huge images) helps nobody to mend a million files
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for i, (position, wanted) in enumerate(zip(request.positions, request.images, strict=True)):
                    index, image = self._readable(wanted, transform.least_side, failures)
                    # 63 bits and a position: Python's generator mixes all of a long seed
                    changed = transform(image, random.Random(request.seed << 32 | position))
                    pixels = _put(pixels, i, changed, len(request.images))
                    images.append(index)
        except UserError as error:
            return Chunk(None, (), failures, str(error))
        return Chunk(pixels, images, failures)

    def _readable(self, wanted: int, least_side: int | None, failures: list[tuple[int, str]]) -> tuple[int, Tensor]:
        """Return the first image from a number on that can be read, and its number.

        Raises:
            UserError: If there are too many one after another that cannot.
        """
        for index in range(wanted, wanted + _MOST_REPLACED):
            here = index % len(self._source)
            try:
                return here, self._source.read(here, least_side)
            except UserError as error:
                failures.append((here, str(error)))
        raise UserError(f"{failures[-1][1]} (and so it is with the {_MOST_REPLACED - 1} images before it)")


class TestReader(Dataset[Chunk]):
    """Reader of test images, without those that cannot be read.

    Args:
        source: The images.
        sizes: Their size.
    """

    def __init__(self, source: ImageSource, sizes: ImageSizes) -> None:
        self._source, self._transform = source, TestTransform(sizes, source.side)

    @property
    def side(self) -> int:
        """Side of the images in pixels."""
        return self._transform.side

    def __getitem__(self, wanted: range) -> Chunk:
        """Read the images of a chunk."""
        failures: list[tuple[int, str]] = []
        pixels: Tensor | None = None
        images: list[int] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for index in wanted:
                try:
                    image = self._source.read(index, self._transform.least_side)
                except UserError as error:
                    failures.append((index, str(error)))
                    continue
                pixels = _put(pixels, len(images), self._transform(image), len(wanted))
                images.append(index)
        return Chunk(None if pixels is None else pixels[: len(images)], images, failures)


def _put(pixels: Tensor | None, place: int, image: Tensor, count: int) -> Tensor:
    """Copy an image to its place among `count`, of which the first is there before."""
    if pixels is None:
        pixels = torch.empty((count, *image.shape), dtype=torch.uint8, memory_format=torch.channels_last)
    pixels[place] = image
    return pixels
