"""Construction of channel attention from its description."""

from torch import nn

from sasa_nas.channel_attention.base import ChannelAttention
from sasa_nas.channel_attention.registry import CHANNEL_ATTENTIONS
from sasa_nas.nodes import accepts, resolve


def build_channel_attention(attention: ChannelAttention, channels: int) -> nn.Module:
    """Build a module from `(B, channels, H, W)` to the same shape."""
    layer = resolve(CHANNEL_ATTENTIONS[attention.kind].layer)
    options = attention.options
    if accepts(layer, "channels"):
        options["channels"] = channels
    module: nn.Module = layer(**options)
    return module
