"""Global-and-local attention, GALA."""

import torch
from torch import Tensor, nn

from sasa_nas.layers.squeeze import squeeze_mlp


class GlobalLocalAttention(nn.Module):
    """`x * sigmoid(alpha * (L + G) + beta * L * G)` (Linsley et al. 2019, arXiv 1805.08819, section 3).

    `G = W2 relu(W1 mean(x) + b1) + b2`, one number per channel: squeeze and excitation before its sigmoid. `L`, one
    number per pixel: a 1x1 convolution, ReLU, a 1x1 convolution to one channel. `alpha` and `beta` have one number
    per channel. The sigmoid is that of the authors' code; the paper's text has tanh. That code draws `alpha` and
    `beta` at random; here they start at one, so that both terms count from the beginning.

    Args:
        channels: Channels of the input.
        reduction: Channels of the input over channels of the hidden layers, which have at least one.

    Raises:
        ValueError: `reduction` is below one.
    """

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        self.channels = channels
        self.reduction = reduction
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.global_mlp = squeeze_mlp(channels, channels, reduction=reduction)
        self.local_mlp = squeeze_mlp(channels, 1, reduction=reduction)
        self.alpha = nn.Parameter(torch.ones(channels, 1, 1))
        self.beta = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, H, W)` to the same shape."""
        by_channel: Tensor = self.global_mlp(self.pool(x))
        by_pixel: Tensor = self.local_mlp(x)
        # Autocast leaves parameters alone but not the convolutions, hence the casts.
        alpha, beta = self.alpha.to(by_pixel.dtype), self.beta.to(by_pixel.dtype)
        logits = alpha * (by_pixel + by_channel) + beta * (by_pixel * by_channel)
        return x * logits.sigmoid()
