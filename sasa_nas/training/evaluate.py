"""Evaluation of a network on a split of the data."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from sasa_nas.data.splits import ImageSet
from sasa_nas.models.layout import channels_last


@dataclass(frozen=True)
class Evaluation:
    """A network's result on a whole part.

    Attributes:
        accuracy: Share of examples whose highest logit is their label, in [0, 1].
        loss: Mean cross-entropy in nats, without label smoothing.
    """

    accuracy: float
    loss: float


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """Return a context of autocast to bfloat16 on a GPU that computes in it natively, else one without effect."""
    bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    context: AbstractContextManager[None] = torch.autocast(device.type, torch.bfloat16, enabled=bf16)
    return context


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Set a model to evaluation mode inside a `with` block."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def evaluate(model: nn.Module, data: ImageSet, *, batch_size: int = 256) -> Evaluation:
    """Evaluate `model`, in evaluation mode, on every example of `data`; restore its mode.

    Args:
        model: A module from images (B, C, H, W) to logits (B, classes), on the data's device.
        data: The examples, at least one.
        batch_size: Examples per batch; the last batch holds the remainder.

    Raises:
        ValueError: If `data` is empty.
    """
    if len(data) == 0:
        raise ValueError("data: expected at least one example")
    device = data.device
    correct = torch.zeros((), dtype=torch.int64, device=device)
    loss = torch.zeros((), dtype=torch.float32, device=device)
    with evaluating(model), torch.inference_mode(), autocast(device):
        for start in range(0, len(data), batch_size):
            here = slice(start, start + batch_size)
            labels = data.labels[here]
            logits = model(channels_last(data.inputs(here))).float()
            correct += (logits.argmax(1) == labels).sum()
            loss += F.cross_entropy(logits, labels, reduction="sum")
    # The only two reads from the device.
    return Evaluation(accuracy=correct.item() / len(data), loss=loss.item() / len(data))
