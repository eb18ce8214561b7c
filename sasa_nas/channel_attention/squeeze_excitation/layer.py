"""Squeeze and excitation."""

from torch import Tensor, nn

from sasa_nas.layers.squeeze import squeeze_mlp


class SqueezeExcitation(nn.Module):
    """`x * sigmoid(W2 relu(W1 mean(x) + b1) + b2)`, one weight per channel (Hu, Shen, Sun 2018, arXiv 1709.01507).

    Args:
        channels: Channels of the input.
        reduction: Channels of the input over channels of the hidden layer, which has at least one.

    Raises:
        ValueError: `reduction` is below one.
    """

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        self.channels = channels
        self.reduction = reduction
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.mlp = squeeze_mlp(channels, channels, reduction=reduction)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, H, W)` to the same shape."""
        logits: Tensor = self.mlp(self.pool(x))
        return x * logits.sigmoid()
