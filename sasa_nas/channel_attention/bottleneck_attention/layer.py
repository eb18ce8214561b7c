"""The bottleneck attention module, BAM."""

from torch import Tensor, nn

from sasa_nas.layers.squeeze import squeezed_channels


class BottleneckAttention(nn.Module):
    """`x + x * sigmoid(channel(mean(x)) + spatial(x))` (Park et al. 2018, arXiv 1807.06514, equations 1 to 4).

    `channel` yields one weight per channel: linear, batch norm, ReLU, linear. `spatial` yields one per pixel: a 1x1
    convolution, two dilated 3x3 ones, each with batch norm and ReLU, and a 1x1 convolution to one channel. All
    have biases, as in the authors' code. The two are added, as in the paper; that code multiplies them.

    In training the batch norm of `channel` has one value per channel and image: a batch of one image raises torch's
    ValueError.

    Args:
        channels: Channels of the input.
        reduction: Channels of the input over channels of the hidden layers, which have at least one.
        dilation: Dilation of the 3x3 convolutions, in pixels.

    Raises:
        ValueError: `reduction` or `dilation` is below one; or, in `forward`, a batch of one in training.
    """

    def __init__(self, channels: int, *, reduction: int = 16, dilation: int = 4) -> None:
        super().__init__()
        if dilation < 1:
            raise ValueError(f"dilation must be at least 1, got {dilation}")
        self.channels = channels
        self.reduction = reduction
        self.dilation = dilation
        hidden = squeezed_channels(channels, reduction)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.channel = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.BatchNorm2d(hidden), nn.ReLU(), nn.Conv2d(hidden, channels, 1)
        )
        spatial: list[nn.Module] = [nn.Conv2d(channels, hidden, 1), nn.BatchNorm2d(hidden), nn.ReLU()]
        for _ in range(2):
            dilated = nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation)
            spatial += [dilated, nn.BatchNorm2d(hidden), nn.ReLU()]
        self.spatial = nn.Sequential(*spatial, nn.Conv2d(hidden, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, H, W)` to the same shape."""
        logits: Tensor = self.channel(self.pool(x)) + self.spatial(x)
        return x + x * logits.sigmoid()
