"""Construction of the parts between stem and classifier from their plans."""

from collections.abc import Callable

from torch import nn

from sasa_nas.blocks.plans import BlockPlan, HeadPlan, NormPlan, Plan, StageAttentionPlan
from sasa_nas.channel_attention.building import build_channel_attention
from sasa_nas.layers.norm_activation import ConvNormActivation, NormActivation
from sasa_nas.nodes import resolve
from sasa_nas.operators.building import build_operator
from sasa_nas.operators.conv import Conv


def build_part(plan: Plan) -> nn.Module:
    """Build a part between stem and classifier."""
    module: nn.Module = resolve(plan.builder)(plan)
    return module


def build_norm(plan: NormPlan) -> nn.Module:
    """Return batch norm and ReLU."""
    return NormActivation(plan.in_channels)


def build_stage_attention(plan: StageAttentionPlan) -> nn.Module:
    """Return channel attention on a stage's output."""
    return build_channel_attention(plan.attention, plan.in_channels)


def build_head(plan: HeadPlan) -> nn.Module:
    """Return a 1x1 convolution, batch norm and ReLU."""
    return ConvNormActivation(plan.in_channels, plan.out_channels)


def two_operator_block(plan: BlockPlan, block: Callable[..., nn.Module]) -> nn.Module:
    """Return a block of two spatial operators.

    Args:
        plan: Plan of the block.
        block: Class of the block, with the constructor of `sasa_nas.blocks.basic.layer.BasicBlock`.
    """
    return block(
        plan.in_channels,
        plan.width,
        first_operator(plan, plan.in_channels),
        second_operator(plan),
        stride=plan.stride,
        attention=block_attention(plan, plan.out_channels),
        parameter_free_shortcut=plan.parameter_free_shortcut,
    )


def first_operator(plan: BlockPlan, in_channels: int) -> nn.Module:
    """Return a block's operator, or the first of two, with the block's stride."""
    return build_operator(plan.operator, in_channels, plan.width, stride=plan.stride, feature_size=plan.size)


def second_operator(plan: BlockPlan) -> nn.Module:
    """Return the second operator of a block of two, a convolution if only the first is replaced."""
    operator = plan.operator if plan.replaces == "all" else Conv()
    return build_operator(operator, plan.width, plan.width, stride=1, feature_size=plan.out_size)


def block_attention(plan: BlockPlan, channels: int) -> nn.Module | None:
    """Return a block's channel attention on `channels` channels, or None."""
    return None if plan.channel_attention is None else build_channel_attention(plan.channel_attention, channels)
