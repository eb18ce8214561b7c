"""A stage: residual blocks of one kind, width and operator. Whether it fits is up to the blocks; see `fitting`."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from sasa_nas.channel_attention import AnyChannelAttention
from sasa_nas.nodes import Node, OddInt, Positive
from sasa_nas.operators import AnyOperator
from sasa_nas.operators.conv import Conv

Block = Literal["bottleneck", "basic", "preactivation", "inverted", "san"]
"""The kinds of residual blocks.

- `bottleneck`: 1x1, operator, 1x1 to `expansion` times the width (He et al. 2015).
- `basic`: two operators (He et al. 2015).
- `preactivation`: two operators, batch norm and ReLU before each (He et al. 2016, Zagoruyko and Komodakis 2016).
- `inverted`: the operator makes `expansion` times the input's channels, a depthwise convolution, 1x1 (MnasNet).
- `san`: batch norm, ReLU, operator, batch norm, ReLU, 1x1 to `expansion` times the width (Zhao et al. 2020).
"""
BLOCKS: tuple[Block, ...] = get_args(Block)


class Stage(Node):
    """A group of residual blocks of one width, the first of which may halve the map."""

    blocks: Positive = 2
    width: Positive = 64
    """Channels of the spatial operator, which bottlenecks put out `expansion` times; of an inverted block's output."""
    stride: Annotated[Positive, Field(le=2)] = 1
    operator: AnyOperator = Conv()
    replaces: Literal["all", "first"] = "all"
    """Which 3x3 convolutions of a basic or pre-activation block the operator replaces."""
    expansion: Positive = 4
    """Output channels over width in a bottleneck and in a SAN block (r2 in the paper); hidden channels over input
    channels in an inverted block, where 1 leaves the expansion out."""
    depthwise_size: OddInt = 3
    """Side of an inverted block's depthwise kernel."""
    channel_attention: AnyChannelAttention | None = None
    """Attention over channels, in every block or, for `bam`, after the last."""


def out_channels(stage: Stage, block: Block) -> int:
    """Channels that a stage of such blocks puts out."""
    return stage.width * stage.expansion if block in ("bottleneck", "san") else stage.width
