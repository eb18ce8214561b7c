"""Construction of the inverted residual block from its plan."""

from torch import nn

from sasa_nas.blocks.building import block_attention
from sasa_nas.blocks.inverted.layer import InvertedResidual
from sasa_nas.blocks.plans import BlockPlan
from sasa_nas.operators.building import build_operator


def build(plan: BlockPlan) -> nn.Module:
    """Return an inverted residual block."""
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
        attention=block_attention(plan, hidden),
    )
