"""The one way from an `Architecture` to a module."""

from dataclasses import dataclass
from math import ceil
from typing import Literal, assert_never

from torch import nn

from sasa_nas.layers import attention_stem, conv_stem
from sasa_nas.layers.blocks import BasicBlock, Bottleneck
from sasa_nas.layers.resnet import ResNet
from sasa_nas.models.operators import build_operator
from sasa_nas.space.architecture import Architecture
from sasa_nas.space.operators import Operator
from sasa_nas.space.stems import AttentionStem, ConvStem, Stem

Size = tuple[int, int]


class Network(ResNet):
    """A `ResNet` that knows the `architecture` it was built from."""

    architecture: Architecture


@dataclass(frozen=True)
class BlockPlan:
    """All that one residual block depends on; equal plans are equal blocks."""

    block: Literal["bottleneck", "basic"]
    operator: Operator
    in_channels: int
    width: int
    stride: int
    size: Size
    """Height and width of the input map."""

    @property
    def out_channels(self) -> int:
        """Channels of the block's output."""
        return self.width * (Bottleneck.expansion if self.block == "bottleneck" else BasicBlock.expansion)

    @property
    def out_size(self) -> Size:
        """Height and width of the output map."""
        return _strided(self.size, self.stride)


def plan_blocks(architecture: Architecture) -> list[list[BlockPlan]]:
    """The blocks of every stage, in the order of the forward pass."""
    in_channels = architecture.stem.width
    size = stem_output_size(architecture.stem, (architecture.image.height, architecture.image.width))
    stages: list[list[BlockPlan]] = []
    for stage in architecture.stages:
        plans: list[BlockPlan] = []
        for i in range(stage.blocks):
            stride = stage.stride if i == 0 else 1
            plans.append(BlockPlan(architecture.block, stage.operator, in_channels, stage.width, stride, size))
            in_channels, size = plans[-1].out_channels, plans[-1].out_size
        stages.append(plans)
    return stages


def build(architecture: Architecture) -> Network:
    """The network that `architecture` describes, freshly initialised from torch's random state.

    Build it under `torch.device("meta")` to have its shapes without its weights.
    """
    plans = plan_blocks(architecture)
    stem = build_stem(architecture.stem, architecture.image.channels)
    stages = [nn.Sequential(*map(build_block, stage)) for stage in plans]
    network = Network(stem, stages, plans[-1][-1].out_channels, architecture.num_classes)
    network.architecture = architecture
    return network


def build_block(plan: BlockPlan) -> nn.Module:
    """One residual block."""
    width, stride = plan.width, plan.stride
    if plan.block == "bottleneck":
        operator = build_operator(plan.operator, width, width, stride=stride, feature_size=plan.size)
        return Bottleneck(plan.in_channels, width, operator, stride=stride)
    if plan.block == "basic":
        first = build_operator(plan.operator, plan.in_channels, width, stride=stride, feature_size=plan.size)
        second = build_operator(plan.operator, width, width, stride=1, feature_size=plan.out_size)
        return BasicBlock(plan.in_channels, width, first, second, stride=stride)
    assert_never(plan.block)


def _strided(size: Size, stride: int) -> Size:
    return ceil(size[0] / stride), ceil(size[1] / stride)


def build_stem(stem: Stem, in_channels: int) -> nn.Module:
    """The first layers, for images of `in_channels` channels."""
    match stem:
        case ConvStem():
            return conv_stem.ConvStem(
                in_channels, stem.width, kernel_size=stem.kernel_size, stride=stem.stride, pool=stem.pool
            )
        case AttentionStem():
            return attention_stem.AttentionStem(
                in_channels,
                stem.width,
                kernel_size=stem.kernel_size,
                num_heads=stem.num_heads,
                values=stem.values,
                mixtures=stem.mixtures,
                embedding_dim=stem.embedding_dim,
                pool=stem.pool,
            )
        case _:
            assert_never(stem)


def stem_output_size(stem: Stem, image: Size) -> Size:
    """Height and width of the map that a stem makes of an image of this height and width."""
    match stem:
        case ConvStem(stride=stride, pool=pool):
            size = _strided(image, stride)
            return _strided(size, 2) if pool else size
        case AttentionStem(kernel_size=block, pool=pool):
            return _strided(image, block) if pool else image
        case _:
            assert_never(stem)
