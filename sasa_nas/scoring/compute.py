"""Computes scores of a design from fixed seeds and the train part alone."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from sasa_nas.data.batches import Batches, epoch_seed
from sasa_nas.data.splits import ImageSet
from sasa_nas.models import build
from sasa_nas.nodes import resolve
from sasa_nas.scoring import SCORES
from sasa_nas.space import Architecture
from sasa_nas.training.seeding import seeded

BATCH_SIZE = 32
BATCHES = 4
"""The authors of ZiCo take two, of which a deviation is a guess."""
_STREAM = 2
"""Apart from the batches of a training with the same seed."""


def compute_scores(
    architecture: Architecture, scores: Iterable[str], train: ImageSet, *, seed: int, device: torch.device
) -> dict[str, float]:
    """Scores a freshly initialised network; the process's random state is left alone.

    A score that is no finite number is left out.

    Two passes and four gradients of 32 small images: less than a training step or two for each score.

    Args:
        architecture: The network.
        scores: Names of registered scores.
        train: The train part; no other may be looked at.
        seed: Fixes initial weights and images; near seeds are unrelated.
        device: Device to compute on.
    """
    with seeded(seed):
        network = build(architecture)
    network = network.to(device)
    batches = _batches(train, seed, device)
    found = {name: float(resolve(SCORES[name])(network, batches)) for name in scores}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _batches(train: ImageSet, seed: int, device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """Batches without augmentation; of a tiny train part the same examples in another order."""
    loader = Batches(train, batch_size=BATCH_SIZE, seed=epoch_seed(seed, 0, stream=_STREAM))
    found: list[tuple[Tensor, Tensor]] = []
    epoch = 0
    while len(found) < BATCHES:
        batches = loader.epoch(epoch)
        found += [(images.to(device), labels.to(device)) for images, labels in batches][: BATCHES - len(found)]
        epoch += 1
    return found
