"""Construction of the basic block from its plan."""

from torch import nn

from sasa_nas.blocks.basic.layer import BasicBlock
from sasa_nas.blocks.building import block_attention, first_operator, second_operator
from sasa_nas.blocks.plans import BlockPlan


def build(plan: BlockPlan) -> nn.Module:
    """Return a basic block."""
    return BasicBlock(
        plan.in_channels,
        plan.width,
        first_operator(plan, plan.in_channels),
        second_operator(plan),
        stride=plan.stride,
        attention=block_attention(plan, plan.out_channels),
        parameter_free_shortcut=plan.parameter_free_shortcut,
    )
