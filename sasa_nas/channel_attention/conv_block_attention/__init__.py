"""The convolutional block attention module, CBAM."""

from typing import Literal

from sasa_nas.channel_attention.base import ChannelAttention
from sasa_nas.channel_attention.registry import register_channel_attention
from sasa_nas.nodes import OddInt, Positive


@register_channel_attention(layer="sasa_nas.channel_attention.conv_block_attention.layer:ConvBlockAttention")
class ConvBlockAttention(ChannelAttention):
    """CBAM: channel attention, then spatial attention (Woo et al. 2018, arXiv 1807.06521)."""

    kind: Literal["cbam"] = "cbam"
    reduction: Positive = 16
    """Channels of the block over channels of the hidden layer."""
    kernel_size: OddInt = 7
    """Side of the spatial attention's convolution, in pixels."""
