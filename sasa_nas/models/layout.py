"""Memory layout of images and networks, for training, evaluation and measurements of latency."""

from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def channels_last(images: Tensor) -> Tensor:
    """Return images (B, C, H, W) in the channels-last layout, which convolutions prefer on GPUs and CPUs.

    Not by `contiguous`, which leaves images of one channel unchanged, and all layers would follow their layout.
    """
    return images.to(memory_format=torch.channels_last)


def to_channels_last(network: Network) -> Network:
    """Convert a network's kernels to the layout for such images, and return it."""
    return network.to(memory_format=torch.channels_last)
