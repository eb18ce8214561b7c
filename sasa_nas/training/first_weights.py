"""Networks before their first step: with drawn weights, or those of a trained network."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sasa_nas.errors import UserError
from sasa_nas.models import Network, build
from sasa_nas.space import Architecture
from sasa_nas.training.freezing import Frozen, freeze
from sasa_nas.training.seeding import seeded

CLASSIFIER = "classifier."
"""Beginning of the names of the classifier's weights, which are drawn for other classes."""


@dataclass(frozen=True)
class FirstWeights:
    """Weights that a training begins with.

    Attributes:
        weights: State of a trained network, without its classifier if that is for other classes; None if all are drawn.
        frozen: Parts that keep them.
    """

    weights: Mapping[str, Tensor] | None = None
    frozen: Frozen = 0


DRAWN = FirstWeights()
"""All weights drawn, and trained."""


def first_network(architecture: Architecture, first: FirstWeights, seed: int) -> Network:
    """Return a network before its first step.

    Args:
        architecture: The network.
        first: Weights that it begins with.
        seed: Seed of those that are drawn.

    Raises:
        UserError: If more stages are to be frozen than there are.
    """
    with seeded(seed):
        network = build(architecture)
    if first.weights is not None:
        # none is missing but a classifier's: `transferable` has chosen them
        network.load_state_dict(first.weights, strict=False)
    freeze(network, first.frozen)
    return network


def transferable(architecture: Architecture, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a trained network with which another one begins, all but a classifier of other classes.

    Args:
        architecture: The network that begins with them.
        weights: State of the trained network.

    Raises:
        UserError: If other weights than the classifier's are missing, left over or of another shape.
    """
    with torch.device("meta"):
        expected = build(architecture).state_dict()
    chosen = {
        name: tensor
        for name, tensor in weights.items()
        if not name.startswith(CLASSIFIER) or (name in expected and tensor.shape == expected[name].shape)
    }
    for name in sorted(expected.keys() | chosen.keys()):
        if name.startswith(CLASSIFIER):
            continue
        if name not in chosen or name not in expected:
            raise UserError(
                f"the trained network is another one: {name} is in one of both alone; leave out --pretrained"
            )
        if chosen[name].shape != expected[name].shape:
            raise UserError(
                f"{name} is {tuple(chosen[name].shape)} in the trained network and {tuple(expected[name].shape)} here; "
                "give the --image-size and the multipliers that it was trained with"
            )
    return chosen
