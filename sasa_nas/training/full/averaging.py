"""Exponential moving average of a network."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from sasa_nas.recipes.recipe import MovingAverage


class AveragedModel:
    """Moving average of a network's weights and running statistics; integers, such as counters, are copied.

    Args:
        model: The network, whose present state the average begins with; without wrappers such as DDP's.
        average: The recipe's average.

    Attributes:
        model: The averaged network, in evaluation mode and without gradients.
        updates: Number of updates of the average.
    """

    def __init__(self, model: nn.Module, average: MovingAverage) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.updates = 0
        self._average = average

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Update the average after a step of training, if it is one of the recipe's.

        Args:
            model: The trained network.
            step: Number of steps done, from 1.
        """
        if step % self._average.every:
            return
        self.updates += 1
        decay = self._average.decay
        if self._average.warmup:
            decay = min(decay, (1 + self.updates) / (10 + self.updates))
        averages: list[Tensor] = []
        values: list[Tensor] = []
        for mean, value in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True):
            if mean.is_floating_point():
                averages.append(mean)
                values.append(value)
            else:
                mean.copy_(value)
        get_ema_multi_avg_fn(decay)(averages, values, None)  # type: ignore[no-untyped-call]

    def state_dict(self) -> dict[str, Any]:
        """Return the state for resuming, of tensors, numbers and plain containers only; tensors are not copied."""
        return {"model": self.model.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a state that `state_dict` returned."""
        self.model.load_state_dict(state["model"])
        self.updates = int(state["updates"])
