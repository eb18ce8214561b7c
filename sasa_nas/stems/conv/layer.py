"""The convolution stem of a ResNet."""

from torch import Tensor, nn


class ConvStem(nn.Module):
    """Convolution without bias and, as a rule, batch norm, ReLU and a 3x3 max pool of stride 2.

    He et al. 2015, arXiv 1512.03385, Table 1; a network of pre-activation blocks has the convolution alone
    (Zagoruyko and Komodakis 2016, arXiv 1605.07146). Maps `(B, in_channels, H, W)` to `(B, out_channels, h, w)`
    with `h = ceil(H / stride)`, halved again (rounded up) by the pool; `w` likewise.

    Args:
        in_channels: Channels of the image.
        out_channels: Channels of the result.
        kernel_size: Side of the convolution's kernel, odd.
        stride: Stride of the convolution.
        pool: Whether the max pool follows.
        activation: Whether batch norm and ReLU follow the convolution.

    Raises:
        ValueError: `kernel_size` is even or below one, or `stride` is below one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 7,
        stride: int = 2,
        pool: bool = True,
        activation: bool = True,
    ) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be a positive odd number, got {kernel_size}")
        if stride < 1:
            raise ValueError(f"stride must be at least 1, got {stride}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.pool = pool
        self.activation = activation
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False
        )
        self.norm = nn.BatchNorm2d(out_channels) if activation else None
        self.relu = nn.ReLU(inplace=True) if activation else None
        self.max_pool = nn.MaxPool2d(3, stride=2, padding=1) if pool else None

    def forward(self, x: Tensor) -> Tensor:
        """Map images `(B, in_channels, H, W)` to `(B, out_channels, h, w)`, of the same type."""
        out: Tensor = self.conv(x)
        for part in (self.norm, self.relu, self.max_pool):
            if part is not None:
                out = part(out)
        return out
