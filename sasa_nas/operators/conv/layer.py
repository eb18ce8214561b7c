"""Convolution as an operator."""

from torch import nn


def convolution(in_channels: int, out_channels: int, *, kernel_size: int, stride: int) -> nn.Conv2d:
    """Return a convolution without a bias that keeps the map's size up to the stride.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Side of the kernel in pixels, odd.
        stride: Stride of the convolution.
    """
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False)
