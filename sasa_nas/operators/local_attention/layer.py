"""Stand-alone self-attention as a replacement of a convolution."""

from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional as F

from sasa_nas.layers.heads import merge_heads, split_heads, stride_pool
from sasa_nas.layers.positions import relative_table, sine_encoding
from sasa_nas.ops import WindowPadding, local_attention

LocalPositions = Literal["none", "absolute", "relative"]
"""Position information of attention: none, in its input, or by the keys' offsets."""

Interactions = Literal["content", "relative", "both"]
"""Terms of the logits: q.k, q.r, or their sum."""


class LocalAttention2d(nn.Module):
    """Self-attention of every pixel to the window around it (Ramachandran et al. 2019, arXiv 1906.05909).

    `y_i = sum_j softmax_j(q_i . k_j + q_i . r_{j-i}) v_j` a head, without a factor and without an output
    projection. `r` is a row embedding in the head's first half beside a column embedding in the second,
    shared by the heads, drawn from N(0, head_dim**-0.5). A stride is an average pool after the attention.

    With `absolute` positions the sinusoidal encoding is added to the layer's input, so that the queries,
    keys and values all have it. Relative tables exist only where they are used: with `interactions` of
    `content`, positions of `relative` change nothing; with other positions, `both` is the content alone.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of queries, keys, values and the result; `num_heads` divides it.
        kernel_size: Side of the window in pixels, odd; it may exceed the map.
        num_heads: Number of heads; with relative positions the channels of each must be even.
        stride: Side of the blocks that the following average pool averages; 1 for none.
        positions: Position information of attention.
        interactions: Terms of the logits; `relative` has no key projection.
        padding: Treatment of keys beyond the edge: `mask` leaves them out, `zeros` makes them zero vectors, whose
            logit is the relative term.

    Raises:
        ValueError: An argument does not fit; the message names it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 7,
        num_heads: int = 8,
        stride: int = 1,
        positions: LocalPositions = "relative",
        interactions: Interactions = "both",
        padding: WindowPadding = "mask",
    ) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be a positive odd number, got {kernel_size}")
        if num_heads < 1 or out_channels % num_heads:
            raise ValueError(f"num_heads={num_heads} must divide out_channels={out_channels}")
        if stride < 1:
            raise ValueError(f"stride must be at least 1, got {stride}")
        if positions not in get_args(LocalPositions):
            raise ValueError(f"positions must be one of {get_args(LocalPositions)}, got {positions!r}")
        if interactions not in get_args(Interactions):
            raise ValueError(f"interactions must be one of {get_args(Interactions)}, got {interactions!r}")
        if padding not in get_args(WindowPadding):
            raise ValueError(f"padding must be one of {get_args(WindowPadding)}, got {padding!r}")
        if interactions == "relative" and positions != "relative":
            raise ValueError(f"interactions='relative' needs positions='relative', got {positions!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.num_heads = num_heads
        self.stride = stride
        self.positions = positions
        self.interactions = interactions
        self.padding = padding
        self.head_dim = out_channels // num_heads
        self.query = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.key = nn.Conv2d(in_channels, out_channels, 1, bias=False) if interactions != "relative" else None
        self.value = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.rel_rows: nn.Parameter | None = None
        self.rel_cols: nn.Parameter | None = None
        if positions == "relative" and interactions != "content":
            if self.head_dim % 2:
                raise ValueError(
                    f"num_heads={num_heads} leaves {self.head_dim} channels a head of out_channels={out_channels}; "
                    "relative positions need an even number"
                )
            self.rel_rows = relative_table(kernel_size, self.head_dim // 2, self.head_dim)
            self.rel_cols = relative_table(kernel_size, self.head_dim // 2, self.head_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, out_channels, ceil(H / stride), ceil(W / stride))`."""
        if self.positions == "absolute":
            x = x + sine_encoding(x)
        query = split_heads(self.query(x), self.num_heads)
        key = None if self.key is None else split_heads(self.key(x), self.num_heads)
        value = split_heads(self.value(x), self.num_heads)
        rel_rows, rel_cols = None, None
        if self.rel_rows is not None and self.rel_cols is not None:
            half = self.head_dim // 2
            # Autocast leaves parameters alone but not the projections, hence the casts.
            rel_rows = F.pad(self.rel_rows, (0, half)).to(query.dtype)
            rel_cols = F.pad(self.rel_cols, (half, 0)).to(query.dtype)
        out = local_attention(query, key, value, rel_rows, rel_cols, kernel_size=self.kernel_size, padding=self.padding)
        return stride_pool(merge_heads(out), self.stride)
