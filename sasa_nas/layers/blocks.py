"""Residual blocks around a spatial operator (He et al. 2015, arXiv 1512.03385; v1.5: the operator strides)."""

import torch
from torch import nn


class Shortcut(nn.Sequential):
    """The identity where shapes agree, else a strided 1x1 convolution and batch norm.

    Args:
        in_channels: Channels of the block's input.
        out_channels: Channels of the block's output.
        stride: The block's stride.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        self.in_channels, self.out_channels, self.stride = in_channels, out_channels, stride
        if stride == 1 and in_channels == out_channels:
            super().__init__()
        else:
            super().__init__(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False), nn.BatchNorm2d(out_channels)
            )


class Bottleneck(nn.Module):
    """1x1 convolution, spatial operator, 1x1 convolution to four times the width, and a shortcut around them.

    Args:
        in_channels: Channels of the input.
        width: Channels that the operator reads and writes.
        operator: A module from `(B, width, H, W)` to `(B, width, ceil(H / stride), ceil(W / stride))`.
        stride: The operator's stride.
    """

    expansion = 4

    def __init__(self, in_channels: int, width: int, operator: nn.Module, *, stride: int = 1) -> None:
        super().__init__()
        self.in_channels, self.width, self.stride = in_channels, width, stride
        out_channels = width * self.expansion
        self.reduce = nn.Conv2d(in_channels, width, 1, bias=False)
        self.reduce_norm = nn.BatchNorm2d(width)
        self.operator = operator
        self.operator_norm = nn.BatchNorm2d(width)
        self.expand = nn.Conv2d(width, out_channels, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(out_channels)
        self.shortcut = Shortcut(in_channels, out_channels, stride=stride)
        self.activation = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(B, in_channels, H, W)` to `(B, 4 * width, ceil(H / stride), ceil(W / stride))`."""
        y = self.activation(self.reduce_norm(self.reduce(x)))
        y = self.activation(self.operator_norm(self.operator(y)))
        y = self.expand_norm(self.expand(y))
        out: torch.Tensor = self.activation(y + self.shortcut(x))
        return out


class BasicBlock(nn.Module):
    """Two spatial operators and a shortcut around them.

    Args:
        in_channels: Channels of the input.
        width: Channels of the output.
        first: A module from `(B, in_channels, H, W)` to `(B, width, ceil(H / stride), ceil(W / stride))`.
        second: A module from that shape to itself.
        stride: The first operator's stride.
    """

    expansion = 1

    def __init__(self, in_channels: int, width: int, first: nn.Module, second: nn.Module, *, stride: int = 1) -> None:
        super().__init__()
        self.in_channels, self.width, self.stride = in_channels, width, stride
        self.first = first
        self.first_norm = nn.BatchNorm2d(width)
        self.second = second
        self.second_norm = nn.BatchNorm2d(width)
        self.shortcut = Shortcut(in_channels, width, stride=stride)
        self.activation = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(B, in_channels, H, W)` to `(B, width, ceil(H / stride), ceil(W / stride))`."""
        y = self.activation(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        out: torch.Tensor = self.activation(y + self.shortcut(x))
        return out
