"""Memory layout of images and networks wherever networks run: in training, in evaluation, when latency is measured."""

from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def channels_last(images: Tensor) -> Tensor:
    """Images (B, C, H, W) in the memory layout that convolutions prefer, on a GPU and on a CPU.

    Not `contiguous`: it leaves images of one channel as they are, and all layers would follow their layout.
    """
    return images.to(memory_format=torch.channels_last)


def lay_out(network: Network) -> Network:
    """Return the same network, its kernels laid out for such images."""
    return network.to(memory_format=torch.channels_last)
