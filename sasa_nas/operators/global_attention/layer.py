"""Global self-attention as a replacement of a convolution."""

from typing import Literal, get_args

from torch import Tensor, nn

from sasa_nas.layers.heads import stride_pool
from sasa_nas.layers.map_attention import MapAttention2d

GlobalPositions = Literal["none", "relative"]
"""Position information of the logits: none, or the offset from query to key."""


class GlobalAttention2d(nn.Module):
    """Multi-head self-attention over the whole map, its 1x1 projections with biases.

    The logits are scaled by `head_dim**-0.5`; row and column offsets have a table each, shared by the
    heads, so that maps need not be square. A smaller map than `feature_size` uses the tables' central
    part. A stride is an average pool after the attention.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of queries, keys, values and the result; `num_heads` divides it.
        num_heads: Number of heads.
        positions: Whether the logits have a relative term.
        stride: Side of the blocks that the following average pool averages; 1 for none.
        feature_size: (height, width) of the input in pixels, the largest that relative positions allow.

    Raises:
        ValueError: An argument does not fit, the message names it; or, in `forward`, a map exceeds
            `feature_size` and positions are relative.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        num_heads: int = 8,
        positions: GlobalPositions = "relative",
        stride: int = 1,
        feature_size: tuple[int, int],
    ) -> None:
        super().__init__()
        if num_heads < 1 or out_channels % num_heads:
            raise ValueError(f"num_heads={num_heads} must divide out_channels={out_channels}")
        if positions not in get_args(GlobalPositions):
            raise ValueError(f"positions must be one of {get_args(GlobalPositions)}, got {positions!r}")
        if stride < 1:
            raise ValueError(f"stride must be at least 1, got {stride}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_heads = num_heads
        self.positions = positions
        self.stride = stride
        self.feature_size = feature_size
        self.attention = MapAttention2d(
            in_channels,
            out_channels,
            out_channels,
            num_heads=num_heads,
            relative=positions == "relative",
            bias=True,
            feature_size=feature_size,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, out_channels, ceil(H / stride), ceil(W / stride))`."""
        return stride_pool(self.attention(x), self.stride)
