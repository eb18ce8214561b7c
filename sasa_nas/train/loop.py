"""One pass over the train part: what every trainer does in the same way."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn

from sasa_nas.train.optim import learning_rate_at, set_learning_rate

CLIP_NORM = 1.0
"""Largest Euclidean norm of all gradients together."""

CHECK_EVERY = 100
"""Steps between looks at the losses: each one makes the host wait for the device."""

Batch = TypeVar("Batch")


class NonFiniteLoss(Exception):
    """Training diverged; the message says in one line where and to what value."""


def train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Batch],
    loss_of: Callable[[Batch], Tensor],
    *,
    steps: int,
    epoch: int,
    epochs: int,
    peak: float,
) -> list[float]:
    """Trains `model`, in training mode, by one step a batch, without waiting for the device in between.

    Args:
        model: What is trained.
        optimizer: Of its parameters.
        batches: Those of the epoch.
        loss_of: The terms of a batch's loss, (T,); their sum is what gradients are taken of.
        steps: How many batches there are.
        epoch: Epochs done.
        epochs: Of the whole training.
        peak: The highest learning rate, as `learning_rate_at` takes it.

    Returns:
        The mean of every term over the steps.

    Raises:
        NonFiniteLoss: If a loss is infinite or not a number.
    """
    losses: list[Tensor] = []
    model.train()
    for step, batch in enumerate(batches):
        set_learning_rate(optimizer, learning_rate_at(epoch * steps + step, total_steps=epochs * steps, peak=peak))
        terms = loss_of(batch)
        optimizer.zero_grad(set_to_none=True)
        terms.sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        losses.append(terms.detach())
        if (step + 1) % CHECK_EVERY == 0:
            _check(losses, epoch)
    _check(losses, epoch)
    means: list[float] = torch.stack(losses).mean(0).tolist()
    return means


def _check(losses: list[Tensor], epoch: int) -> None:
    """Raises for the first of the epoch's losses that is not finite."""
    totals = torch.stack(losses).sum(1)
    finite = totals.isfinite()
    if not finite.all():
        step = int(finite.int().argmin())
        raise NonFiniteLoss(f"train loss is {totals[step].item()} at step {step + 1} of epoch {epoch + 1}")
