"""The bottleneck of a ResNet."""

from torch import Tensor, nn

from sasa_nas.layers.drop_path import DropPath
from sasa_nas.layers.shortcut import block_shortcut


class Bottleneck(nn.Module):
    """1x1 convolution, spatial operator, 1x1 convolution that widens, and a shortcut around them.

    He et al. 2015, arXiv 1512.03385, Figure 5; in version 1.5, as here, the operator strides.

    Args:
        in_channels: Channels of the input.
        width: Channels that the operator reads and writes.
        operator: A module from `(B, width, H, W)` to `(B, width, ceil(H / stride), ceil(W / stride))`.
        stride: The operator's stride.
        expansion: Channels of the output over `width`.
        attention: A module from the output's shape to itself, applied before the shortcut is added.
        parameter_free_shortcut: Whether the shortcut pools and pads where shapes change, instead of projecting.

    Raises:
        ValueError: The shortcut is parameter-free and the output has fewer channels than the input.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        operator: nn.Module,
        *,
        stride: int = 1,
        expansion: int = 4,
        attention: nn.Module | None = None,
        parameter_free_shortcut: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels, self.width, self.stride, self.expansion = in_channels, width, stride, expansion
        self.parameter_free_shortcut = parameter_free_shortcut
        out_channels = width * expansion
        self.reduce = nn.Conv2d(in_channels, width, 1, bias=False)
        self.reduce_norm = nn.BatchNorm2d(width)
        self.operator = operator
        self.operator_norm = nn.BatchNorm2d(width)
        self.expand = nn.Conv2d(width, out_channels, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(out_channels)
        self.attention = attention
        self.shortcut = block_shortcut(in_channels, out_channels, stride=stride, parameter_free=parameter_free_shortcut)
        self.activation = nn.ReLU(inplace=True)
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, expansion * width, ceil(H / stride), ceil(W / stride))`."""
        y = self.activation(self.reduce_norm(self.reduce(x)))
        y = self.activation(self.operator_norm(self.operator(y)))
        y = self.expand_norm(self.expand(y))
        if self.attention is not None:
            y = self.attention(y)
        out: Tensor = self.activation(self.drop_path(y) + self.shortcut(x))
        return out
