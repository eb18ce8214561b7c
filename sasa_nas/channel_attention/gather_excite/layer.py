"""Gather and excite."""

from torch import Tensor, nn


class GatherExcite(nn.Module):
    """`x * sigmoid(mean(x))`, one weight per channel, without parameters.

    Hu et al. 2018, arXiv 1810.12348, section 3: GE-θ⁻ with the whole map as the extent that is gathered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, C, H, W)` to the same shape."""
        gathered: Tensor = self.pool(x)
        return x * gathered.sigmoid()
