"""A stage: residual blocks of one kind, width and operator."""

from typing import Annotated, Literal

from pydantic import Field

from sasa_nas.channel_attention import AnyChannelAttention
from sasa_nas.nodes import Node, OddInt, Positive
from sasa_nas.operators import AnyOperator
from sasa_nas.operators.conv import Conv

MOST_BLOCKS = 1000
"""Most blocks of a stage; the deepest residual networks have 333 (He et al. 2016, ResNet-1001)."""


class Stage(Node):
    """A sequence of residual blocks of one width, the first of which may halve the map."""

    blocks: Annotated[Positive, Field(le=MOST_BLOCKS)] = 2
    width: Positive = 64
    """Channels of the spatial operator, which bottlenecks put out `expansion` times; of an inverted block's output."""
    stride: Annotated[Positive, Field(le=2)] = 1
    operator: AnyOperator = Conv()
    replaces: Literal["all", "first"] = "all"
    """The 3x3 convolutions of a basic or pre-activation block that the operator replaces."""
    expansion: Positive = 4
    """Output channels over width in a bottleneck and in a SAN block (r2 in the paper); hidden channels over input
    channels in an inverted block, where 1 leaves the expansion out."""
    depthwise_size: OddInt = 3
    """Side of an inverted block's depthwise kernel."""
    channel_attention: AnyChannelAttention | None = None
    """Attention over channels, in every block or, for `bam`, after the last."""
