"""Judgement of single paths, with batch norm of their own."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from sasa_nas.data.batches import Batches, epoch_seed
from sasa_nas.data.splits import ImageSet
from sasa_nas.models.layout import channels_last
from sasa_nas.training.evaluate import Evaluation, autocast, evaluate, evaluating

RECALIBRATED_ON = 2048
"""Train images, at most, on which batch norm's statistics are computed anew."""
_STREAM = 4
"""Number of the use of random numbers, apart from those of the training of the same seed."""

_Norm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


class PathJudge:
    """A judge of the paths of one supernet.

    Statistics of batch norm that were gathered over all paths fit none (Yu and Huang 2019, arXiv 1903.05134, section
    3.3): for every path they are reset and computed anew, on the same train images without augmentation.

    Args:
        train: The train part.
        validation: The validation part, on the same device.
        batch_size: Images of a batch, as in the training.
        seed: Seed of the choice of train images.
    """

    def __init__(self, train: ImageSet, validation: ImageSet, *, batch_size: int, seed: int) -> None:
        self._batches = Batches(train, batch_size=batch_size, seed=epoch_seed(seed, 0, stream=_STREAM))
        self._validation = validation
        self._batch_size = max(256, batch_size)

    def judge(self, path: nn.Module) -> Evaluation:
        """Recalibrate a path and evaluate it on the validation part; its weights are left unchanged."""
        self.recalibrate(path)
        return evaluate(path, self._validation, batch_size=self._batch_size)

    def recalibrate(self, path: nn.Module) -> None:
        """Compute the statistics of a path's batch norm anew: their means over all batches, weighted alike."""
        with evaluating(path), _gathering(path), torch.inference_mode(), autocast(self._batches.data.device):
            steps = max(1, min(len(self._batches), RECALIBRATED_ON // self._batches.batch_size))
            for _, (images, _) in zip(range(steps), self._batches.epoch(0), strict=False):
                path(channels_last(images))


@contextmanager
def _gathering(path: nn.Module) -> Iterator[None]:
    """Reset the statistics of a network's batch norm, and gather them anew inside a `with` block."""
    norms = [module for module in path.modules() if isinstance(module, _Norm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()
