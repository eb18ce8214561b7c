"""Shuffled, augmented batches of tensors that are on the device already.

No worker processes and no copies from the host inside an epoch: the permutation and the augmentation's random
numbers are drawn for a whole epoch at once and moved over together (the idea of airbench's loader,
https://github.com/KellerJordan/cifar10-airbench).
"""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sasa_nas.data.splits import ImageSet


def epoch_seed(seed: int, epoch: int, *, stream: int = 0) -> int:
    """Return a 63-bit seed for one epoch of one training; similar arguments give unrelated seeds.

    Args:
        seed: Seed of the training.
        epoch: Number of the epoch.
        stream: Number of the use, for uses that must not draw the same numbers; 0 is for batches.

    Raises:
        ValueError: If one of them is negative.
    """
    if min(seed, epoch, stream) < 0:
        raise ValueError(f"seed, epoch, stream: expected no negative number, got {seed}, {epoch}, {stream}")
    return int(np.random.SeedSequence([seed, epoch, stream]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def shift_images(images: Tensor, rows: Tensor, columns: Tensor, *, limit: int) -> Tensor:
    """Shift each image by its own offset and pad with zeros, the mean of standardised pixels.

    Args:
        images: (B, C, H, W), standardised.
        rows: (B,), int64, pixels downwards, in [-limit, limit].
        columns: (B,), int64, pixels to the right, in [-limit, limit].
        limit: The padding, and the largest shift, in pixels.

    Returns:
        (B, C, H, W): pixel (y, x) of image i comes from (y - rows[i], x - columns[i]).
    """
    height, width = images.shape[-2:]
    padded = F.pad(images, (limit, limit, limit, limit))
    # (B, C, 2 limit + 1, 2 limit + 1, H, W): every crop as a view; only the chosen ones are copied.
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)
    return crops[torch.arange(len(images), device=images.device), :, limit - rows, limit - columns]


def flip_images(images: Tensor, flipped: Tensor) -> Tensor:
    """Flip those images (B, C, H, W) horizontally for which `flipped` (B,), bool, is true."""
    return torch.where(flipped.view(-1, 1, 1, 1), images.flip(-1), images)


class Batches:
    """Batches of the train part, in a new order and with new augmentation every epoch.

    An epoch's batches depend on `seed` and the epoch's number alone, not on which epochs ran before or on the
    device, so a resumed training sees what an uninterrupted one sees.

    Args:
        data: The examples; batches are on their device.
        batch_size: Examples per batch. The remainder of an epoch is left out (batch normalisation cannot train
            on one example), unless the whole set is smaller than a batch: then it is one batch.
        seed: Seed of the order and the augmentation; non-negative.
        shift: Largest random shift in pixels; 0 for none.
        flip: Whether each image is flipped horizontally with probability 1/2.

    Raises:
        ValueError: If the set is empty, `batch_size` is below 1 or `shift` below 0.
    """

    def __init__(self, data: ImageSet, *, batch_size: int, seed: int, shift: int = 0, flip: bool = False) -> None:
        if len(data) == 0:
            raise ValueError("data: expected at least one example")
        if batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
        if shift < 0:
            raise ValueError(f"shift: expected at least 0, got {shift}")
        self.data = data
        self.batch_size = min(batch_size, len(data))
        self.seed = seed
        self.shift = shift
        self.flip = flip

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        return len(self.data) // self.batch_size

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of one epoch; epochs are numbered from 0.

        Yields:
            Inputs (B, C, H, W), float32, standardised and augmented; labels (B,), int64.
        """
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, epoch))
        count = len(self) * self.batch_size
        device = self.data.device
        order = torch.randperm(len(self.data), generator=generator)[:count].to(device)
        # Drawn whether used or not: the order of examples does not depend on the augmentation.
        offsets = torch.randint(-self.shift, self.shift + 1, (2, count), generator=generator).to(device)
        flipped = (torch.rand(count, generator=generator) < 0.5).to(device)
        for start in range(0, count, self.batch_size):
            here = slice(start, start + self.batch_size)
            index = order[here]
            images = self.data.inputs(index)
            if self.shift > 0:
                images = shift_images(images, offsets[0, here], offsets[1, here], limit=self.shift)
            if self.flip:
                images = flip_images(images, flipped[here])
            yield images, self.data.labels[index]
