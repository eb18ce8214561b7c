"""Construction of the parts between stem and classifier from their plans."""

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
