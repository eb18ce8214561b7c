"""The proxy's optimiser: AdamW, weight decay on weights alone, linear warm-up and cosine decay."""

import math

import torch
from torch import nn

from sasa_nas.layers.positions import is_position

WARMUP_SHARE = 0.1
"""Share of all steps over which the learning rate rises."""


def decays(name: str, parameter: nn.Parameter) -> bool:
    """Return True if weight decay applies to a parameter: to matrices and kernels, not norms, biases or positions.

    Args:
        name: Name of the parameter in `named_parameters`.
        parameter: The parameter.
    """
    return parameter.ndim >= 2 and not is_position(name)


def adamw(model: nn.Module, *, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter, 2019) over the parameters that require gradients.

    It is the fused form, on a GPU and on a CPU: small networks have many small parameters, for each of which the other
    forms call several operators.

    Args:
        model: The model, already on its device.
        learning_rate: Peak learning rate.
        weight_decay: Weight decay of the parameters for which `decays` is True; 0 for all others.
    """
    decayed: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (decayed if decays(name, parameter) else others).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, fused=True)


def learning_rate_at(step: int, *, total_steps: int, peak: float) -> float:
    """Return the learning rate of a step: linear warm-up over the first tenth, then half a cosine towards zero.

    It is a function of the step alone, so that resuming needs no scheduler's state.

    Args:
        step: Number of steps before, from 0 to `total_steps - 1`.
        total_steps: Number of steps of the whole training.
        peak: The highest rate, at the last step of the warm-up.
    """
    warmup = max(1, round(WARMUP_SHARE * total_steps))
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1.0 + math.cos(math.pi * (step + 1 - warmup) / (total_steps + 1 - warmup)))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all parameter groups."""
    for group in optimizer.param_groups:
        group["lr"] = rate
