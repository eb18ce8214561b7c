"""The scores by name, each with the data that it needs, from fixed seeds and the train part alone."""

import math
from collections.abc import Iterable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from sasa_nas.data.batches import Batches, epoch_seed
from sasa_nas.data.splits import ImageSet
from sasa_nas.models import build
from sasa_nas.scores.naswot import naswot
from sasa_nas.scores.synflow import synflow
from sasa_nas.scores.zico import zico
from sasa_nas.space import Architecture
from sasa_nas.train.seeding import seeded

Score = Literal["synflow", "naswot", "zico"]
"""The higher, the better the network is said to become."""
SCORES: tuple[Score, ...] = get_args(Score)

BATCH_SIZE = 32
ZICO_BATCHES = 4
"""The authors take two, of which a deviation is a guess."""
_STREAM = 2
"""Apart from the batches of a training with the same seed."""


def compute_scores(
    architecture: Architecture, scores: Iterable[Score], train: ImageSet, *, seed: int, device: torch.device
) -> dict[Score, float]:
    """Scores a freshly initialised network; the process's random state is left alone.

    A score that is no finite number is left out.

    Two passes and four gradients of 32 small images: less than a training step or two for each score.

    Args:
        architecture: The network.
        scores: Which.
        train: The train part; no other may be looked at.
        seed: Fixes initial weights and images; near seeds are unrelated.
        device: Where to compute.
    """
    with seeded(seed):
        network = build(architecture)
    network = network.to(device)
    batches = _batches(train, seed, device)
    found = {score: _one(score, network, architecture, batches) for score in scores}
    return {score: value for score, value in found.items() if math.isfinite(value)}


def _one(score: Score, network: nn.Module, architecture: Architecture, batches: list[tuple[Tensor, Tensor]]) -> float:
    match score:
        case "synflow":
            image = architecture.image
            return synflow(network, (image.channels, image.height, image.width))
        case "naswot":
            return naswot(network, batches[0][0])
        case "zico":
            return zico(network, batches)


def _batches(train: ImageSet, seed: int, device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """Batches without augmentation; of a tiny train part the same examples in another order."""
    loader = Batches(train, batch_size=BATCH_SIZE, seed=epoch_seed(seed, 0, stream=_STREAM))
    found: list[tuple[Tensor, Tensor]] = []
    epoch = 0
    while len(found) < ZICO_BATCHES:
        batches = loader.epoch(epoch)
        found += [(images.to(device), labels.to(device)) for images, labels in batches][: ZICO_BATCHES - len(found)]
        epoch += 1
    return found
