"""Gather and excite."""

from typing import Literal

from sasa_nas.channel_attention.base import ChannelAttention
from sasa_nas.channel_attention.registry import register_channel_attention


@register_channel_attention(layer="sasa_nas.channel_attention.gather_excite.layer:GatherExcite")
class GatherExcite(ChannelAttention):
    """Gather and excite without parameters, over the whole map (Hu et al. 2018, arXiv 1810.12348)."""

    kind: Literal["ge"] = "ge"
