"""The convolutional block attention module, CBAM."""

import torch
from torch import Tensor, nn

from sasa_nas.layers.squeeze import squeeze_mlp


class ConvBlockAttention(nn.Module):
    """One weight per channel, then one per pixel (Woo et al. 2018, arXiv 1807.06521, equations 1 to 3).

    `y = x * sigmoid(mlp(mean(x)) + mlp(max(x)))` with mean and maximum over the map, then
    `y * sigmoid(norm(conv([max(y), mean(y)])))` with maximum and mean over the channels. As in the authors' code
    the two layers of `mlp` have biases, and batch norm follows a convolution without one.

    Args:
        channels: Channels of the input.
        reduction: Channels of the input over channels of the hidden layer, which has at least one.
        kernel_size: Side of the convolution's kernel in pixels, odd.

    Raises:
        ValueError: `reduction` is below one, or `kernel_size` even or below one.
    """

    def __init__(self, channels: int, *, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be a positive odd number, got {kernel_size}")
        self.channels = channels
        self.reduction = reduction
        self.kernel_size = kernel_size
        self.mean_pool = nn.AdaptiveAvgPool2d(1)
        self.max_pool = nn.AdaptiveMaxPool2d(1)
        self.mlp = squeeze_mlp(channels, channels, reduction=reduction)
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, H, W)` to the same shape."""
        by_channel: Tensor = self.mlp(self.mean_pool(x)) + self.mlp(self.max_pool(x))
        y = x * by_channel.sigmoid()
        by_pixel: Tensor = self.norm(self.conv(torch.cat([y.amax(1, keepdim=True), y.mean(1, keepdim=True)], dim=1)))
        return y * by_pixel.sigmoid()
