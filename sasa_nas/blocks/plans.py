"""Plans of a network's parts, with their channels and sizes of maps: shapes without modules.

Equal plans are equal parts, so that few parts have to be built to count the thousands of designs of a search, which
share most of them.
"""

from dataclasses import dataclass, field
from math import ceil

from sasa_nas.channel_attention import ChannelAttention
from sasa_nas.nodes import Reference
from sasa_nas.operators import Operator

Size = tuple[int, int]
"""Height and width of a map, in pixels."""


def strided(size: Size, stride: int) -> Size:
    """Return the size of a map after a stride: each side divided and rounded up."""
    return ceil(size[0] / stride), ceil(size[1] / stride)


@dataclass(frozen=True)
class Plan:
    """Plan of one part between stem and classifier.

    Attributes:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        size: Height and width of the input map.
        stride: Stride of the part.
        builder: Function of the plan that returns the module, as `module:name`.
    """

    in_channels: int
    out_channels: int
    size: Size
    stride: int
    builder: Reference = field(kw_only=True)

    @property
    def out_size(self) -> Size:
        """Height and width of the output map."""
        return strided(self.size, self.stride)


@dataclass(frozen=True)
class BlockPlan(Plan):
    """Plan of one residual block; the further fields are those of `Stage` and `Architecture`."""

    operator: Operator
    replaces: str
    expansion: int
    depthwise_size: int
    channel_attention: ChannelAttention | None
    parameter_free_shortcut: bool
    width: int


@dataclass(frozen=True)
class NormPlan(Plan):
    """Plan of batch norm and ReLU, at the end of a stage of SAN and of a network of pre-activation blocks."""

    builder: Reference = field(kw_only=True, default="sasa_nas.blocks.building:build_norm")


@dataclass(frozen=True)
class StageAttentionPlan(Plan):
    """Plan of channel attention after a stage's last block."""

    attention: ChannelAttention
    builder: Reference = field(kw_only=True, default="sasa_nas.blocks.building:build_stage_attention")


@dataclass(frozen=True)
class HeadPlan(Plan):
    """Plan of a last 1x1 convolution, batch norm and ReLU."""

    builder: Reference = field(kw_only=True, default="sasa_nas.blocks.building:build_head")
