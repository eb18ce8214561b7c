"""From an operator's description to its module: the only place where the two are matched."""

from typing import assert_never

from torch import nn

from sasa_nas.layers.augmented_conv import AugmentedConv2d
from sasa_nas.layers.global_attention import GlobalAttention2d
from sasa_nas.layers.local_attention import LocalAttention2d
from sasa_nas.layers.pairwise import PairwiseAttention2d
from sasa_nas.layers.patchwise import PatchwiseAttention2d
from sasa_nas.space.operators import (
    AugmentedConv,
    Conv,
    GlobalAttention,
    LocalAttention,
    Operator,
    Pairwise,
    Patchwise,
)


def build_operator(
    operator: Operator, in_channels: int, out_channels: int, *, stride: int, feature_size: tuple[int, int]
) -> nn.Module:
    """A module from `(B, in_channels, H, W)` to `(B, out_channels, ceil(H / stride), ceil(W / stride))`.

    Args:
        operator: What to build.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: 1 or 2.
        feature_size: Height and width of the input map; position tables of whole-map attention cover it.
    """
    match operator:
        case Conv(kernel_size=k):
            return nn.Conv2d(in_channels, out_channels, k, stride=stride, padding=k // 2, bias=False)
        case LocalAttention():
            return LocalAttention2d(
                in_channels,
                out_channels,
                kernel_size=operator.kernel_size,
                num_heads=operator.num_heads,
                stride=stride,
                positions=operator.positions,
                interactions=operator.interactions,
                padding=operator.padding,
            )
        case AugmentedConv():
            return AugmentedConv2d(
                in_channels,
                out_channels,
                kernel_size=operator.kernel_size,
                num_heads=operator.num_heads,
                key_ratio=operator.key_ratio,
                value_ratio=operator.value_ratio,
                min_key_dim=operator.min_key_dim,
                stride=stride,
                positions=operator.positions,
                downsample=operator.downsample,
                feature_size=feature_size,
            )
        case Pairwise():
            return PairwiseAttention2d(
                in_channels,
                out_channels,
                kernel_size=operator.kernel_size,
                key_ratio=operator.key_ratio,
                relation=operator.relation,
                share_channels=operator.share_channels,
                mapping_layers=operator.mapping_layers,
                positions=operator.positions,
                stride=stride,
            )
        case Patchwise():
            return PatchwiseAttention2d(
                in_channels,
                out_channels,
                kernel_size=operator.kernel_size,
                key_ratio=operator.key_ratio,
                relation=operator.relation,
                share_channels=operator.share_channels,
                mapping_layers=operator.mapping_layers,
                stride=stride,
            )
        case GlobalAttention():
            return GlobalAttention2d(
                in_channels,
                out_channels,
                num_heads=operator.num_heads,
                positions=operator.positions,
                stride=stride,
                feature_size=feature_size,
            )
        case _:
            assert_never(operator)
