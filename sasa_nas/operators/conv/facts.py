"""Facts about convolution."""

import torch
from torch import nn

from sasa_nas.operators.counts import Counts


def count(layer: nn.Module, height: int, width: int) -> Counts:
    """Return no work beyond that of the convolution, which is counted as every convolution in a network is."""
    return Counts()


def forms(device: torch.device) -> tuple[str, str]:
    """Return the name of the form that runs on a device, and why."""
    return "torch.nn.Conv2d", "PyTorch's own, on every device"
