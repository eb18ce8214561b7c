"""Loaders of train and test images for one rank of a full training."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from sasa_nas.recipes import Augmentation, ImageSizes
from sasa_nas.streaming.corrupt import CorruptImages, CorruptLimit
from sasa_nas.streaming.sources import ImageSource


@dataclass(frozen=True, eq=False)
class Batch:
    """Images for one forward pass, in CPU memory, which is page-locked if there is a CUDA device.

    Attributes:
        images: (B, C, side, side), uint8, not standardised, in the memory format `torch.channels_last`.
        labels: (B,), int64.
        unreadable: Number of images that could not be read on the way. They are replaced in train batches, and
            left out of test batches.
    """

    images: Tensor
    labels: Tensor
    unreadable: int = 0


class TrainLoader:
    """Loader of the micro-batches that one rank computes.

    An image's augmentation depends on `seed`, the epoch and its position in the epoch alone, so that neither the number
    of workers or ranks nor an interruption changes what is computed. Workers start with the first epoch and stay until
    `close`, which the end of a `with` block and garbage collection call, too.

    Args:
        source: The images.
        augmentation: Crop, flip, colours and repeats; mixing and erasing are left to the device.
        side: Function from the number of an epoch to the side of its images in pixels.
        flip_allowed: Whether a flip keeps the label; if not, none is flipped.
        batch_size: Images of an update, over all ranks.
        micro_batch: Most images of a batch; default: the rank's share of an update.
        rank: Number of this process, from 0.
        ranks: Number of processes that train together.
        seed: Seed of the order and of the augmentation, non-negative.
        workers: Number of processes that read and augment; 0 does so in this one.
        limit: Limit of images that cannot be read.

    Raises:
        UserError: If the batch cannot be divided among ranks, or is larger than the source.
    """

    def __init__(
        self,
        source: ImageSource,
        augmentation: Augmentation,
        *,
        side: Callable[[int], int],
        flip_allowed: bool,
        batch_size: int,
        micro_batch: int | None = None,
        rank: int = 0,
        ranks: int = 1,
        seed: int,
        workers: int = 0,
        limit: CorruptLimit = CorruptLimit(),
    ) -> None:
        self.parts = 1
        """Micro-batches of an update on this rank."""
        self.corrupt = CorruptImages(len(source), limit)
        """Images that could not be read so far, on this rank."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of updates of an epoch."""
        raise NotImplementedError

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield this rank's micro-batches of an epoch, `parts` for each update.

        Args:
            epoch: Number of the epoch, from 0.
            start: Number of the first update.

        Raises:
            UserError: If more images than the limit cannot be read.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Stop the workers; another epoch starts new ones."""


class TestLoader:
    """Loader of a rank's share of the images to test on, each once over all ranks, in the order of the source.

    Args:
        source: The images.
        sizes: Side, crop and filter of test images.
        batch_size: Most images of a batch.
        rank: Number of this process, from 0.
        ranks: Number of processes that test together.
        workers: Number of processes that read; 0 does so in this one.
        limit: Limit of images that cannot be read.
    """

    def __init__(
        self,
        source: ImageSource,
        sizes: ImageSizes,
        *,
        batch_size: int,
        rank: int = 0,
        ranks: int = 1,
        workers: int = 0,
        limit: CorruptLimit = CorruptLimit(),
    ) -> None:
        self.corrupt = CorruptImages(len(source), limit)
        raise NotImplementedError

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches.

        Raises:
            UserError: If more images than the limit cannot be read.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Stop the workers; another pass starts new ones."""
