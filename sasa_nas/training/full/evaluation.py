"""Evaluation of a network on streamed images, shared by all ranks, and the arithmetic of its passes."""

from contextlib import AbstractContextManager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sasa_nas.data.splits import Standardisation
from sasa_nas.models.layout import channels_last
from sasa_nas.recipes.recipe import Precision
from sasa_nas.streaming.loader import Batch, TestLoader
from sasa_nas.training import evaluate as in_memory
from sasa_nas.training.evaluate import Evaluation, evaluating
from sasa_nas.training.full.ranks import ALONE, Ranks


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Return the context of forward passes in a recipe's precision."""
    if precision == "auto":
        return in_memory.autocast(device)
    context: AbstractContextManager[None] = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
    return context


def dtype_of(precision: Precision) -> torch.dtype:
    """Return the type of weights, and of standardised images, in a recipe's precision."""
    return torch.float64 if precision == "fp64" else torch.float32


def inputs_of(batch: Batch, standardisation: Standardisation, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return standardised images (B, C, H, W) of a type, and labels (B,), on the device of the statistics."""
    device = standardisation.mean.device
    images = batch.images.to(device, non_blocking=True)
    return standardisation.apply(images).to(dtype), batch.labels.to(device, non_blocking=True)


def evaluate_streamed(
    model: nn.Module,
    loader: TestLoader,
    standardisation: Standardisation,
    *,
    precision: Precision,
    flip: bool = False,
    ranks: Ranks = ALONE,
) -> Evaluation:
    """Evaluate a model, in evaluation mode, on every image of a part; restore its mode.

    Args:
        model: A module from images (B, C, H, W) to logits (B, classes).
        loader: Loader of this rank's share of the images.
        standardisation: Statistics of the images, on the model's device.
        precision: Precision of the forward passes.
        flip: Whether the logits of an image and its mirror image are averaged.
        ranks: Place of this process; all of them take part, with their own loaders.
    """
    device, dtype = standardisation.mean.device, dtype_of(precision)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    count = torch.zeros((), dtype=torch.int64, device=device)
    loss = torch.zeros((), dtype=torch.float64, device=device)
    with evaluating(model), torch.inference_mode(), autocast(device, precision):
        for batch in loader:
            images, labels = inputs_of(batch, standardisation, dtype)
            logits = model(channels_last(images)).to(dtype)
            if flip:
                logits = (logits + model(channels_last(images.flip(-1))).to(dtype)) / 2
            correct += (logits.argmax(1) == labels).sum()
            loss += F.cross_entropy(logits, labels, reduction="sum").double()
            count += len(labels)
    images_seen = ranks.total(count).item()
    return Evaluation(ranks.total(correct).item() / images_seen, ranks.total(loss).item() / images_seen)
