"""Convolution beside whole-map attention."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sasa_nas.layers.map_attention import MapAttention2d
from sasa_nas.layers.positions import check_map_size, pixel_coordinates, sine_encoding

AugmentedPositions = Literal["none", "sine", "coordconv", "relative"]
"""Position information of attention: none, in its input (two ways), or by the keys' offsets."""


class AugmentedConv2d(nn.Module):
    """Attention augmented convolution (Bello et al. 2019, arXiv 1904.09925, section 3): no biases.

    `concat[Conv(x), MHA(x)]` of `out_channels - value_channels` and `value_channels` channels. Kappa and
    upsilon are rounded down to whole heads: `key_channels = max(min_key_dim * num_heads, floor(key_ratio *
    out_channels))`, `value_channels = floor(value_ratio * out_channels)`, `floor` meaning the multiple of
    `num_heads` below; both have at least one channel a head. `value_ratio` 0 is the convolution alone,
    and where attention takes all channels there is no convolution.

    Attention runs at the resolution of the output: in a strided layer its input is a 3x3 average pool of
    the same stride. `downsample` pools once more by two, and enlarges attention's output bilinearly before
    the concatenation; the output projection stands before the enlargement, with which it commutes.
    Padding is not counted in the averages.

    `sine` adds the sinusoidal encoding to attention's input; `coordconv` appends x and y in [-1, 1] and
    the distance from the centre to its channels (Liu et al. 2018, arXiv 1807.03247); `relative` is the
    paper's. The relative tables are made for `feature_size`; smaller maps use their central part.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the result.
        kernel_size: Side of the convolution's kernel, odd.
        num_heads: Number of heads, at most `out_channels`.
        key_ratio: Kappa, key channels as a share of `out_channels`.
        value_ratio: Upsilon in [0, 1], attention's share of `out_channels`.
        min_key_dim: Least number of key channels per head.
        stride: Stride of the convolution.
        positions: Position information of attention.
        downsample: Whether attention runs at half the output's resolution.
        feature_size: (height, width) of the input in pixels, the largest that relative positions allow.

    Attributes:
        key_channels: Channels of queries and keys over all heads, 0 without attention.
        value_channels: Channels that attention yields, 0 without attention.

    Raises:
        ValueError: An argument does not fit, the message names it; or, in `forward`, a map exceeds
            `feature_size` and positions are relative.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 3,
        num_heads: int = 8,
        key_ratio: float = 0.2,
        value_ratio: float = 0.1,
        min_key_dim: int = 20,
        stride: int = 1,
        positions: AugmentedPositions = "relative",
        downsample: bool = False,
        feature_size: tuple[int, int],
    ) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be a positive odd number, got {kernel_size}")
        if num_heads < 1 or (value_ratio > 0 and num_heads > out_channels):
            raise ValueError(f"num_heads={num_heads} must be from 1 to out_channels={out_channels}")
        if key_ratio < 0:
            raise ValueError(f"key_ratio must not be negative, got {key_ratio}")
        if not 0 <= value_ratio <= 1:
            raise ValueError(f"value_ratio must be in [0, 1], got {value_ratio}")
        if min_key_dim < 0:
            raise ValueError(f"min_key_dim must not be negative, got {min_key_dim}")
        if stride < 1:
            raise ValueError(f"stride must be at least 1, got {stride}")
        if positions not in get_args(AugmentedPositions):
            raise ValueError(f"positions must be one of {get_args(AugmentedPositions)}, got {positions!r}")
        if min(feature_size) < 1:
            raise ValueError(f"feature_size must be (height, width) of at least 1, got {feature_size}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.num_heads = num_heads
        self.key_ratio = key_ratio
        self.value_ratio = value_ratio
        self.min_key_dim = min_key_dim
        self.stride = stride
        self.positions = positions
        self.downsample = downsample
        self.feature_size = feature_size
        self.key_channels = 0
        self.value_channels = 0
        self.attention: MapAttention2d | None = None
        if value_ratio > 0:
            self.value_channels = max(_whole_heads(value_ratio * out_channels, num_heads), num_heads)
            self.key_channels = max(_whole_heads(key_ratio * out_channels, num_heads), max(min_key_dim, 1) * num_heads)
            reduction = stride * (2 if downsample else 1)
            self.attention = MapAttention2d(
                in_channels + (3 if positions == "coordconv" else 0),
                self.key_channels,
                self.value_channels,
                num_heads=num_heads,
                relative=positions == "relative",
                bias=False,
                feature_size=(-(-feature_size[0] // reduction), -(-feature_size[1] // reduction)),
            )
        self.conv: nn.Conv2d | None = None
        if self.value_channels < out_channels:
            self.conv = nn.Conv2d(
                in_channels,
                out_channels - self.value_channels,
                kernel_size,
                stride=stride,
                padding=kernel_size // 2,
                bias=False,
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, out_channels, ceil(H / stride), ceil(W / stride))`."""
        if self.attention is not None and self.positions == "relative":
            check_map_size(x, self.feature_size)
        parts: list[Tensor] = []
        if self.conv is not None:
            parts.append(self.conv(x))
        if self.attention is not None:
            parts.append(self._attend(x, self.attention))
        return torch.cat(parts, dim=1)

    def _attend(self, x: Tensor, attention: MapAttention2d) -> Tensor:
        """Return attention's channels at the resolution of the output."""
        at_output = _average_pool(x, self.stride)
        seen = _average_pool(at_output, 2) if self.downsample else at_output
        if self.positions == "sine":
            seen = seen + sine_encoding(seen)
        elif self.positions == "coordconv":
            place = pixel_coordinates(seen)
            radius = place.square().sum(1, keepdim=True).sqrt()
            seen = torch.cat([seen, torch.cat([place, radius], dim=1).expand(seen.shape[0], -1, -1, -1)], dim=1)
        out: Tensor = attention(seen)
        if self.downsample:
            out = F.interpolate(out, size=at_output.shape[-2:], mode="bilinear", align_corners=False)
        return out


def _whole_heads(channels: float, num_heads: int) -> int:
    """Return the largest multiple of `num_heads` not above `channels`."""
    # 0.29 * 100 is 28.999999999999996 in floating point, and 29 is meant.
    return int(channels + 1e-6) // num_heads * num_heads


def _average_pool(maps: Tensor, stride: int) -> Tensor:
    """Return a 3x3 average pool to `ceil(size / stride)`; the map itself for a stride of one."""
    if stride == 1:
        return maps
    return F.avg_pool2d(maps, 3, stride=stride, padding=1, count_include_pad=False)
