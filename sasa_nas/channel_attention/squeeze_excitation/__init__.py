"""Squeeze and excitation."""

from typing import Literal

from sasa_nas.channel_attention.base import ChannelAttention
from sasa_nas.channel_attention.registry import register_channel_attention
from sasa_nas.nodes import Positive


@register_channel_attention(layer="sasa_nas.channel_attention.squeeze_excitation.layer:SqueezeExcitation")
class SqueezeExcitation(ChannelAttention):
    """Squeeze and excitation (Hu, Shen, Sun 2018, arXiv 1709.01507)."""

    kind: Literal["se"] = "se"
    reduction: Positive = 16
    """Channels of the block over channels of the hidden layer."""
