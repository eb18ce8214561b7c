"""Attention over channels: the mechanisms that attention augmented convolution is compared with.

Each is the description alone; `sasa_nas.layers` holds the modules. All but one stand in every block, on its
output before the shortcut is added (in an inverted block on the hidden channels); `bam` stands after a stage.
"""

from typing import Annotated, Literal

from pydantic import Field

from sasa_nas.nodes import Node, OddInt, Positive


class SqueezeExcitation(Node):
    """Squeeze and excitation (Hu, Shen, Sun 2018, arXiv 1709.01507)."""

    kind: Literal["se"] = "se"
    reduction: Positive = 16
    """Channels of the block over channels of the hidden layer."""


class GatherExcite(Node):
    """Gather and excite without parameters, over the whole map (Hu et al. 2018, arXiv 1810.12348)."""

    kind: Literal["ge"] = "ge"


class BottleneckAttention(Node):
    """BAM, once after the stage's last block (Park et al. 2018, arXiv 1807.06514)."""

    kind: Literal["bam"] = "bam"
    reduction: Positive = 16
    """Channels of the stage over channels of the hidden layers."""
    dilation: Positive = 4
    """Of the two 3x3 convolutions that look at places."""


class ConvBlockAttention(Node):
    """CBAM: channels, then places (Woo et al. 2018, arXiv 1807.06521)."""

    kind: Literal["cbam"] = "cbam"
    reduction: Positive = 16
    """Channels of the block over channels of the hidden layer."""
    kernel_size: OddInt = 7
    """Of the convolution that looks at places."""


class GlobalLocalAttention(Node):
    """GALA: global and local attention, combined (Linsley et al. 2019, arXiv 1805.08819)."""

    kind: Literal["gala"] = "gala"
    reduction: Positive = 16
    """Channels of the block over channels of the hidden layers."""


ChannelAttention = Annotated[
    SqueezeExcitation | GatherExcite | BottleneckAttention | ConvBlockAttention | GlobalLocalAttention,
    Field(discriminator="kind"),
]
CHANNEL_ATTENTIONS: tuple[type[Node], ...] = (
    SqueezeExcitation,
    GatherExcite,
    BottleneckAttention,
    ConvBlockAttention,
    GlobalLocalAttention,
)
