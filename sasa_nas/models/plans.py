"""What a network's parts are, in order, with the channels and the map that each one meets: shapes without modules.

Equal plans are equal parts, so that the thousands of designs of a search, which share most of theirs, need
few of them built to be counted.
"""

from dataclasses import dataclass
from math import ceil

from sasa_nas.channel_attention import ChannelAttention
from sasa_nas.operators import Operator
from sasa_nas.space.architecture import Architecture
from sasa_nas.space.stage import Block, Stage, out_channels
from sasa_nas.stems import Stem

Size = tuple[int, int]
"""Height and width of a map, in pixels."""


@dataclass(frozen=True)
class _Plan:
    """What every part has: the map that it reads, and what it makes of it."""

    in_channels: int
    out_channels: int
    size: Size
    """Of the input."""
    stride: int

    @property
    def out_size(self) -> Size:
        """Height and width of the output map."""
        return strided(self.size, self.stride)


@dataclass(frozen=True)
class BlockPlan(_Plan):
    """One residual block; the further fields are those of `Stage` and `Architecture`."""

    block: Block
    operator: Operator
    replaces: str
    expansion: int
    depthwise_size: int
    channel_attention: ChannelAttention | None
    parameter_free_shortcut: bool
    width: int


@dataclass(frozen=True)
class TransitionPlan(_Plan):
    """What begins a stage of SAN: a max pool of the stride, and a 1x1 convolution."""


@dataclass(frozen=True)
class NormPlan(_Plan):
    """Batch norm and ReLU, which end a stage of SAN and a network of pre-activation blocks."""


@dataclass(frozen=True)
class StageAttentionPlan(_Plan):
    """Channel attention after a stage's last block."""

    attention: ChannelAttention


@dataclass(frozen=True)
class HeadPlan(_Plan):
    """A last 1x1 convolution, batch norm and ReLU."""


PartPlan = BlockPlan | TransitionPlan | NormPlan | StageAttentionPlan | HeadPlan


@dataclass(frozen=True)
class NetworkPlan:
    """A network's parts between stem and classifier, in the order of the forward pass."""

    stages: tuple[tuple[PartPlan, ...], ...]
    head: tuple[PartPlan, ...]

    @property
    def last(self) -> PartPlan:
        """The part whose output is averaged and classified."""
        return (*self.stages[-1], *self.head)[-1]


def plan_network(architecture: Architecture) -> NetworkPlan:
    """The parts that `architecture` describes."""
    channels = architecture.stem.width
    size = stem_output_size(architecture.stem, (architecture.image.height, architecture.image.width))
    stages: list[tuple[PartPlan, ...]] = []
    for stage in architecture.stages:
        stages.append(_plan_stage(architecture, stage, channels, size))
        channels, size = stages[-1][-1].out_channels, stages[-1][-1].out_size
    head: list[PartPlan] = []
    if architecture.block == "preactivation":
        head.append(NormPlan(channels, channels, size, stride=1))
    if architecture.head_width is not None:
        head.append(HeadPlan(channels, architecture.head_width, size, stride=1))
    return NetworkPlan(tuple(stages), tuple(head))


def _plan_stage(architecture: Architecture, stage: Stage, in_channels: int, size: Size) -> tuple[PartPlan, ...]:
    block, attention, channels = architecture.block, stage.channel_attention, out_channels(stage, architecture.block)
    after = attention if attention is not None and attention.after_stage else None
    parts: list[PartPlan] = []
    if block == "san":
        parts.append(TransitionPlan(in_channels, channels, size, stage.stride))
        in_channels, size = channels, parts[-1].out_size
    for i in range(stage.blocks):
        parts.append(
            BlockPlan(
                block=block,
                operator=stage.operator,
                replaces=stage.replaces,
                expansion=stage.expansion,
                depthwise_size=stage.depthwise_size,
                channel_attention=attention if after is None else None,
                parameter_free_shortcut=architecture.shortcut == "parameter_free",
                width=stage.width,
                in_channels=in_channels,
                out_channels=channels,
                stride=stage.stride if i == 0 and block != "san" else 1,
                size=size,
            )
        )
        in_channels, size = channels, parts[-1].out_size
    if after is not None:
        parts.append(StageAttentionPlan(channels, channels, size, stride=1, attention=after))
    if block == "san":
        parts.append(NormPlan(channels, channels, size, stride=1))
    return tuple(parts)


def stem_output_size(stem: Stem, image: Size) -> Size:
    """Height and width of the map that a stem makes of an image of this height and width."""
    return strided(image, stem.reduction)


def strided(size: Size, stride: int) -> Size:
    """What a stride leaves of a map: each side divided and rounded up."""
    return ceil(size[0] / stride), ceil(size[1] / stride)
