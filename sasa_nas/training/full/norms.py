"""Running statistics of batch normalisation."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def set_norm_decay(model: nn.Module, decay: float) -> None:
    """Set the share of their running statistics that all batch norms of a model keep at a step.

    Args:
        model: The model, changed in place.
        decay: The share, in [0, 1); 1 minus what PyTorch calls the momentum.

    Raises:
        ValueError: If the share is outside its range.
    """
    if not 0.0 <= decay < 1.0:
        raise ValueError(f"decay must be at least 0 and below 1, got {decay}")
    for module in model.modules():
        if isinstance(module, _BATCH_NORMS):
            module.momentum = 1.0 - decay


@contextmanager
def without_running_statistics(model: nn.Module) -> Iterator[None]:
    """Keep a model's running statistics as they are inside a `with` block; in training mode, batches still count.

    Args:
        model: The model.
    """
    tracking = [norm for norm in model.modules() if isinstance(norm, _BATCH_NORMS) and norm.track_running_stats]
    for norm in tracking:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in tracking:
            norm.track_running_stats = True
