"""Batches of images with boxes, decoded ahead by threads."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from sasa_nas.data.batches import epoch_seed
from sasa_nas.detection.data.boxes import BoxedImage, BoxedSet, flip_boxes

_AHEAD = 2
"""Number of batches decoded ahead."""
_MOST_THREADS = 8


@dataclass(frozen=True, eq=False)
class BoxedExample:
    """An image in memory.

    Attributes:
        source: The image and its objects in the data set.
        pixels: (3, height, width), uint8.
        boxes: (N, 4), float32: left, top, right and bottom in pixels, of the image as it is here.
        labels: (N,), int64: index of each object's category.
    """

    source: BoxedImage
    pixels: Tensor
    boxes: Tensor
    labels: Tensor


Draw: TypeAlias = tuple[BoxedImage, bool]
"""An image, and whether it is to be flipped horizontally."""


def read_batches(batches: Sequence[Sequence[Draw]]) -> Iterator[list[BoxedExample]]:
    """Read batches from disk, a few ahead.

    Args:
        batches: The images of each.

    Raises:
        UserError: If an image cannot be read.
    """
    # decoding releases the interpreter's lock
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS))
    waiting: deque[list[Future[BoxedExample]]] = deque()
    try:
        for batch in batches:
            waiting.append([pool.submit(_read, draw) for draw in batch])
            if len(waiting) > _AHEAD:
                yield [example.result() for example in waiting.popleft()]
        while waiting:
            yield [example.result() for example in waiting.popleft()]
    finally:
        pool.shutdown(cancel_futures=True)


def _read(draw: Draw) -> BoxedExample:
    image, mirrored = draw
    pixels = image.read()
    if not mirrored:
        return BoxedExample(image, pixels, image.boxes, image.labels)
    return BoxedExample(image, pixels.flip(-1), flip_boxes(image.boxes, image.width), image.labels)


def in_order(data: BoxedSet, *, batch_size: int) -> Iterator[list[BoxedExample]]:
    """Yield all images of a part in batches, unchanged; the last batch holds the remainder.

    Raises:
        UserError: If an image cannot be read.
    """
    draws = [(image, False) for image in data.images]
    return read_batches([draws[start : start + batch_size] for start in range(0, len(draws), batch_size)])


class BoxBatches:
    """Batches of the train part, in a new order and with new flips every epoch.

    An epoch's batches depend on `seed` and the epoch's number alone, so a resumed training sees what an
    uninterrupted one sees.

    Args:
        data: Images to put in batches.
        batch_size: Images a batch. The remainder of an epoch is left out, unless the whole set is smaller than a
            batch: then it is one batch.
        seed: Seed of the order and the augmentation of the data, non-negative.
        flip: Whether images are mirrored at random.

    Raises:
        ValueError: If the set is empty or `batch_size` is below 1.
    """

    def __init__(self, data: BoxedSet, *, batch_size: int, seed: int, flip: bool) -> None:
        if len(data) == 0:
            raise ValueError("data: expected at least one image")
        if batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
        self.data = data
        self.batch_size = min(batch_size, len(data))
        self.seed = seed
        self.flip = flip

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        return len(self.data) // self.batch_size

    def epoch(self, epoch: int) -> Iterator[list[BoxedExample]]:
        """Yield the batches of one epoch; epochs are numbered from 0.

        Raises:
            UserError: If an image cannot be read.
        """
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, epoch))
        order = torch.randperm(len(self.data), generator=generator).tolist()
        # drawn whether used or not: the order of images does not depend on the augmentation
        mirrored = (torch.rand(len(self.data), generator=generator) < 0.5).tolist()
        draws = [(self.data.images[i], self.flip and mirrored[i]) for i in order]
        size = self.batch_size
        return read_batches([draws[size * i : size * (i + 1)] for i in range(len(self))])
