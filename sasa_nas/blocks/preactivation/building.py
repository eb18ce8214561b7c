"""Construction of the pre-activation block from its plan."""

from torch import nn

from sasa_nas.blocks.building import two_operator_block
from sasa_nas.blocks.plans import BlockPlan
from sasa_nas.blocks.preactivation.layer import PreactivationBlock


def build(plan: BlockPlan) -> nn.Module:
    """Return a pre-activation block."""
    return two_operator_block(plan, PreactivationBlock)
