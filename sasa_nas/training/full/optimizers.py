"""Optimisers of a recipe."""

from typing import Any

import torch
from torch import Tensor, nn

from sasa_nas.recipes.optimizers import AdamW, Lamb, Optimizer, Sgd
from sasa_nas.training.full import lamb
from sasa_nas.training.optim import decays


def make_optimizer(model: nn.Module, optimizer: Optimizer) -> torch.optim.Optimizer:
    """Return the optimiser of a recipe over the parameters that require gradients, in a fused form.

    Parameters are in two groups, with weight decay and without, in the order of `named_parameters`; see
    `training.optim.decays`. Its state holds tensors and numbers alone.

    Args:
        model: The model, already on its device.
        optimizer: The recipe's optimiser; its learning rate is the peak.
    """
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    decayed = [optimizer.decay_all or decays(name, weight) for name, weight in named]
    groups = [
        {
            "params": [weight for (_, weight), decay in zip(named, decayed, strict=True) if decay is wanted],
            "weight_decay": optimizer.weight_decay if wanted else 0.0,
        }
        for wanted in (True, False)
    ]
    match optimizer:
        case Sgd():
            return torch.optim.SGD(
                groups,
                lr=optimizer.learning_rate,
                momentum=optimizer.momentum,
                nesterov=optimizer.nesterov,
                fused=True,
            )
        case AdamW():
            return torch.optim.AdamW(
                groups, lr=optimizer.learning_rate, betas=optimizer.betas, eps=optimizer.epsilon, fused=True
            )
        case Lamb():
            return lamb.Lamb(
                groups,
                learning_rate=optimizer.learning_rate,
                betas=optimizer.betas,
                epsilon=optimizer.epsilon,
                max_grad_norm=optimizer.max_grad_norm,
            )


def load_averages(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimiser's averages, and leave its options, which follow from the recipe.

    Args:
        optimizer: The optimiser.
        state: State dict of an optimiser of the same recipe.

    Raises:
        ValueError: If they are not of this model.
    """
    options = [dict(group) for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, own in zip(optimizer.param_groups, options, strict=True):
        group.clear()
        group.update(own)
    for parameter, averages in optimizer.state.items():
        for value in averages.values():
            if isinstance(value, Tensor) and value.shape not in ((), parameter.shape):
                raise ValueError(f"its averages are not of a weight {tuple(parameter.shape)}")
