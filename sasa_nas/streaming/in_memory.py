"""Streamed images read into memory, as they are tested on."""

from collections.abc import Callable
from functools import cached_property

import torch

from sasa_nas.data.preprocess import require_memory
from sasa_nas.data.splits import DatasetInfo, ImageSet, Standardisation
from sasa_nas.recipes import ImageSizes
from sasa_nas.streaming.loader import TestLoader
from sasa_nas.streaming.sources import ImageSource
from sasa_nas.streaming.splits import StreamedSplits

_BATCH = 256


class TestedSplits:
    """Validation and test part of a streamed data set, read into memory when they are first asked for.

    Args:
        splits: The data set.
        sizes: The recipe's sizes.
        info: Facts about the data set, whose images have the side to test on.
        workers: Number of processes that read; 0 reads in this one.
    """

    __test__ = False  # no test, though its name begins like one

    def __init__(self, splits: StreamedSplits, sizes: ImageSizes, info: DatasetInfo, *, workers: int = 0) -> None:
        self._splits, self._sizes, self._workers = splits, sizes, workers
        self.info = info
        self.standardisation: Standardisation = splits.standardisation

    @cached_property
    def validation(self) -> ImageSet:
        """The validation part."""
        return self._read(self._splits.validation)

    @property
    def load_test(self) -> Callable[[], ImageSet]:
        """Function that reads the test part."""
        return lambda: self._read(self._splits.load_test())

    def _read(self, source: ImageSource) -> ImageSet:
        """Read a part; raise UserError if it does not fit into memory."""
        require_memory(len(source), self.info)
        batches = list(TestLoader(source, self._sizes, batch_size=_BATCH, workers=self._workers))
        images = torch.cat([batch.images for batch in batches]).contiguous()
        return ImageSet(images, torch.cat([batch.labels for batch in batches]), self.standardisation)
