"""From the description of an attention over channels to its module."""

from typing import assert_never

from torch import nn

from sasa_nas import layers
from sasa_nas.space.channel_attention import (
    BottleneckAttention,
    ChannelAttention,
    ConvBlockAttention,
    GatherExcite,
    GlobalLocalAttention,
    SqueezeExcitation,
)


def build_channel_attention(attention: ChannelAttention, channels: int) -> nn.Module:
    """A module from `(B, channels, H, W)` to the same shape."""
    match attention:
        case SqueezeExcitation(reduction=reduction):
            return layers.SqueezeExcitation(channels, reduction=reduction)
        case GatherExcite():
            return layers.GatherExcite()
        case BottleneckAttention(reduction=reduction, dilation=dilation):
            return layers.BottleneckAttention(channels, reduction=reduction, dilation=dilation)
        case ConvBlockAttention(reduction=reduction, kernel_size=kernel_size):
            return layers.ConvBlockAttention(channels, reduction=reduction, kernel_size=kernel_size)
        case GlobalLocalAttention(reduction=reduction):
            return layers.GlobalLocalAttention(channels, reduction=reduction)
        case _:
            assert_never(attention)
