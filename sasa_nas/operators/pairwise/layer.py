"""SAN's pairwise self-attention."""

from typing import get_args

import torch
from torch import Tensor, nn

from sasa_nas.layers.heads import stride_pool
from sasa_nas.layers.mapping import check_san_widths, mapping_gamma, mapping_layers, update_running_statistics
from sasa_nas.layers.positions import pixel_coordinates
from sasa_nas.ops import PairwiseKind, aggregate, pairwise_attention, pairwise_relation


class PairwiseAttention2d(nn.Module):
    """Vector attention from pairs of pixels (Zhao, Jia, Koltun 2020, equation 2).

    `y_i = sum_j softmax_j(gamma([delta(phi(x_i), psi(x_j)), p_i - p_j])) * beta(x_j)` over the window,
    channel by channel; `p` is a trained linear map of the coordinates x and y in [-1, 1]. The map is
    reflected at its edges, coordinates included. A stride is an average pool after the attention.

    `out_channels` is the width of the values (c/4 in the paper's bottleneck of width c), so the defaults
    are the paper's c/16 key channels and c/32 weight channels. Hidden layers of gamma are as wide as the
    keys. Of phi, psi, beta, gamma: `query`, `key`, `value`, `mapping`.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of values and of the result; `share_channels` divides it.
        kernel_size: Side of the window in pixels, odd; it may exceed the map.
        key_ratio: Channels of phi and psi as a share of `out_channels` (at least one channel).
        relation: The comparison delta.
        share_channels: Number of channels that share a weight: channel `c` uses weight `c mod weight_channels`.
        mapping_layers: Linear layers of gamma.
        positions: Whether gamma sees `p_i - p_j`.
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
        relation: PairwiseKind = "subtraction",
        share_channels: int = 8,
        mapping_layers: int = 2,
        positions: bool = True,
        stride: int = 1,
    ) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be a positive odd number, got {kernel_size}")
        if relation not in get_args(PairwiseKind):
            raise ValueError(f"relation must be one of {get_args(PairwiseKind)}, got {relation!r}")
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
        self.positions = positions
        self.stride = stride
        self.key_channels = max(1, round(key_ratio * out_channels))
        self.weight_channels = out_channels // share_channels
        self.query = nn.Conv2d(in_channels, self.key_channels, 1)
        self.key = nn.Conv2d(in_channels, self.key_channels, 1)
        self.value = nn.Conv2d(in_channels, out_channels, 1)
        self.position = nn.Conv2d(2, 2, 1) if positions else None
        related = {"concatenation": 2 * self.key_channels, "dot": 1}.get(relation, self.key_channels)
        self.mapping = mapping_gamma(
            related + (2 if positions else 0), self.key_channels, self.weight_channels, layers=mapping_layers
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, in_channels, H, W)` to `(B, out_channels, ceil(H / stride), ceil(W / stride))`."""
        query, key, value = self.query(x), self.key(x), self.value(x)
        positions = 0
        if self.position is not None:
            place = self.position(pixel_coordinates(x)).to(query.dtype).expand(x.shape[0], -1, -1, -1)
            query, key = torch.cat([query, place], dim=1), torch.cat([key, place], dim=1)
            positions = place.shape[1]
        return stride_pool(self._attend(query, key, value, positions), self.stride)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, positions: int) -> Tensor:
        """Compute attention of maps whose last channels are encoded positions."""
        size = self.kernel_size
        layers = mapping_layers(self.mapping) if self.fused else None
        if layers is not None:
            out, statistics = pairwise_attention(
                query, key, value, layers, kernel_size=size, kind=self.relation, positions=positions
            )
            update_running_statistics(self.mapping, statistics)
            return out
        related = pairwise_relation(query, key, kernel_size=size, kind=self.relation, positions=positions)
        logits = self.mapping(related.flatten(3))
        weights = logits.softmax(2).view(*logits.shape[:3], *query.shape[2:])
        return aggregate(weights, value, kernel_size=size)
