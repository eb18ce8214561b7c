"""Attention over channels: the mechanisms that attention augmented convolution is compared with, one folder each.

A kind is added by `register_channel_attention`. Descriptions import no torch; layers do.
"""

from sasa_nas.channel_attention.base import ChannelAttention
from sasa_nas.channel_attention.registry import (
    CHANNEL_ATTENTIONS,
    AnyChannelAttention,
    ChannelAttentionEntry,
    register_channel_attention,
)
from sasa_nas.nodes import import_folders

__all__ = [
    "CHANNEL_ATTENTIONS",
    "AnyChannelAttention",
    "ChannelAttention",
    "ChannelAttentionEntry",
    "register_channel_attention",
]

import_folders(__name__, __path__, first="squeeze_excitation")
