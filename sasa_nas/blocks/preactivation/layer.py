"""The pre-activation residual block."""

from torch import Tensor, nn

from sasa_nas.layers.drop_path import DropPath
from sasa_nas.layers.shortcut import block_shortcut


class PreactivationBlock(nn.Module):
    """Two spatial operators, batch norm and ReLU before each, and a shortcut around them.

    He et al. 2016, arXiv 1603.05027; wide ones are those of Zagoruyko and Komodakis 2016, arXiv 1605.07146. Where
    shapes agree the shortcut is the identity of the block's input; where they change it reads the activated
    input, and a projection is a 1x1 convolution without batch norm. Nothing follows the sum: `NormActivation`
    ends a network of such blocks.

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
        self.first_norm = nn.BatchNorm2d(in_channels)
        self.first = first
        self.second_norm = nn.BatchNorm2d(width)
        self.second = second
        self.attention = attention
        self.shortcut = block_shortcut(
            in_channels, width, stride=stride, parameter_free=parameter_free_shortcut, norm=False
        )
        self.activation = nn.ReLU(inplace=True)
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, width, ceil(H / stride), ceil(W / stride))`."""
        activated = self.activation(self.first_norm(x))
        y = self.second(self.activation(self.second_norm(self.first(activated))))
        if self.attention is not None:
            y = self.attention(y)
        reshapes = self.stride > 1 or self.in_channels != self.width
        out: Tensor = self.drop_path(y) + self.shortcut(activated if reshapes else x)
        return out
