"""Global-and-local attention, GALA."""

from typing import Literal

from sasa_nas.channel_attention.base import ChannelAttention
from sasa_nas.channel_attention.registry import register_channel_attention
from sasa_nas.nodes import Positive


@register_channel_attention(layer="sasa_nas.channel_attention.global_local_attention.layer:GlobalLocalAttention")
class GlobalLocalAttention(ChannelAttention):
    """GALA: global and local attention, combined (Linsley et al. 2019, arXiv 1805.08819)."""

    kind: Literal["gala"] = "gala"
    reduction: Positive = 16
    """Channels of the block over channels of the hidden layers."""
