"""The optimiser LAMB."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class Lamb(torch.optim.Optimizer):
    """LAMB (You et al., 2020, arXiv 1904.00962): Adam's update, scaled for each weight by the ratio of their norms.

    As in NVIDIA's FusedLAMB and in timm, gradients are scaled down to a total norm first, weight decay is part of the
    update, and parameters without weight decay are updated as by Adam, without a ratio. Adam's part is one fused
    kernel for all parameters of a group.

    Args:
        groups: Groups of parameters, each with its `weight_decay`.
        learning_rate: Learning rate.
        betas: Decay of the averages of gradients and of their squares.
        epsilon: Term added to the denominator.
        max_grad_norm: Largest Euclidean norm of all gradients together; None for no limit.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        *,
        learning_rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-6,
        max_grad_norm: float | None = 1.0,
    ) -> None:
        defaults = {"lr": learning_rate, "betas": betas, "eps": epsilon, "max_grad_norm": max_grad_norm}
        super().__init__(groups, {**defaults, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update the parameters that have gradients, which are left scaled down.

        Args:
            closure: Function that computes the gradients anew and returns the loss.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._update(group, weights, self._excess(group["max_grad_norm"]))
        return loss

    def _excess(self, most: float | None) -> Tensor | None:
        """Return the norm of all gradients over its limit, at least 1; None without a limit."""
        raise NotImplementedError

    def _update(self, group: dict[str, Any], weights: list[nn.Parameter], excess: Tensor | None) -> None:
        """Update some parameters of a group."""
        adam  # noqa: B018
        raise NotImplementedError
