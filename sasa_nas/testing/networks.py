"""Checks of networks with an operator: they learn, and their training-free scores are finite."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from sasa_nas.blocks import BLOCKS
from sasa_nas.data.splits import ImageSet
from sasa_nas.models import build
from sasa_nas.scoring import SCORES
from sasa_nas.scoring.compute import compute_scores
from sasa_nas.space import Architecture
from sasa_nas.testing.case import Case, random_maps, seeded
from sasa_nas.testing.check import Nonconformity

STEPS = 6
"""Training steps in which a network of two blocks learns eight images."""

LEARNT = 0.9
"""Largest loss after these steps, as a share of the first."""


def learns(case: Case) -> None:
    """Check that the loss falls on a few images in every residual block that the operator fits, at least one."""
    fitting = 0
    for block in BLOCKS:
        try:
            architecture = case.architecture(block)
        except ValueError:
            continue
        fitting += 1
        first, last = _trained_losses(architecture)
        if not last < LEARNT * first:
            raise Nonconformity(
                f"in {block} blocks the loss goes from {first:.2f} to {last:.2f} in {STEPS} steps on eight images; "
                "look at its initial weights and the scale of its output"
            )
    if not fitting:
        raise Nonconformity("fits no kind of residual block; let check_width pass some widths")


def _trained_losses(architecture: Architecture) -> tuple[float, float]:
    images = _images(architecture, 8).float()
    labels = torch.arange(8) % architecture.num_classes
    with seeded():
        network = build(architecture).train()
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
        losses: list[float] = []
        for _ in range(STEPS):
            loss = F.cross_entropy(network(images), labels)
            losses.append(loss.item())
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return losses[0], losses[-1] if math.isfinite(losses[-1]) else math.inf


def scores(case: Case) -> None:
    """Check that every training-free score of a network with the operator is finite."""
    architecture = case.architecture()
    images = ImageSet(_images(architecture, 40).float(), torch.arange(40) % architecture.num_classes)
    found = compute_scores(architecture, SCORES, images, seed=0, device=torch.device("cpu"))
    missing = [score for score in SCORES if score not in found]
    if missing:
        raise Nonconformity(
            f"the score {missing[0]} of a network with it is not finite; weights that do not sum to one need bound_flow"
        )


def _images(architecture: Architecture, batch: int) -> Tensor:
    image = architecture.image
    return random_maps(batch, image.channels, image.height, image.width)
