"""Construction of the pre-activation block from its plan."""

from torch import nn

from sasa_nas.blocks.building import block_attention, first_operator, second_operator
from sasa_nas.blocks.plans import BlockPlan
from sasa_nas.blocks.preactivation.layer import PreactivationBlock


def build(plan: BlockPlan) -> nn.Module:
    """Return a pre-activation block."""
    return PreactivationBlock(
        plan.in_channels,
        plan.width,
        first_operator(plan, plan.in_channels),
        second_operator(plan),
        stride=plan.stride,
        attention=block_attention(plan, plan.out_channels),
        parameter_free_shortcut=plan.parameter_free_shortcut,
    )
