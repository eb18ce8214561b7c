"""The basic block of a ResNet."""

from torch import Tensor, nn

from sasa_nas.layers.drop_path import DropPath
from sasa_nas.layers.shortcut import block_shortcut


class BasicBlock(nn.Module):
    """Two spatial operators and a shortcut around them (He et al. 2015, arXiv 1512.03385, Figure 5).

    Args:
        in_channels: Channels of the input.
        width: Channels of the output.
        first: A module from `(B, in_channels, H, W)` to `(B, width, ceil(H / stride), ceil(W / stride))`.
        second: A module from that shape to itself.
        stride: The first operator's stride.
        attention: A module from the output's shape to itself, applied before the shortcut is added.
        parameter_free_shortcut: Whether the shortcut pools and pads where shapes change, instead of projecting.

    Raises:
        ValueError: The shortcut is parameter-free and `width` is below `in_channels`.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        first: nn.Module,
        second: nn.Module,
        *,
        stride: int = 1,
        attention: nn.Module | None = None,
        parameter_free_shortcut: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels, self.width, self.stride = in_channels, width, stride
        self.parameter_free_shortcut = parameter_free_shortcut
        self.first = first
        self.first_norm = nn.BatchNorm2d(width)
        self.second = second
        self.second_norm = nn.BatchNorm2d(width)
        self.attention = attention
        self.shortcut = block_shortcut(in_channels, width, stride=stride, parameter_free=parameter_free_shortcut)
        self.activation = nn.ReLU(inplace=True)
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, width, ceil(H / stride), ceil(W / stride))`."""
        y = self.activation(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        if self.attention is not None:
            y = self.attention(y)
        out: Tensor = self.activation(self.drop_path(y) + self.shortcut(x))
        return out
