"""Construction of blocks and transitions of self-attention networks from their plans."""

from torch import nn

from sasa_nas.blocks.building import block_attention, first_operator
from sasa_nas.blocks.plans import BlockPlan
from sasa_nas.blocks.san import TransitionPlan
from sasa_nas.blocks.san.layer import SanBlock, SanTransition


def build(plan: BlockPlan) -> nn.Module:
    """Return a SAN block."""
    operator = first_operator(plan, plan.in_channels)
    return SanBlock(plan.in_channels, plan.width, operator, attention=block_attention(plan, plan.out_channels))


def build_transition(plan: TransitionPlan) -> nn.Module:
    """Return the transition at the beginning of a stage."""
    return SanTransition(plan.in_channels, plan.out_channels, stride=plan.stride)
