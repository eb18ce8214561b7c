"""The bottleneck attention module, BAM."""

from typing import Literal

from sasa_nas.channel_attention.base import ChannelAttention
from sasa_nas.channel_attention.registry import register_channel_attention
from sasa_nas.nodes import Positive


@register_channel_attention(layer="sasa_nas.channel_attention.bottleneck_attention.layer:BottleneckAttention")
class BottleneckAttention(ChannelAttention):
    """BAM, once after the stage's last block (Park et al. 2018, arXiv 1807.06514)."""

    kind: Literal["bam"] = "bam"
    reduction: Positive = 16
    """Channels of the stage over channels of the hidden layers."""
    dilation: Positive = 4
    """Dilation of the two 3x3 convolutions of the spatial branch."""

    @property
    def after_stage(self) -> bool:
        """True, as BAM follows the last block."""
        return True
