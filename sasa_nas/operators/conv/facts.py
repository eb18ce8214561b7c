"""Facts about convolution."""

import torch
from torch import nn

from sasa_nas.operators.counts import Counts


def count(layer: nn.Module, height: int, width: int) -> Counts:
    """Return zero counts, as convolutions are counted for themselves."""
    return Counts()


def forms(device: torch.device) -> tuple[str, str]:
    """Return the name of the implementation that runs on a device, and the reason."""
    return "torch.nn.Conv2d", "PyTorch's own, on every device"
