"""Layers of parts of one's own, as a stranger writes them, for tests."""

from torch import Tensor, nn


class Patches(nn.Module):
    """A stem: one convolution over blocks that do not overlap."""

    def __init__(self, in_channels: int, out_channels: int, *, side: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.side = side
        self.conv = nn.Conv2d(in_channels, out_channels, side, stride=side)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class Gate(nn.Module):
    """Channel attention: a learned weight a channel."""

    def __init__(self, channels: int, *, kernel_size: int) -> None:
        super().__init__()
        self.channels = channels
        self.kernel_size = kernel_size
        self.conv = nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.conv(x).sigmoid()
