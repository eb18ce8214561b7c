"""Construction of the bottleneck from its plan."""

from torch import nn

from sasa_nas.blocks.bottleneck.layer import Bottleneck
from sasa_nas.blocks.building import block_attention, first_operator
from sasa_nas.blocks.plans import BlockPlan


def build(plan: BlockPlan) -> nn.Module:
    """Return a bottleneck."""
    return Bottleneck(
        plan.in_channels,
        plan.width,
        first_operator(plan, plan.width),
        stride=plan.stride,
        expansion=plan.expansion,
        attention=block_attention(plan, plan.out_channels),
        parameter_free_shortcut=plan.parameter_free_shortcut,
    )
