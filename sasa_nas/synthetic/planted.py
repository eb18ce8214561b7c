"""Planted accuracies: a formula of the effects planted in stages, with noise fixed by design and seed."""

import hashlib
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from sasa_nas.space import Architecture

CHANCE = 0.1
"""Accuracy before the first epoch."""
STEEPNESS = 4.0
"""Length of a training in time constants of its learning curve."""
CALM = 0.75
"""Accuracy from which on the noise is the smallest."""


@dataclass(frozen=True)
class Course:
    """One training, epoch by epoch.

    Attributes:
        accuracy: Accuracy on the validation split after each epoch.
        train_loss: Loss on the train split after each epoch.
        seconds: Wall-clock time of the whole training.
    """

    accuracy: tuple[float, ...]
    train_loss: tuple[float, ...]
    seconds: float


@dataclass(frozen=True)
class Planted:
    """Effects on the final accuracy, which sum up; whatever is not named has none.

    Attributes:
        base: Accuracy of the network that has convolution everywhere, at 10^7 FLOPs.
        operators: Effects by stage and kind of operator.
        parameters: Effects by stage, kind, name of the operator's field, and value, in addition to the operator's.
        interactions: Effects by two stages, in addition, where neither has convolution.
        per_decade: Gain of accuracy for ten times the FLOPs.
        noise: Standard deviation of the noise of one training, from an accuracy of `CALM` on.
        growth: Growth of the noise of worse networks, as a share for each tenth of accuracy.
    """

    base: float = 0.6
    operators: Mapping[tuple[int, str], float] = field(default_factory=dict)
    parameters: Mapping[tuple[int, str, str, str | int | float | bool], float] = field(default_factory=dict)
    interactions: Mapping[tuple[int, int], float] = field(default_factory=dict)
    per_decade: float = 0.0
    noise: float = 0.01
    growth: float = 0.25

    def mean(self, architecture: Architecture, flops: int) -> float:
        """Return the expected final accuracy.

        Args:
            architecture: The trained network.
            flops: FLOPs of one image.
        """
        total = self.base + self.per_decade * (math.log10(max(flops, 1)) - 7.0)
        operators = [stage.operator for stage in architecture.stages]
        for i, operator in enumerate(operators):
            total += self.operators.get((i, operator.kind), 0.0)
            for name in type(operator).model_fields:
                total += self.parameters.get((i, operator.kind, name, getattr(operator, name)), 0.0)
        attending = [operator.attends for operator in operators]
        for (one, other), effect in self.interactions.items():
            if other < len(attending) and attending[one] and attending[other]:
                total += effect
        return total

    def spread(self, mean: float) -> float:
        """Return the standard deviation of the noise at an expected accuracy."""
        return self.noise * (1.0 + self.growth * max(0.0, CALM - mean) / 0.1)

    def accuracy(self, architecture: Architecture, flops: int, seed: int) -> float:
        """Return the final accuracy of one training, the same for the same network and seed.

        Args:
            architecture: The trained network.
            flops: FLOPs of one image.
            seed: Seed of the training.
        """
        mean = self.mean(architecture, flops)
        drawn = _generator(architecture, seed).gauss(mean, self.spread(mean))
        return min(1.0, max(0.0, drawn))

    def course(self, architecture: Architecture, flops: int, seed: int, epochs: int) -> Course:
        """Return a training that approaches its final accuracy exponentially, as learning curves do.

        Args:
            architecture: The trained network.
            flops: FLOPs of one image.
            seed: Seed of the training.
            epochs: Epochs of the training, after the last of which its accuracy is `accuracy`.
        """
        final = self.accuracy(architecture, flops, seed)
        whole = 1.0 - math.exp(-STEEPNESS)
        reached = [(1.0 - math.exp(-STEEPNESS * epoch / epochs)) / whole for epoch in range(1, epochs)]
        accuracy = (*(CHANCE + (final - CHANCE) * share for share in reached), final)
        loss = tuple(-math.log(max(value, 1e-3)) for value in accuracy)
        return Course(accuracy, loss, seconds=flops * epochs / 1e9)


def _generator(architecture: Architecture, seed: int) -> random.Random:
    digest = hashlib.sha256(f"{architecture.id}/{seed}".encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))
