"""Shortcut around a residual block."""

from torch import Tensor, nn
from torch.nn import functional as F


class Shortcut(nn.Sequential):
    """The identity where shapes agree, else a strided 1x1 convolution and, as a rule, batch norm.

    He et al. 2015, arXiv 1512.03385, option B. A pool of single pixels strides before a convolution of stride 1: the
    same function, but oneDNN's backward pass of a strided 1x1 convolution crashes the process for fewer than 16
    channels of channels_last maps of 64 pixels (torch 2.14). Maps `(B, in_channels, H, W)` to
    `(B, out_channels, ceil(H / stride), ceil(W / stride))`.

    Args:
        in_channels: Channels of the block's input.
        out_channels: Channels of the block's output.
        stride: The block's stride.
        norm: Whether batch norm follows the convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, norm: bool = True) -> None:
        layers: list[nn.Module] = []
        if stride > 1 or in_channels != out_channels:
            layers.append(nn.Conv2d(in_channels, out_channels, 1, bias=False))
            if norm:
                layers.append(nn.BatchNorm2d(out_channels))
        super().__init__(*layers)
        self.in_channels, self.out_channels, self.stride, self.norm = in_channels, out_channels, stride, norm

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, out_channels, ceil(H / stride), ceil(W / stride))`."""
        if self.stride > 1:
            # as a slice would, but the gradient of a slice is not channels_last
            x = F.avg_pool2d(x, 1, stride=self.stride)
        for layer in self:
            x = layer(x)
        return x


class PaddedShortcut(nn.Module):
    """A shortcut without parameters: an average pool for the stride, and channels of zeros.

    He et al. 2015, arXiv 1512.03385, option A, with the average in the place of every `stride`-th pixel, and half
    of the zeros (the smaller, of an odd number) before the input's channels, half behind them. Blocks of pixels
    that the edge cuts average the pixels they have.

    Args:
        in_channels: Channels of the block's input.
        out_channels: Channels of the block's output, no fewer.
        stride: The block's stride.

    Raises:
        ValueError: `out_channels` is below `in_channels`.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        if out_channels < in_channels:
            raise ValueError(
                f"out_channels={out_channels} must be at least in_channels={in_channels}: zeros can only add channels"
            )
        self.in_channels, self.out_channels, self.stride = in_channels, out_channels, stride
        self.pool = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, out_channels, ceil(H / stride), ceil(W / stride))`."""
        if self.pool is not None:
            x = self.pool(x)
        added = self.out_channels - self.in_channels
        return F.pad(x, (0, 0, 0, 0, added // 2, added - added // 2)) if added else x


def block_shortcut(
    in_channels: int, out_channels: int, *, stride: int, parameter_free: bool, norm: bool = True
) -> Shortcut | PaddedShortcut:
    """Return the shortcut of a residual block.

    Args:
        in_channels: Channels of the block's input.
        out_channels: Channels of the block's output.
        stride: The block's stride.
        parameter_free: Whether changed shapes are met without parameters, by `PaddedShortcut`.
        norm: Whether batch norm follows the convolution that there is otherwise.

    Raises:
        ValueError: `parameter_free`, and `out_channels` is below `in_channels`.
    """
    if parameter_free:
        return PaddedShortcut(in_channels, out_channels, stride=stride)
    return Shortcut(in_channels, out_channels, stride=stride, norm=norm)
