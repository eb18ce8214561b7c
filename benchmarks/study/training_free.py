"""Training-free scores of a table's networks, computed from the train part of its data, where that is at hand."""

from pathlib import Path

import torch

from sasa_nas.data.registry import load
from sasa_nas.scoring import SCORES
from sasa_nas.scoring.compute import compute_scores
from sasa_nas.space import SearchSpace
from sasa_nas.space.files import validate_space
from study.tables import Studied

SEED = 0
"""Fixes initial weights and the four batches of 32 images that scores look at."""


def training_free_scores(studied: Studied, data_dir: Path | None) -> dict[str, dict[str, float]]:
    """Compute every score of every network, by the networks' ids.

    Raises:
        UserError: If the table's data are not at hand.
    """
    space: SearchSpace = validate_space(studied.table.info.space, f"the space of {studied.name}")
    train = load(
        studied.table.info.dataset,
        data_dir=data_dir,
        image_size=space.proxy.image_size,
        train_images=space.proxy.train_images,
    ).train
    found: dict[str, dict[str, float]] = {}
    for one in studied.architectures:
        scores = compute_scores(one, SCORES, train, seed=SEED, device=torch.device("cpu"))
        found[one.id] = {str(name): value for name, value in scores.items()}
    return found
