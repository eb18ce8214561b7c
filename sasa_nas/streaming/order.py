"""Order of the images of an epoch, and its division into updates, micro-batches and ranks.

All are functions of numbers alone, so that a training goes on after any update as if it had not been interrupted.
"""

import torch
from torch import Tensor

from sasa_nas.data.batches import epoch_seed
from sasa_nas.errors import UserError

_ORDER, _AUGMENTATION = 0, 1
"""Streams of random numbers."""


def epoch_order(seed: int, epoch: int, count: int, repeats: int = 1) -> Tensor:
    """Return the images at each position of an epoch.

    With repeated augmentation (Berman et al., 2019, arXiv 1902.05509), the epoch has as many positions all the same,
    for the first `ceil(count / repeats)` images of a new permutation; versions of an image follow one another and so
    are in one update. This is the selection of timm's `RepeatAugSampler` and torchvision's `RASampler`, which however
    round it down to a multiple of 256.

    Args:
        seed: Seed of the training, non-negative.
        epoch: Number of the epoch, from 0.
        count: Number of images.
        repeats: Versions of each image.

    Returns:
        (count,), int64.
    """
    generator = torch.Generator().manual_seed(epoch_seed(seed, epoch, stream=_ORDER))
    order = torch.randperm(count, generator=generator)
    return order.repeat_interleave(repeats)[:count] if repeats > 1 else order


def augmentation_seed(seed: int, epoch: int) -> int:
    """Return the number that, with a position, seeds the augmentation of one image in one epoch."""
    return epoch_seed(seed, epoch, stream=_AUGMENTATION)


class Division:
    """Division of an epoch into updates, of these into micro-batches, and of the latter among ranks.

    An update of B images has P micro-batches on all ranks together; part p has its positions p, p + P, p + 2 P, ... so
    that versions of one image are spread over parts, as timm and torchvision spread them over ranks. Of R ranks, rank
    r computes parts floor(r P / R) to floor((r + 1) P / R) - 1. So the same parts are computed by any number of ranks
    up to P, to the same sums if each part counts by its images: parts differ by one image where P does not divide B,
    and ranks by one part where R does not divide P. What is left of an epoch behind the last whole update is left out.

    Args:
        count: Positions of an epoch.
        batch_size: Images of an update, over all ranks.
        micro_batch: Most images of a micro-batch; default: a rank's share of an update.
        rank: Number of the rank, from 0.
        ranks: Number of ranks.
        divided_for: Number of ranks that an update is divided for, at least `ranks`, which all get parts; default:
            `ranks`. Other numbers of ranks then compute the same parts.

    Raises:
        UserError: If an update is larger than an epoch, or has fewer images than ranks.
        ValueError: If there is no such rank, or an update is divided for fewer ranks.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        micro_batch: int | None,
        *,
        rank: int,
        ranks: int,
        divided_for: int | None = None,
    ) -> None:
        if not 0 <= rank < ranks:
            raise ValueError(f"rank: expected from 0 to {ranks - 1}, got {rank}")
        divided_for = divided_for or ranks
        if divided_for < ranks:
            raise ValueError(f"divided_for: expected at least {ranks}, the number of ranks, got {divided_for}")
        if batch_size > count:
            raise UserError(f"batch_size={batch_size:,} is more than the {count:,} images to train on; use fewer")
        self._all_parts = micro_batches(batch_size, micro_batch, divided_for)
        self.largest = -(-batch_size // self._all_parts)
        """Most images of a micro-batch."""
        self.first = rank * self._all_parts // ranks
        """Number of this rank's first micro-batch, among those of all ranks."""
        self.parts = (rank + 1) * self._all_parts // ranks - self.first
        """Micro-batches of an update on this rank."""
        self.of_first = self._all_parts // divided_for
        """Micro-batches of an update on the first rank, if there are as many ranks as it is divided for."""
        self.updates = count // batch_size
        """Updates of an epoch."""
        self._batch_size = batch_size

    def positions(self, update: int, part: int) -> range:
        """Return the positions in an epoch of the micro-batch `part`, of this rank's, of an update."""
        begin = update * self._batch_size
        return range(begin + self.first + part, begin + self._batch_size, self._all_parts)


def micro_batches(batch_size: int, micro_batch: int | None, ranks: int) -> int:
    """Return the number of micro-batches of an update, a multiple of the number of ranks.

    They are equal if a number of images from half of `micro_batch` on divides a rank's share; if not, they differ by
    one.

    Args:
        batch_size: Images of an update, over all ranks.
        micro_batch: Most images of a micro-batch; None for a rank's share.
        ranks: Number of ranks that the update is divided for.

    Raises:
        UserError: If there are more ranks than images.
    """
    if batch_size < ranks:
        raise UserError(f"batch_size={batch_size:,} is too small for {ranks:,} processes; use fewer of them")
    share = -(-batch_size // ranks)
    most = min(share, share if micro_batch is None else micro_batch)
    if batch_size % ranks == 0:
        for size in range(most, (most - 1) // 2, -1):
            if share % size == 0:
                return batch_size // size
    return ranks * -(-share // most)


def share_of_rank(count: int, *, rank: int, ranks: int) -> range:
    """Return a rank's share of images to test on: equal to within one, in order, and disjoint."""
    return range(count * rank // ranks, count * (rank + 1) // ranks)
