"""The residual block of SAN, and the transition before the blocks of a stage."""

from torch import Tensor, nn

from sasa_nas.layers.drop_path import DropPath


class SanBlock(nn.Module):
    """`conv1x1(relu(bn(operator(relu(bn(x)))))) + x` (Zhao, Jia, Koltun 2020, Figure 2).

    The last convolution has a bias. The block neither strides nor changes the channels: `SanTransition` does,
    before the blocks of a stage, and `NormActivation` ends the stage.

    Args:
        channels: Channels of input and output.
        width: Channels that the operator writes.
        operator: A module from `(B, channels, H, W)` to `(B, width, H, W)`.
        attention: A module from `(B, channels, H, W)` to itself, applied before the input is added.
    """

    def __init__(self, channels: int, width: int, operator: nn.Module, *, attention: nn.Module | None = None) -> None:
        super().__init__()
        self.channels, self.width = channels, width
        self.norm = nn.BatchNorm2d(channels)
        self.operator = operator
        self.operator_norm = nn.BatchNorm2d(width)
        self.expand = nn.Conv2d(width, channels, 1)
        self.attention = attention
        self.activation = nn.ReLU(inplace=True)
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, channels, H, W)` to the same shape."""
        y = self.operator(self.activation(self.norm(x)))
        y = self.expand(self.activation(self.operator_norm(y)))
        if self.attention is not None:
            y = self.attention(y)
        out: Tensor = self.drop_path(y) + x
        return out


class SanTransition(nn.Sequential):
    """A max pool of the stride (none for a stride of one), then a 1x1 convolution without bias.

    Zhao, Jia, Koltun 2020, Table 1. Maps `(B, in_channels, H, W)` to
    `(B, out_channels, ceil(H / stride), ceil(W / stride))`.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Side and stride of the pool.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 2) -> None:
        conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        super().__init__(*([nn.MaxPool2d(stride, ceil_mode=True), conv] if stride > 1 else [conv]))
        self.in_channels, self.out_channels, self.stride = in_channels, out_channels, stride
