"""ZiCo: how large and how steady a network's gradients are over batches (Li et al. 2023, arXiv 2301.11300)."""

import copy
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def zico(network: nn.Module, batches: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Return the sum over layers of log(sum over weights of mean |g| / std g), g the loss's gradient of a batch.

    Equation 17 of the paper; the deviation is that of the signed gradients, as in the authors' program. Layers are
    the convolutions and linear layers. A weight whose gradient is the same in all batches (zero, as a rule) is left
    out, and a layer of such weights too. Batch norm is in training mode.

    Args:
        network: Maps (B, C, H, W) to logits (B, classes). A copy is used.
        batches: Two at least: images (B, C, H, W), standardised, and labels (B,), int64, on the network's device.

    Raises:
        ValueError: If there are fewer than two batches.
    """
    if len(batches) < 2:
        raise ValueError(f"batches: expected at least two, got {len(batches)}")
    learner = copy.deepcopy(network).train()
    weights = [module.weight for module in learner.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    gradients: list[list[Tensor]] = [[] for _ in weights]
    with torch.enable_grad():
        for images, labels in batches:
            loss = F.cross_entropy(learner(images), labels)
            found = torch.autograd.grad(loss, weights, allow_unused=True)
            for kept, gradient in zip(gradients, found, strict=True):
                if gradient is not None:
                    kept.append(gradient.double())
    return math.fsum(_steadiness(torch.stack(kept)) for kept in gradients if kept)


def _steadiness(gradients: Tensor) -> float:
    """One layer's term, from its gradients (batches, ...); 0 where no weight's gradient varies."""
    deviation = gradients.std(0, correction=0)
    varies = deviation > 0
    total = float((gradients.abs().mean(0)[varies] / deviation[varies]).sum())
    return math.log(total) if total > 0 else 0.0
