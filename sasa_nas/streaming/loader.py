"""Loaders of train and test images for one rank of a full training."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

import torch
from torch import Tensor

from sasa_nas.recipes import Augmentation, ImageSizes
from sasa_nas.streaming.corrupt import DEFAULT_LIMIT, CorruptImages, CorruptLimit
from sasa_nas.streaming.order import Division, augmentation_seed, epoch_order, share_of_rank
from sasa_nas.streaming.reading import Chunk, TestReader, TrainReader, TrainRequest
from sasa_nas.streaming.sources import ImageSource
from sasa_nas.streaming.workers import Chunks

_CHUNK_BYTES = 1 << 22
_MOST_IN_CHUNK = 128
"""Most bytes and images that a worker reads at once: batches of any size take little memory on their way."""
_COLOURS = 3


@dataclass(frozen=True, eq=False)
class Batch:
    """Images for one forward pass, in CPU memory, which is page-locked if there is a CUDA device.

    Attributes:
        images: (B, C, side, side), uint8, not standardised, in the memory format `torch.channels_last`.
        labels: (B,), int64.
        unreadable: Number of times that an image could not be read on the way. They are replaced in train batches, and
            left out of test batches.
    """

    images: Tensor
    labels: Tensor
    unreadable: int = 0


class TrainLoader:
    """Loader of the micro-batches that one rank computes.

    An image's augmentation depends on `seed`, the epoch and its position in the epoch alone, so that neither the number
    of workers or ranks nor an interruption changes what is computed. Workers start with the first epoch and stay until
    `close`, which the end of a `with` block and garbage collection call, too. One epoch is read at a time.

    Args:
        source: The images.
        augmentation: Crop, flip, colours and repeats; mixing and erasing are left to the device.
        side: Function from the number of an epoch to the side of its images in pixels.
        flip_allowed: Whether a flip keeps the label; if not, none is flipped.
        batch_size: Images of an update, over all ranks.
        micro_batch: Most images of a batch; default: the rank's share of an update.
        rank: Number of this process, from 0.
        ranks: Number of processes that train together.
        divided_for: Number of ranks for which a batch is divided into micro-batches; see `Division`.
        seed: Seed of the order and of the augmentation, non-negative.
        workers: Number of processes that read and augment; 0 does so in this one.
        limit: Limit of images that cannot be read.

    Raises:
        UserError: If the batch is smaller than the number of ranks, or larger than the source.
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
        divided_for: int | None = None,
        seed: int,
        workers: int = 0,
        limit: CorruptLimit = DEFAULT_LIMIT,
    ) -> None:
        self._division = Division(len(source), batch_size, micro_batch, rank=rank, ranks=ranks, divided_for=divided_for)
        self._source, self._side, self._seed, self._repeats = source, side, seed, augmentation.repeats
        reader = TrainReader(source, augmentation, flip_allowed=flip_allowed)
        self._chunks = Chunks(reader, workers, persistent=True)
        self.corrupt = CorruptImages(len(source), limit)
        """Images that could not be read so far, on this rank."""

    def __len__(self) -> int:
        """Return the number of updates of an epoch."""
        return self._division.updates

    @property
    def parts(self) -> int:
        """Micro-batches of an update on this rank."""
        return self._division.parts

    @property
    def first(self) -> int:
        """Number of this rank's first micro-batch of an update, among those of all ranks."""
        return self._division.first

    @property
    def of_first(self) -> int:
        """Micro-batches of an update on the first rank, if there are as many ranks as it is divided for."""
        return self._division.of_first

    @property
    def largest(self) -> int:
        """Most images of a micro-batch."""
        return self._division.largest

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield this rank's micro-batches of an epoch, `parts` for each update.

        Args:
            epoch: Number of the epoch, from 0.
            start: Number of the first update.

        Raises:
            UserError: If more images than the limit cannot be read, or a worker has died.
        """
        chunks = self._chunks.read(self._requests(epoch, start, self._side(epoch)))
        sizes = [len(self._division.positions(0, part)) for part in range(self.parts)]
        for _ in range(start, len(self)):
            for size in sizes:
                joined = _Joined(self._source, size)
                while joined.count < size:
                    chunk = next(chunks)
                    self.corrupt.add(len(chunk.images) + len(chunk.failures), chunk.failures)
                    joined.add(chunk)
                yield joined.batch()

    def close(self) -> None:
        """Stop the workers; another epoch starts new ones."""
        self._chunks.close()

    def __enter__(self) -> "TrainLoader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _requests(self, epoch: int, start: int, side: int) -> Iterator[TrainRequest]:
        """Yield the chunks of an epoch; a micro-batch begins with a chunk of its own."""
        order = epoch_order(self._seed, epoch, len(self._source), self._repeats)
        seed, step = augmentation_seed(self._seed, epoch), _chunk_size(side)
        for update in range(start, len(self)):
            for part in range(self.parts):
                positions = self._division.positions(update, part)
                for i in range(0, len(positions), step):
                    here = positions[i : i + step]
                    yield TrainRequest(side, seed, here, order[here.start : here.stop : here.step].tolist())


class TestLoader:
    """Loader of a rank's share of the images to test on, each once over all ranks, in the order of the source.

    Workers live as long as a pass.

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
        limit: CorruptLimit = DEFAULT_LIMIT,
    ) -> None:
        reader = TestReader(source, sizes)
        share = share_of_rank(len(source), rank=rank, ranks=ranks)
        self._source, self._batch_size, self._share, self._step = source, batch_size, share, _chunk_size(reader.side)
        self._chunks = Chunks(reader, workers, persistent=False)
        self.corrupt = CorruptImages(len(source), limit)
        """Images that could not be read so far, on this rank."""

    def __len__(self) -> int:
        """Return the number of batches, if all images can be read."""
        return -(-len(self._share) // self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches.

        Raises:
            UserError: If more images than the limit cannot be read, or a worker has died.
        """
        starts = range(0, len(self._share), self._batch_size)
        batches = [self._share[i : i + self._batch_size] for i in starts]
        chunks = self._chunks.read(
            batch[i : i + self._step] for batch in batches for i in range(0, len(batch), self._step)
        )
        try:
            for batch in batches:
                joined = _Joined(self._source, len(batch))
                for _ in range(0, len(batch), self._step):
                    chunk = next(chunks)
                    self.corrupt.add(len(chunk.images) + len(chunk.failures), chunk.failures)
                    joined.add(chunk)
                if joined.count:
                    yield joined.batch()
        finally:
            self._chunks.close()


class _Joined:
    """Batch that chunks are copied into.

    Args:
        source: Source of the labels.
        size: Most images.
    """

    def __init__(self, source: ImageSource, size: int) -> None:
        self._source, self._size = source, size
        self._pixels: Tensor | None = None
        self._images: list[int] = []
        self._unreadable = 0

    @property
    def count(self) -> int:
        """Number of images so far."""
        return len(self._images)

    def add(self, chunk: Chunk) -> None:
        """Add the images of a chunk."""
        if chunk.pixels is not None:
            if self._pixels is None:
                self._pixels = torch.empty(
                    (self._size, *chunk.pixels.shape[1:]),
                    dtype=torch.uint8,
                    memory_format=torch.channels_last,
                    pin_memory=torch.cuda.is_available(),
                )
            self._pixels[self.count : self.count + len(chunk.images)] = chunk.pixels
        self._images.extend(chunk.images)
        self._unreadable += len(chunk.failures)

    def batch(self) -> Batch:
        """Return the batch, of at least one image."""
        assert self._pixels is not None
        labels = self._source.labels[torch.tensor(self._images)]
        if torch.cuda.is_available():
            labels = labels.pin_memory()
        return Batch(self._pixels[: self.count], labels, self._unreadable)


def _chunk_size(side: int) -> int:
    return max(1, min(_MOST_IN_CHUNK, _CHUNK_BYTES // (_COLOURS * side * side)))
