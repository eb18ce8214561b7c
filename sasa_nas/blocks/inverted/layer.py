"""The inverted residual block of mobile networks."""

from torch import Tensor, nn

from sasa_nas.layers.drop_path import DropPath


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, and a 1x1 convolution back to few channels, without an activation.

    Sandler et al. 2018, arXiv 1801.04381 (MobileNetV2); with attention over the hidden channels Tan et al. 2019,
    arXiv 1807.11626 (MnasNet). The input is added if the block has a stride of 1 and keeps the channels.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        expand: A module from `(B, in_channels, H, W)` to `(B, hidden_channels, H, W)`, as a rule a 1x1
            convolution; None for a block that does not expand.
        hidden_channels: Channels of the depthwise convolution; `in_channels` without an expansion.
        depthwise_size: Side of the depthwise kernel in pixels, odd.
        stride: The depthwise convolution's stride.
        attention: A module from `(B, hidden_channels, h, w)` to itself; it reads the activated output of the
            depthwise convolution.

    Raises:
        ValueError: `hidden_channels` is not `in_channels` without an expansion, or `depthwise_size` is even
            or below one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        expand: nn.Module | None,
        hidden_channels: int,
        depthwise_size: int = 3,
        stride: int = 1,
        attention: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if expand is None and hidden_channels != in_channels:
            raise ValueError(f"hidden_channels={hidden_channels} must be in_channels={in_channels} without expand")
        if depthwise_size < 1 or depthwise_size % 2 == 0:
            raise ValueError(f"depthwise_size must be a positive odd number, got {depthwise_size}")
        self.in_channels, self.out_channels, self.hidden_channels = in_channels, out_channels, hidden_channels
        self.depthwise_size, self.stride = depthwise_size, stride
        self.expand = expand
        self.expand_norm = None if expand is None else nn.BatchNorm2d(hidden_channels)
        self.depthwise = nn.Conv2d(
            hidden_channels,
            hidden_channels,
            depthwise_size,
            stride=stride,
            padding=depthwise_size // 2,
            groups=hidden_channels,
            bias=False,
        )
        self.depthwise_norm = nn.BatchNorm2d(hidden_channels)
        self.attention = attention
        self.project = nn.Conv2d(hidden_channels, out_channels, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(out_channels)
        self.activation = nn.ReLU(inplace=True)
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, out_channels, ceil(H / stride), ceil(W / stride))`."""
        y = x
        if self.expand is not None and self.expand_norm is not None:
            y = self.activation(self.expand_norm(self.expand(y)))
        y = self.activation(self.depthwise_norm(self.depthwise(y)))
        if self.attention is not None:
            y = self.attention(y)
        out: Tensor = self.project_norm(self.project(y))
        return x + self.drop_path(out) if self.stride == 1 and self.in_channels == self.out_channels else out
