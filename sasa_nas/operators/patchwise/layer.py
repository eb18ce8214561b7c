"""SAN's patchwise self-attention."""

from typing import get_args

from torch import Tensor, nn

from sasa_nas.layers.heads import stride_pool
from sasa_nas.layers.mapping import check_san_widths, mapping_gamma, mapping_layers, update_running_statistics
from sasa_nas.ops import PatchwiseKind, aggregate, patchwise_attention, patchwise_relation


class PatchwiseAttention2d(nn.Module):
    """Vector attention from whole windows (Zhao, Jia, Koltun 2020, equation 4).

    `y_i = sum_j gamma(delta(x_R(i)))_j * beta(x_j)` over the window R(i), channel by channel: gamma sees
    the window at once and yields all of its weights, without a softmax and without positions. The map is
    reflected at its edges. A stride is an average pool after the attention.

    `out_channels` is the width of the values (c/4 in the paper's bottleneck of width c), so the defaults
    are the paper's c/16 key channels and c/32 weight channels. Hidden layers of gamma are as wide as the
    weights have channels. Of phi, psi, beta, gamma: `query`, `key`, `value`, `mapping`.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of values and of the result; `share_channels` divides it.
        kernel_size: Side of the window in pixels, odd; it may exceed the map.
        key_ratio: Channels of phi and psi as a share of `out_channels` (at least one channel).
        relation: The description delta; `clique` has `kernel_size**4` channels.
        share_channels: Number of channels that share a weight: channel `c` uses weight `c mod weight_channels`.
        mapping_layers: Linear layers of gamma.
        stride: Side of the blocks that the following average pool averages; 1 for none.

    Attributes:
        key_channels: Channels of phi and psi.
        weight_channels: Channels of the attention weights.
        fused: Whether the mapping may be computed by its parameters, together with what is before and after it.
            Set it to False where hooks of the mapping or its parts are to be called.

    Raises:
        ValueError: An argument does not fit; the message names it.
    """

    fused: bool = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 7,
        key_ratio: float = 0.25,
        relation: PatchwiseKind = "concatenation",
        share_channels: int = 8,
        mapping_layers: int = 2,
        stride: int = 1,
    ) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be a positive odd number, got {kernel_size}")
        if relation not in get_args(PatchwiseKind):
            raise ValueError(f"relation must be one of {get_args(PatchwiseKind)}, got {relation!r}")
        if stride < 1:
            raise ValueError(f"stride must be at least 1, got {stride}")
        check_san_widths(out_channels, key_ratio, share_channels)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.key_ratio = key_ratio
        self.relation = relation
        self.share_channels = share_channels
        self.mapping_layers = mapping_layers
        self.stride = stride
        self.key_channels = max(1, round(key_ratio * out_channels))
        self.weight_channels = out_channels // share_channels
        self.query = nn.Conv2d(in_channels, self.key_channels, 1)
        self.key = nn.Conv2d(in_channels, self.key_channels, 1)
        self.value = nn.Conv2d(in_channels, out_channels, 1)
        area = kernel_size**2
        related = {"star": area, "clique": area**2}.get(relation, self.key_channels * (1 + area))
        self.mapping = mapping_gamma(related, self.weight_channels, area * self.weight_channels, layers=mapping_layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, out_channels, ceil(H / stride), ceil(W / stride))`."""
        query, key, value, window = self.query(x), self.key(x), self.value(x), self.kernel_size
        layers = mapping_layers(self.mapping) if self.fused else None
        if layers is None:
            related = patchwise_relation(query, key, kernel_size=window, kind=self.relation)
            weights = self.mapping(related).view(x.shape[0], self.weight_channels, window**2, *x.shape[2:])
            out = aggregate(weights, value, kernel_size=window)
        else:
            out, statistics = patchwise_attention(query, key, value, layers, kernel_size=window, kind=self.relation)
            update_running_statistics(self.mapping, statistics)
        return stride_pool(out, self.stride)
