"""Losses of a recipe."""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from sasa_nas.recipes.losses import BinaryCrossEntropy, CrossEntropy, Loss

LossFunction = Callable[[Tensor, Tensor], Tensor]
"""A function from logits (B, K) and labels (B,) or shares of classes (B, K) to the mean loss, a scalar."""


def make_loss(loss: Loss, num_classes: int) -> LossFunction:
    """Return the loss of a recipe.

    Args:
        loss: The recipe's loss.
        num_classes: Number of classes, K.

    Returns:
        A function of logits (B, K), and of targets: labels (B,), or shares of classes (B, K) that sum to 1.
    """
    match loss:
        case CrossEntropy():
            return partial(_cross_entropy, smoothing=loss.label_smoothing)
        case BinaryCrossEntropy():
            return partial(
                _binary_cross_entropy,
                num_classes=num_classes,
                smoothing=loss.label_smoothing,
                threshold=loss.threshold,
            )


def _cross_entropy(logits: Tensor, targets: Tensor, *, smoothing: float) -> Tensor:
    shares = targets.to(logits.dtype) if targets.ndim == 2 else targets
    return F.cross_entropy(logits, shares, label_smoothing=smoothing)


def _binary_cross_entropy(
    logits: Tensor, targets: Tensor, *, num_classes: int, smoothing: float, threshold: float | None
) -> Tensor:
    shares = (targets if targets.ndim == 2 else F.one_hot(targets, num_classes)).to(logits.dtype)
    if smoothing:
        shares = shares * (1.0 - smoothing) + smoothing / num_classes
    if threshold is not None:
        shares = (shares > threshold).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, shares)
