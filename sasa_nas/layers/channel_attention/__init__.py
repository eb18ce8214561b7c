"""Attention over channels, and over places with one weight for all channels: a map to a map of the same shape."""

from sasa_nas.layers.channel_attention.bottleneck_attention import BottleneckAttention
from sasa_nas.layers.channel_attention.conv_block_attention import ConvBlockAttention
from sasa_nas.layers.channel_attention.gather_excite import GatherExcite
from sasa_nas.layers.channel_attention.global_local_attention import GlobalLocalAttention
from sasa_nas.layers.channel_attention.squeeze_excitation import SqueezeExcitation

__all__ = [
    "BottleneckAttention",
    "ConvBlockAttention",
    "GatherExcite",
    "GlobalLocalAttention",
    "SqueezeExcitation",
]
