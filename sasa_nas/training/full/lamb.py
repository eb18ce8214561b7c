"""The optimiser LAMB."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class Lamb(torch.optim.Optimizer):
    """LAMB (You et al., 2020, arXiv 1904.00962): Adam's update, scaled for each weight by a ratio of norms.

    The ratio is that of the weight's norm to its update's. As in NVIDIA's FusedLAMB and in timm, gradients are scaled
    down to a total norm first, weight decay is part of the update, and parameters without weight decay are updated as
    by Adam, without a ratio. Adam's part is one fused kernel for all parameters of a group.

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
        super().__init__(groups, {"lr": learning_rate, "betas": betas, "eps": epsilon, "weight_decay": 0.0})
        self._max_grad_norm = max_grad_norm

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update the parameters that have gradients; these gradients are left scaled down.

        Args:
            closure: Function that computes the gradients anew and returns the loss.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self._max_grad_norm is not None:
            nn.utils.clip_grad_norm_([w for group in self.param_groups for w in group["params"]], self._max_grad_norm)
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights and group["weight_decay"]:
                self._adapt(group, weights)
            elif weights:
                self._adam(group, weights, weights, group["lr"])
        return loss

    def _adapt(self, group: dict[str, Any], weights: list[Tensor]) -> None:
        """Update weights that decay, each at its own rate."""
        directions = [torch.zeros_like(weight) for weight in weights]
        self._adam(group, weights, directions, 1.0)
        for weight, direction in zip(weights, directions, strict=True):
            direction.sub_(weight, alpha=group["weight_decay"])
        sizes = torch.stack([torch.linalg.vector_norm(weight) for weight in weights])
        lengths = torch.stack([torch.linalg.vector_norm(direction) for direction in directions])
        rates = torch.where((sizes > 0) & (lengths > 0), sizes / lengths, 1.0) * group["lr"]
        for weight, direction, rate in zip(weights, directions, rates.unbind(), strict=True):
            weight.addcmul_(direction, rate)

    def _adam(self, group: dict[str, Any], weights: list[Tensor], targets: list[Tensor], rate: float) -> None:
        """Subtract Adam's update from `targets`, by the gradients and averages of `weights`."""
        for weight in weights:
            if not self.state[weight]:
                self.state[weight] = {
                    "step": torch.zeros((), dtype=torch.float32, device=weight.device),
                    "exp_avg": torch.zeros_like(weight),
                    "exp_avg_sq": torch.zeros_like(weight),
                }
        states = [self.state[weight] for weight in weights]
        adam(
            targets,
            [weight.grad for weight in weights if weight.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=rate,
            weight_decay=0.0,
            eps=group["eps"],
            maximize=False,
        )
