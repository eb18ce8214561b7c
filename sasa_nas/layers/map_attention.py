"""Multi-head attention over a whole map, the part that several operators share."""

from torch import Tensor, nn

from sasa_nas.layers.heads import merge_heads, split_heads
from sasa_nas.layers.positions import central_slice, check_map_size, relative_table
from sasa_nas.ops import global_attention


class MapAttention2d(nn.Module):
    """Attention of every pixel to the whole map, then a 1x1 projection.

    Bello et al. 2019, arXiv 1904.09925, equations 1 to 4: the logits are scaled by `head_dim**-0.5`, the
    relative term included. The relative tables are shared by the heads and drawn from
    N(0, head_dim**-0.5). A map smaller than they were made for uses their central part.

    Args:
        in_channels: Channels of the input.
        key_channels: Channels of queries and keys over all heads; `num_heads` divides it.
        value_channels: Channels of values and of the result; `num_heads` divides it.
        num_heads: Number of heads.
        relative: Whether the logits have a relative term.
        bias: Whether the four projections have biases.
        feature_size: Largest (height, width) of the map in pixels, for the relative tables.

    Raises:
        ValueError: An argument does not fit; or, in `forward`, the map exceeds the relative tables.
    """

    def __init__(
        self,
        in_channels: int,
        key_channels: int,
        value_channels: int,
        *,
        num_heads: int,
        relative: bool,
        bias: bool,
        feature_size: tuple[int, int],
    ) -> None:
        super().__init__()
        for name, channels in (("key_channels", key_channels), ("value_channels", value_channels)):
            if num_heads < 1 or channels < 1 or channels % num_heads:
                raise ValueError(f"num_heads={num_heads} must divide {name}={channels}")
        if min(feature_size) < 1:
            raise ValueError(f"feature_size must be (height, width) of at least 1, got {feature_size}")
        self.in_channels = in_channels
        self.key_channels = key_channels
        self.value_channels = value_channels
        self.num_heads = num_heads
        self.relative = relative
        self.bias = bias
        self.feature_size = feature_size
        self.head_dim = key_channels // num_heads
        self.query = nn.Conv2d(in_channels, key_channels, 1, bias=bias)
        self.key = nn.Conv2d(in_channels, key_channels, 1, bias=bias)
        self.value = nn.Conv2d(in_channels, value_channels, 1, bias=bias)
        self.projection = nn.Conv2d(value_channels, value_channels, 1, bias=bias)
        self.rel_rows: nn.Parameter | None = None
        self.rel_cols: nn.Parameter | None = None
        if relative:
            height, width = feature_size
            self.rel_rows = relative_table(2 * height - 1, self.head_dim, self.head_dim)
            self.rel_cols = relative_table(2 * width - 1, self.head_dim, self.head_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, value_channels, H, W)`."""
        if self.relative:
            check_map_size(x, self.feature_size)
        query, key, value = (
            split_heads(projection(x), self.num_heads) for projection in (self.query, self.key, self.value)
        )
        rel_rows, rel_cols = None, None
        if self.rel_rows is not None and self.rel_cols is not None:
            # Autocast leaves parameters alone but not the projections, hence the casts.
            rel_rows = central_slice(self.rel_rows, x.shape[2]).to(query.dtype)
            rel_cols = central_slice(self.rel_cols, x.shape[3]).to(query.dtype)
        out = global_attention(query, key, value, rel_rows, rel_cols, scale=self.head_dim**-0.5)
        projected: Tensor = self.projection(merge_heads(out))
        return projected
