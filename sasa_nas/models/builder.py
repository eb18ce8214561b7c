"""The one way from an `Architecture` to a module."""

from typing import assert_never

from torch import nn

from sasa_nas.layers.blocks import (
    BasicBlock,
    Bottleneck,
    ConvNormActivation,
    InvertedResidual,
    NormActivation,
    PreactivationBlock,
    SanBlock,
    SanTransition,
)
from sasa_nas.layers.resnet import ResNet
from sasa_nas.models.layers import build_channel_attention, build_operator, build_stem
from sasa_nas.models.plans import (
    BlockPlan,
    HeadPlan,
    NormPlan,
    PartPlan,
    StageAttentionPlan,
    TransitionPlan,
    plan_network,
)
from sasa_nas.operators.conv import Conv
from sasa_nas.space.architecture import Architecture


class Network(ResNet):
    """A `ResNet` that knows the `architecture` it was built from."""

    architecture: Architecture


def build(architecture: Architecture) -> Network:
    """The network that `architecture` describes, freshly initialised from torch's random state.

    Build it under `torch.device("meta")` to have its shapes without its weights.
    """
    plan = plan_network(architecture)
    stem = build_stem(architecture.stem, architecture.image.channels)
    stages = [nn.Sequential(*map(build_part, stage)) for stage in plan.stages]
    head = nn.Sequential(*map(build_part, plan.head)) if plan.head else None
    network = Network(stem, stages, plan.last.out_channels, architecture.num_classes, head=head)
    network.architecture = architecture
    return network


def build_part(plan: PartPlan) -> nn.Module:
    """What stands between stem and classifier, piece by piece."""
    match plan:
        case BlockPlan():
            return _build_block(plan)
        case TransitionPlan():
            return SanTransition(plan.in_channels, plan.out_channels, stride=plan.stride)
        case NormPlan():
            return NormActivation(plan.in_channels)
        case StageAttentionPlan():
            return build_channel_attention(plan.attention, plan.in_channels)
        case HeadPlan():
            return ConvNormActivation(plan.in_channels, plan.out_channels)
        case _:
            assert_never(plan)


def _build_block(plan: BlockPlan) -> nn.Module:
    """One residual block."""
    match plan.block:
        case "bottleneck":
            return Bottleneck(
                plan.in_channels,
                plan.width,
                _operator(plan, plan.width),
                stride=plan.stride,
                expansion=plan.expansion,
                attention=_attention(plan, plan.out_channels),
                parameter_free_shortcut=plan.parameter_free_shortcut,
            )
        case "basic" | "preactivation":
            block = BasicBlock if plan.block == "basic" else PreactivationBlock
            return block(
                plan.in_channels,
                plan.width,
                _operator(plan, plan.in_channels),
                _second_operator(plan),
                stride=plan.stride,
                attention=_attention(plan, plan.out_channels),
                parameter_free_shortcut=plan.parameter_free_shortcut,
            )
        case "inverted":
            return _inverted_block(plan)
        case "san":
            operator = _operator(plan, plan.in_channels)
            return SanBlock(plan.in_channels, plan.width, operator, attention=_attention(plan, plan.out_channels))
        case _:
            assert_never(plan.block)


def _inverted_block(plan: BlockPlan) -> nn.Module:
    hidden = plan.in_channels * plan.expansion
    expand = None
    if plan.expansion > 1:
        expand = build_operator(plan.operator, plan.in_channels, hidden, stride=1, feature_size=plan.size)
    return InvertedResidual(
        plan.in_channels,
        plan.out_channels,
        expand=expand,
        hidden_channels=hidden,
        depthwise_size=plan.depthwise_size,
        stride=plan.stride,
        attention=_attention(plan, hidden),
    )


def _operator(plan: BlockPlan, in_channels: int) -> nn.Module:
    """The block's operator, or the first of two; it strides as the block does."""
    return build_operator(plan.operator, in_channels, plan.width, stride=plan.stride, feature_size=plan.size)


def _second_operator(plan: BlockPlan) -> nn.Module:
    operator = plan.operator if plan.replaces == "all" else Conv()
    return build_operator(operator, plan.width, plan.width, stride=1, feature_size=plan.out_size)


def _attention(plan: BlockPlan, channels: int) -> nn.Module | None:
    """Channel attention on so many channels, where the block has one."""
    return None if plan.channel_attention is None else build_channel_attention(plan.channel_attention, channels)
